//go:build !js

package rtc

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/pion/webrtc/v3"
)

// sendGram sends a datagram until it has left.
func sendGram(t *testing.T, from, to *guest, b []byte) {
	t.Helper()
	eventually(t, fmt.Sprintf("a datagram of %d bytes leaves", len(b)), func() bool {
		return from.mesh.SendDatagram(to.self.ID, b)
	})
}

func TestDatagramsArrive(t *testing.T) {
	_, a, b := pair(t)
	for i, way := range [][2]*guest{{a, b}, {b, a}} {
		from, to := way[0], way[1]
		for _, size := range []int{1, MaxDatagram} {
			want := bytes.Repeat([]byte{byte(i + 1)}, size)
			sendGram(t, from, to, want)
			to.await("the datagram", func() bool {
				all := to.grams[from.self.ID]
				return len(all) > 0 && bytes.Equal(all[len(all)-1], want)
			})
		}
	}
	for _, size := range []int{0, MaxDatagram + 1} {
		if a.mesh.SendDatagram(b.self.ID, make([]byte, size)) {
			t.Errorf("a datagram of %d bytes was taken", size)
		}
	}
	if a.mesh.SendDatagram(99, []byte("x")) {
		t.Error("a datagram to a stranger was taken")
	}
	if l := a.link(b); l.Restarts != 0 || l.DatagramsDropped != 0 || !l.Datagrams {
		t.Errorf("link %+v", l)
	}
	a.mesh.Close()
	if a.mesh.SendDatagram(b.self.ID, []byte("x")) {
		t.Error("a closed mesh took a datagram")
	}
}

// The second channel is unordered and never repeats, for either side.
func TestDatagramChannelIsUnreliable(t *testing.T) {
	_, a, b := pair(t)
	for _, g := range []*guest{a, b} {
		o := map[*guest]*guest{a: b, b: a}[g]
		dc := g.conn(o).ch.lossy
		if dc.Label() != "telemetry" || *dc.ID() != 1 || dc.Ordered() || dc.MaxRetransmits() == nil || *dc.MaxRetransmits() != 0 {
			t.Errorf("label %q, stream %d, ordered %v, %v retransmissions", dc.Label(), *dc.ID(), dc.Ordered(), dc.MaxRetransmits())
		}
	}
}

