package node

import (
	"sync"
	"time"

	"tabraft/raft"
)

// memory.go: in-memory twins of the interfaces, for tests and simulations.

// SystemClock is the process's monotonic clock. Inside a testing/synctest
// bubble its time is the bubble's.
type SystemClock struct{ start time.Time }

// NewSystemClock makes a clock whose zero is now.
func NewSystemClock() *SystemClock { return &SystemClock{time.Now()} }

// Now is the time since the clock was made.
func (c *SystemClock) Now() time.Duration { return time.Since(c.start) }

// Timer makes a stopped timer.
func (c *SystemClock) Timer(fire func()) Timer {
	t := time.AfterFunc(time.Hour, fire)
	t.Stop()
	return &systemTimer{c, t}
}

type systemTimer struct {
	clock *SystemClock
	timer *time.Timer
}

func (t *systemTimer) Reset(at time.Duration) { t.timer.Reset(at - t.clock.Now()) }
func (t *systemTimer) Stop()                  { t.timer.Stop() }

// MemoryStorage keeps a server's state in memory. A save becomes durable, and
// is reported, Delay after it was asked for. It can crash, losing what is not
// durable, fail, and stall.
type MemoryStorage struct {
	mu      sync.Mutex
	stored  raft.Stored
	queue   []memorySave
	working bool
	epoch   int // crashes so far
	err     error
	delay   time.Duration
	stalled bool
	moved   sync.Cond // stalled or epoch changed
}

type memorySave struct {
	save *raft.Save
	done func(error)
}

// NewMemoryStorage makes an empty storage whose saves take delay each.
func NewMemoryStorage(delay time.Duration) *MemoryStorage {
	s := &MemoryStorage{delay: delay}
	s.moved.L = &s.mu
	return s
}

// Load gives a copy of what is durable.
func (s *MemoryStorage) Load() (raft.Stored, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stored
	st.Entries = append([]raft.Entry(nil), st.Entries...)
	return st, s.err
}

// Save makes the state durable after the storage's delay.
func (s *MemoryStorage) Save(save *raft.Save, done func(error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue = append(s.queue, memorySave{save, done})
	if !s.working {
		s.working = true
		go s.work(s.epoch)
	}
}

func (s *MemoryStorage) work(epoch int) {
	for {
		time.Sleep(s.delay)
		s.mu.Lock()
		for s.stalled && s.epoch == epoch {
			s.moved.Wait()
		}
		if s.epoch != epoch {
			s.mu.Unlock()
			return
		}
		if len(s.queue) == 0 {
			s.working = false
			s.mu.Unlock()
			return
		}
		next, err := s.queue[0], s.err
		s.queue = s.queue[1:]
		if err == nil {
			s.apply(next.save)
		}
		s.mu.Unlock()
		next.done(err)
	}
}

func (s *MemoryStorage) apply(save *raft.Save) {
	s.stored.HardState = save.HardState
	switch {
	case save.Snapshot != nil:
		s.stored.Snapshot = save.Snapshot
		s.stored.Entries = append([]raft.Entry(nil), save.Entries...)
	case len(save.Entries) > 0:
		base := uint64(0)
		if s.stored.Snapshot != nil {
			base = s.stored.Snapshot.Index
		}
		kept := s.stored.Entries[:save.Entries[0].Index-base-1]
		s.stored.Entries = append(kept[:len(kept):len(kept)], save.Entries...)
	}
}

// Put makes a save durable at once, as a founder does before its server runs.
func (s *MemoryStorage) Put(save *raft.Save) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.apply(save)
}

// Crash drops every save that is not durable yet; none of them is reported.
func (s *MemoryStorage) Crash() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch++
	s.queue, s.working = nil, false
	s.moved.Broadcast()
}

// Stall has saves wait, neither done nor failed, until it is called with false.
func (s *MemoryStorage) Stall(stalled bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stalled = stalled
	s.moved.Broadcast()
}

// Fail makes every later save fail with err.
func (s *MemoryStorage) Fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// Close does nothing: the memory stays for the next Load.
func (s *MemoryStorage) Close() error { return nil }

// MemoryNetwork connects nodes of one process. Frames take Delay and arrive in
// order; links can be cut, one direction at a time.
type MemoryNetwork struct {
	mu    sync.Mutex
	delay time.Duration
	ports map[raft.ID]*MemoryPort
	cut   map[[2]raft.ID]bool
}

// NewMemoryNetwork makes a network on which a frame takes delay.
func NewMemoryNetwork(delay time.Duration) *MemoryNetwork {
	return &MemoryNetwork{delay: delay, ports: map[raft.ID]*MemoryPort{}, cut: map[[2]raft.ID]bool{}}
}

// MemoryPort is one node's Transport on a MemoryNetwork.
type MemoryPort struct {
	net  *MemoryNetwork
	id   raft.ID
	node *Node
	// Frames arrive in order through the queue of each sender; nil is the end.
	queues map[raft.ID]chan []byte
	closed chan struct{}
}

// maxInFlight is how many frames one link of a MemoryNetwork holds.
const maxInFlight = 4096

// Port makes the transport of a server.
func (w *MemoryNetwork) Port(id raft.ID) *MemoryPort {
	return &MemoryPort{net: w, id: id, queues: map[raft.ID]chan []byte{}, closed: make(chan struct{})}
}

// Attach connects a running node: it and the others see one another come up.
func (p *MemoryPort) Attach(n *Node) {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	p.node = n
	for id, other := range p.net.ports {
		if id != p.id {
			other.node.PeerUp(p.id)
			n.PeerUp(id)
		}
	}
	p.net.ports[p.id] = p
}

// Detach takes the node off the network. The others are told, as by a closed
// connection, if tell is set.
func (p *MemoryPort) Detach(tell bool) {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	close(p.closed)
	delete(p.net.ports, p.id)
	for _, other := range p.net.ports {
		if tell {
			p.send(other, nil)
		}
	}
}

// Cut blocks or restores the frames from one server to another.
func (w *MemoryNetwork) Cut(from, to raft.ID, cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut[[2]raft.ID{from, to}] = cut
}

// Send hands a frame to the network.
func (p *MemoryPort) Send(to raft.ID, frame []byte) bool {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	dst := p.net.ports[to]
	if dst == nil || p.net.cut[[2]raft.ID{p.id, to}] {
		return false
	}
	return p.send(dst, frame)
}

func (p *MemoryPort) send(dst *MemoryPort, frame []byte) bool {
	q := dst.queues[p.id]
	if q == nil {
		q = make(chan []byte, maxInFlight)
		dst.queues[p.id] = q
		go dst.receive(p.id, q)
	}
	select {
	case q <- frame:
		return true
	default:
		return false
	}
}

func (p *MemoryPort) receive(from raft.ID, q chan []byte) {
	for {
		select {
		case frame := <-q:
			time.Sleep(p.net.delay)
			if frame == nil {
				p.node.PeerDown(from)
			} else {
				p.node.Deliver(from, frame)
			}
		case <-p.closed:
			return
		}
	}
}
