package sim

import (
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"tabraft/raft"
	"tabraft/raft/kv"
)

// world.go: the servers, clients, disks, clocks and links, moved by events.

// Broken is what a run found: the rule that does not hold, and how.
type Broken struct {
	Rule string
	What string
	Step int           // number of the event, from 1
	At   time.Duration // true time
	Calm bool          // in the calm phase after the events
	End  bool          // by the whole run rather than by one event
}

func (b *Broken) Error() string {
	where := fmt.Sprintf("event %d", b.Step)
	if b.Calm {
		where += ", in the calm phase"
	}
	return fmt.Sprintf("%s: %s (%s, at %v)", b.Rule, b.What, where, b.At)
}

type world struct {
	set     Settings
	flaw    flaw
	now     time.Duration
	steps   int
	servers []*server
	clients []*client
	chaos   *chaos // draws what happens; nil in a replay and when all is calm
	record  *[]Event
	trace   *transcript
	calm    bool    // the events are over
	cutOff  *server // then: nobody hears it
	end     bool    // what is checked now concerns the whole run
	stats   Stats

	// What the whole cluster has done so far.
	oracle    *kv.Map            // has applied all of facts
	facts     []fact             // every committed entry, by index from 1
	results   []kv.Result        // of facts, by index
	digests   []uint64           // of facts up to an index
	snapshots map[uint64][]byte  // by index; with Settings.Maps
	born      births             // every entry ever in a log
	leaders   map[uint64]*server // by term
	votes     map[ballot]raft.ID // who got a server's vote in a term

	// What the clients have done.
	keys       []string          // all, in the order of their first use
	history    map[string]*keyed // by key
	inUse      [maxKeys]string   // the keys that are used now
	generation int               // of keys
	lastSeq    map[uint64]uint64 // of the commands committed, by session

	meet meetings
}

// fact is a committed entry, the term of the leader that committed it, and the
// configuration whose quorum had stored it.
type fact struct {
	raft.Entry
	by   uint64
	conf *raft.Configuration
}

// ballot is one server's vote in one term.
type ballot struct {
	voter raft.ID
	term  uint64
}

func newWorld(set Settings) (*world, error) {
	if err := set.validate(); err != nil {
		return nil, err
	}
	w := &world{
		set: set.flawed(), flaw: flaws[set.Flaw], now: time.Second,
		oracle: kv.NewMap(), history: map[string]*keyed{},
		leaders: map[uint64]*server{}, votes: map[ballot]raft.ID{},
		lastSeq: map[uint64]uint64{}, snapshots: map[uint64][]byte{}, meet: newMeetings(),
	}
	conf := raft.Configuration{}
	for i := range set.Founders {
		conf.Voters = append(conf.Voters, raft.ID(i+1))
	}
	founding := raft.Entry{Index: 1, Term: 1, Kind: raft.EntryConfiguration, Data: conf.Encode()}
	w.facts = []fact{{}}
	w.results = []kv.Result{{}}
	w.digests = []uint64{0}
	w.commit(fact{founding, 1, &conf})
	for i := range set.Servers {
		id := raft.ID(i + 1)
		s := &server{id: id, cfg: w.set.config(id), clock: clock{rate: 1000}, asked: map[uint64]ask{}, terms: []uint64{0}}
		if i < set.Founders {
			s.disk.hard = raft.HardState{Term: 1, Commit: 1}
			s.disk.entries = []raft.Entry{founding}
			s.disk.replayed = s.disk.stored()
		}
		w.servers = append(w.servers, s)
	}
	for _, from := range w.servers {
		for _, to := range w.servers {
			from.outgoing[to.id-1] = &link{from: from, to: to}
		}
	}
	for i := range set.Clients {
		w.clients = append(w.clients, &client{name: i + 1})
	}
	return w, nil
}

// server gives the one with a number; nil if there is none.
func (w *world) server(n uint8) *server {
	if n < 1 || int(n) > len(w.servers) {
		return nil
	}
	return w.servers[n-1]
}

// guard runs f and gives the rule that was broken, if one was.
func (w *world) guard(f func()) (broken *Broken) {
	defer func() {
		switch r := recover().(type) {
		case nil:
			return
		case *Broken:
			broken = r
		case *raft.InvariantError:
			broken = &Broken{Rule: ruleCore, What: r.What}
		default:
			broken = &Broken{Rule: rulePanic, What: fmt.Sprintf("%v\n%s", r, debug.Stack())}
		}
		broken.Step, broken.At, broken.Calm, broken.End = w.steps, w.now, w.calm, w.end
	}()
	f()
	return nil
}

func (w *world) fail(rule, format string, args ...any) {
	panic(&Broken{Rule: rule, What: fmt.Sprintf(format, args...)})
}

// apply makes an event happen. It tells whether it could.
func (w *world) apply(e *Event) bool {
	w.begin(e)
	a, b := w.server(e.A), w.server(e.B)
	if a == nil {
		return false
	}
	switch e.Kind {
	case Deliver, Repeat, Drop:
		if b == nil {
			return false
		}
		l := a.outgoing[b.id-1]
		i := l.find(raft.MessageType(e.M), e.N)
		if i < 0 || e.Kind != Drop && !b.up() {
			return false
		}
		w.take(l, i, e.Kind)
		return true
	case Start:
		if a.up() {
			return false
		}
		w.start(a)
		return true
	case Clock:
		a.clock.set(w.now, time.Duration(e.N>>16)*time.Microsecond, int64(e.N&0xffff))
		return true
	}
	return a.up() && w.applyUp(e, a, b)
}

