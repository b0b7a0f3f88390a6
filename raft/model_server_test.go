package raft

import (
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
)

// model_server_test.go: one server of the model. What a server does depends on
// its own state and the input alone, so each pair of the two runs the real core
// once; the outcome is kept for every state of the cluster in which it occurs
// again.

const modelServers = 3

// modelServer is a core with its disk. It is never changed once it is known
// under a number: an input works on a copy.
type modelServer struct {
	core *Core
	disk Stored
	// saving are the saves not yet reported, oldest first; the core counts
	// them in saves.pending.
	saving []savingOne
	// machine is the state machine: it remembers all that was applied.
	machine []byte

	// What the checks of the cluster look at, taken from the above.
	log, stored modelLog
	sums        sums
}

type savingOne struct {
	save   *Save
	onDisk bool // written, not reported
}

// input is what can happen to one server. Its number has the kind, the server
// and an argument: what it is, the kind says.
type input uint32

type inputKind uint8

const (
	inTimeout     inputKind = iota // the election deadline passes
	inHeartbeat                    // a leader's heartbeat is due
	inLapse                        // an election timeout without a word from anyone
	inDeliver                      // the message with that number arrives
	inReport                       // the argument-th save under way is on disk, and the core is told
	inCrash                        // crash, after so many of the saves reached the disk, and restart
	inReady                        // the driver takes what is to be done
	inPropose                      // a client's command of that number
	inReconfigure                  // the voters are to be those of the argument's bits
	inCompact                      // a snapshot of all that is applied
	inTransfer                     // leadership to that server
	inGiveUp                       // the transfer has taken an election timeout
	inHandOver                     // the leader leaves
	inRead                         // ReadIndex; the ticket is one more than the argument
	inPeerDown                     // the connection to that server was seen to close
)

// inputNames are those that have bounds, in the plural.
var inputNames = [inputKinds]string{inTimeout: "timeouts", inHeartbeat: "heartbeats", inLapse: "lapses", inCrash: "crashes",
	inPropose: "commands", inReconfigure: "changes of members", inCompact: "compactions", inTransfer: "transfers",
	inGiveUp: "transfers given up", inHandOver: "hand-overs", inRead: "reads", inPeerDown: "closed connections"}

func newInput(kind inputKind, server int, arg uint32) input {
	if arg >= 1<<24 {
		panic("too many messages for an input's number")
	}
	return input(kind)<<26 | input(server)<<24 | input(arg)
}

func (in input) kind() inputKind { return inputKind(in >> 26) }
func (in input) server() int     { return int(in >> 24 & 3) }
func (in input) arg() uint32     { return uint32(in & (1<<24 - 1)) }

// outcome is what an input makes of a server.
type outcome struct {
	server  uint32
	out     []uint32 // messages sent
	reads   []Read   // answered
	refused bool     // by the core: nothing happened
	broken  string   // a rule that one server alone broke
}

func (o *outcome) fail(format string, args ...any) {
	if o.broken == "" {
		o.broken = fmt.Sprintf(format, args...)
	}
}

// outcomeOf runs the core, or remembers what it did.
func (x *explorer) outcomeOf(server uint32, in input) *outcome {
	key := uint64(server)<<32 | uint64(in)
	if i, known := x.known.get(key); known {
		return &x.outcomes[i]
	}
	o := x.run(server, in)
	x.known.put(key, uint32(len(x.outcomes)))
	x.outcomes = append(x.outcomes, o)
	return &x.outcomes[len(x.outcomes)-1]
}

func (x *explorer) run(server uint32, in input) (o outcome) {
	old := x.servers[server]
	s := &modelServer{core: copyCore(old.core), disk: old.disk, saving: slices.Clone(old.saving), machine: old.machine}
	o.server = server
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *InvariantError:
			o.fail("%v", r)
		default:
			o.fail("panic: %v\n%s", r, debug.Stack())
		}
	}()
	if err := x.feed(s, in); err != nil {
		o.refused = true
		return o
	}
	x.fault.after(s.core)
	s.core.CheckInvariants()
	if !x.lazy || in.kind() == inReady {
		x.ready(s, &o)
	}
	x.note(old, s, in, &o)
	if !x.fault.tolerant {
		s.check(old, in, &o)
	}
	canonical(s.core)
	o.server = x.serverNumber(s)
	return o
}

