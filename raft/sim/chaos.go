package sim

import (
	"math/rand/v2"
	"time"

	"tabraft/raft"
)

// chaos.go: draws what happens next, from the seed. It keeps a queue of what
// is due, and turns each into an event, or several.

// What is due.
const (
	dueMessage uint8 = iota // a to b, ref is its number on the link
	dueTimer                // of a
	dueReady                // of a
	dueWrite                // on a's disk in life ref
	dueReport               // likewise
	dueClient               // b, if ref is its latest wake
	dueAgain                // b, if it waits for an answer too long
	dueStart                // of a
	dueFault                // of kind ref
	dueHeal                 // of partition ref
	dueThaw                 // of a's clock
)

// timer is chaos's view of a server.
type timer struct {
	at        time.Duration // when its timer rings, as far as is queued
	ready     bool          // a Ready is queued
	suspended time.Duration // until then
}

// wake is chaos's view of a client.
type wake struct {
	n     uint32        // number of the latest wake
	until time.Duration // when it stops waiting for an answer
	hint  *server       // where it goes next; nil: anywhere
}

type chaos struct {
	w   *world
	rng *rand.Rand
	queue
	links     [MaxServers][MaxServers]linkState
	partition uint32
	soon      []*server // have something to carry out now
}

// linkState is chaos's view of a link.
type linkState struct {
	cut, slow bool
	last      time.Duration // when the last message arrives
}

func newChaos(w *world) *chaos {
	c := &chaos{w: w, rng: rand.New(rand.NewPCG(w.set.Seed, 2))}
	for i := range c.links {
		for j := range c.links[i] {
			c.links[i][j].slow = c.chance(w.set.SlowLinks)
		}
	}
	return c
}

func (c *chaos) chance(perMille int) bool { return perMille > 0 && c.rng.IntN(1000) < perMille }

// upTo draws from [0, d).
func (c *chaos) upTo(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return time.Duration(c.rng.Int64N(int64(d)))
}

func (c *chaos) after(d time.Duration, what due) {
	what.at = int64(c.w.now + d)
	c.push(what)
}

// run makes events until there were so many.
func (c *chaos) run(steps int) {
	c.begin()
	for c.w.steps < steps && len(c.heap) > 0 {
		d := c.pop()
		c.w.now = max(c.w.now, time.Duration(d.at))
		c.happen(&d)
		for len(c.soon) > 0 {
			s := c.soon[0]
			c.soon = c.soon[:copy(c.soon, c.soon[1:])]
			c.ready(s)
		}
	}
	c.w.chaos = nil
	c.w.meet.cut = false
}

func (c *chaos) begin() {
	set := &c.w.set
	for _, s := range c.w.servers {
		s.timer = timer{at: never}
		if set.Skew > 0 {
			c.setClock(s, 0, c.rate())
		}
		c.do(Event{Kind: Start, A: uint8(s.id)})
	}
	for _, cl := range c.w.clients {
		c.wakeIn(cl, c.upTo(set.Think))
		c.after(0, due{what: dueAgain, b: uint8(cl.name)})
	}
	for kind := range faultCount {
		c.nextFault(kind)
	}
}

// setClock changes a clock, and with it the time at which a deadline comes.
func (c *chaos) setClock(s *server, jump time.Duration, rate int) {
	c.do(Event{Kind: Clock, A: uint8(s.id), N: uint64(jump/time.Microsecond)<<16 | uint64(rate)})
	s.timer.at = never
	if s.up() {
		c.setTimer(s)
	}
}

// do makes an event happen now.
func (c *chaos) do(e Event) {
	e.At = c.w.now
	c.w.apply(&e)
}

