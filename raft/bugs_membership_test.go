package raft

import "testing"

// bugs_membership_test.go: mistakes that real implementations shipped, about
// changes of members. Some are tested in membership_test.go; bugs_doc_test.go
// lists all of them.

// Bug 17: neither does a server vote less for knowing of no cluster, or for not
// being a member as far as it knows: it may have been made one.
func TestBug17StrangerVotes(t *testing.T) {
	notMember := storedTerms(3, 1)
	notMember.Entries[0] = configuration(1, 1, Configuration{Voters: []ID{2, 3}})
	for name, st := range map[string]Stored{"an empty server": {}, "one that is not a member": notMember} {
		c := newCore(t, testConfig(), st)
		if only(t, step(t, c, Message{Type: RequestPreVote, From: 2, Term: 2, LogIndex: 5, LogTerm: 1}), RequestPreVoteReply, 2).Reject {
			t.Errorf("%s refuses a pre-vote", name)
		}
		if only(t, step(t, c, Message{Type: RequestVote, From: 2, Term: 2, LogIndex: 5, LogTerm: 1}), RequestVoteReply, 2).Reject {
			t.Errorf("%s refuses a vote", name)
		}
	}
}

// Bug 18: a learner does not obey TimeoutNow, nor does a server that is no
// member.
func TestBug18LearnerIgnoresTimeoutNow(t *testing.T) {
	for _, conf := range []Configuration{{Voters: []ID{2, 3}, Learners: []ID{1}}, {Voters: []ID{2, 3}}} {
		st := storedTerms(3, 1)
		st.Entries[0] = configuration(1, 1, conf)
		c := newCore(t, testConfig(), st)
		step(t, c, Message{Type: AppendEntries, From: 2, Term: 2, LogIndex: 1, LogTerm: 1})
		if out := step(t, c, Message{Type: TimeoutNow, From: 2, Term: 2}); len(out) > 0 || c.role != Follower || c.currentTerm != 2 {
			t.Errorf("%s: a %s of term %d sends %v", conf, c.role, c.currentTerm, out)
		}
	}
}

// Bug 22: a leader that steps down with the joint configuration in its log, and
// leads again, leaves it, although it is of its earlier term. So does one that
// finds it committed already.
func TestBug22JointConfigurationOfEarlierTermIsLeft(t *testing.T) {
	c := lead(t, testConfig(), 3)
	if _, err := c.Reconfigure([]ID{1, 2, 4}, nil); err != nil {
		t.Fatal(err)
	}
	drain(t, c)
	stepDown(t, c)
	electAmong(t, c, 2, 3, 4)
	for id := ID(2); id <= 4; id++ {
		step(t, c, Message{Type: AppendEntriesReply, From: id, Term: 3, LogIndex: 4})
	}
	if c.Configuration().Joint() || c.log.lastIndex() != 5 {
		t.Fatalf("%s with %d entries", c.Configuration(), c.log.lastIndex())
	}

	st := jointAt2()
	st.HardState.Commit = 2
	c = newCore(t, testConfig(), st)
	electAmong(t, c, 2, 3, 4)
	for id := ID(2); id <= 4; id++ {
		step(t, c, Message{Type: AppendEntriesReply, From: id, Term: 2, LogIndex: 3})
	}
	if c.Configuration().Joint() || c.log.lastIndex() != 4 {
		t.Fatalf("%s with %d entries", c.Configuration(), c.log.lastIndex())
	}
}

// electAmong makes server 1 the leader by all the votes of others.
func electAmong(t *testing.T, c *Core, others ...ID) {
	t.Helper()
	timeout(t, c)
	for _, reply := range []MessageType{RequestPreVoteReply, RequestVoteReply} {
		for _, id := range others {
			term := c.currentTerm
			if reply == RequestPreVoteReply {
				term++
			}
			if c.role == PreCandidate && reply == RequestPreVoteReply || c.role == Candidate && reply == RequestVoteReply {
				step(t, c, Message{Type: reply, From: id, Term: term})
			}
		}
	}
	if c.role != Leader {
		t.Fatalf("server 1 is a %s, not the leader", c.role)
	}
}

