package rtc

import (
	"bytes"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tabraft/wasm/alive"
)

func TestTwoConnectAndExchangeFrames(t *testing.T) {
	_, a, b := pair(t)
	sizes := []int{1, 2, 1000, largestSingle - 1, largestSingle, largestSingle + 1, MaxFragment, 40_000, MaxBuffered, MaxBuffered + 1, MaxFrame - 1, MaxFrame}
	for _, way := range [][2]*guest{{a, b}, {b, a}} {
		from, to := way[0], way[1]
		for i, size := range sizes {
			frame := bytes.Repeat([]byte{byte(i + 1)}, size)
			sendSoon(t, from, to, frame)
		}
		to.await("all frames", func() bool { return len(to.frames[from.self.ID]) == len(sizes) })
		for i, frame := range to.frames[from.self.ID] {
			if len(frame) != sizes[i] || bytes.Count(frame, []byte{byte(i + 1)}) != sizes[i] {
				t.Errorf("frame %d arrived with %d bytes, or others, not %d", i, len(frame), sizes[i])
			}
		}
	}
	for _, size := range []int{0, MaxFrame + 1} {
		if a.mesh.Send(b.self.ID, make([]byte, size)) {
			t.Errorf("a frame of %d bytes was taken", size)
		}
	}
	if a.mesh.Send(99, []byte("x")) {
		t.Error("a frame to a stranger was taken")
	}
}

// sendSoon sends a frame once the buffer has room for it.
func sendSoon(t *testing.T, from, to *guest, frame []byte) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !from.mesh.Send(to.self.ID, bytes.Clone(frame)); {
		if time.Now().After(end) {
			t.Fatalf("no room for a frame of %d bytes: %+v", len(frame), from.mesh.Links())
		}
		time.Sleep(time.Millisecond)
	}
}

func TestFramesArriveInOrder(t *testing.T) {
	_, a, b := pair(t)
	const n = 3000
	for i := range n {
		sendSoon(t, a, b, fmt.Appendf(nil, "%d", i))
	}
	b.await("all frames", func() bool { return len(b.frames[1]) == n })
	for i, frame := range b.frames[1] {
		if string(frame) != fmt.Sprint(i) {
			t.Fatalf("frame %d is %q", i, frame)
		}
	}
}

func TestThreeConnect(t *testing.T) {
	r := newRoom(t)
	a, b, c := r.join(peerNamed(1, KindNative)), r.join(peerNamed(2, KindTab)), r.join(peerNamed(3, KindTab))
	a.awaitUp(b, c)
	b.awaitUp(a, c)
	c.awaitUp(a, b)
	for _, l := range a.mesh.Links() {
		if !l.Up || l.State != "open" || l.Restarts != 0 || l.LastError != "" {
			t.Errorf("link %+v", l)
		}
	}
}

func TestCloseIsSeenAtOnce(t *testing.T) {
	_, a, b := pair(t)
	start := time.Now()
	a.mesh.Close()
	a.mesh.Close()
	reason := b.awaitDown(1)
	if took := time.Since(start); took > time.Second || !strings.Contains(reason, "closed") {
		t.Errorf("down after %v: %s", took, reason)
	}
	if a.mesh.Send(b.self.ID, []byte("x")) {
		t.Error("a closed mesh took a frame")
	}
}

func TestReloadReplacesTheLink(t *testing.T) {
	for _, id := range []int{1, 3} { // the reloaded side offers, or answers
		t.Run(fmt.Sprint(id), func(t *testing.T) {
			r := newRoom(t)
			old, b := r.join(peerNamed(id, KindTab)), r.join(peerNamed(2, KindTab))
			old.awaitUp(b)
			b.awaitUp(old)
			again := old.self
			again.Incarnation = "another life"
			a := r.join(again)
			// The old life goes only now; its end must not touch the new link.
			old.mesh.Close()
			a.awaitUp(b)
			b.await("the new life", func() bool { return b.up[a.self.ID].Incarnation == again.Incarnation })
			sendSoon(t, a, b, []byte("new"))
			b.await("a frame", func() bool { return len(b.frames[a.self.ID]) == 1 })
			b.mu.Lock()
			defer b.mu.Unlock()
			if len(b.downs) != 1 || b.ups != 2 {
				t.Errorf("%d ups, downs %q", b.ups, b.downs)
			}
		})
	}
}

func TestLeavingSignalingAloneIsNoDown(t *testing.T) {
	r, a, b := pair(t)
	r.leave(b)
	// The probe's pong ends the doubt.
	awaitState(t, a, b, "probing", "open")
	sendSoon(t, a, b, []byte("still here"))
	b.await("a frame", func() bool { return len(b.frames[1]) == 1 })
	if l := a.link(b); !l.Up || len(a.told()) != 0 {
		t.Errorf("link %+v, downs %q", l, a.told())
	}
}

