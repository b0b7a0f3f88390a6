package raft

import (
	"bytes"
	"errors"
	"slices"
	"testing"
)

// reconfigureTo runs a change of members through, all of 2..n answering.
func reconfigureTo(t *testing.T, c *Core, n int, voters, learners []ID) []Message {
	t.Helper()
	if _, err := c.Reconfigure(voters, learners); err != nil {
		t.Fatal(err)
	}
	out := drain(t, c)
	for range 4 {
		for id := 2; id <= n; id++ {
			if c.role == Leader {
				out = append(out, step(t, c, Message{Type: AppendEntriesReply, From: ID(id), Term: c.currentTerm, LogIndex: c.log.lastIndex()})...)
			}
		}
	}
	return out
}

// lead makes server 1 the leader of n, with its first entry committed.
func lead(t *testing.T, cfg Config, n int) *Core {
	t.Helper()
	c := newCore(t, cfg, storedTerms(n, 1))
	elect(t, c, n)
	for id := 2; id <= n; id++ {
		step(t, c, Message{Type: AppendEntriesReply, From: ID(id), Term: c.currentTerm, LogIndex: 2})
	}
	if c.commitIndex != 2 {
		t.Fatalf("committed %d", c.commitIndex)
	}
	return c
}

// Whoever a change leaves out is told that it has committed, before the
// leader talks to it no more.
func TestRemovedServerIsTold(t *testing.T) {
	c := lead(t, testConfig(), 3)
	out := ofType(reconfigureTo(t, c, 3, []ID{1, 2}, nil), AppendEntries)
	told := uint64(0)
	for _, m := range out {
		if m.To == 3 {
			told = m.Commit
		}
	}
	if told != 4 || c.peer(3) != nil {
		t.Fatalf("server 3 heard of commitIndex %d, want 4", told)
	}
}

// Bug 27: a leader that the change leaves out steps down once it has
// committed; the others hear of that commitment from it.
func TestBug27RemovedLeaderStepsDown(t *testing.T) {
	c := lead(t, testConfig(), 3)
	out := ofType(reconfigureTo(t, c, 3, []ID{2, 3}, nil), AppendEntries)
	if c.role != Follower || c.commitIndex != 4 {
		t.Fatalf("a %s that committed %d", c.role, c.commitIndex)
	}
	told := map[ID]uint64{}
	for _, m := range out {
		told[m.To] = m.Commit
	}
	if told[2] != 4 || told[3] != 4 {
		t.Fatalf("the others heard of %v, want 4", told)
	}
	for range 5 {
		if out := timeout(t, c); len(out) > 0 {
			t.Fatalf("a removed server sends %+v", out)
		}
	}
}

func TestConfigurationRoundTrip(t *testing.T) {
	for in := 1; in < 32; in++ {
		for rest := range 32 {
			c := Configuration{Voters: subset(in), Outgoing: subset(rest), Learners: subset(rest &^ in)}
			got, err := DecodeConfiguration(c.Encode())
			if err != nil || got.String() != c.String() {
				t.Fatalf("%s became %s: %v", c, got, err)
			}
		}
	}
}

func TestDecodeConfigurationRefuses(t *testing.T) {
	good := Configuration{Voters: []ID{1, 2}, Outgoing: []ID{1}, Learners: []ID{3}}.Encode()
	for n := range good {
		if _, err := DecodeConfiguration(good[:n]); !errors.Is(err, ErrBadConfiguration) {
			t.Errorf("the first %d bytes: %v", n, err)
		}
	}
	if _, err := DecodeConfiguration(append(slices.Clone(good), 0)); !errors.Is(err, ErrBadConfiguration) {
		t.Error("a byte too many is taken")
	}
	many := make([]ID, 2*MaxMembers+1)
	for i := range many {
		many[i] = ID(i + 1)
	}
	for _, c := range []Configuration{
		{}, {Learners: []ID{1}}, {Voters: []ID{0}}, {Voters: []ID{2, 1}}, {Voters: []ID{1, 1}},
		{Voters: []ID{1}, Learners: []ID{1}}, {Voters: many},
	} {
		if _, err := DecodeConfiguration(c.Encode()); !errors.Is(err, ErrBadConfiguration) {
			t.Errorf("%s: %v", c, err)
		}
	}
}

func FuzzDecodeConfiguration(f *testing.F) {
	f.Add(Configuration{Voters: []ID{1, 2}, Outgoing: []ID{1}, Learners: []ID{3}}.Encode())
	f.Add([]byte{255})
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := DecodeConfiguration(b)
		if err == nil && !bytes.Equal(c.Encode(), b) {
			t.Fatalf("%x reads as %s, which is written as %x", b, c, c.Encode())
		}
	})
}

