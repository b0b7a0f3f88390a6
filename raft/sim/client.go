package sim

import (
	"errors"
	"fmt"
	"math"
	"strconv"

	"tabraft/raft"
	"tabraft/raft/kv"
)

// client.go: clients with sessions. Each has one operation at a time, which it
// repeats, at this server or another, until it is answered.

// opKind is what an operation does.
type opKind uint8

const (
	opPut opKind = iota
	opCAS
	opDelete
	opGet  // through the log
	opRead // without
	opKinds
)

var opNames = [opKinds]string{"put", "cas", "delete", "get", "read"}

// op is an operation of a client: what it asked and what it was told.
type op struct {
	client   *client
	kind     opKind
	key      string
	value    string
	expected kv.Result // by a cas: what it takes for the present value
	bytes    []byte    // the command
	seq      uint64    // in the session

	call, ret int64 // numbers of events
	result    kv.Result
	unknown   bool // never answered
}

func (o *op) String() string {
	s := fmt.Sprintf("client %d, events %d to %d: %s %s", o.client.name, o.call, o.ret, opNames[o.kind], o.key)
	if o.ret == math.MaxInt64 {
		s = fmt.Sprintf("client %d, from event %d on: %s %s", o.client.name, o.call, opNames[o.kind], o.key)
	}
	switch o.kind {
	case opPut:
		s += " = " + o.value
	case opCAS:
		s += fmt.Sprintf(": %q -> %s", o.expected.Value, o.value)
	}
	if o.unknown {
		return s + ", not answered"
	}
	return s + fmt.Sprintf(": %s %q", o.result.Code, o.result.Value)
}

type client struct {
	name    int
	session *kv.Session
	op      *op // the one outstanding; nil if none
	count   int
	seen    map[string]kv.Result // the last value seen of each key
	attempt int                  // counts reads asked for: an answer to a former one does not count
	wake    wake                 // chaos's
}

// waiting is a command at the server where it was proposed.
type waiting struct {
	index, term uint64
	client      *client
	op          *op // nil: it opens the session
}

// asker is a client with the number of its attempt to read.
type asker struct {
	client  *client
	attempt int
}

// act begins the operation that code names at a server, or repeats the one
// outstanding: code%8 is what it does and code/8 its key.
func (w *world) act(c *client, s *server, code uint64) {
	switch {
	case c.session == nil:
		open := kv.Command{Op: kv.OpenSession}
		w.propose(c, s, nil, mustEncode(&open))
		return
	case c.op == nil:
		w.beginOp(c, code)
		if w.trace != nil {
			w.trace.line("client %d begins to %s %s", c.name, opNames[c.op.kind], c.op.key)
		}
	case c.op.kind == opRead:
		w.stats[ReadsRetried]++
		c.op.call = int64(w.steps) // the former attempt is given up
	default:
		w.stats[CommandsRetried]++
	}
	if c.op.kind != opRead {
		w.propose(c, s, c.op, c.op.bytes)
		return
	}
	c.attempt++
	if w.flaw == staleReads {
		w.answerRead(asker{c, c.attempt}, s)
		return
	}
	s.asking = append(s.asking, asker{c, c.attempt})
	if w.chaos != nil {
		w.chaos.touched(s)
	}
}

func (w *world) beginOp(c *client, code uint64) {
	kind := opKind(code % 8 % uint64(opKinds))
	base := int(code / 8 % uint64(w.set.Keys))
	name := w.keyName(base)
	k := w.history[name]
	c.count++
	o := &op{client: c, kind: kind, key: name, call: int64(w.steps), ret: math.MaxInt64, unknown: true}
	o.value = strconv.Itoa(c.name) + "." + strconv.Itoa(c.count)
	cmd := kv.Command{Key: name, Value: o.value}
	switch kind {
	case opPut:
		cmd.Op = kv.Put
	case opCAS:
		cmd.Op = kv.CAS
		o.expected = c.seen[name]
		cmd.Old, cmd.OldAbsent = o.expected.Value, !o.expected.Found
	case opDelete:
		cmd.Op = kv.Delete
	case opGet:
		cmd.Op = kv.Get
	}
	if kind != opRead {
		if err := c.session.Stamp(&cmd); err != nil {
			w.fail(rulePossible, "client %d: %v", c.name, err)
		}
		o.seq, o.bytes = cmd.Seq, mustEncode(&cmd)
	}
	c.op = o
	k.ops = append(k.ops, o)
}

