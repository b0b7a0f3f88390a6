package suite

import (
	"runtime/debug"
	"runtime/pprof"
	"time"

	"tabraft/raft/lab/labrpc"
	"tabraft/raft/lab/raftapi"
	"tabraft/raft/lab/suite/rules"
	"tabraft/raft/lab/tester"
)

// A server is one of the peers: the student's Raft, what it has saved, and the
// service above it. Its fields are guarded by the lab's lock.
type server struct {
	id        int
	life      *life // nil while it is crashed
	persister *tester.Persister
	connected bool
	links     []labrpc.Link // its ends in the present or last life

	// The service's state: what was applied since the last restart, or before
	// by a snapshot.
	log         []any // command by index; [0] is unused
	lastApplied int
}

// A life is a server between a start and a crash.
type life struct {
	number int
	rf     raftapi.Raft
	made   chan struct{} // closed when Make has returned
	over   bool
}

func newServer(id int) *server {
	return &server{id: id, persister: tester.MakePersister(), log: []any{nil}}
}

// diskOf is where a life's Persister saves: it tells the watch.
type diskOf struct {
	l      *lab
	server int
	number int
}

func (d diskOf) Save(raftstate, snapshot []byte) {
	d.l.watch.Saved(d.server, d.number, raftstate, snapshot)
}

// launch begins a life of a server that has none: new ends, a copy of what was
// saved, the service, and the student's Make. It stays disconnected.
func (l *lab) launch(i int) {
	time.Sleep(time.Duration(l.randUint64() % uint64(startSpread)))
	l.mu.Lock()
	l.lives++
	s, lf := l.servers[i], &life{number: l.lives, made: make(chan struct{})}
	s.life = lf
	s.links = nil
	ends := make([]*labrpc.ClientEnd, l.n)
	for to := range l.n {
		link := labrpc.Link{From: i, To: to, Life: lf.number}
		s.links = append(s.links, link)
		ends[to] = l.net.MakeEnd(link)
		l.net.Connect(link, to)
	}
	state, snapshot := s.persister.ReadRaftState(), s.persister.ReadSnapshot()
	s.persister = tester.NewPersister(state, snapshot, diskOf{l, i, lf.number})
	persister := s.persister
	l.mu.Unlock()

	l.watch.Start(i, lf.number, l.restore(s, snapshot))
	applyCh := make(chan raftapi.ApplyMsg)
	go l.receive(s, lf, applyCh)
	l.call(i, "Make", func() { lf.rf = l.form.Make(ends, i, persister, applyCh) })
	if lf.rf == nil {
		l.failf(rules.BadState, "Make of server %d returned nil", i)
	}
	close(lf.made)
	srv := labrpc.MakeServer()
	srv.AddService(labrpc.MakeService(lf.rf))
	l.net.AddServer(i, srv)
}

// crash ends a server's life. What it has saved stays; what is left of its
// goroutines can save nothing more where the next life would find it.
func (l *lab) crash(i int) {
	l.link(i, false)
	l.net.DeleteServer(i)
	l.mu.Lock()
	s := l.servers[i]
	lf := s.life
	s.life = nil
	s.persister = s.persister.Copy()
	if lf != nil {
		lf.over = true
	}
	l.mu.Unlock()
	if lf != nil {
		l.watch.Crash(i)
		l.kill(i, lf)
	}
}

func (l *lab) kill(i int, lf *life) {
	if k, ok := lf.rf.(raftapi.Killer); ok {
		l.call(i, "Kill", k.Kill)
	}
}

// restart crashes a server if it is alive, starts it and connects it.
func (l *lab) restart(i int) {
	l.crash(i)
	l.launch(i)
	l.connect(i)
}

// restartAll crashes all servers and starts them again.
func (l *lab) restartAll() {
	for i := range l.n {
		l.crash(i)
	}
	for i := range l.n {
		l.launch(i)
		l.connect(i)
	}
}

func (l *lab) connect(i int)    { l.link(i, true) }
func (l *lab) disconnect(i int) { l.link(i, false) }

// link connects a server with those that are connected, or cuts it off.
func (l *lab) link(i int, up bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.servers[i]
	if s.connected != up {
		l.watch.Link(i, up)
	}
	s.connected = up
	for _, peer := range l.servers {
		on := up && peer.connected
		if len(s.links) > 0 {
			l.net.Enable(s.links[peer.id], on)
		}
		if len(peer.links) > 0 {
			l.net.Enable(peer.links[i], on)
		}
	}
}

func (l *lab) connected(i int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.servers[i].connected
}

func (l *lab) alive(i int) bool { return l.lifeOf(i) != nil }

func (l *lab) lifeOf(i int) *life {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.servers[i].life
}

func (l *lab) reliable(yes bool)       { l.net.Reliable(yes) }
func (l *lab) longReordering(yes bool) { l.net.LongReordering(yes) }

// largestState returns the size of the largest state that a server has saved.
func (l *lab) largestState() int {
	size := 0
	for i := range l.n {
		l.mu.Lock()
		ps := l.servers[i].persister
		l.mu.Unlock()
		size = max(size, ps.RaftStateSize())
	}
	return size
}

// A studentCall is a call of the tester into the student's code.
type studentCall struct {
	server int
	what   string
	since  time.Time
}

// callLimit is how long a call into the student's code may take. Calls should
// return at once; this leaves room for code that is merely slow.
const callLimit = 5 * time.Second

// call calls the student's code on behalf of a server. A panic fails the test
// and ends the calling goroutine, which must be the lab's.
func (l *lab) call(i int, what string, f func()) (took time.Duration) {
	c := &studentCall{server: i, what: what, since: time.Now()}
	l.mu.Lock()
	l.calls[c] = true
	l.mu.Unlock()
	pprof.SetGoroutineLabels(l.asServer[i])
	defer func() {
		pprof.SetGoroutineLabels(l.asTester)
		l.mu.Lock()
		delete(l.calls, c)
		l.mu.Unlock()
		if v := recover(); v != nil {
			l.panicked(i, what, v, debug.Stack())
			panic(stopped{})
		}
	}()
	f()
	return time.Since(c.since)
}

// slowCall returns a call into the student's code that has taken longer than callLimit.
func (l *lab) slowCall() *studentCall {
	l.mu.Lock()
	defer l.mu.Unlock()
	var slow *studentCall
	for c := range l.calls {
		if time.Since(c.since) > callLimit && (slow == nil || c.since.Before(slow.since)) {
			slow = c
		}
	}
	return slow
}

// start gives a server a command, if it is alive.
func (l *lab) start(i int, cmd any) (index, term int, ok bool) {
	lf := l.lifeOf(i)
	if lf == nil {
		return 0, 0, false
	}
	began := l.watch.Now()
	took := l.call(i, "Start", func() { index, term, ok = lf.rf.Start(cmd) })
	l.watch.Started(i, lf.number, cmd, index, term, ok, began, took)
	return index, term, ok
}

// state asks a server that is alive for its term and whether it leads.
func (l *lab) state(i int) (term int, leads bool) {
	lf := l.lifeOf(i)
	if lf == nil {
		return 0, false
	}
	l.call(i, "GetState", func() { term, leads = lf.rf.GetState() })
	l.watch.State(i, lf.number, term, leads)
	return term, leads
}

func (l *lab) handlerPanicked(end any, method string, v any) {
	to := -1
	if link, ok := end.(labrpc.Link); ok {
		to = link.To
	}
	l.panicked(to, method, v, debug.Stack())
}
