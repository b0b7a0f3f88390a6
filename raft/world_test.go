package raft

import (
	"bytes"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"time"
)

// world_test.go: servers with disks and a network, moved by hand. The
// transcripts and the random test drive it. After every step it checks the
// properties of Figure 3 of the paper, and that nothing is promised before it
// is on disk.

// host is one server: its core, while it is up, and its disk.
type host struct {
	id   ID
	cfg  Config
	seed uint64
	core *Core // nil while crashed
	now  time.Duration

	disk       Stored
	writing    []*Save  // handed out, not yet on disk
	unreported []uint64 // on disk, not yet told to the core
	lastSave   Save     // the last one handed out in this life

	// What was seen of this life of the server, to check that it only grows.
	seen struct {
		term, commit, applied uint64
		vote                  ID
		log                   raftLog
	}
}

// fact is a committed entry, the term of the leader that committed it, and the
// state of a state machine that has applied it and all before it.
type fact struct {
	Entry
	committedIn uint64
	state       []byte
}

// lastOf is the last index that a disk holds, has whether it holds an entry, in
// the log or in a snapshot of it.
func lastOf(d Stored) uint64 {
	if d.Snapshot != nil {
		return d.Snapshot.Index + uint64(len(d.Entries))
	}
	return uint64(len(d.Entries))
}

func (w *world) has(d Stored, e Entry) bool {
	if d.Snapshot != nil && e.Index <= d.Snapshot.Index {
		return e.Index <= uint64(len(w.facts)) && w.facts[e.Index-1].Term == e.Term
	}
	i := int(e.Index) - 1 - int(lastOf(d)) + len(d.Entries)
	return i < len(d.Entries) && d.Entries[i].Term == e.Term
}

// addFact notes that e was committed by the leader of a term.
func (w *world) addFact(e Entry, term uint64) {
	h := fnv.New64a()
	if n := len(w.facts); n > 0 {
		h.Write(w.facts[n-1].state)
	}
	fmt.Fprintf(h, "%d %d %s", e.Index, e.Kind, e.Data)
	w.facts = append(w.facts, fact{e, term, h.Sum(nil)})
}

// place is an index and a term: by the Log Matching Property it tells an
// entry and all before it.
type place struct{ index, term uint64 }

type voteKey struct {
	voter ID
	term  uint64
}

type world struct {
	hosts []*host
	net   []Message

	// What the whole cluster has done so far.
	leaders map[uint64]ID       // by term: Election Safety
	votes   map[voteKey]ID      // who got a server's vote in a term
	born    map[place]Entry     // every entry ever in a log
	before  map[place]uint64    // and the term of the one before it: Log Matching
	facts   []fact              // every committed entry: Leader Completeness, State Machine Safety
	answers []Read              // to requests of ReadIndex
	full    bool                // compare whole logs rather than new parts
	sent    map[MessageType]int // counts, to show that a test tests
	events  map[string]int      // likewise
}

func newWorld() *world {
	return &world{leaders: map[uint64]ID{}, votes: map[voteKey]ID{}, born: map[place]Entry{},
		before: map[place]uint64{}, sent: map[MessageType]int{}, events: map[string]int{}}
}

// broken is the panic of a world whose servers broke a rule together.
type broken struct{ what string }

func (w *world) fail(format string, args ...any) {
	panic(broken{fmt.Sprintf(format, args...)})
}

// addHost makes a server, down, with what its disk holds.
func (w *world) addHost(id ID, cfg Config, disk Stored) *host {
	cfg.ID = id
	h := &host{id: id, cfg: cfg, disk: disk, seed: uint64(id)}
	w.hosts = append(w.hosts, h)
	return h
}

func (w *world) host(id ID) *host {
	for _, h := range w.hosts {
		if h.id == id {
			return h
		}
	}
	return nil
}

// foundingDisk is the disk of a server of a cluster that was founded with
// these members, all knowing it.
func foundingDisk(c Configuration) Stored {
	return Stored{
		HardState: HardState{Term: 1, Commit: 1},
		Entries:   []Entry{{Index: 1, Term: 1, Kind: EntryConfiguration, Data: c.Encode()}},
	}
}