// note counts what a model meets, by different inputs to different states of a
// server: a model that never meets a thing does not show that it works.
func (x *explorer) note(old, s *modelServer, in input, o *outcome) {
	meet := func(what string, when bool) {
		if when {
			x.met[what]++
		}
	}
	was, c := old.core, s.core
	if in.kind() == inCrash {
		meet("crashes", true)
		meet("saves lost", old.unwritten() > int(in.arg()))
		return
	}
	led := was.role == Leader
	meet("elections", !led && c.role == Leader)
	meet("depositions", led && c.role != Leader)
	meet("commits", led && c.commitIndex > was.commitIndex)
	last := was.log.lastIndex()
	meet("conflicts", last > c.log.base && c.log.term(last) != was.log.term(last))
	meet("joint", !was.Configuration().Joint() && c.Configuration().Joint())
	meet("joint undone", was.Configuration().Joint() && c.configurationIndex() < was.configurationIndex())
	meet("C_new", was.Configuration().Joint() && c.configurationIndex() > was.configurationIndex())
	meet("compactions", in.kind() == inCompact)
	meet("installed", in.kind() == inDeliver && c.SnapshotIndex() > was.SnapshotIndex())
	meet("reads", len(o.reads) > 0)
	for _, number := range o.out {
		m := &x.messages[number].Message
		meet("refusals", m.Type == AppendEntriesReply && m.Reject)
		meet("ahead of the save", m.Type == AppendEntries && len(m.Entries) > 0 && c.saves.durableIndex < c.log.lastIndex())
		meet("takeovers", m.Type == RequestVote && m.Force)
		meet("pre-votes", m.Type == RequestPreVoteReply && !m.Reject)
		meet("ignored candidates", m.Type == RequestPreVoteReply && m.Reject && was.sticky())
	}
}

// feed gives a server an input. The core may refuse those of clients.
func (x *explorer) feed(s *modelServer, in input) error {
	c := s.core
	switch in.kind() {
	case inTimeout:
		c.electionDeadline = 0
		c.Tick(0)
	case inHeartbeat:
		c.heartbeatDeadline = 0
		c.Tick(0)
	case inLapse:
		c.leaderContact = longAgo
		for _, p := range c.peers {
			p.lastHeard = longAgo
		}
	case inDeliver:
		m := x.messages[in.arg()].Message
		x.fault.deliver(c, &m)
		if err := c.Step(0, m); err != nil && !errors.Is(err, ErrStranger) {
			panic(&InvariantError{err.Error()}) // correct servers sent it
		}
	case inReport:
		x.report(s, int(in.arg()))
	case inCrash:
		x.restart(s, int(in.arg()))
	case inPropose:
		_, _, err := c.Propose(0, []byte{byte('a' + in.arg())})
		return err
	case inReconfigure:
		return x.fault.reconfigure(c, idsOf(in.arg()))
	case inCompact:
		return c.Compact(c.lastApplied, s.machine)
	case inTransfer:
		return c.Transfer(0, ID(in.arg()))
	case inGiveUp:
		c.transfer.deadline = 0
		c.Tick(0)
	case inHandOver:
		c.HandOver(0)
	case inRead:
		// As if the random start had been far from all others. The core
		// counts on from it, so the ticket is one more.
		c.lastTicket = uint64(in.arg())
		_, err := c.ReadIndex(0)
		return err
	case inPeerDown:
		c.PeerDown(0, ID(in.arg()))
	}
	return nil
}

// report brings saves to the disk up to that one, and tells the core of it.
func (x *explorer) report(s *modelServer, which int) {
	for i := range s.saving[:which+1] {
		s.write(i)
	}
	if err := s.core.Saved(0, s.core.saves.durable+uint64(which)+1); err != nil {
		panic(&InvariantError{err.Error()})
	}
	s.saving = s.saving[len(s.saving)-len(s.core.saves.pending):]
}

func (s *modelServer) write(i int) {
	if w := &s.saving[i]; !w.onDisk {
		s.disk, w.onDisk = s.disk.replay(w.save), true
	}
}

// restart is a crash after the disk took some of the saves under way, and a
// new life. That the server is down for a while makes no difference: messages
// are delivered at any time or never.
func (x *explorer) restart(s *modelServer, written int) {
	for i := range s.saving {
		if written > 0 && !s.saving[i].onDisk {
			s.write(i)
			written--
		}
	}
	s.saving = nil
	x.fault.restart(&s.disk)
	x.start(s)
}

