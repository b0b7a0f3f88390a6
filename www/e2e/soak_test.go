package e2e

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"
)

// soakTime is how long faults come: MINUTES in the environment, or two minutes.
func soakTime(t testing.TB) time.Duration {
	minutes := 2.0
	if text := os.Getenv("MINUTES"); text != "" {
		var err error
		if minutes, err = strconv.ParseFloat(text, 64); err != nil || minutes <= 0 {
			t.Fatalf("MINUTES=%q is no number of minutes", text)
		}
	}
	return time.Duration(minutes * float64(time.Minute))
}

// Tabs of several browsers live among faults of all kinds while clients use
// them. Then the faults end, and: the tabs are one cluster again; what the clients
// were told is linearizable, and nothing acknowledged is lost; all maps are equal;
// no term had two leaders, and no identity ran twice.
func TestSoak(t *testing.T) {
	t.Parallel()
	n, d := seed(t), soakTime(t)
	browsers := 2
	if d > 5*time.Minute {
		browsers = 3
	}
	f := startFleet(t, browsers)
	s := newSoak(f, n)
	t.Cleanup(func() {
		if t.Failed() {
			keep(t, "soak.txt", []byte(s.written(s.began, time.Now())))
			t.Logf("to try again: make soak MINUTES=%.3g SEED=%d", d.Minutes(), n)
		}
	})
	for i := range 5 {
		s.openIn(f.browsers[i%browsers])
	}
	f.waitCluster(5, f.live()...)
	f.startLoad("", n)
	s.run(d)
	s.heal()
	f.waitServed(10)
	for _, b := range f.browsers {
		if tabs := b.live(); len(tabs) > 0 {
			waitSwept(t, tabs[0], f.ids(tabs...))
		}
	}
	l := f.load
	f.finish(gatherTimeout)
	f.witness.check()
	report := fmt.Sprintf("soak of %v, SEED=%d: %s", d, n, s.report(l.history))
	t.Log(report)
}