// start makes the core from the disk.
func (w *world) start(h *host) {
	h.seed += 1000
	h.cfg.Rand = rand.New(rand.NewPCG(h.seed, h.seed))
	core, err := New(h.cfg, Stored{h.disk.HardState, h.disk.Snapshot, slices.Clone(h.disk.Entries)}, h.now)
	if err != nil {
		w.fail("server %x does not start: %v", uint64(h.id), err)
	}
	h.core, h.writing, h.unreported, h.lastSave = core, nil, nil, Save{HardState: h.disk.HardState}
	h.seen.term, h.seen.vote = h.disk.HardState.Term, h.disk.HardState.Vote
	h.seen.commit, h.seen.applied, h.seen.log = core.SnapshotIndex(), 0, raftLog{}
	w.observe(h, Follower, *core.Configuration())
}

// crash stops a server after its disk took the first n of the saves under way.
func (w *world) crash(h *host, n int) {
	for range n {
		w.write(h)
	}
	h.core, h.writing, h.unreported = nil, nil, nil
}

// write puts the oldest save under way on disk.
func (w *world) write(h *host) {
	s := h.writing[0]
	h.writing = h.writing[1:]
	h.unreported = append(h.unreported, s.Seq)
	was := h.disk
	h.disk = was.replay(s)
	for _, old := range was.Entries {
		// A server that has not heard of the committing leader's term may still
		// take another entry from an earlier leader.
		if i := old.Index; i <= uint64(len(w.facts)) && w.facts[i-1].Term == old.Term && !w.has(h.disk, old) &&
			s.HardState.Term >= w.facts[i-1].committedIn {
			w.fail("server %x: save %d deletes the committed entry %d", uint64(h.id), s.Seq, i)
		}
	}
	if was.Snapshot != nil && (h.disk.Snapshot == nil || h.disk.Snapshot.Index < was.Snapshot.Index) {
		w.fail("server %x: save %d goes back behind the snapshot of %d", uint64(h.id), s.Seq, was.Snapshot.Index)
	}
}

// replay gives what a disk holds after a save.
func (d Stored) replay(s *Save) Stored {
	d.HardState = s.HardState
	switch {
	case s.Snapshot != nil:
		d.Snapshot, d.Entries = s.Snapshot, slices.Clone(s.Entries)
	case len(s.Entries) > 0:
		keep := len(d.Entries) - int(lastOf(d)+1-s.Entries[0].Index)
		d.Entries = append(d.Entries[:keep:keep], s.Entries...)
	}
	return d
}

// report tells the core that a save is on disk.
func (w *world) report(h *host, seq uint64) {
	h.unreported = slices.DeleteFunc(h.unreported, func(s uint64) bool { return s == seq })
	w.do(h, func(c *Core) {
		if err := c.Saved(h.now, seq); err != nil {
			w.fail("server %x: %v", uint64(h.id), err)
		}
	})
}

// do gives a server one input and checks what came of it.
func (w *world) do(h *host, input func(*Core)) {
	role, conf := h.core.role, *h.core.Configuration()
	input(h.core)
	w.observe(h, role, conf)
}

// step delivers one message; it must be one that is possible. Those of strangers are,
// where members change.
func (w *world) step(h *host, m Message) {
	w.do(h, func(c *Core) {
		if err := c.Step(h.now, m); err != nil && !errors.Is(err, ErrStranger) {
			w.fail("server %x: %v", uint64(h.id), err)
		}
	})
}

// ready takes a server's output: messages onto the network, the save under
// way. It checks that messages promise only what is on disk.
func (w *world) ready(h *host) (Ready, bool) {
	rd, ok := h.core.Ready()
	w.observe(h, h.core.role, *h.core.Configuration())
	if s := rd.Save; s != nil {
		w.checkSave(h, s)
		h.lastSave = *s
		h.writing = append(h.writing, s)
	}
	for _, m := range rd.Messages {
		w.checkPromise(h, m)
		w.sent[m.Type]++
	}
	w.net = append(w.net, rd.Messages...)
	if snap := rd.Snapshot; snap != nil {
		if snap.Index <= h.seen.applied || snap.Index > uint64(len(w.facts)) || !bytes.Equal(snap.Data[:8], w.facts[snap.Index-1].state) {
			w.fail("server %x is given a snapshot of %d that is not the state, after it applied %d", uint64(h.id), snap.Index, h.seen.applied)
		}
		h.seen.applied = snap.Index
		w.events["snapshots restored"]++
	}
	w.answers = append(w.answers, rd.Reads...)
	for _, e := range rd.Committed {
		h.seen.applied++
		if e.Index != h.seen.applied {
			w.fail("server %x applies %d when %d is due", uint64(h.id), e.Index, h.seen.applied)
		}
		if int(e.Index) > len(w.facts) || !sameEntry(e, w.facts[e.Index-1].Entry) {
			w.fail("server %x applies %d/%d, which is not committed", uint64(h.id), e.Index, e.Term)
		}
	}
	if again, more := h.core.Ready(); more {
		w.fail("server %x: Ready twice in a row gives %+v", uint64(h.id), again)
	}
	return rd, ok
}