// Bug 23: C_new is proposed once, whatever else commits until it has.
func TestBug23JointConfigurationIsLeftOnce(t *testing.T) {
	c := lead(t, testConfig(), 3)
	if _, err := c.Reconfigure([]ID{1, 2, 4}, nil); err != nil {
		t.Fatal(err)
	}
	drain(t, c)
	for range 3 {
		c.Propose(c.now, []byte("x"))
		drain(t, c)
		for id := ID(2); id <= 4; id++ { // up to what C_new follows, never C_new itself
			step(t, c, Message{Type: AppendEntriesReply, From: id, Term: 2, LogIndex: 3})
		}
		timeout(t, c)
	}
	changes := 0
	for _, e := range c.Entries(1, c.log.lastIndex()) {
		if e.Kind == EntryConfiguration {
			changes++
		}
	}
	if changes != 3 || c.Configuration().Joint() {
		t.Fatalf("%d configurations in the log, want the founding one, C_old,new and C_new; %s", changes, c.Configuration())
	}
}

// Bug 24: the joint configuration is not left while it is not committed, though
// entries before it are.
func TestBug24JointConfigurationNotLeftEarly(t *testing.T) {
	c := lead(t, testConfig(), 3)
	c.Propose(c.now, []byte("x"))
	if _, err := c.Reconfigure([]ID{1, 2, 4}, nil); err != nil {
		t.Fatal(err)
	}
	drain(t, c)
	for id := ID(2); id <= 4; id++ {
		step(t, c, Message{Type: AppendEntriesReply, From: id, Term: 2, LogIndex: 3})
	}
	if c.commitIndex != 3 || !c.Configuration().Joint() || c.log.lastIndex() != 4 {
		t.Fatalf("committed %d, %s, %d entries", c.commitIndex, c.Configuration(), c.log.lastIndex())
	}
	for id := ID(2); id <= 4; id++ {
		step(t, c, Message{Type: AppendEntriesReply, From: id, Term: 2, LogIndex: 4})
	}
	if c.Configuration().Joint() {
		t.Fatal("it is never left")
	}
}

// jointApplied is a leader that has applied the joint configuration at index 3,
// and has already gone on to C_new at 4.
func jointApplied(t *testing.T) *Core {
	t.Helper()
	cfg := testConfig()
	cfg.RetainedBytes = -1
	c := lead(t, cfg, 3)
	if _, err := c.Reconfigure([]ID{1, 2, 4}, nil); err != nil {
		t.Fatal(err)
	}
	drain(t, c)
	for id := ID(2); id <= 4; id++ {
		step(t, c, Message{Type: AppendEntriesReply, From: id, Term: 2, LogIndex: 3})
	}
	if c.lastApplied != 3 || c.log.lastIndex() != 4 {
		t.Fatalf("applied %d of %d", c.lastApplied, c.log.lastIndex())
	}
	return c
}

// Bug 25: a snapshot keeps the joint configuration that was in force where it
// ends, on the server that takes it, on one that starts from it, and on one
// that is sent it.
func TestBug25SnapshotKeepsJointConfiguration(t *testing.T) {
	c := jointApplied(t)
	const joint = "voters(1 2 4) outgoing(1 2 3)"
	if err := c.Compact(3, []byte("state")); err != nil {
		t.Fatal(err)
	}
	s := c.Snapshot()
	if s.Configuration.String() != joint || s.ConfigurationIndex != 3 {
		t.Fatalf("the snapshot has %s of entry %d", s.Configuration, s.ConfigurationIndex)
	}
	if got := c.Configuration().String(); got != "voters(1 2 4)" {
		t.Fatalf("in force is %s", got)
	}
	restarted := newCore(t, testConfig(), Stored{HardState: HardState{Term: 2}, Snapshot: s})
	if got := restarted.Configuration().String(); got != joint {
		t.Errorf("after a restart %s is in force", got)
	}
	sent := newCore(t, testConfig(), storedTerms(3, 1))
	step(t, sent, Message{Type: InstallSnapshot, From: 2, Term: 2, LogIndex: s.Index, LogTerm: s.Term, Chunk: &Chunk{
		Size: uint64(len(s.Data)), Data: s.Data, Configuration: s.Configuration.Encode(), ConfigurationIndex: s.ConfigurationIndex}})
	if got := sent.Configuration().String(); got != joint {
		t.Errorf("where it was installed %s is in force", got)
	}
}