// keyName is the key in use now in the place of the base-th.
func (w *world) keyName(base int) string {
	name := w.inUse[base]
	if name == "" || len(w.history[name].ops) >= historyLength {
		w.generation++
		name = fmt.Sprintf("k%d.%d", base, w.generation)
		w.inUse[base] = name
		w.history[name] = &keyed{}
		w.keys = append(w.keys, name)
	}
	return name
}

func mustEncode(c *kv.Command) []byte {
	b, err := c.AppendTo(nil)
	if err != nil {
		panic(err) // the clients keep to the limits
	}
	return b
}

func (w *world) propose(c *client, s *server, o *op, data []byte) {
	index, term, err := s.core.Propose(w.local(s), data)
	switch {
	case err == nil:
		w.checkMakesWay(s)
		s.waiting = append(s.waiting, waiting{index, term, c, o})
	case errors.Is(err, raft.ErrNotLeader):
		w.refused(c, s)
	case errors.Is(err, raft.ErrOverloaded):
		w.stats[Overloads]++
		w.refused(c, s)
	case errors.Is(err, raft.ErrTransferring):
		w.stats[RefusedTransferring]++
		w.refused(c, s)
	default:
		w.fail(rulePossible, "server %d: Propose: %v", s.name(), err)
	}
	w.input(s)
}

// refused: the client hears that the server cannot.
func (w *world) refused(c *client, s *server) {
	if w.chaos != nil {
		w.chaos.refused(c, s)
	}
}

// answerCommands answers who waits for the entry that s has just applied.
func (w *world) answerCommands(s *server, e *raft.Entry) {
	kept := s.waiting[:0]
	for _, q := range s.waiting {
		switch {
		case q.index > e.Index:
			kept = append(kept, q)
		case q.index < e.Index || q.term != e.Term:
			// A snapshot or another leader's entry took its place.
			w.refused(q.client, s)
		default:
			w.answer(q.client, q.op, e.Index)
		}
	}
	clear(s.waiting[len(kept):])
	s.waiting = kept
}

// answer gives a client the result of its command.
func (w *world) answer(c *client, o *op, index uint64) {
	if o == nil {
		if c.session == nil {
			c.session, c.seen = kv.NewSession(index), map[string]kv.Result{}
			w.idle(c)
		}
		return
	}
	if c.op != o {
		return // a repeated command, answered before
	}
	w.stats[Commands]++
	c.session.Answered(o.seq)
	w.finish(c, w.results[index])
}

// answerRead serves a read from what the server has applied.
func (w *world) answerRead(a asker, s *server) {
	c := a.client
	if c.op == nil || c.attempt != a.attempt {
		return // it went elsewhere meanwhile
	}
	if s.view.Role == raft.Leader {
		w.stats[ReadsByLeader]++
	} else {
		w.stats[ReadsByFollower]++
	}
	if w.set.LeaseReads {
		w.stats[ReadsByLease]++
	}
	w.finish(c, w.history[c.op.key].at(s.applied))
}

func (w *world) finish(c *client, r kv.Result) {
	o := c.op
	o.result, o.ret, o.unknown = r, int64(w.steps), false
	if w.trace != nil {
		w.trace.line("%s", o)
	}
	if r.Code == kv.SessionExpired || r.Code == kv.Refused {
		w.fail(rulePossible, "client %d is told %s: %s", c.name, r.Code, r.Value)
	}
	seen := r
	seen.Code = kv.OK
	if o.kind == opDelete {
		seen = kv.Result{}
	}
	c.seen[o.key] = seen
	c.op = nil
	w.idle(c)
}

// idle: the client may begin the next operation.
func (w *world) idle(c *client) {
	if w.chaos != nil {
		w.chaos.idle(c)
	}
}

// applyToOracle runs a command on the one map there is.
func (w *world) applyToOracle(f *fact) kv.Result {
	result, err := kv.DecodeResult(w.oracle.Apply(f.Index, f.Data))
	if err != nil {
		w.fail(ruleMachine, "entry %d: %v", f.Index, err)
	}
	cmd, err := kv.DecodeCommand(f.Data)
	if err != nil {
		w.fail(ruleMachine, "entry %d: %v", f.Index, err)
	}
	if cmd.Op != kv.OpenSession {
		if cmd.Seq <= w.lastSeq[cmd.Session] {
			w.stats[CommandsTwice]++
		}
		w.lastSeq[cmd.Session] = cmd.Seq
	}
	if k := w.history[cmd.Key]; k != nil {
		now := kv.Result{}
		now.Value, now.Found = w.oracle.Get(cmd.Key)
		if n := len(k.versions); n == 0 || k.versions[n-1].value != now {
			k.versions = append(k.versions, version{f.Index, now})
		}
	}
	return result
}