func (w *world) checkSave(h *host, s *Save) {
	last := h.lastSave
	switch {
	case s.Seq != last.Seq+1:
		w.fail("server %x: save %d follows save %d", uint64(h.id), s.Seq, last.Seq)
	case s.HardState.Term < last.HardState.Term || s.HardState.Commit < last.HardState.Commit:
		w.fail("server %x: save %d goes back from %+v to %+v", uint64(h.id), s.Seq, last.HardState, s.HardState)
	case s.HardState.Term == last.HardState.Term && last.HardState.Vote != None && s.HardState.Vote != last.HardState.Vote:
		w.fail("server %x: save %d changes the vote in term %d", uint64(h.id), s.Seq, s.HardState.Term)
	}
}

// checkPromise checks a message as it leaves against the sender's disk.
func (w *world) checkPromise(h *host, m Message) {
	if m.From != h.id {
		w.fail("server %x sends as %x", uint64(h.id), uint64(m.From))
	}
	disk := h.disk.HardState
	if m.Type == RequestPreVote || m.Type == RequestPreVoteReply || m.Type == ReadIndex {
		return
	}
	if disk.Term < m.Term {
		w.fail("server %x sends %s of term %d, its disk knows term %d", uint64(h.id), m.Type, m.Term, disk.Term)
	}
	votedFor := None
	switch {
	case m.Type == RequestVote:
		votedFor = h.id
	case m.Type == RequestVoteReply && !m.Reject:
		votedFor = m.To
	case (m.Type == AppendEntries || m.Type == InstallSnapshot || m.Type == TimeoutNow) && w.leaders[m.Term] != h.id:
		w.fail("server %x sends %s of term %d, which it does not lead", uint64(h.id), m.Type, m.Term)
	case m.Type == AppendEntriesReply && !m.Reject && disk.Term == m.Term:
		if lastOf(h.disk) < m.LogIndex {
			w.fail("server %x acknowledges %d, its disk ends at %d", uint64(h.id), m.LogIndex, lastOf(h.disk))
		}
		if l := w.host(m.To); l != nil && l.core != nil && l.core.role == Leader && l.core.currentTerm == m.Term && m.LogIndex > l.core.log.base &&
			!w.has(h.disk, *l.core.log.at(m.LogIndex)) {
			w.fail("server %x acknowledges %d, its disk has another entry than the leader", uint64(h.id), m.LogIndex)
		}
	}
	if votedFor == None {
		return
	}
	if disk.Term == m.Term && disk.Vote != votedFor {
		w.fail("server %x tells of its vote for %x in term %d, its disk says %x", uint64(h.id), uint64(votedFor), m.Term, uint64(disk.Vote))
	}
	key := voteKey{h.id, m.Term}
	if before, again := w.votes[key]; again && before != votedFor {
		w.fail("server %x votes for %x and %x in term %d", uint64(h.id), uint64(before), uint64(votedFor), m.Term)
	}
	w.votes[key] = votedFor
}

// observe checks a server after an input. It had this role and configuration
// before.
func (w *world) observe(h *host, role Role, conf Configuration) {
	c := h.core
	c.CheckInvariants()
	id, seen := uint64(h.id), &h.seen
	switch {
	case c.currentTerm < seen.term:
		w.fail("server %x goes back from term %d to %d", id, seen.term, c.currentTerm)
	case c.currentTerm == seen.term && seen.vote != None && c.votedFor != seen.vote:
		w.fail("server %x changes its vote in term %d from %x to %x", id, seen.term, uint64(seen.vote), uint64(c.votedFor))
	case c.commitIndex < seen.commit:
		w.fail("server %x goes back from commitIndex %d to %d", id, seen.commit, c.commitIndex)
	}
	seen.term, seen.vote = c.currentTerm, c.votedFor
	w.observeLog(h)
	if c.role == Leader {
		w.observeLeader(h)
	}
	if c.commitIndex > seen.commit {
		w.observeCommit(h, role, conf)
	}
}