// flood sends datagrams past the sending side's own restraint.
func flood(t *testing.T, from, to *guest, n int, b []byte) {
	t.Helper()
	dc := from.conn(to).ch.lossy
	for range n {
		eventually(t, "the flood flows", func() bool { return dc.BufferedAmount() <= MaxBuffered })
		if err := dc.Send(b); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDatagramFloodIsDroppedAndCounted(t *testing.T) {
	_, a, b := pair(t)
	sendGram(t, a, b, []byte("first"))
	b.await("the first", func() bool { return len(b.grams[1]) == 1 })
	start := time.Now()
	flood(t, a, b, 2*DatagramBurst, make([]byte, MaxDatagram))
	for c := b.conn(a); b.link(a).DatagramsDropped < MaxDatagramsDropped; {
		if c.admits(MaxDatagram) { // as pion does
			c.datagram(make([]byte, MaxDatagram))
		}
	}
	// Enough was dropped: nothing more is listened to, and so nothing is counted.
	flood(t, a, b, 2*DatagramBurst, make([]byte, MaxDatagram))
	sendSoon(t, a, b, []byte("a frame"))
	b.await("a frame", func() bool { return len(b.frames[1]) == 1 })
	b.mu.Lock()
	came := len(b.grams[1])
	b.mu.Unlock()
	if most := 1 + DatagramBurst + int(DatagramRate*time.Since(start).Seconds()); came > most {
		t.Errorf("%d datagrams came in, at most %d may", came, most)
	}
	// One more if the last of the first flood came beside those of this goroutine.
	if l := b.link(a); !l.Up || l.Restarts != 0 || l.Violations != 0 || l.DatagramsDropped > MaxDatagramsDropped+1 || len(a.told())+len(b.told()) != 0 {
		t.Errorf("link %+v, downs %q %q", l, a.told(), b.told())
	}
}

func TestLongAndTextDatagramsAreDropped(t *testing.T) {
	_, a, b := pair(t)
	flood(t, a, b, 1, make([]byte, MaxDatagram+1))
	if err := a.conn(b).ch.lossy.SendText("text"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "both are dropped", func() bool { return b.link(a).DatagramsDropped >= 2 })
	sendGram(t, a, b, []byte("right"))
	b.await("what is right", func() bool { return len(b.grams[1]) == 1 })
	if l := b.link(a); l.Restarts != 0 || l.Violations != 0 {
		t.Errorf("link %+v", l)
	}
}

// A handler that hangs must not make datagrams pile up.
func TestDatagramsDoNotPileUp(t *testing.T) {
	at := &intake{}
	came := 0
	for i := range 100 {
		if at.admits(time.Duration(i)*time.Second, 1) {
			came++
		}
	}
	if came != DatagramBurst || at.lost() != uint64(100-DatagramBurst) {
		t.Errorf("%d wait, %d dropped", came, at.lost())
	}
	at.handled()
	if !at.admits(time.Hour, 1) || at.admits(time.Hour, 1) {
		t.Error("room is for as many as were handled")
	}
}

func TestIntakeRate(t *testing.T) {
	at := &intake{}
	came := 0
	const seconds = 100
	for now := time.Duration(0); now < seconds*time.Second; now += time.Millisecond {
		if at.admits(now, 1) {
			came++
			at.handled()
		}
	}
	if most := DatagramBurst + DatagramRate*seconds; came > most || came < most-2 {
		t.Errorf("%d came in, expected %d", came, most)
	}
	// Time that goes back brings nothing.
	if at.admits(0, 1) {
		t.Error("one came in by an earlier time")
	}
}

// A peer without the second channel, or that closes it, is a good peer.
func TestLinksDoWithoutDatagrams(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(c *conn){
		"closed by the peer": func(c *conn) {
			if err := c.ch.lossy.Close(); err != nil {
				t.Error(err)
			}
		},
		"never opened": func(c *conn) { c.datagramsOpen(false) },
	} {
		t.Run(name, func(t *testing.T) {
			_, a, b := pair(t)
			sendGram(t, a, b, []byte("x"))
			end(a.conn(b))
			eventually(t, "the channel is closed", func() bool { return !a.link(b).Datagrams })
			if a.mesh.SendDatagram(b.self.ID, []byte("x")) {
				t.Error("a datagram was taken")
			}
			for i := range 20 {
				sendSoon(t, a, b, fmt.Append(nil, i))
				sendSoon(t, b, a, fmt.Append(nil, i))
			}
			a.await("frames", func() bool { return len(a.frames[2]) == 20 })
			b.await("frames", func() bool { return len(b.frames[1]) == 20 })
			if l := a.link(b); !l.Up || l.Restarts != 0 || len(a.told())+len(b.told()) != 0 {
				t.Errorf("link %+v, downs %q %q", l, a.told(), b.told())
			}
		})
	}
}

// Datagrams are no sign of life: a peer that answers nothing else is down.
func TestDatagramsKeepNoLinkUp(t *testing.T) {
	r, a, b := pair(t)
	dc := b.conn(a).ch.lossy
	defer b.hangWith(a)()
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
				dc.Send([]byte("alive"))
			}
		}
	}()
	a.await("a datagram", func() bool { return len(a.grams[2]) > 0 })
	r.leave(b)
	if reason := a.awaitDown(1); reason != "2: no answer" {
		t.Error(reason)
	}
}

// What comes before hello is nobody's.
func TestDatagramsBeforeHelloAreDropped(t *testing.T) {
	r := newRoom(t)
	a := r.join(peerNamed(1, KindTab))
	a.mesh.Joined(peerNamed(9, KindTab))
	var c *conn
	eventually(t, "it connects", func() bool {
		a.mesh.mu.Lock()
		defer a.mesh.mu.Unlock()
		if mb := a.mesh.members[9]; mb != nil {
			c = mb.conn
		}
		return c != nil
	})
	if !c.admits(1) {
		t.Fatal("refused already")
	}
	c.datagram([]byte{1})
	b := r.join(peerNamed(2, KindTab))
	a.awaitUp(b) // it has handled what came before
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.grams[9]) != 0 {
		t.Error("the handler got one")
	}
}

// The channel may be refused where connections are not.
func TestNoDatagramChannelNoHarm(t *testing.T) {
	pc, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	c := &conn{intake: &intake{}, clock: newWallClock(1), post: func(occurrence) {}}
	c.datagramsOpen(true)
	if c.outlet.send([]byte("x")) {
		t.Error("sent without a channel")
	}
	pc.Close()
	if _, err := openDatagrams(&channel{pc: pc}, c); err == nil {
		t.Error("a closed connection gave a channel")
	}
}

func TestDatagramsAllocateNothing(t *testing.T) {
	o := outlet{ch: quietSender{}, open: true}
	b := make([]byte, 100)
	if n := testing.AllocsPerRun(100, func() { o.send(b) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
