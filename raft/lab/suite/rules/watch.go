package rules

import (
	"fmt"
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
	w.lockedAt(w.Now(), f)
}

// Now is the time of the test, within its bubble.
func (w *Watch) Now() time.Duration { return time.Since(w.cfg.Began) }

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
