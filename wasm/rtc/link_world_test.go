package rtc

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestTwoLinksFindEachOther runs both sides of a pair, with signals that are
// late, lost and reordered, and connections that fail and break, and checks
// after each step that neither side asks for the impossible, and once the faults
// have ended, that the pair connects and stays so.
func TestTwoLinksFindEachOther(t *testing.T) {
	runs := 500
	if testing.Short() {
		runs = 50
	}
	for seed := range uint64(runs) {
		w := newWorld(t, seed)
		w.run(time.Minute)
		w.calm = true
		w.run(w.now + 40*time.Second)
		w.checkConnected()
		if t.Failed() {
			return
		}
	}
}

// world is a pair of links and what lies between them, in virtual time.
type world struct {
	t      *testing.T
	seed   uint64
	rand   *rand.Rand
	now    time.Duration
	calm   bool // no more faults
	sides  [2]*side
	future []plan
	trace  []string
	steps  int
}

// side is one of the links.
type side struct {
	link link
	up   bool
	conn *fakeConn
}

// fakeConn is one side's connection: it knows its partner by the attempt, and
// opens when both descriptions have met.
type fakeConn struct {
	attempt uint32
	ready   bool // has the other's description
	told    bool // the other was told that we are ready
}

// plan is something that will happen.
type plan struct {
	at time.Duration
	do func()
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{t: t, seed: seed, rand: rand.New(rand.NewPCG(7, seed))}
	a, b := peerNamed(1, KindTab), peerNamed(2, KindTab)
	w.sides[0] = &side{link: newLink(a, b, 0)}
	w.sides[1] = &side{link: newLink(b, a, 0)}
	for i := range w.sides {
		w.after(w.upTo(time.Second), func() { w.step(i, event{kind: evPresent}) })
	}
	w.after(time.Second, w.trouble)
	return w
}

func (w *world) upTo(d time.Duration) time.Duration { return time.Duration(w.rand.Int64N(int64(d))) }

func (w *world) after(d time.Duration, do func()) {
	w.future = append(w.future, plan{w.now + d, do})
}

// run lets time pass until end, one thing after another.
func (w *world) run(end time.Duration) {
	for !w.t.Failed() {
		next, which := end, -1
		for i, p := range w.future {
			if p.at < next {
				next, which = p.at, i
			}
		}
		timer := -1
		for i, s := range w.sides {
			if due := max(s.link.due(), w.now); due < next && s.link.present {
				next, timer = due, i
			}
		}
		w.now = next
		switch {
		case timer >= 0:
			w.step(timer, event{kind: evTimer})
		case which >= 0:
			do := w.future[which].do
			w.future = append(w.future[:which], w.future[which+1:]...)
			do()
		default:
			return
		}
		if w.steps++; w.steps > 100_000 {
			w.fail("too many steps: a hot loop")
		}
	}
}

// trouble breaks something now and then, as long as it is not calm.
func (w *world) trouble() {
	if w.calm {
		return
	}
	i := w.rand.IntN(2)
	s := w.sides[i]
	switch w.rand.IntN(7) {
	case 0:
		if s.conn != nil {
			w.step(i, event{kind: evBroken, reason: "broken by the test"})
		}
	case 1:
		w.step(i, event{kind: evUnreachable})
	case 2:
		w.step(i, event{kind: evPresent})
	case 3:
		if s.conn != nil {
			w.step(i, event{kind: evBroken, reason: "misbehaved", suspect: true})
		}
	case 4:
		w.step(i, event{kind: evSignalLost, reason: "lost by the test"})
	case 5:
		w.step(i, event{kind: evRetry})
	}
	w.after(w.upTo(4*time.Second), w.trouble)
}

func (w *world) step(i int, ev event) {
	s := w.sides[i]
	before := s.link
	l, actions := s.link.step(w.now, ev, w.rand.Float64())
	s.link = l
	w.trace = append(w.trace, fmt.Sprintf("%v side %d: %s in %v -> %v %v", w.now, i, eventNames[ev.kind], before.phase, l.phase, actions))
	for _, a := range actions {
		w.act(i, a)
	}
	if s.up != l.up() {
		w.fail("up is %v in phase %v", s.up, l.phase)
	}
	if (s.conn == nil) != (l.phase == waiting) {
		w.fail("connection %v in phase %v", s.conn, l.phase)
	}
}