func (x *explorer) start(s *modelServer) {
	cfg := x.model.cfg
	cfg.ID, cfg.Rand = s.id(), x.rng
	c, err := New(cfg, Stored{s.disk.HardState, s.disk.Snapshot, slices.Clone(s.disk.Entries)}, 0)
	if err != nil {
		panic(&InvariantError{err.Error()})
	}
	s.core, s.machine = c, nil
}

// ready does what the core asks for.
func (x *explorer) ready(s *modelServer, o *outcome) {
	rd, _ := s.core.Ready()
	s.core.CheckInvariants()
	for _, m := range rd.Messages {
		s.checkPromise(&m, o, x.fault.tolerant)
		o.out = append(o.out, x.messageNumber(&m))
	}
	if rd.Snapshot != nil {
		s.machine = rd.Snapshot.Data
	}
	for _, e := range rd.Committed {
		if applied := uint64(len(s.machine) / appliedBytes); e.Index != applied+1 {
			o.fail("it applies %d after %d", e.Index, applied)
		}
		s.machine = append(slices.Clip(s.machine), applied(&e)...)
	}
	o.reads = append(o.reads, rd.Reads...)
	if rd.Save != nil {
		s.saving = append(s.saving, savingOne{save: rd.Save})
		switch {
		case x.fault.early:
			s.reportEarly()
			x.ready(s, o)
			return
		case x.sync:
			x.report(s, len(s.saving)-1)
			x.ready(s, o)
			return
		}
	}
	if again, more := s.core.Ready(); more {
		o.fail("Ready twice in a row gives %+v", again)
	}
}

// reportEarly tells the core that the last save is durable; it reaches the
// disk with the next one.
func (s *modelServer) reportEarly() {
	for i := range len(s.saving) - 1 {
		s.write(i)
	}
	s.saving = s.saving[len(s.saving)-1:]
	if err := s.core.Saved(0, s.saving[0].save.Seq); err != nil {
		panic(&InvariantError{err.Error()})
	}
}

// appliedBytes is what the state machine remembers of each entry.
const appliedBytes = 2

func applied(e *Entry) []byte {
	b := [appliedBytes]byte{byte(e.Term), byte(e.Kind)}
	if e.Kind == EntryCommand {
		b[1] = e.Data[0]
	}
	return b[:]
}

// check compares a server with what it was before the input.
func (s *modelServer) check(old *modelServer, in input, o *outcome) {
	c, was := s.core, old.core
	if h, d := s.disk.HardState, old.disk.HardState; h.Term < d.Term || h.Term == d.Term && d.Vote != None && h.Vote != d.Vote {
		o.fail("its disk goes from %+v to %+v", d, h)
	}
	if in.kind() == inCrash {
		return
	}
	switch {
	case c.currentTerm < was.currentTerm:
		o.fail("it goes back from term %d to %d", was.currentTerm, c.currentTerm)
	case c.currentTerm == was.currentTerm && was.votedFor != None && c.votedFor != was.votedFor:
		o.fail("it votes for %s and %s in term %d", name(was.votedFor), name(c.votedFor), c.currentTerm)
	case c.commitIndex < was.commitIndex:
		o.fail("it goes back from commitIndex %d to %d", was.commitIndex, c.commitIndex)
	}
}

// checkPromise checks a message as it leaves against the sender's disk.
func (s *modelServer) checkPromise(m *Message, o *outcome, tolerant bool) {
	disk := &s.disk.HardState
	if m.From != s.id() {
		o.fail("it sends as %s", name(m.From))
	}
	if m.Type == RequestPreVote || m.Type == RequestPreVoteReply || m.Type == ReadIndex || tolerant {
		return
	}
	votedFor := None
	switch {
	case disk.Term < m.Term:
		o.fail("it sends %s, and its disk knows term %d", showMessage(m), disk.Term)
	case m.Type == RequestVote:
		votedFor = s.id()
	case m.Type == RequestVoteReply && !m.Reject:
		votedFor = m.To
	case m.Type == AppendEntriesReply && !m.Reject && disk.Term == m.Term && lastOf(s.disk) < m.LogIndex:
		o.fail("it acknowledges %d, and its disk ends at %d", m.LogIndex, lastOf(s.disk))
	}
	if votedFor != None && disk.Term == m.Term && disk.Vote != votedFor {
		o.fail("it sends %s, and on its disk the vote is for %s", showMessage(m), name(disk.Vote))
	}
}

// idsOf gives the servers of a set of bits.
func idsOf(bits uint32) (ids []ID) {
	for id := ID(1); id <= modelServers; id++ {
		if bits>>id&1 == 1 {
			ids = append(ids, id)
		}
	}
	return ids
}
