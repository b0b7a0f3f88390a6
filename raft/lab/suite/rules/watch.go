package rules

import (
	"fmt"
	"hash/maphash"
	"math"
	"sync"
	"time"

	"tabraft/raft/lab/labrpc"
)

const (
	// maxRecords is how many records are kept, the last ones.
	maxRecords = 1 << 13
	// maxKept is how many records before the first finding are kept with it.
	maxKept = 64
	// maxFindings bounds the findings of a run.
	maxFindings = 64
	// realMargin is how much earlier, in real time, something must have
	// happened to be taken for earlier.
	realMargin = 50 * time.Millisecond
)

// Config says what a Watch watches.
type Config struct {
	Servers int
	Began   time.Time // when the test began: times are counted from here
	// Virtual says that time is virtual: it passes only while everybody waits.
	Virtual bool
	// Persistence says that servers must save what they promise. In the parts
	// before 2C they need not.
	Persistence bool
	// Broken is told of each finding that is certain. It must not call the Watch.
	Broken func(Finding)
}

// A Watch watches one run. Its methods may be called from any goroutine.
type Watch struct {
	cfg Config

	mu      sync.Mutex
	servers []*server
	leaders map[int]int // by term: who was seen to lead
	calls   map[uint64]*callSeen
	records []record // a ring
	number  int      // of the next record
	digest  uint64

	findings []Finding
	seen     map[Rule]bool
	kept     []record // the end of the records when the first finding was made
	certain  []Finding

	// shift is what to add to the student's log indexes to get the lab's, which
	// begin at 1. It is told from the first request for a vote, when all logs are empty.
	shift   int
	shifted bool
	// emptyLog is what that request calls the last index of an empty log; prevSeen says
	// that an AppendEntries was seen, too, and the two compared.
	emptyLog int
	prevSeen bool
	// What cannot be checked for this Raft: some fields are not there, or there are RPCs
	// that are not the paper's (others).
	noLog, noVotes, noCommit, noTimers, others bool

	latest    time.Duration        // when the last thing was seen
	started   map[int][]int        // the indexes that Start returned for a command
	appliedBy map[int]appliedFirst // by index
	snapshots bool                 // snapshots were taken
	lastStart time.Duration
	splits    splits
	timeouts  timeouts
	earliest  time.Duration // the shortest time from a heartbeat to an election
	times     map[Rule]int  // how often what is a rule's breach only if repeated
	disabled  string        // why the watch is blind, if it is
}

// A callSeen is an RPC under way.
type callSeen struct {
	args
	from, to    int
	fromLife    int
	toLife      int
	deliveredAt time.Duration
	delivered   bool
	entries     []int // terms
	// The reply:
	handled, yes, known bool
	replyTerm           int
}

// New returns a Watch for a test that begins.
func New(cfg Config) *Watch {
	w := &Watch{cfg: cfg, leaders: map[int]int{}, calls: map[uint64]*callSeen{}, started: map[int][]int{}, appliedBy: map[int]appliedFirst{}, seen: map[Rule]bool{}, times: map[Rule]int{}, digest: 14695981039346656037}
	for i := range cfg.Servers {
		w.servers = append(w.servers, newServer(i, cfg.Servers))
	}
	return w
}

// before tells whether a happened before b for certain.
func (w *Watch) before(a, b time.Duration) bool {
	if w.cfg.Virtual {
		return a < b
	}
	return a+realMargin < b
}

// locked runs f with the lock held, and afterwards passes on what it found. A
// panic in f makes the watch blind, and nothing worse: it reads values of types that
// it does not know.
func (w *Watch) locked(f func(now time.Duration)) {
	w.lockedAt(time.Since(w.cfg.Began), f)
}

// lockedAt is locked at a time of the test's, which outside of its bubble no clock
// shows.
func (w *Watch) lockedAt(now time.Duration, f func(now time.Duration)) {
	w.mu.Lock()
	w.latest = max(w.latest, now)
	if w.disabled == "" {
		func() {
			defer func() {
				if v := recover(); v != nil {
					w.disabled = fmt.Sprint(v)
				}
			}()
			f(now)
		}()
	}
	certain := w.certain
	w.certain = nil
	w.mu.Unlock()
	for _, c := range certain {
		if w.cfg.Broken != nil {
			w.cfg.Broken(c)
		}
	}
}