// Bug 26: whoever campaigns does so under the latest configuration of its log,
// whether the state machine has seen it or not.
func TestBug26CampaignsUnderUnappliedChange(t *testing.T) {
	st := storedTerms(3, 1)
	st.Entries = append(st.Entries, configuration(2, 1, Configuration{Voters: []ID{1, 4, 5}, Outgoing: []ID{1, 2, 3}}),
		configuration(3, 1, Configuration{Voters: []ID{1, 4, 5}}))
	st.HardState.Commit = 3
	c := newCore(t, testConfig(), st) // Ready has not handed anything out yet
	c.Tick(c.NextDeadline())
	asked := map[ID]bool{}
	for _, m := range ofType(drain(t, c), RequestPreVote) {
		asked[m.To] = true
	}
	if len(asked) != 2 || !asked[4] || !asked[5] {
		t.Fatalf("it asked %v", asked)
	}
	for _, id := range []ID{2, 3} {
		step(t, c, Message{Type: RequestPreVoteReply, From: id, Term: 2})
	}
	if c.role != PreCandidate {
		t.Fatal("servers that were removed decided")
	}
	step(t, c, Message{Type: RequestPreVoteReply, From: 4, Term: 2})
	if c.role != Candidate {
		t.Fatalf("a %s", c.role)
	}
}

// Bug 28: so does the effective configuration survive a snapshot, and an
// installed one replaces what followed it in the log.
func TestBug28SnapshotReplacesConfiguration(t *testing.T) {
	conf := Configuration{Voters: []ID{2, 3, 4}}
	install := func(c *Core, index, term uint64) {
		step(t, c, Message{Type: InstallSnapshot, From: 2, Term: 3, LogIndex: index, LogTerm: term,
			Chunk: &Chunk{Configuration: conf.Encode(), ConfigurationIndex: 3}})
	}
	// A log that conflicts with the snapshot goes, with its configurations.
	st := storedTerms(3, 1, 1, 2, 2, 2)
	st.Entries[4] = configuration(5, 2, Configuration{Voters: []ID{1}})
	c := newCore(t, testConfig(), st)
	install(c, 4, 3)
	if got := c.Configuration().String(); got != "voters(2 3 4)" || c.configurationIndex() != 3 || c.log.lastIndex() != 4 {
		t.Fatalf("%s of entry %d, log up to %d", got, c.configurationIndex(), c.log.lastIndex())
	}
	// One that goes on from it keeps what it has after it.
	c = newCore(t, testConfig(), st)
	install(c, 4, 2)
	if got := c.Configuration().String(); got != "voters(1)" || c.configurationIndex() != 5 {
		t.Fatalf("%s of entry %d", got, c.configurationIndex())
	}
	// And when that is cut off, the snapshot's is in force.
	step(t, c, Message{Type: AppendEntries, From: 2, Term: 3, LogIndex: 4, LogTerm: 2, Entries: []Entry{noop(5, 3)}})
	if got := c.Configuration().String(); got != "voters(2 3 4)" {
		t.Fatalf("%s after the cut", got)
	}
}

// Bug 29: a change of members is in force when it is in the log. Waiting until
// it has been applied is a trap: servers 2 and 3 are gone for good, 4 and 5
// took their places, and only under the configuration that is not known to be
// committed can anybody be elected who could say that it is.
func TestBug29ChangeInForceWhenAppended(t *testing.T) {
	st := storedTerms(3, 1)
	st.Entries = append(st.Entries, configuration(2, 1, Configuration{Voters: []ID{1, 4, 5}, Outgoing: []ID{1, 2, 3}}),
		configuration(3, 1, Configuration{Voters: []ID{1, 4, 5}}))
	st.HardState.Commit = 2
	c := newCore(t, testConfig(), st)
	electAmong(t, c, 4, 5)
	step(t, c, Message{Type: AppendEntriesReply, From: 4, Term: 2, LogIndex: 4})
	if c.commitIndex != 4 {
		t.Fatalf("committed %d", c.commitIndex)
	}
	// The same on the leader that makes the change.
	c = lead(t, testConfig(), 3)
	if _, err := c.Reconfigure([]ID{1, 4, 5}, nil); err != nil {
		t.Fatal(err)
	}
	if !c.Configuration().Joint() || c.peer(4) == nil {
		t.Fatal("the joint configuration waits")
	}
	drain(t, c)
	for _, id := range []ID{2, 3} {
		step(t, c, Message{Type: AppendEntriesReply, From: id, Term: 2, LogIndex: 3})
	}
	if c.commitIndex != 2 {
		t.Fatal("C_old alone decided")
	}
}