// awaitState polls until the link's state is the last of the states, having
// been through the others or not.
func awaitState(t *testing.T, g, o *guest, states ...string) {
	t.Helper()
	last := states[len(states)-1]
	for end := time.Now().Add(10 * time.Second); ; {
		l := g.link(o)
		if l.State == last && l.RTT > 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("link %+v, wanted %s", l, last)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestLeftAndDeadIsDownAtOnce(t *testing.T) {
	r, a, b := pair(t)
	// b's mesh hangs in its handler and so answers nothing, like a tab whose
	// renderer was killed.
	stuck := make(chan struct{})
	b.mu.Lock()
	b.stuck = stuck
	b.mu.Unlock()
	defer close(stuck)
	sendSoon(t, a, b, []byte("x"))
	b.await("to be stuck", func() bool { return len(b.frames[1]) == 1 })
	start := time.Now()
	r.leave(b)
	reason := a.awaitDown(1)
	if took := time.Since(start); took < alive.LeftAnswerWithin || took > alive.LeftAnswerWithin+2*alive.MaxLeftRTT+time.Second || reason != "2: no answer" {
		t.Errorf("down after %v: %s", took, reason)
	}
	a.await("b to be forgotten", func() bool { return len(a.mesh.Links()) == 0 })
}

func TestSilenceIsDown(t *testing.T) {
	_, a, b := pair(t)
	stuck := make(chan struct{})
	b.mu.Lock()
	b.stuck = stuck
	b.mu.Unlock()
	sendSoon(t, a, b, []byte("x"))
	if reason := a.awaitDown(1); reason != "2: no answer" {
		t.Error(reason)
	}
	// Come to life again, it is connected to again.
	b.mu.Lock()
	b.stuck = nil
	b.mu.Unlock()
	close(stuck)
	a.await("a second up", func() bool { return a.ups == 2 })
	b.await("a second up", func() bool { return b.ups == 2 })
}

func TestLinksOutliveSignaling(t *testing.T) {
	r, a, b := pair(t)
	r.mu.Lock()
	r.away = true
	r.mu.Unlock()
	sendSoon(t, a, b, []byte("x"))
	b.await("a frame", func() bool { return len(b.frames[1]) == 1 })

	// A link that breaks meanwhile is made again once signaling is back.
	breakLink(a, b)
	b.awaitDown(1)
	a.awaitDown(1)
	r.mu.Lock()
	r.away = false
	r.mu.Unlock()
	a.mesh.Present([]Peer{b.self})
	b.mesh.Present([]Peer{a.self})
	a.awaitUp(b)
	b.awaitUp(a)
}

// breakLink sends what no mesh sends.
func breakLink(from, to *guest, fragments ...[]byte) {
	if len(fragments) == 0 {
		fragments = [][]byte{{77}}
	}
	p := (*from.mesh.conns.Load())[to.self.ID].pipe
	for _, f := range fragments {
		p.control(f)
	}
}

func TestLostSignalsAreMadeUpFor(t *testing.T) {
	for _, kind := range []string{signalOffer, signalAnswer} {
		t.Run(kind, func(t *testing.T) {
			r := newRoom(t)
			var lost atomic.Int32
			r.tamper = func(_, _ Peer, s signal) fate {
				return fate{lost: s.Kind == kind && lost.Add(1) == 1}
			}
			a, b := r.join(peerNamed(1, KindTab)), r.join(peerNamed(2, KindTab))
			a.awaitUp(b)
			b.awaitUp(a)
			if l := a.link(b); l.Restarts == 0 {
				t.Errorf("link %+v", l)
			}
		})
	}
}

func TestSlowAndReorderedSignals(t *testing.T) {
	r := newRoom(t)
	r.tamper = func(_, _ Peer, s signal) fate {
		if s.Kind == signalAnswer {
			return fate{delay: 100 * time.Millisecond} // after the candidates
		}
		return fate{delay: 20 * time.Millisecond}
	}
	a, b := r.join(peerNamed(1, KindTab)), r.join(peerNamed(2, KindTab))
	a.awaitUp(b)
	b.awaitUp(a)
}

func TestBrokenFragmentsCloseTheLinkAndItIsMadeAgain(t *testing.T) {
	for reason, fragments := range map[string][][]byte{
		"unknown kind":                   {{77, 1, 2, 3}},
		"empty message":                  {{}},
		"hello twice":                    {appendHello(nil, peerNamed(1, KindTab))},
		"message of more than":           {make([]byte, MaxFragment+1)},
		"out of sequence":                {{fragmentMore, 0, 0, 0, 9, 1}},
		"frame of 4294967295 bytes":      {{fragmentFirst, 255, 255, 255, 255, 1}},
		"4 of 5 have arrived":            {{fragmentFirst, 0, 0, 0, 5, 1, 2, 3, 4}, {fragmentMore, 0, 0, 0, 4, 1, 2}},
		"fragment of kind 4 with 2 byte": {{fragmentPing, 0}},
	} {
		t.Run(reason, func(t *testing.T) {
			_, a, b := pair(t)
			breakLink(a, b, fragments...)
			if got := b.awaitDown(1); !strings.Contains(got, reason) {
				t.Errorf("down with %q", got)
			}
			a.await("another up", func() bool { return a.ups == 2 })
			b.await("another up", func() bool { return b.ups == 2 })
			if l := b.link(a); l.Restarts != 1 || l.Violations != 1 {
				t.Errorf("link %+v", l)
			}
		})
	}
}

func TestFloodClosesTheLink(t *testing.T) {
	_, a, b := pair(t)
	stuck := make(chan struct{})
	b.mu.Lock()
	b.stuck = stuck
	b.mu.Unlock()
	end := time.Now().Add(20 * time.Second)
	for c := b.conn(a); !c.flooded.Load() && time.Now().Before(end); {
		if !a.mesh.Send(b.self.ID, make([]byte, MaxFragment)) {
			time.Sleep(time.Millisecond)
		}
	}
	b.mu.Lock()
	b.stuck = nil
	b.mu.Unlock()
	close(stuck)
	if reason := b.awaitDown(1); !strings.Contains(reason, "faster than") {
		t.Error(reason)
	}
	a.await("another up", func() bool { return a.ups == 2 })
}

func (g *guest) conn(o *guest) *conn {
	g.mesh.mu.Lock()
	defer g.mesh.mu.Unlock()
	return g.mesh.members[o.self.ID].conn
}

func TestAVersionMismatchIsSaid(t *testing.T) {
	_, a, b := pair(t)
	hello := appendHello(nil, a.self)
	hello[1]++
	breakLink(a, b, hello)
	if reason := b.awaitDown(1); !strings.Contains(reason, "speaks version 2 of the mesh protocol, this server version 1") {
		t.Error(reason)
	}
}

func TestICERestartKeepsTheChannel(t *testing.T) {
	_, a, b := pair(t)
	for _, g := range []*guest{a, b} { // the offerer notices, then the answerer
		o := map[*guest]*guest{a: b, b: a}[g]
		before := a.link(b).Restarts
		remote := a.conn(b).pc.RemoteDescription().SDP
		g.conn(o).stateChanged("disconnected")
		for end := time.Now().Add(10 * time.Second); a.conn(b).pc.RemoteDescription().SDP == remote; {
			if time.Now().After(end) {
				t.Fatalf("no ICE restart; links %+v %+v", a.link(b), b.link(a))
			}
			time.Sleep(time.Millisecond)
		}
		sendSoon(t, a, b, []byte("after"))
		if l := a.link(b); l.Restarts != before+1 || len(a.told())+len(b.told()) != 0 {
			t.Errorf("link %+v, downs %q %q", l, a.told(), b.told())
		}
	}
	b.await("both frames", func() bool { return len(b.frames[1]) == 2 })
}

func TestSendRefusesWhenFullAndGoesOnLater(t *testing.T) {
	_, a, b := pair(t)
	sent := 0
	for a.mesh.Send(2, make([]byte, MaxFragment)) {
		if sent++; sent > 10_000 {
			t.Fatal("never full")
		}
	}
	sendSoon(t, a, b, []byte("later"))
	b.await("all frames", func() bool { return len(b.frames[1]) == sent+1 })
}

func TestNewSaysWhatIsMissing(t *testing.T) {
	for reason, cfg := range map[string]Config{
		"is no server": {Self: Peer{ID: 1}},
		"needs Signal": {Self: peerNamed(1, KindTab)},
	} {
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("wanted %q, got %v", reason, err)
		}
	}
}

func TestStrangePeersAreIgnored(t *testing.T) {
	r := newRoom(t)
	a := r.join(peerNamed(1, KindNative)) // so that it waits for offers
	a.mesh.Joined(a.self)
	a.mesh.Joined(Peer{})
	a.mesh.Joined(Peer{ID: 5, Incarnation: strings.Repeat("x", MaxIncarnation+1)})
	for id := range MaxPeers + 10 {
		a.mesh.Joined(peerNamed(100+id, KindTab))
	}
	for end := time.Now().Add(10 * time.Second); len(a.mesh.Links()) < MaxPeers && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if n := len(a.mesh.Links()); n != MaxPeers {
		t.Errorf("%d links", n)
	}
}