// observeLog: Log Matching.
func (w *world) observeLog(h *host) {
	log, old := h.core.log, h.seen.log
	for i := log.lastIndex(); i > log.base; i-- {
		e, was := *log.at(i), old.term(i)
		if !w.full && was == e.Term {
			break
		}
		if was != 0 && was != e.Term {
			w.events["conflicting entries"]++
		}
		p, prev := place{e.Index, e.Term}, log.term(e.Index-1)
		if known, ok := w.born[p]; !ok {
			w.born[p], w.before[p] = e, prev
		} else if !sameEntry(known, e) || w.before[p] != prev {
			w.fail("server %x has another entry %d/%d, or another one before it, than was seen before", uint64(h.id), e.Index, e.Term)
		}
	}
	if s := h.core.snapshot; s != nil && s.Index > old.base && (s.Index > uint64(len(w.facts)) || w.facts[s.Index-1].Term != s.Term) {
		w.fail("server %x has a snapshot of entry %d/%d, which is not committed", uint64(h.id), s.Index, s.Term)
	}
	h.seen.log = log
}

// observeLeader: Election Safety and Leader Completeness.
func (w *world) observeLeader(h *host) {
	term := h.core.currentTerm
	if who, known := w.leaders[term]; known {
		if who != h.id {
			w.fail("servers %x and %x both lead in term %d", uint64(who), uint64(h.id), term)
		}
		return
	}
	w.leaders[term] = h.id
	w.events["leaders"]++
	for _, f := range w.facts {
		if f.committedIn < term && f.Index > h.core.log.base && h.core.log.term(f.Index) != f.Term {
			w.fail("server %x leads in term %d without entry %d/%d, committed in term %d",
				uint64(h.id), term, f.Index, f.Term, f.committedIn)
		}
	}
}

// observeCommit: State Machine Safety, and that commitment means a quorum of
// disks.
func (w *world) observeCommit(h *host, role Role, conf Configuration) {
	c := h.core
	if c.log.base > h.seen.commit {
		h.seen.commit = c.log.base // by a snapshot, which observeLog has looked at
	}
	for i := h.seen.commit + 1; i <= c.commitIndex; i++ {
		e := *c.log.at(i)
		if i <= uint64(len(w.facts)) {
			if f := w.facts[i-1]; !sameEntry(e, f.Entry) {
				w.fail("server %x commits %d/%d where %d/%d was committed", uint64(h.id), i, e.Term, i, f.Term)
			}
			continue
		}
		if role != Leader {
			w.fail("server %x commits %d, which no leader did", uint64(h.id), i)
		}
		w.addFact(e, c.currentTerm)
		if i == c.commitIndex && !(w.onMostDisks(conf.Voters, e) && w.onMostDisks(conf.Outgoing, e)) {
			w.fail("server %x commits %d/%d, which is not on the disks of a quorum of %s", uint64(h.id), i, e.Term, conf)
		}
	}
	h.seen.commit = c.commitIndex
}

// onMostDisks tells whether more than half of these servers have an entry on
// disk; it counts by itself, so as not to repeat a mistake of quorum.go.
func (w *world) onMostDisks(ids []ID, e Entry) bool {
	have := 0
	for _, id := range ids {
		if w.has(w.host(id).disk, e) {
			have++
		}
	}
	return len(ids) == 0 || 2*have > len(ids)
}

func sameEntry(a, b Entry) bool {
	return a.Index == b.Index && a.Term == b.Term && a.Kind == b.Kind && bytes.Equal(a.Data, b.Data)
}

// runCalm lets time pass in which everything works that is linked.
func (w *world) runCalm(d time.Duration, linked func(a, b ID) bool) {
	for passed := time.Duration(0); passed < d; passed += time.Millisecond {
		for _, h := range w.hosts {
			h.now += time.Millisecond
		}
		w.calmStep(linked)
	}
}

// calmStep ticks what is due, delivers what is under way, and completes what
// is being saved.
func (w *world) calmStep(linked func(a, b ID) bool) {
	for _, h := range w.hosts {
		if h.core.NextDeadline() <= h.now {
			w.do(h, func(c *Core) { c.Tick(h.now) })
		}
	}
	for range len(w.net) {
		m := w.net[0]
		w.net = w.net[1:]
		if linked(m.From, m.To) {
			w.step(w.host(m.To), m)
		}
	}
	for _, h := range w.hosts {
		w.ready(h)
		for len(h.writing) > 0 {
			w.write(h)
		}
		for len(h.unreported) > 0 {
			w.report(h, h.unreported[0])
		}
		w.ready(h)
	}
}
