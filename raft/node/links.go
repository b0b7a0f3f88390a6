package node

import (
	"math/rand/v2"
	"sync"
	"time"

	"tabraft/raft"
)

// Fault is what is wrong with the link to one server, in both directions.
type Fault struct {
	// Block loses every frame.
	Block bool
	// Drop is the share of frames lost, 0 to 1.
	Drop float64
	// Delay is added to every frame's way.
	Delay time.Duration
}

// Limits of what a Links holds back for one server in one direction; beyond
// them frames are lost.
const (
	maxDelayed = 4096
	// MaxDelay is the longest delay of a Fault.
	MaxDelay = time.Minute
)

// Links puts faults between a node and its transport, for tests and lessons:
// a partition, a lossy link, a slow one. Connections stay open meanwhile, as
// with a cut wire.
type Links struct {
	clock   Clock
	send    func(to raft.ID, frame []byte) bool
	deliver func(from raft.ID, frame []byte)

	mu       sync.Mutex
	rand     *rand.Rand
	isolated bool
	faults   map[raft.ID]Fault
	out, in  map[raft.ID]*delayed
}

// NewLinks makes links without faults: Send hands frames to send, Receive to
// deliver. The rand is the Links' own from then on.
func NewLinks(clock Clock, rand *rand.Rand, send func(raft.ID, []byte) bool, deliver func(raft.ID, []byte)) *Links {
	return &Links{clock: clock, rand: rand, send: send, deliver: deliver,
		faults: map[raft.ID]Fault{}, out: map[raft.ID]*delayed{}, in: map[raft.ID]*delayed{}}
}

// Set replaces the fault on the link to one server; the zero Fault mends it.
func (l *Links) Set(id raft.ID, f Fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f.Drop, f.Delay = min(max(f.Drop, 0), 1), min(max(f.Delay, 0), MaxDelay)
	if f == (Fault{}) {
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

// Blocked tells whether no frame passes between here and a server.
func (l *Links) Blocked(id raft.ID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.isolated || l.faults[id].Block
}

// Send implements Transport.
func (l *Links) Send(to raft.ID, frame []byte) bool {
	if !l.pass(l.out, to, frame, func(f []byte) { l.send(to, f) }) {
		return true // lost or late, as on a bad link
	}
	return l.send(to, frame)
}

// Receive takes a frame that came from a server.
func (l *Links) Receive(from raft.ID, frame []byte) {
	if l.pass(l.in, from, frame, func(f []byte) { l.deliver(from, f) }) {
		l.deliver(from, frame)
	}
}

// pass tells whether a frame goes on at once; if not, it is lost, or queued to
// go on later.
func (l *Links) pass(way map[raft.ID]*delayed, id raft.ID, frame []byte, on func([]byte)) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.faults[id]
	q := way[id]
	switch {
	case l.isolated || f.Block:
		return false
	case f.Drop > 0 && l.rand.Float64() < f.Drop:
		return false
	case f.Delay == 0 && (q == nil || len(q.frames) == 0):
		return true
	}
	if q == nil {
		q = &delayed{on: on}
		q.timer = l.clock.Timer(func() { l.flush(q) })
		way[id] = q
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