// record keeps a record and adds it to the digest.
func (w *Watch) record(r record) {
	if len(w.records) < maxRecords {
		w.records = append(w.records, r)
	} else {
		w.records[w.number%maxRecords] = r
	}
	w.number++
	h := w.digest
	for _, v := range [...]uint64{
		uint64(r.at), uint64(r.kind)<<32 | uint64(uint8(r.server))<<8 | uint64(uint8(r.peer)), r.call,
		uint64(r.args.term)<<32 ^ uint64(r.args.index), uint64(r.args.iterm)<<32 ^ uint64(r.args.count),
		uint64(r.term)<<32 ^ uint64(r.index),
	} {
		h = (h ^ v) * 1099511628211
		h ^= h >> 29
	}
	if r.yes {
		h++
	}
	w.digest = h
}

// Digest stands for everything the watch has been told, with its times.
func (w *Watch) Digest() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return fmt.Sprintf("%016x", w.digest)
}

// Disabled says why the watch could not go on, or is empty.
func (w *Watch) Disabled() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.disabled
}

// certainly notes the breach of a rule that a correct Raft cannot break.
func (w *Watch) certainly(rule Rule, at time.Duration, server int, format string, args ...any) {
	w.find(makeFinding(rule, at, server, true, fmt.Sprintf(format, args...)))
}

// likely notes what may be the cause of a failure to come.
func (w *Watch) likely(rule Rule, at time.Duration, server int, format string, args ...any) {
	w.find(makeFinding(rule, at, server, false, fmt.Sprintf(format, args...)))
}

// find notes a finding, the first for its rule.
func (w *Watch) find(f Finding) {
	if w.seen[f.Rule] || len(w.findings) >= maxFindings {
		return
	}
	w.seen[f.Rule] = true
	f.number = w.number
	w.findings = append(w.findings, f)
	if f.Certain {
		if w.kept == nil {
			w.kept = w.lastRecords(maxKept)
		}
		w.certain = append(w.certain, f)
	}
}

// lastRecords returns the last n records in order.
func (w *Watch) lastRecords(n int) []record {
	n = min(n, len(w.records))
	last := make([]record, 0, n)
	for i := w.number - n; i < w.number; i++ {
		last = append(last, w.records[i%maxRecords])
	}
	return last
}

// RPC is told a step of an RPC.
func (w *Watch) RPC(e labrpc.Event) {
	link, ok := e.End.(labrpc.Link)
	if !ok || link.From < 0 || link.From >= w.cfg.Servers || link.To < 0 || link.To >= w.cfg.Servers {
		return
	}
	w.locked(func(now time.Duration) {
		from, to := w.servers[link.From], w.servers[link.To]
		if e.Step == labrpc.Sent {
			w.sent(now, e, link, from)
			return
		}
		c := w.calls[e.Call]
		if c == nil {
			return
		}
		switch e.Step {
		case labrpc.Delivered:
			c.delivered, c.deliveredAt, c.toLife = true, now, to.life
			c.entries = readEntries(e.Args)
			w.delivered(now, c, to)
		case labrpc.Handled:
			c.handled = true
			c.replyTerm, c.yes, c.known = readReply(c.kind, e.Reply)
			w.record(record{at: now, kind: handled, server: int8(c.to), peer: int8(c.from), call: e.Call, args: c.args, yes: c.yes, term: c.replyTerm})
			if c.toLife == to.life && to.up {
				w.handled(now, c, to)
			}
			delete(to.open, c)
		case labrpc.Replied:
			w.record(record{at: now, kind: replied, server: int8(c.from), peer: int8(c.to), call: e.Call, args: c.args, yes: c.yes, term: c.replyTerm})
			if c.fromLife == from.life && from.up {
				w.replied(now, c, from)
			}
			delete(w.calls, e.Call)
		case labrpc.Lost:
			w.record(record{at: now, kind: lost, server: int8(c.from), peer: int8(c.to), call: e.Call, args: c.args, why: e.Why})
			delete(to.open, c)
			delete(w.calls, e.Call)
		}
	})
}