// happen does what was due.
func (c *chaos) happen(d *due) {
	s := c.w.server(d.a)
	if d.what <= dueReport {
		to := s
		if d.what == dueMessage {
			to = c.w.server(d.b)
		}
		if until := to.timer.suspended; until > c.w.now {
			c.putOff(*d, until)
			return
		}
	}
	switch d.what {
	case dueMessage:
		c.arrive(s, c.w.server(d.b), *d)
	case dueTimer:
		c.ring(s)
	case dueReady:
		c.ready(s)
	case dueWrite, dueReport:
		c.disk(s, *d)
	case dueClient:
		if cl := c.w.clients[d.b-1]; cl.wake.n == d.ref {
			c.client(cl)
		}
	case dueAgain:
		cl := c.w.clients[d.b-1]
		if cl.wake.until <= c.w.now {
			cl.wake.hint = nil
			c.client(cl)
		}
		c.after(c.upTo(c.w.set.ElectionTimeout), *d)
	case dueStart:
		if !s.up() {
			c.do(Event{Kind: Start, A: d.a})
		}
	case dueFault:
		c.fault(int(d.ref))
		c.nextFault(int(d.ref))
	case dueHeal:
		if d.ref == c.partition {
			c.heal()
		}
	case dueThaw:
		c.setClock(s, 0, c.rate())
	}
}

// putOff puts off what is due at a suspended server. When it wakes, messages
// come before the timer.
func (c *chaos) putOff(d due, until time.Duration) {
	d.at = int64(until)
	if d.what == dueTimer {
		d.at++
		if s := c.w.server(d.a); s.timer.at <= c.w.now {
			s.timer.at = time.Duration(d.at)
		}
	}
	c.push(d)
}

// touched schedules what follows from an input to a server.
func (c *chaos) touched(s *server) {
	if !s.timer.ready {
		s.timer.ready = true
		if c.w.set.Pace == 0 {
			c.soon = append(c.soon, s)
		} else {
			c.after(c.upTo(c.w.set.Pace), due{what: dueReady, a: uint8(s.id)})
		}
	}
	c.setTimer(s)
}

// ready lets a server carry out what it wants.
func (c *chaos) ready(s *server) {
	s.timer.ready = false
	if !s.up() {
		return
	}
	c.do(Event{Kind: Ready, A: uint8(s.id)})
	if every := uint64(c.w.set.CompactEntries); every > 0 && s.applied >= s.view.SnapshotIndex+every {
		c.do(Event{Kind: Compact, A: uint8(s.id)})
	}
}

func (c *chaos) setTimer(s *server) {
	if at := s.clock.when(s.core.NextDeadline()); at < s.timer.at {
		s.timer.at = at
		c.push(due{at: int64(max(at, c.w.now)), what: dueTimer, a: uint8(s.id)})
	}
}

// ring is a server's timer. It may ring early, since deadlines move, and late.
func (c *chaos) ring(s *server) {
	if s.timer.at > c.w.now {
		return // an older one
	}
	s.timer.at = never
	if !s.up() {
		return
	}
	if s.core.NextDeadline() <= c.w.local(s) {
		if c.chance(50) {
			s.timer.at = c.w.now + c.upTo(c.w.set.HeartbeatInterval) + 1
			c.push(due{at: int64(s.timer.at), what: dueTimer, a: uint8(s.id)})
			return
		}
		c.do(Event{Kind: Tick, A: uint8(s.id)})
	}
	if s.up() {
		c.setTimer(s)
	}
}

// sent draws what happens to a message.
func (c *chaos) sent(l *link, n uint32) {
	set, state := &c.w.set, &c.links[l.from.id-1][l.to.id-1]
	d := set.DelayMin + c.upTo(set.DelayMax-set.DelayMin)
	if state.slow {
		d *= 10
	}
	if c.chance(set.Late) {
		d += c.upTo(set.Long)
	} else if set.Ordered {
		d = max(d, state.last-c.w.now)
		state.last = c.w.now + d
	}
	c.after(d, due{what: dueMessage, a: uint8(l.from.id), b: uint8(l.to.id), ref: n})
}

// arrive is a message at the end of its way.
func (c *chaos) arrive(from, to *server, d due) {
	l := from.outgoing[to.id-1]
	i := l.numbered(d.ref)
	if i < 0 {
		return
	}
	how := Deliver
	switch {
	case !to.up() || c.links[from.id-1][to.id-1].cut || c.chance(c.w.set.Drop):
		how = Drop
	case c.chance(c.w.set.Repeat):
		how = Repeat
		c.after(c.upTo(4*c.w.set.DelayMax), d)
	}
	e := Event{At: c.w.now, Kind: how, A: uint8(from.id), B: uint8(to.id)}
	if c.w.record != nil || c.w.trace != nil {
		m := &l.messages[i].Message
		e.M, e.N = uint8(m.Type), looks(m)
	}
	c.w.begin(&e)
	c.w.take(l, i, how)
}