func (w *world) act(i int, a action) {
	s := w.sides[i]
	needsConn := a.kind != actOpen && a.kind != actClose && a.kind != actDown && a.kind != actSignal && a.kind != actRefuse
	if needsConn && s.conn == nil {
		w.fail("%v without a connection", a)
		return
	}
	switch a.kind {
	case actOpen:
		if s.conn != nil {
			w.fail("a second connection")
		}
		s.conn = &fakeConn{attempt: s.link.attempt}
	case actClose:
		w.closed(i)
	case actOffer:
		w.describe(i, signalOffer, a.signal.Round)
	case actAnswer:
		s.conn.ready = true
		w.describe(i, signalAnswer, a.signal.Round)
		w.connect()
	case actAccept:
		s.conn.ready = true
		w.connect()
	case actSignal:
		w.send(i, a.signal)
	case actHello:
		w.deliver(i, event{kind: evHello})
	case actPing:
		w.deliver(i, event{kind: evHeard})
		number := a.number
		w.between(i, 1-i, s.conn, func() { w.deliver(1-i, event{kind: evPong, number: number}) })
	case actUp:
		if s.up {
			w.fail("Up twice")
		}
		s.up = true
	case actDown:
		if !s.up {
			w.fail("Down without Up")
		}
		s.up = false
	case actForget:
		w.fail("forgotten, though present")
	}
}

// describe has a description ready a little later.
func (w *world) describe(i int, kind string, round uint32) {
	c := w.sides[i].conn
	w.after(w.upTo(50*time.Millisecond), func() {
		if w.sides[i].conn == c {
			w.step(i, event{kind: evDescribed, signal: signal{Kind: kind, Round: round}})
		}
	})
}

// send carries a signal, maybe late or never.
func (w *world) send(i int, s signal) {
	if !w.calm && w.rand.IntN(4) == 0 {
		return
	}
	delay := 20 * time.Millisecond
	if !w.calm {
		delay = 2 * time.Second
	}
	w.after(w.upTo(delay), func() { w.step(1-i, event{kind: signalEvents[s.Kind], signal: s}) })
}

// connect opens the channels of two connections that have met.
func (w *world) connect() {
	a, b := w.sides[0].conn, w.sides[1].conn
	if a == nil || b == nil || a.attempt != b.attempt || !a.ready || !b.ready {
		return
	}
	if !w.calm && w.rand.IntN(3) == 0 {
		return // no path between them
	}
	for i, c := range []*fakeConn{a, b} {
		if c.told {
			continue
		}
		c.told = true
		w.after(w.upTo(100*time.Millisecond), func() {
			if w.sides[i].conn == c {
				w.step(i, event{kind: evChannelOpen})
			}
		})
	}
}

// between does something on the other side if the connection is still there.
func (w *world) between(from, to int, c *fakeConn, do func()) {
	partner := w.sides[to].conn
	if c == nil || partner == nil || partner.attempt != c.attempt {
		return
	}
	w.after(time.Millisecond, func() {
		if w.sides[to].conn == partner && w.sides[from].conn == c {
			do()
		}
	})
}

func (w *world) deliver(i int, ev event) {
	w.between(i, 1-i, w.sides[i].conn, func() { w.step(1-i, ev) })
}

// closed ends a side's connection, of which the other hears at once, later, or
// by the silence.
func (w *world) closed(i int) {
	c := w.sides[i].conn
	w.sides[i].conn = nil
	partner := w.sides[1-i].conn
	if c == nil || partner == nil || partner.attempt != c.attempt || w.rand.IntN(3) == 0 {
		return
	}
	w.after(w.upTo(200*time.Millisecond), func() {
		if w.sides[1-i].conn == partner {
			w.step(1-i, event{kind: evBroken, reason: "the peer closed"})
		}
	})
}

func (w *world) checkConnected() {
	a, b := w.sides[0], w.sides[1]
	if !a.up || !b.up || a.link.attempt != b.link.attempt {
		w.fail("not connected in the end: %v attempt %d, %v attempt %d", a.link.phase, a.link.attempt, b.link.phase, b.link.attempt)
	}
	if !w.restartable(a.link) || !w.restartable(b.link) {
		w.fail("a path that is lost now is not replaced")
	}
	if a.link.lastError != "" || w.now-a.link.since < 10*time.Second {
		w.fail("connected for %v only, last error %q", w.now-a.link.since, a.link.lastError)
	}
}

// restartable tells whether a side would do its part of an ICE restart now.
func (w *world) restartable(l link) bool {
	_, actions := l.step(w.now, event{kind: evUnreachable}, 0)
	return slices.ContainsFunc(actions, func(a action) bool {
		return a.kind == actOffer && a.restart || a.kind == actSignal && a.signal.Restart
	})
}

func (w *world) fail(format string, args ...any) {
	w.t.Helper()
	for _, line := range w.trace[max(0, len(w.trace)-40):] {
		w.t.Log(line)
	}
	w.t.Errorf("seed %d: "+format, append([]any{w.seed}, args...)...)
}