// begin starts an event, and records it.
func (w *world) begin(e *Event) {
	w.now = max(w.now, e.At)
	e.At = w.now
	w.steps++
	w.stats[Steps]++
	if w.record != nil {
		*w.record = append(*w.record, *e)
	}
	if w.trace != nil && !w.calm {
		w.trace.event(e)
	}
}

// applyUp makes an event happen to a server that is up.
func (w *world) applyUp(e *Event, a, b *server) bool {
	switch e.Kind {
	case Tick:
		at := a.clock.when(a.core.NextDeadline())
		if at == never {
			return false
		}
		w.now = max(w.now, at)
		a.core.Tick(w.local(a))
		w.input(a)
		w.checkTransferEnds(a)
	case Ready:
		w.ready(a)
	case Write:
		if len(a.disk.writing) == 0 {
			return false
		}
		w.stats[Writes]++
		w.write(a)
	case Report:
		if e.N >= uint64(len(a.disk.unreported)) {
			return false
		}
		w.report(a, int(e.N))
	case Crash, DiskError:
		if e.Kind == DiskError && len(a.disk.writing) == 0 {
			return false
		}
		if e.Kind == Crash {
			w.stats[Crashes]++
		} else {
			w.stats[DiskErrors]++
		}
		w.crash(a, int(min(e.N, 1<<20)))
	case Client:
		if e.B < 1 || int(e.B) > len(w.clients) {
			return false
		}
		w.act(w.clients[e.B-1], a, e.N)
	case Reconfigure:
		w.reconfigure(a, e.N)
	case Compact:
		return w.compact(a)
	case HandOver:
		if a.view.Role != raft.Leader {
			return false
		}
		w.stats[HandOvers]++
		a.core.HandOver(w.local(a))
		w.input(a)
	case PeerDown, Transfer:
		if b == nil || b == a {
			return false
		}
		if e.Kind == Transfer {
			w.transfer(a, b)
			break
		}
		if b.up() {
			w.stats[WrongHints]++
		}
		a.core.PeerDown(w.local(a), b.id)
		w.input(a)
	default:
		return false
	}
	return true
}

// take takes a message from its link: it is delivered, or lost.
func (w *world) take(l *link, i int, how Kind) {
	if i > 0 {
		w.stats[Overtaken]++
	}
	m := &l.messages[i].Message
	if w.trace != nil && !w.calm {
		w.trace.message(m)
	}
	if how == Drop {
		w.stats[Dropped]++
		if m.Type == raft.InstallSnapshot {
			w.stats[ChunksLost]++
		}
		l.remove(i)
		return
	}
	w.stats[Delivered]++
	if how == Repeat {
		w.stats[Repeated]++
	}
	w.countMessage(m)
	s := l.to
	// What a stranger says is refused without being impossible: members change.
	if err := s.core.Step(w.local(s), *m); err != nil && !errors.Is(err, raft.ErrStranger) {
		w.fail(rulePossible, "server %d refuses what server %d sent: %v", s.name(), l.from.name(), err)
	}
	w.countInstall(s, m)
	w.input(s)
	if m.Type == raft.AppendEntriesReply {
		w.checkMatch(s, m)
	}
	if how == Deliver {
		l.remove(i)
	}
}

// report tells the core of the nth stored save that it does not know of.
func (w *world) report(s *server, n int) {
	seq := s.disk.unreported[n]
	if n > 0 {
		w.stats[OutOfOrder]++
	}
	s.disk.unreported = append(s.disk.unreported[:n], s.disk.unreported[n+1:]...)
	if err := s.core.Saved(w.local(s), seq); err != nil {
		w.fail(ruleDurable, "server %d: %v", s.name(), err)
	}
	w.input(s)
}

func (w *world) reconfigure(s *server, sets uint64) {
	var voters, learners []raft.ID
	for i := range w.servers {
		switch id := raft.ID(i + 1); {
		case sets>>i&1 == 1:
			voters = append(voters, id)
		case sets>>(8+i)&1 == 1:
			learners = append(learners, id)
		}
	}
	_, err := s.core.Reconfigure(voters, learners)
	switch {
	case err == nil:
		w.checkMakesWay(s)
		w.countChange(s, s.conf)
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrTransferring), errors.Is(err, raft.ErrTermNotCommitted),
		errors.Is(err, raft.ErrChangeInProgress), len(voters) == 0:
	default:
		w.fail(rulePossible, "server %d: Reconfigure: %v", s.name(), err)
	}
	w.input(s)
}

func (w *world) transfer(s, to *server) {
	err := s.core.Transfer(w.local(s), to.id)
	switch {
	case err == nil:
		w.stats[Transfers]++
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrNotVoter), errors.Is(err, raft.ErrTransferring):
	default:
		w.fail(rulePossible, "server %d: Transfer: %v", s.name(), err)
	}
	w.input(s)
}

// compact takes a snapshot of what the server has applied.
func (w *world) compact(s *server) bool {
	if s.applied == 0 || s.applied <= s.view.SnapshotIndex {
		return false
	}
	err := s.core.Compact(s.applied, w.snapshot(s))
	switch {
	case err == nil:
		w.stats[Snapshots]++
		if s.core.Snapshot().Configuration.Joint() {
			w.stats[JointCompacted]++
		}
	case errors.Is(err, raft.ErrCompacted):
	default:
		w.fail(rulePossible, "server %d: Compact: %v", s.name(), err)
	}
	w.input(s)
	return true
}
