package rtc

import "testing"

// A connection that is closed while it makes a description ends that work. In a browser
// the promises it waited for never settle.
func TestConnectionClosedAtWorkStops(t *testing.T) {
	newRoom(t) // skips where there are no connections
	for n := range 20 {
		c, err := newConn(2, nil, true, &intake{}, newWallClock(1), func(occurrence) {})
		if err != nil {
			t.Fatal(err)
		}
		began := make(chan struct{})
		c.run(func() error {
			close(began)
			return nil
		})
		c.offer(0, false)
		<-began
		if c.end() {
			closeSoon(c.ch)
		}
		eventually(t, "the end of the work", func() bool {
			c.mu.Lock()
			defer c.mu.Unlock()
			return !c.running
		})
		if t.Failed() {
			t.Fatalf("connection %d", n)
		}
	}
}