func (w *Watch) sent(now time.Duration, e labrpc.Event, link labrpc.Link, from *server) {
	c := &callSeen{args: readArgs(e.Method, e.Args), from: link.From, to: link.To, fromLife: link.Life}
	if c.kind == requestVote && !w.shifted {
		w.shifted = true
		if c.hasLog {
			w.emptyLog, w.shift = c.index, -c.index
		} else {
			w.noLog = true
		}
	}
	if c.kind == appendEntries && c.hasLog && !w.prevSeen {
		w.prevSeen = true
		if c.index != w.emptyLog {
			// Its RPCs count indexes in different ways.
			w.noLog = true
		}
	}
	if c.hasLog {
		c.index += w.shift
	} else if c.kind == appendEntries || c.kind == installSnapshot {
		w.noLog = true
	}
	if c.hasCommit {
		c.commit += w.shift
	} else if c.kind == appendEntries {
		w.noCommit = true
	}
	switch c.kind {
	case preVote:
		w.noTimers = true // elections begin in a way that is not looked at
	case unknownRPC:
		// It may tell a server anything.
		w.noCommit, w.noVotes, w.noTimers, w.others = true, true, true, true
	}
	w.calls[e.Call] = c
	w.record(record{at: now, kind: sent, server: int8(c.from), peer: int8(c.to), call: e.Call, args: c.args})
	if from.life != c.fromLife || !from.up {
		return
	}
	switch c.kind {
	case requestVote:
		w.asksForVote(now, c, from)
	case appendEntries, installSnapshot:
		w.leads(now, c, from)
	}
}

func (w *Watch) delivered(now time.Duration, c *callSeen, to *server) {
	to.open[c] = true
	if c.kind == preVote || c.kind == unknownRPC {
		return
	}
	to.hears(c.term, now)
	if c.kind == appendEntries {
		if c.hasCommit {
			to.told = max(to.told, c.commit)
		}
		for i, term := range c.entries {
			w.claims(now, w.servers[c.from], c.index+1+i, term, true, "AppendEntries")
		}
	}
	if c.kind == installSnapshot {
		to.told = max(to.told, c.index)
		to.given.covered = max(to.given.covered, c.index)
		w.snapshots = true
	}
	if c.kind == requestVote {
		if _, known := to.askedAt[voteKey{c.term, c.from}]; !known {
			to.askedAt[voteKey{c.term, c.from}] = now
		}
	}
}

// handled checks a reply as it leaves the method.
func (w *Watch) handled(now time.Duration, c *callSeen, to *server) {
	if c.kind == preVote || c.kind == unknownRPC {
		return
	}
	w.checkReplyTerm(now, c, to)
	switch c.kind {
	case requestVote:
		w.votes(now, c, to)
	case appendEntries:
		w.appends(now, c, to)
	case installSnapshot:
		w.installs(now, c, to)
	}
	to.knows(c.term, now)
	to.knows(c.replyTerm, now)
}

// replied notes what a caller learns from a reply.
func (w *Watch) replied(now time.Duration, c *callSeen, from *server) {
	if c.kind == unknownRPC {
		return
	}
	from.hears(c.replyTerm, now) // a pre-vote refused may tell of a later term, too
	switch c.kind {
	case requestVote:
		if c.yes {
			from.countVote(c)
		}
	case appendEntries:
		w.acknowledged(now, c, from)
	case installSnapshot:
		if c.replyTerm <= c.term {
			from.ack(c, c.index)
			w.mayCommit(now, from)
		}
	}
}

// Start notes that a server begins a life. restored is the index up to which its
// service has restored its state from a snapshot, 0 if from none.
func (w *Watch) Start(id, life, restored int) {
	w.locked(func(now time.Duration) {
		w.record(record{at: now, kind: restarted, server: int8(id), peer: -1})
		w.servers[id].begin(life, restored, now)
	})
}

