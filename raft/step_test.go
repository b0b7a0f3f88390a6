package raft

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"
)

// Whatever arrives, in whatever order, a core neither panics nor breaks an
// invariant, keeps to its limits, and what it calls impossible changes nothing.
func FuzzInputs(f *testing.F) {
	f.Add([]byte("a few bytes make a whole life of a server"))
	rng := rand.New(rand.NewPCG(3, 3))
	for n := 10; n <= 1000; n *= 10 {
		f.Add(randomBytes(rng, n))
	}
	f.Fuzz(func(t *testing.T, script []byte) { abuse(t, script) })
}

// The same with a fixed set of scripts, many more than the fuzzer's seeds.
func TestAbuse(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(150) {
		rng := rand.New(rand.NewPCG(seed, 4))
		for what, n := range abuse(t, randomBytes(rng, 3000)) {
			seen[what] += n
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	t.Log(seen)
	for _, what := range []string{"leader", "candidate", "impossible", "possible", "strangers", "commits", "cuts", "compactions", "installs",
		"snapshots sent", "half snapshots", "transfers", "reads answered", "rounds"} {
		if seen[what] < 10 {
			t.Errorf("only %d times %q: the scripts reach too little", seen[what], what)
		}
	}
}

func randomBytes(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// script turns bytes into choices; at its end it gives zeros.
type script []byte

func (s *script) next(n int) int {
	if len(*s) == 0 {
		return 0
	}
	b := (*s)[0]
	*s = (*s)[1:]
	return int(b) % n
}

// near gives a number close to n, or far away.
func (s *script) near(n uint64) uint64 {
	switch k := s.next(16); k {
	case 15:
		return ^uint64(0) - uint64(s.next(3))
	case 14:
		return uint64(s.next(4))
	default:
		return n + uint64(k%5) - 2 + uint64(k/13)
	}
}

// abused is a core that is being abused, and what is known of its driver.
type abused struct {
	*Core
	t       *testing.T
	s       script
	flying  []uint64 // saves
	applied uint64
	seen    map[string]int
}

// abuse plays a script against a core and counts what it saw.
func abuse(t *testing.T, s script) map[string]int {
	cfg := testConfig()
	cfg.MaxSaves = 1 + s.next(3)
	cfg.MaxSnapshotBytes, cfg.SnapshotChunkBytes = abuseSnapshotBytes, 1+s.next(40)
	cfg.RetainedBytes = []int{-1, 200, 0}[s.next(3)]
	cfg.DisablePreVote, cfg.DisableStickiness = s.next(2) == 0, s.next(2) == 0
	cfg.LeaseReads = !cfg.DisableStickiness && s.next(2) == 0
	x := &abused{Core: newCore(t, cfg, storedTerms(1+s.next(4), 1, 1)), t: t, s: s, seen: map[string]int{}}
	for len(x.s) > 0 && !t.Failed() {
		term, commit, last, snapshot := x.currentTerm, x.commitIndex, x.log.lastIndex(), x.snapshot
		x.act()
		x.CheckInvariants()
		x.checkLimits()
		if x.currentTerm < term || x.commitIndex < commit || x.SnapshotIndex() < indexOf(snapshot) {
			t.Errorf("term %d commit %d became term %d commit %d", term, commit, x.currentTerm, x.commitIndex)
		}
		x.seen[x.role.String()]++
		if x.commitIndex > commit {
			x.seen["commits"]++
		}
		if x.log.lastIndex() < last {
			x.seen["cuts"]++
		}
	}
	return x.seen
}

// Limits of what the scripts make a core hold.
const abuseSnapshotBytes = 100

// act gives the core one input, or takes its output.
func (x *abused) act() {
	c, s := x.Core, &x.s
	switch s.next(16) {
	case 0:
		c.Tick(c.NextDeadline() + time.Duration(s.next(20)-5)*50*time.Millisecond)
	case 1:
		c.Propose(c.now, make([]byte, s.next(50)))
	case 2:
		c.Reconfigure(subset(s.next(32)), subset(s.next(32)))
	case 3:
		c.PeerDown(c.now, ID(s.next(5)))
	case 4, 5:
		x.ready()
	case 6, 7:
		if len(x.flying) > 0 {
			i := s.next(len(x.flying))
			if err := c.Saved(c.now, x.flying[i]); err != nil {
				x.t.Errorf("Saved: %v", err)
			}
			x.flying = append(x.flying[:i], x.flying[i+1:]...)
		}
		if c.Saved(c.now, c.saves.issued+1+uint64(s.next(9))) == nil {
			x.t.Error("a save that never was is accepted")
		}
	case 8:
		if c.Compact(s.near(c.lastApplied), make([]byte, s.next(60))) == nil {
			x.seen["compactions"]++
		}
	case 9:
		for range 1 + s.next(3) {
			c.ReadIndex(c.now)
		}
	case 10:
		if c.role == Leader && c.Transfer(c.now, ID(s.next(6))) == nil {
			x.seen["transfers"]++
		}
		if s.next(20) == 0 {
			c.HandOver(c.now)
		}
	default:
		x.step(s.message(c))
	}
}

// ready takes the output, of which the parts to apply must follow one another.
func (x *abused) ready() {
	rd, _ := x.Ready()
	if rd.Save != nil {
		x.flying = append(x.flying, rd.Save.Seq)
	}
	if rd.Snapshot != nil {
		if rd.Snapshot.Index <= x.applied {
			x.t.Errorf("a snapshot of %d after %d was applied", rd.Snapshot.Index, x.applied)
		}
		x.applied = rd.Snapshot.Index
		x.seen["installs"]++
	}
	for _, e := range rd.Committed {
		if x.applied++; e.Index != x.applied {
			x.t.Errorf("entry %d is handed out when %d is due", e.Index, x.applied)
		}
	}
	for _, m := range rd.Messages {
		if m.Type == InstallSnapshot {
			x.seen["snapshots sent"]++
		}
		if m.Type == AppendEntries && (m.LogIndex == 0) != (m.LogTerm == 0) {
			x.t.Errorf("%+v", m)
		}
	}
	x.seen["reads answered"] += len(rd.Reads)
}

// checkLimits: what others can make a server keep is limited.
func (x *abused) checkLimits() {
	c := x.Core
	if n := len(c.incoming.Data); n > 0 {
		x.seen["half snapshots"]++
		if n > abuseSnapshotBytes || uint64(n) > c.incoming.size {
			x.t.Errorf("%d bytes of a snapshot are kept, of %d", n, c.incoming.size)
		}
	}
	if len(c.reads.waiting) > maxReads || len(c.reads.asked) > maxReads {
		x.t.Errorf("%d reads wait, %d are asked for", len(c.reads.waiting), len(c.reads.asked))
	}
	if len(c.reads.asked) > 0 {
		x.seen["rounds"]++
	}
	if len(c.saves.held) > maxHeld || len(c.answered) > 2*maxReads || len(c.votes) > 2*MaxMembers {
		x.t.Errorf("%d messages held, %d answers, %d votes", len(c.saves.held), len(c.answered), len(c.votes))
	}
	if len(c.gone) > MaxMembers || len(c.saves.pending) > c.cfg.MaxSaves {
		x.t.Errorf("%d gone, %d saves in flight", len(c.gone), len(c.saves.pending))
	}
	for _, p := range c.peers {
		if len(p.window.inflight) > c.cfg.MaxInflightMessages || p.window.bytes > c.cfg.MaxInflightBytes+c.cfg.MaxAppendBytes {
			x.t.Errorf("%d messages and %d bytes in flight to %s", len(p.window.inflight), p.window.bytes, p.id)
		}
	}
}

// step gives the core a message that may be impossible: then nothing changes.
func (x *abused) step(m Message) {
	state := func() string {
		c := x.Core
		return fmt.Sprintf("%+v %v %d/%d %d reads %d out", c.Status(), c.log.entries, len(c.incoming.Data), c.incoming.Index,
			len(c.reads.waiting)+len(c.reads.asked), len(c.out)+len(c.saves.held))
	}
	before := state()
	switch err := x.Step(x.now, m); {
	case err == nil:
		x.seen["possible"]++
	case errors.Is(err, ErrFarTerm):
		x.seen["far terms"]++
	case !errors.Is(err, ErrImpossible) && !errors.Is(err, ErrStranger):
		x.t.Errorf("%+v: %v", m, err)
	default:
		if errors.Is(err, ErrStranger) {
			x.seen["strangers"]++
		} else {
			x.seen["impossible"]++
		}
		if after := state(); before != after {
			x.t.Errorf("%+v is refused (%v) and changed\n%s to\n%s", m, err, before, after)
		}
	}
}

// message makes up a message that a core might get, or might not.
func (s *script) message(c *Core) Message {
	last := c.log.lastIndex()
	m := Message{
		Type: MessageType(s.next(16)), From: ID(s.next(6)), To: 1,
		Term: s.near(c.currentTerm), LogIndex: s.near(last), Commit: s.near(c.commitIndex),
		Reject: s.next(3) == 0, Hint: s.near(last),
	}
	if m.Type > 12 {
		m.Type = AppendEntries
	}
	if s.next(30) == 0 {
		m.To = ID(s.next(3))
	}
	if (m.Type == AppendEntries || m.Type == InstallSnapshot) && c.leader > 1 && s.next(4) > 0 {
		m.From = c.leader
	}
	if m.Term > c.currentTerm+3 && s.next(10) > 0 {
		m.Term = c.currentTerm // do not run out of terms
	}
	m.LogTerm = c.log.term(m.LogIndex)
	if s.next(4) == 0 {
		m.LogTerm = s.near(m.Term)
	}
	switch m.Type {
	case AppendEntries:
		m.Round = s.near(c.reads.round)
		m.Entries = s.entries(m, last)
	case InstallSnapshot:
		m.Round = s.near(c.reads.round)
		s.chunk(&m, c)
	case AppendEntriesReply, InstallSnapshotReply:
		if m.Round = s.near(c.reads.round); m.Round > c.reads.round && s.next(4) > 0 {
			m.Round = c.reads.round
		}
		if p := c.peer(m.From); p != nil && p.snapshot != nil && s.next(3) > 0 {
			m.LogIndex, m.Hint = p.snapshot.Index, s.near(p.received)
		}
	case RequestVote, RequestPreVote:
		m.Force = s.next(5) == 0
	}
	return m
}

// entries makes up what follows m.LogIndex.
func (s *script) entries(m Message, last uint64) (es []Entry) {
	for i := range s.next(4) {
		e := Entry{Index: m.LogIndex + 1 + uint64(i), Term: m.Term - uint64(s.next(2)), Kind: EntryKind(s.next(2))}
		switch s.next(20) {
		case 0:
			e.Index = s.near(last)
		case 1:
			e.Term = s.near(m.Term)
		case 2:
			e.Kind = EntryKind(s.next(5))
		case 3, 4:
			e.Kind, e.Data = EntryConfiguration, s.configuration()
		}
		es = append(es, e)
	}
	return es
}

func (s *script) configuration() []byte {
	return Configuration{Voters: subset(1 + s.next(31)), Outgoing: subset(s.next(32))}.Encode()
}

// chunk makes up a part of a snapshot: more often than not one that goes on from
// what has come.
func (s *script) chunk(m *Message, c *Core) {
	if s.next(30) == 0 {
		return
	}
	k := &Chunk{Size: uint64(s.next(abuseSnapshotBytes + 5)), ConfigurationIndex: uint64(s.next(3)), Configuration: s.configuration()}
	if in := &c.incoming; in.Index > 0 && s.next(4) > 0 {
		m.Term, m.LogIndex, m.LogTerm, k.Size, k.Offset = in.term, in.Index, in.Term, in.size, s.near(uint64(len(in.Data)))
	} else if m.LogIndex += uint64(s.next(3)); s.next(4) > 0 {
		m.LogTerm = max(1, m.LogTerm)
	}
	k.Data = make([]byte, s.next(40))
	if room := k.Size - min(k.Size, k.Offset); uint64(len(k.Data)) > room && s.next(8) > 0 {
		k.Data = k.Data[:room]
	}
	if s.next(40) == 0 {
		k.Configuration = k.Configuration[:s.next(len(k.Configuration))]
	}
	m.Chunk = k
}

func indexOf(s *Snapshot) uint64 {
	if s == nil {
		return 0
	}
	return s.Index
}

// What every correct server would call impossible.
func TestStepRefusesTheImpossible(t *testing.T) {
	good := Message{Type: AppendEntries, From: 2, To: 1, Term: 3, LogIndex: 2, LogTerm: 2, Entries: []Entry{noop(3, 3)}}
	for _, test := range []struct {
		name string
		spy  func(*Message)
	}{
		{"addressed to another", func(m *Message) { m.To = 2 }},
		{"from nobody", func(m *Message) { m.From = None }},
		{"from ourselves", func(m *Message) { m.From = 1 }},
		{"of no type", func(m *Message) { m.Type = 0 }},
		{"of an unknown type", func(m *Message) { m.Type = 99 }},
		{"of term 0", func(m *Message) { m.Term, m.LogTerm, m.LogIndex, m.Entries = 0, 0, 0, nil }},
		{"of a term beyond all", func(m *Message) { m.Term = ^uint64(0) }},
		{"whose previous entry is later than it", func(m *Message) { m.LogTerm = 4 }},
		{"whose previous entry has no term", func(m *Message) { m.LogTerm = 0 }},
		{"whose first entry does not follow", func(m *Message) { m.Entries[0].Index = 4 }},
		{"whose entry is later than it", func(m *Message) { m.Entries[0].Term = 4 }},
		{"whose terms fall", func(m *Message) { m.Entries[0].Term = 1 }},
		{"with an entry of unknown kind", func(m *Message) { m.Entries[0].Kind = 77 }},
		{"with a bad configuration", func(m *Message) { m.Entries[0].Kind = EntryConfiguration }},
		{"that changes a committed entry", func(m *Message) { m.LogIndex, m.LogTerm, m.Entries[0].Index = 1, 1, 2 }},
		{"from a candidate with a log of its own term", func(m *Message) { m.Type, m.LogTerm = RequestVote, 3 }},
		{"from a pre-candidate with a log of its own term", func(m *Message) { m.Type, m.LogTerm = RequestPreVote, 3 }},
	} {
		st := storedTerms(3, 1, 2)
		st.HardState.Commit = 2
		c := newCore(t, testConfig(), st)
		m := good
		m.Entries = []Entry{good.Entries[0]}
		test.spy(&m)
		before := c.Status()
		if err := c.Step(0, m); !errors.Is(err, ErrImpossible) {
			t.Errorf("a message %s: error %v", test.name, err)
		}
		if !reflect.DeepEqual(c.Status(), before) {
			t.Errorf("a message %s changed something", test.name)
		}
	}
	c := newCore(t, testConfig(), storedTerms(3, 1, 2))
	if err := c.Step(0, good); err != nil {
		t.Fatal(err)
	}
	other := good
	other.From = 3
	if err := c.Step(0, other); !errors.Is(err, ErrImpossible) {
		t.Errorf("two leaders of one term: error %v", err)
	}
	l := lead(t, testConfig(), 3)
	if err := l.Step(l.now, Message{Type: AppendEntries, From: 2, To: 1, Term: 2, LogIndex: 1, LogTerm: 1}); !errors.Is(err, ErrImpossible) {
		t.Errorf("another leader in our own term: error %v", err)
	}
}
