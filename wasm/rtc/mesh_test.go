package rtc

import (
	"bytes"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/webrtc/v3"

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
	eventually(t, fmt.Sprintf("room for a frame of %d bytes", len(frame)), func() bool {
		return from.mesh.Send(to.self.ID, bytes.Clone(frame))
	})
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
	_, a, b := newSlowRoom(t).pair() // so slow that silence would not be noticed
	a.mesh.Close()
	a.mesh.Close()
	if reason := b.awaitDown(1); !strings.Contains(reason, "closed") {
		t.Errorf("down: %s", reason)
	}
	if a.mesh.Send(b.self.ID, []byte("x")) {
		t.Error("a closed mesh took a frame")
	}
}

func TestReloadReplacesTheLink(t *testing.T) {
	t.Parallel()
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
	r, a, b := newSlowRoom(t).pair()
	r.leave(b)
	// The probe's pong ends the doubt.
	eventually(t, "no doubt", func() bool { l := a.link(b); return l.State == "open" && l.RTT > 0 })
	sendSoon(t, a, b, []byte("still here"))
	b.await("a frame", func() bool { return len(b.frames[1]) == 1 })
	if l := a.link(b); !l.Up || len(a.told()) != 0 {
		t.Errorf("link %+v, downs %q", l, a.told())
	}
}

func TestLeftAndDeadIsDownAtOnce(t *testing.T) {
	r, a, b := newSlowRoom(t).pair()
	defer b.hangWith(a)()
	clock := a.mesh.cfg.Clock
	start := clock.Now()
	r.leave(b)
	reason := a.awaitDown(1)
	// Silence alone would be noticed after two intervals.
	if took := clock.Now() - start; took < alive.LeftAnswerWithin || took > 2*alive.PingInterval || reason != "2: no answer" {
		t.Errorf("down after %v: %s", took, reason)
	}
	a.await("b to be forgotten", func() bool { return len(a.mesh.Links()) == 0 })
}

func TestSilenceIsDown(t *testing.T) {
	_, a, b := pair(t)
	wake := b.hangWith(a)
	defer wake()
	if reason := a.awaitDown(1); reason != "2: no answer" {
		t.Error(reason)
	}
	// Come to life again, it is connected to again.
	wake()
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
	t.Parallel()
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
	t.Parallel()
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
	wake := b.hangWith(a)
	defer wake()
	c := b.conn(a)
	fragment := bytes.Repeat([]byte{fragmentWhole}, MaxFragment)
	for range MaxUnread / MaxFragment {
		c.received(fragment) // as pion does
	}
	if !c.flooded.Load() {
		t.Error("no flood was seen")
	}
	wake()
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

// awaitGathered waits until the guest's own candidates for a connection are known.
// Before that, pion may fail to restart ICE.
func (g *guest) awaitGathered(o *guest) {
	g.room.t.Helper()
	pc := g.conn(o).pc
	eventually(g.room.t, "all candidates", func() bool { return pc.ICEGatheringState() == webrtc.ICEGatheringStateComplete })
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
	_, a, b := newSlowRoom(t).pair()
	for _, g := range []*guest{a, b} { // the offerer notices, then the answerer
		a.awaitGathered(b)
		b.awaitGathered(a)
		o := map[*guest]*guest{a: b, b: a}[g]
		before, pc := a.link(b).Restarts, a.conn(b).pc
		remote := pc.RemoteDescription().SDP
		g.conn(o).stateChanged("disconnected")
		eventually(t, "an ICE restart", func() bool { return pc.RemoteDescription().SDP != remote || len(a.told()) > 0 })
		sendSoon(t, a, b, []byte("after"))
		if l := a.link(b); l.Restarts != before+1 || len(a.told())+len(b.told()) != 0 {
			t.Errorf("link %+v, downs %q %q", l, a.told(), b.told())
		}
	}
	b.await("both frames", func() bool { return len(b.frames[1]) == 2 })
}

// What is lost while one of the two is away from signaling is said again when it is
// back: the pion of a native server takes no second offer before the answer to the
// first.
func TestLostICERestartIsOfferedAgain(t *testing.T) {
	for _, kind := range []string{signalRequest, signalOffer, signalAnswer} {
		t.Run(kind, func(t *testing.T) {
			r, a, b := newSlowRoom(t).pair()
			a.awaitGathered(b)
			b.awaitGathered(a)
			pc := a.conn(b).pc
			remote := pc.RemoteDescription().SDP
			lost := make(chan bool, 1)
			r.mu.Lock()
			r.tamper = func(_, _ Peer, s signal) (f fate) {
				if s.Kind == kind {
					select {
					case lost <- true:
						f.lost = true
					default:
					}
				}
				return f
			}
			r.mu.Unlock()
			if kind == signalRequest {
				b.conn(a).stateChanged("disconnected")
			} else {
				a.conn(b).stateChanged("disconnected")
			}
			eventually(t, "the loss", func() bool { return len(lost) == 1 })
			a.mesh.Joined(b.self)
			b.mesh.Joined(a.self)
			eventually(t, "an ICE restart", func() bool { return pc.RemoteDescription().SDP != remote || len(a.told()) > 0 })
			sendSoon(t, a, b, []byte("after"))
			b.await("the frame", func() bool { return len(b.frames[1]) == 1 })
			if downs := append(a.told(), b.told()...); len(downs) != 0 {
				t.Errorf("downs %q", downs)
			}
		})
	}
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
	a.mesh.Signal(peerNamed(5, KindTab), []byte("the end"))
	a.awaitRefused("5: ")
	if n := len(a.mesh.Links()); n != MaxPeers {
		t.Errorf("%d links", n)
	}
}