// Crash notes that a server's life ends.
func (w *Watch) Crash(id int) {
	w.locked(func(now time.Duration) {
		w.record(record{at: now, kind: crashed, server: int8(id), peer: -1})
		s := w.servers[id]
		s.up = false
		s.log.dropOwn()
		for c := range s.open {
			s.limits(c) // it may have done it already
			s.given.take(c)
		}
	})
}

// Link notes that a server is connected or cut off.
func (w *Watch) Link(id int, up bool) {
	w.locked(func(now time.Duration) {
		kind := cut
		if up {
			kind = connected
		}
		w.record(record{at: now, kind: kind, server: int8(id), peer: -1})
		s := w.servers[id]
		s.connected, s.connectedAt = up, now
	})
}

// hashSeed is for telling saved states apart, within one run.
var hashSeed = maphash.MakeSeed()

// Saved notes that a server has saved its state.
func (w *Watch) Saved(id, life int, state, snapshot []byte) {
	w.locked(func(now time.Duration) {
		s := w.servers[id]
		if s.life != life || !s.up {
			return
		}
		h := maphash.Bytes(hashSeed, state)
		w.record(record{at: now, kind: saved, server: int8(id), peer: -1, term: len(state)})
		if h != s.savedHash {
			s.savedHash, s.changedAt, s.unsaved = h, now, 0
		}
		if s.hasSnapshot && len(snapshot) == 0 {
			w.certainly(SnapshotLost, now, id, "server %d saves its state without a snapshot, although it had saved one", id)
		}
		s.hasSnapshot = s.hasSnapshot || len(snapshot) > 0
	})
}

// Started notes what Start returned.
func (w *Watch) Started(id, life int, cmd any, index, term int, ok bool, took time.Duration) {
	w.locked(func(now time.Duration) {
		s := w.servers[id]
		if took > startLimit {
			w.likely(StartWaits, now, id, "Start of server %d took %v; it must return at once, before the command is committed", id, took.Round(time.Millisecond))
		}
		if !ok {
			return
		}
		w.record(record{at: now, kind: started, server: int8(id), peer: -1, index: index, term: term, cmd: cmd})
		if s.life != life || !s.up {
			return
		}
		if term <= 0 && s.asked == 0 && !w.noVotes {
			w.certainly(ElectedWithoutMajority, now, id, "server %d takes a command as leader of term %d, and has never asked for votes", id, term)
		}
		w.isLeader(now, s, term)
		s.knows(term, now)
		if n, ok := cmd.(int); ok && len(w.started) < maxStarted {
			w.started[n] = append(w.started[n], index)
		}
		if !w.noLog && index > 0 && term > 0 {
			s.log.set(index, term, true, now)
			s.given.add(index, term)
			w.lastStart = now
			if s.unsaved == 0 && s.changedAt < now-took {
				s.unsaved = index
			}
		}
	})
}

// State notes what GetState returned.
func (w *Watch) State(id, life, term int, leads bool) {
	w.locked(func(now time.Duration) {
		s := w.servers[id]
		if s.life != life || !s.up {
			return
		}
		if s.stateLife != life || s.stateTerm != term || s.stateLeads != leads {
			w.record(record{at: now, kind: stateSeen, server: int8(id), peer: -1, term: term, yes: leads})
		}
		w.checkState(now, s, term, leads)
		s.stateLife, s.stateTerm, s.stateLeads, s.stateAt = life, term, leads, now
	})
}

// Snapshot notes that the service gives a server a snapshot.
func (w *Watch) Snapshot(id, index int) {
	w.locked(func(now time.Duration) {
		w.snapshots = true
		w.record(record{at: now, kind: snapshotTaken, server: int8(id), peer: -1, index: index})
		s := w.servers[id]
		s.snapshot = max(s.snapshot, index)
		s.given.covered = max(s.given.covered, index)
		s.log.snapshot(index, s.log.at(index), true, now)
	})
}

// hash folds a command into a number, for the digest only.
func hash(cmd any) int {
	switch cmd := cmd.(type) {
	case int:
		return cmd & math.MaxInt32
	case string:
		return len(cmd)
	}
	return 0
}