// Bug 2 when a joint configuration is known to be committed already: it is not
// left before the leader has committed in its term, either. Here the end of a
// transfer is what could make the leader go on with it.
func TestBug02JointNotLeftBeforeOwnTermCommits(t *testing.T) {
	st := jointAt2()
	st.HardState.Commit = 2
	c := newCore(t, testConfig(), st)
	electAmong(t, c, 2, 3, 4)
	if err := c.Transfer(c.now, 4); err != nil {
		t.Fatal(err)
	}
	for c.transfer.target != None {
		timeout(t, c)
		for id := ID(2); id <= 4; id++ {
			step(t, c, Message{Type: AppendEntriesReply, From: id, Term: 2, LogIndex: 1})
		}
	}
	if c.role != Leader || c.log.lastIndex() != 3 {
		t.Fatalf("a %s with %d entries", c.role, c.log.lastIndex())
	}
}

// Learners get the log, and stay learners when the joint configuration is left.
func TestLearnersOutliveJointConfiguration(t *testing.T) {
	c := lead(t, testConfig(), 3)
	if _, err := c.Reconfigure([]ID{1, 2, 4}, []ID{5}); err != nil {
		t.Fatal(err)
	}
	only(t, drain(t, c), AppendEntries, 5)
	for range 2 {
		for _, id := range []ID{2, 4} {
			step(t, c, Message{Type: AppendEntriesReply, From: id, Term: 2, LogIndex: c.log.lastIndex()})
		}
	}
	if got := c.Configuration().String(); got != "voters(1 2 4) learners(5)" || c.peer(5) == nil {
		t.Fatal(got)
	}
}

// LeftOut tells a server that was removed from one that was never a member, also
// if it knows by a snapshot.
func TestLeftOut(t *testing.T) {
	others := Configuration{Voters: []ID{2, 3}}
	c := newCore(t, testConfig(), Stored{})
	if c.View().LeftOut {
		t.Error("a new server is left out")
	}
	step(t, c, Message{Type: AppendEntries, From: 2, Term: 2, Entries: []Entry{configuration(1, 1, others)}})
	if c.View().LeftOut {
		t.Error("a server that is not admitted yet is left out")
	}
	step(t, c, Message{Type: AppendEntries, From: 2, Term: 2, LogIndex: 1, LogTerm: 1, Entries: []Entry{configuration(2, 2, Configuration{Voters: []ID{1, 2, 3}})}})
	if c.View().LeftOut {
		t.Error("a member is left out")
	}
	step(t, c, Message{Type: AppendEntries, From: 2, Term: 2, LogIndex: 2, LogTerm: 2, Entries: []Entry{configuration(3, 2, others)}})
	if !c.View().LeftOut {
		t.Error("a removed server is not left out")
	}
	st := Stored{HardState: HardState{Term: 2}, Snapshot: &Snapshot{Index: 2, Term: 2, Configuration: Configuration{Voters: []ID{1, 2, 3}}, ConfigurationIndex: 2},
		Entries: []Entry{configuration(3, 2, others)}}
	if !newCore(t, testConfig(), st).View().LeftOut {
		t.Error("a removed server is not left out after a restart")
	}
	c = newCore(t, testConfig(), Stored{})
	step(t, c, chunkOf(5, "five"))
	step(t, c, Message{Type: AppendEntries, From: 2, Term: 2, LogIndex: 5, LogTerm: 2, Entries: []Entry{configuration(6, 2, others)}})
	if !c.View().LeftOut {
		t.Error("a server that knew of its membership by a snapshot is not left out")
	}
}
