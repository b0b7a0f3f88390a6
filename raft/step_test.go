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
// invariant, and what it calls impossible changes nothing.
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
	for seed := range uint64(120) {
		rng := rand.New(rand.NewPCG(seed, 4))
		for what, n := range abuse(t, randomBytes(rng, 3000)) {
			seen[what] += n
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	t.Log(seen)
	for _, what := range []string{"leader", "candidate", "impossible", "possible", "commits", "cuts"} {
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

// abuse plays a script against a core and counts what it saw.
func abuse(t *testing.T, s script) map[string]int {
	seen := map[string]int{}
	cfg := testConfig()
	cfg.MaxSaves = 1 + s.next(3)
	cfg.DisablePreVote, cfg.DisableStickiness = s.next(2) == 0, s.next(2) == 0
	c := newCore(t, cfg, storedTerms(1+s.next(4), 1, 1))
	var flying []uint64
	for len(s) > 0 && !t.Failed() {
		term, commit, last := c.currentTerm, c.commitIndex, c.log.lastIndex()
		switch s.next(12) {
		case 0:
			c.Tick(c.NextDeadline() + time.Duration(s.next(20)-5)*50*time.Millisecond)
		case 1:
			c.Propose(c.now, make([]byte, s.next(50)))
		case 2:
			c.Reconfigure(subset(s.next(32)), subset(s.next(32)))
		case 3:
			c.PeerDown(c.now, ID(s.next(5)))
		case 4, 5:
			if rd, _ := c.Ready(); rd.Save != nil {
				flying = append(flying, rd.Save.Seq)
			}
		case 6, 7:
			if len(flying) > 0 {
				i := s.next(len(flying))
				if err := c.Saved(c.now, flying[i]); err != nil {
					t.Errorf("Saved: %v", err)
				}
				flying = append(flying[:i], flying[i+1:]...)
			}
			if c.Saved(c.now, c.saves.issued+1+uint64(s.next(9))) == nil {
				t.Error("a save that never was is accepted")
			}
		default:
			abuseStep(t, c, s.message(c), seen)
		}
		c.CheckInvariants()
		if c.currentTerm < term || c.commitIndex < commit {
			t.Errorf("term %d commit %d became term %d commit %d", term, commit, c.currentTerm, c.commitIndex)
		}
		seen[c.role.String()]++
		if c.commitIndex > commit {
			seen["commits"]++
		}
		if c.log.lastIndex() < last {
			seen["cuts"]++
		}
	}
	return seen
}

func abuseStep(t *testing.T, c *Core, m Message, seen map[string]int) {
	before, out := fmt.Sprintf("%+v %v", c.Status(), c.log.entries), len(c.out)+len(c.saves.held)
	switch err := c.Step(c.now, m); {
	case err == nil:
		seen["possible"]++
	case !errors.Is(err, ErrImpossible):
		t.Errorf("%+v: %v", m, err)
	default:
		seen["impossible"]++
		after := fmt.Sprintf("%+v %v", c.Status(), c.log.entries)
		if before != after || len(c.out)+len(c.saves.held) != out {
			t.Errorf("%+v is impossible (%v) and changed\n%s to\n%s", m, err, before, after)
		}
	}
}

// message makes up a message that a core might get, or might not.
func (s *script) message(c *Core) Message {
	last := c.log.lastIndex()
	m := Message{
		Type: MessageType(s.next(8)), From: ID(s.next(6)), To: 1,
		Term: s.near(c.currentTerm), LogIndex: s.near(last), Commit: s.near(c.commitIndex),
		Reject: s.next(3) == 0, Hint: s.near(last),
	}
	if s.next(30) == 0 {
		m.To = ID(s.next(3))
	}
	if m.Term > c.currentTerm+3 && s.next(10) > 0 {
		m.Term = c.currentTerm // do not run out of terms
	}
	m.LogTerm = c.log.term(m.LogIndex)
	if s.next(4) == 0 {
		m.LogTerm = s.near(m.Term)
	}
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
			e.Kind = EntryConfiguration
			e.Data = Configuration{Voters: subset(1 + s.next(31)), Outgoing: subset(s.next(32))}.Encode()
		}
		m.Entries = append(m.Entries, e)
	}
	return m
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
