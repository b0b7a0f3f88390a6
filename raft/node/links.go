package node

import (
	"math/rand/v2"
	"sync"
	"time"

	"tabraft/raft"
)

// Way is a direction on the link to one server, as seen from here.
type Way uint8

const (
	BothWays Way = iota
	WayOut       // what this server sends
	WayIn        // what this server receives
)

// Fault is what is wrong with the link to one server.
type Fault struct {
	// Block loses every frame.
	Block bool
	// Drop is the share of frames lost, 0 to 1.
	Drop float64
	// Delay is added to every frame's way.
	Delay time.Duration
	// Way is the direction in which all this happens.
	Way Way
}

// none tells whether nothing is wrong.
func (f Fault) none() bool { return !f.Block && f.Drop == 0 && f.Delay == 0 }

// Limits of what a Links holds back for one server in one direction; beyond
// them frames are lost.
const (
	maxDelayed = 4096
	// MaxDelay is the longest delay of a Fault.
	MaxDelay = time.Minute
)

// Links puts faults between a node and its transport, for tests and lessons:
// a partition, a lossy link, a slow one, one that works in one direction only.
// Connections stay open meanwhile, as with a cut wire.
type Links struct {
	Path
	clock Clock

	mu       sync.Mutex
	rand     *rand.Rand
	isolated bool
	faults   map[raft.ID]Fault
}

// NewLinks makes links without faults: Send hands frames to send, Receive to
// deliver. The rand is the Links' own from then on.
func NewLinks(clock Clock, rand *rand.Rand, send func(raft.ID, []byte) bool, deliver func(raft.ID, []byte)) *Links {
	l := &Links{clock: clock, rand: rand, faults: map[raft.ID]Fault{}}
	l.Path = newPath(l, send, deliver)
	return l
}

// Beside makes another path to the same servers, with the same faults on it: what
// goes on one does not wait for the other.
func (l *Links) Beside(send func(raft.ID, []byte) bool, deliver func(raft.ID, []byte)) *Path {
	p := newPath(l, send, deliver)
	return &p
}

// Set replaces the fault on the link to one server; one of nothing mends it.
func (l *Links) Set(id raft.ID, f Fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f.Drop, f.Delay = min(max(f.Drop, 0), 1), min(max(f.Delay, 0), MaxDelay)
	if f.none() {
		delete(l.faults, id)
	} else {
		l.faults[id] = f
	}
}

// Get gives the fault on the link to one server.
func (l *Links) Get(id raft.ID) Fault {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.faults[id]
}

// Isolate blocks all links, or restores them to their own faults.
func (l *Links) Isolate(cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.isolated = cut
}

// Isolated tells whether all links are blocked.
func (l *Links) Isolated() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.isolated
}

// Blocked tells whether frames between here and a server are lost, be it in one
// direction: then neither can rely on the other.
func (l *Links) Blocked(id raft.ID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.isolated || l.faults[id].Block
}

// on gives the fault in a direction, with mu held.
func (l *Links) on(id raft.ID, way Way) Fault {
	if l.isolated {
		return Fault{Block: true}
	}
	f := l.faults[id]
	if f.Way != BothWays && f.Way != way {
		return Fault{}
	}
	return f
}

// Path carries frames to and from servers, in order, under the faults of a
// Links.
type Path struct {
	links   *Links
	send    func(to raft.ID, frame []byte) bool
	deliver func(from raft.ID, frame []byte)
	out, in map[raft.ID]*delayed // guarded by Links.mu
}

func newPath(l *Links, send func(raft.ID, []byte) bool, deliver func(raft.ID, []byte)) Path {
	return Path{links: l, send: send, deliver: deliver, out: map[raft.ID]*delayed{}, in: map[raft.ID]*delayed{}}
}

// Send implements Transport.
func (p *Path) Send(to raft.ID, frame []byte) bool {
	if !p.pass(WayOut, to, frame, func(f []byte) { p.send(to, f) }) {
		return true // lost or late, as on a bad link
	}
	return p.send(to, frame)
}

// Receive takes a frame that came from a server.
func (p *Path) Receive(from raft.ID, frame []byte) {
	if p.pass(WayIn, from, frame, func(f []byte) { p.deliver(from, f) }) {
		p.deliver(from, frame)
	}
}

// pass tells whether a frame goes on at once; if not, it is lost, or queued to
// go on later.
func (p *Path) pass(way Way, id raft.ID, frame []byte, on func([]byte)) bool {
	l, queues := p.links, p.out
	if way == WayIn {
		queues = p.in
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.on(id, way)
	q := queues[id]
	switch {
	case f.Block:
		return false
	case f.Drop > 0 && l.rand.Float64() < f.Drop:
		return false
	case f.Delay == 0 && (q == nil || len(q.frames) == 0):
		return true
	}
	if q == nil {
		q = &delayed{on: on}
		q.timer = l.clock.Timer(func() { l.flush(q) })
		queues[id] = q
	}
	if len(q.frames) < maxDelayed {
		// A link keeps its order, also when its delay shrinks.
		at := l.clock.Now() + f.Delay
		if n := len(q.frames); n > 0 {
			at = max(at, q.frames[n-1].at)
		} else {
			q.timer.Reset(at)
		}
		q.frames = append(q.frames, delayedFrame{at, frame})
	}
	return false
}

// delayed is what is on its way to or from one server.
type delayed struct {
	on     func([]byte)
	timer  Timer
	frames []delayedFrame
}

type delayedFrame struct {
	at    time.Duration
	frame []byte
}

func (l *Links) flush(q *delayed) {
	l.mu.Lock()
	now, n := l.clock.Now(), 0
	for n < len(q.frames) && q.frames[n].at <= now {
		n++
	}
	due := q.frames[:n]
	q.frames = q.frames[n:]
	if len(q.frames) > 0 {
		q.timer.Reset(q.frames[0].at)
	}
	l.mu.Unlock()
	for _, f := range due {
		q.on(f.frame)
	}
}
