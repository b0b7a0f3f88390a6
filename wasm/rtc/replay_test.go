package rtc

import (
	"encoding/json"
	"sync"
	"testing"
)

// recorder keeps what the meshes of a room signal, as the signaling server could,
// which cannot read it.
type recorder struct {
	mu   sync.Mutex
	seen []recorded
}

type recorded struct {
	from, to Peer
	payload  []byte
}

func (c *recorder) tamper(from, to Peer, s signal) fate {
	payload, err := json.Marshal(s)
	if err != nil {
		panic(err) // our own type
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = append(c.seen, recorded{from, to, payload})
	return fate{}
}

func (c *recorder) all() []recorded {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen
}

// Whoever carries the signals can repeat them. A connection that stands is not
// touched by that: a second answer to one offer was once handed to it, which is an
// error, and ended it.
func TestReplayedSignalsTouchNoConnection(t *testing.T) {
	r := newRoom(t)
	var heard recorder
	r.tamper = heard.tamper
	a, b := r.join(peerNamed(1, KindTab)), r.join(peerNamed(2, KindTab))
	a.awaitUp(b)
	b.awaitUp(a)
	guests := map[Peer]*guest{a.self: a, b.self: b}
	for range 3 {
		for _, s := range heard.all() {
			guests[s.to].mesh.Signal(s.from, s.payload)
		}
	}
	sendSoon(t, a, b, []byte("x"))
	sendSoon(t, b, a, []byte("x"))
	b.await("a frame", func() bool { return len(b.frames[a.self.ID]) == 1 })
	a.await("a frame", func() bool { return len(a.frames[b.self.ID]) == 1 })
	if downs := append(a.told(), b.told()...); len(downs) > 0 {
		t.Errorf("downs %q", downs)
	}
}

// An offer is answered once, and so is that of an ICE restart.
func TestSecondAnswerIsIgnored(t *testing.T) {
	l := newLink(peerNamed(1, KindTab), peerNamed(2, KindTab), 0)
	accepted := func(kind eventKind, s signal) bool {
		var actions []action
		l, actions = l.step(0, event{kind: kind, signal: s}, 0)
		for _, a := range actions {
			if a.kind == actAccept {
				return true
			}
		}
		return false
	}
	accepted(evPresent, signal{})
	for round := range uint32(3) {
		answer := signal{Kind: signalAnswer, Attempt: 1, Round: round}
		for n := range 3 {
			if got := accepted(evAnswer, answer); got != (n == 0) {
				t.Errorf("round %d, answer %d: accepted %v in phase %v", round, n+1, got, l.phase)
			}
		}
		accepted(evChannelOpen, signal{})
		if round == 0 {
			accepted(evHello, signal{})
		}
		accepted(evUnreachable, signal{})
	}
}