func TestReconfigureRefuses(t *testing.T) {
	c := lead(t, testConfig(), 3)
	many := make([]ID, MaxMembers+1)
	for i := range many {
		many[i] = ID(i + 1)
	}
	for _, test := range []struct{ voters, learners []ID }{
		{nil, nil}, {nil, []ID{1}}, {[]ID{1, 1}, nil}, {[]ID{1, 0}, nil}, {[]ID{1}, []ID{1}}, {many, nil}, {[]ID{1}, many[1:]},
	} {
		if _, err := c.Reconfigure(test.voters, test.learners); !errors.Is(err, ErrBadConfiguration) {
			t.Errorf("voters %v, learners %v: %v", test.voters, test.learners, err)
		}
	}
	if c.log.lastIndex() != 2 {
		t.Error("a refused change is in the log")
	}
	if _, err := c.Reconfigure([]ID{3, 1}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Reconfigure([]ID{1}, nil); err != ErrChangeInProgress {
		t.Errorf("a second change: %v", err)
	}
	for c.commitIndex < 4 { // first C_old,new, then C_new
		if _, err := c.Reconfigure([]ID{1}, nil); err != ErrChangeInProgress {
			t.Fatalf("committed %d, a second change: %v", c.commitIndex, err)
		}
		drain(t, c)
		step(t, c, Message{Type: AppendEntriesReply, From: 3, Term: 2, LogIndex: c.log.lastIndex()})
	}
	if _, err := c.Reconfigure([]ID{3, 1}, []ID{2}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Reconfigure([]ID{3, 1}, nil); err != ErrChangeInProgress {
		t.Errorf("a change while learners change: %v", err)
	}
	f := newCore(t, testConfig(), storedTerms(3, 1))
	if _, err := f.Reconfigure([]ID{1}, nil); err != ErrNotLeader {
		t.Errorf("a change at a follower: %v", err)
	}
}

// Bug 2: a new leader first commits an entry of its own term.
func TestBug02NoChangeBeforeOwnTermCommits(t *testing.T) {
	c := newCore(t, testConfig(), storedTerms(3, 1))
	elect(t, c, 3)
	if _, err := c.Reconfigure([]ID{1, 2}, nil); err != ErrTermNotCommitted {
		t.Fatal(err)
	}
	step(t, c, Message{Type: AppendEntriesReply, From: 2, Term: 2, LogIndex: 2})
	if _, err := c.Reconfigure([]ID{1, 2}, nil); err != nil {
		t.Fatal(err)
	}
}

// jointAt2 is stored by a server of three whose log ends in a joint
// configuration, not committed.
func jointAt2() Stored {
	st := storedTerms(3, 1)
	st.Entries = append(st.Entries, configuration(2, 1, Configuration{Voters: []ID{1, 4}, Outgoing: []ID{1, 2, 3}}))
	return st
}

// Bugs 22 to 25: a restart keeps the joint configuration; a new leader leaves
// it once it has committed, not before, and once only.
func TestBug22To25JointConfigurationIsLeftOnce(t *testing.T) {
	c := newCore(t, testConfig(), jointAt2())
	if !c.Configuration().Joint() {
		t.Fatal("the restart lost the joint configuration")
	}
	timeout(t, c)
	for id := ID(2); id <= 4; id++ {
		step(t, c, Message{Type: RequestPreVoteReply, From: id, Term: 2})
	}
	for id := ID(2); id <= 3; id++ {
		step(t, c, Message{Type: RequestVoteReply, From: id, Term: 2})
	}
	if c.role == Leader {
		t.Fatal("elected by C_old alone")
	}
	step(t, c, Message{Type: RequestVoteReply, From: 4, Term: 2})
	if c.role != Leader || c.log.lastIndex() != 3 {
		t.Fatalf("a %s with %d entries", c.role, c.log.lastIndex())
	}
	for range 3 {
		step(t, c, Message{Type: AppendEntriesReply, From: 2, Term: 2, LogIndex: 3})
		step(t, c, Message{Type: AppendEntriesReply, From: 3, Term: 2, LogIndex: 3})
	}
	if c.commitIndex >= 2 || c.log.lastIndex() != 3 {
		t.Fatal("the joint configuration was decided, or left, by C_old alone")
	}
	for range 3 {
		step(t, c, Message{Type: AppendEntriesReply, From: 4, Term: 2, LogIndex: 3})
		timeout(t, c)
	}
	if c.commitIndex != 3 || c.log.lastIndex() != 4 || c.Configuration().Joint() {
		t.Fatalf("committed %d of %d entries, %s", c.commitIndex, c.log.lastIndex(), c.Configuration())
	}
}

// Bugs 28 and 29: a configuration is in force from the moment it is in the log
// until it is cut off again.
func TestBug28ConfigurationFollowsTheLog(t *testing.T) {
	c := newCore(t, testConfig(), jointAt2())
	before := c.Configuration().String()
	step(t, c, Message{Type: AppendEntries, From: 2, Term: 2, LogIndex: 1, LogTerm: 1, Entries: []Entry{noop(2, 2)}})
	if got := c.Configuration().String(); got != "voters(1 2 3)" {
		t.Fatalf("%s, after %s was cut off", got, before)
	}
	next := Configuration{Voters: []ID{5}}
	step(t, c, Message{Type: AppendEntries, From: 2, Term: 2, LogIndex: 2, LogTerm: 2, Entries: []Entry{configuration(3, 2, next)}})
	if got := c.Configuration().String(); got != "voters(5)" || c.commitIndex > 1 {
		t.Fatalf("%s is in force, committed %d", got, c.commitIndex)
	}
}

// Bugs 17 and 18: a learner votes when it is asked, and never campaigns.
func TestBug17And18Learner(t *testing.T) {
	st := storedTerms(3, 1)
	st.Entries[0] = configuration(1, 1, Configuration{Voters: []ID{2, 3}, Learners: []ID{1}})
	c := newCore(t, testConfig(), st)
	for range 10 {
		if out := timeout(t, c); len(out) > 0 || c.role != Follower {
			t.Fatalf("a learner becomes a %s and sends %v", c.role, out)
		}
	}
	reply := only(t, step(t, c, Message{Type: RequestVote, From: 2, Term: 2, LogIndex: 1, LogTerm: 1}), RequestVoteReply, 2)
	if reply.Reject {
		t.Fatal("it refused a vote")
	}
}