// saving draws when a save is stored.
func (c *chaos) saving(s *server) {
	set := &c.w.set
	d := due{what: dueWrite, a: uint8(s.id), ref: uint32(s.lives)}
	c.after(set.WriteMin+c.upTo(set.WriteMax-set.WriteMin), d)
	if c.w.flaw == reportEarly {
		d.what = dueReport
		c.after(0, d)
	}
}

func (c *chaos) disk(s *server, d due) {
	if !s.up() || d.ref != uint32(s.lives) {
		return
	}
	if d.what == dueWrite {
		c.do(Event{Kind: Write, A: d.a})
		report := d
		report.what = dueReport
		c.after(c.upTo(c.w.set.WriteMax), report)
		return
	}
	if n := len(s.disk.unreported); n > 0 {
		c.do(Event{Kind: Report, A: d.a, N: uint64(c.rng.IntN(n))})
	}
}

// client lets a client act.
func (c *chaos) client(cl *client) {
	code := uint64(c.rng.IntN(int(opKinds) - 1))
	if c.chance(c.reads(cl)) {
		code = uint64(opRead)
	}
	s := c.whereTo(cl, code == uint64(opRead))
	code += 8 * uint64(c.rng.IntN(c.w.set.Keys))
	cl.wake.n++
	cl.wake.until = c.w.now + c.patience()
	if !s.up() {
		c.refused(cl, s)
		return
	}
	c.do(Event{Kind: Client, A: uint8(s.id), B: uint8(cl.name), N: code})
}

// reader tells whether a client does little else than read, and often: it does
// not wait for a command when a leader is cut off.
func (c *chaos) reader(cl *client) bool { return c.w.set.Reads > 0 && cl.name%3 == 0 }

// reads is the chance that a client's next operation is a read.
func (c *chaos) reads(cl *client) int {
	if c.reader(cl) {
		return 900
	}
	return c.w.set.Reads
}

// whereTo draws the server that a client goes to: mostly the one it knows to
// lead; to read, also any, or any that takes itself for the leader.
func (c *chaos) whereTo(cl *client, read bool) *server {
	all := c.w.servers
	switch {
	case read && c.chance(400):
		n := c.rng.IntN(len(all))
		for i := range all {
			if s := all[(n+i)%len(all)]; s.up() && s.view.Role == raft.Leader {
				return s
			}
		}
	case read && c.chance(400):
		return all[c.rng.IntN(len(all))]
	}
	if cl.wake.hint == nil || c.chance(100) {
		cl.wake.hint = all[c.rng.IntN(len(all))]
	}
	return cl.wake.hint
}

// patience is how long a client waits for an answer.
func (c *chaos) patience() time.Duration {
	return c.w.set.ElectionTimeout/4 + c.upTo(c.w.set.ElectionTimeout)
}

func (c *chaos) wakeIn(cl *client, d time.Duration) {
	cl.wake.n++
	cl.wake.until = never
	c.after(d, due{what: dueClient, b: uint8(cl.name), ref: cl.wake.n})
}

// refused: the client tries elsewhere soon.
func (c *chaos) refused(cl *client, s *server) {
	cl.wake.hint = nil
	if s.up() && s.view.Leader != raft.None && s.view.Leader != s.id && c.chance(800) {
		cl.wake.hint = c.w.servers[s.view.Leader-1]
	}
	c.wakeIn(cl, c.w.set.HeartbeatInterval/2+c.upTo(2*c.w.set.HeartbeatInterval))
}

// idle: the client was answered.
func (c *chaos) idle(cl *client) {
	think := c.w.set.Think
	if c.reader(cl) {
		think = min(think, c.w.set.HeartbeatInterval/2)
	}
	c.wakeIn(cl, c.upTo(think))
}
