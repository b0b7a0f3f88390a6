package raft

import (
	"errors"
	"testing"
)

// bugs_transfer_test.go: mistakes that real implementations shipped, about
// leadership transfer. bugs_doc_test.go lists all of them.

// Bug 19: a learner that was just made a voter is told to take over only when it
// has the whole log on disk, its promotion with it. Otherwise it would not know
// that it may campaign, or could not win.
func TestBug19TransferToPromotedLearner(t *testing.T) {
	c := lead(t, testConfig(), 3)
	if _, err := c.Reconfigure([]ID{1, 2, 3}, []ID{4}); err != nil {
		t.Fatal(err)
	}
	drain(t, c)
	if err := c.Transfer(c.now, 4); !errors.Is(err, ErrNotVoter) {
		t.Fatalf("transfer to a learner: %v", err)
	}
	for _, id := range []ID{2, 4} {
		step(t, c, Message{Type: AppendEntriesReply, From: id, Term: 2, LogIndex: 3})
	}
	if _, err := c.Reconfigure([]ID{1, 2, 3, 4}, nil); err != nil {
		t.Fatal(err)
	}
	if err := c.Transfer(c.now, 4); err != nil {
		t.Fatal(err)
	}
	if out := drain(t, c); len(ofType(out, TimeoutNow)) > 0 {
		t.Fatal("it is told before it was sent its promotion")
	}
	// It has the entry, and has answered a heartbeat for what is durable.
	if out := step(t, c, Message{Type: AppendEntriesReply, From: 4, Term: 2, LogIndex: 3}); len(ofType(out, TimeoutNow)) > 0 {
		t.Fatal("it is told before its promotion is on its disk")
	}
	only(t, step(t, c, Message{Type: AppendEntriesReply, From: 4, Term: 2, LogIndex: 4}), TimeoutNow, 4)
}

// transferring is a leader whose transfer to server 2, which lacks an entry, is
// under way.
func transferring(t *testing.T) *Core {
	t.Helper()
	c := lead(t, testConfig(), 3)
	if _, _, err := c.Propose(c.now, []byte("x")); err != nil {
		t.Fatal(err)
	}
	drain(t, c)
	if err := c.Transfer(c.now, 2); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Propose(c.now, []byte("y")); err != ErrTransferring {
		t.Fatal(err)
	}
	return c
}

// Bug 20: however a transfer is cut short, the leader takes commands again.
func TestBug20TransferCutShort(t *testing.T) {
	for name, cut := range map[string]func(*Core){
		"the target does not answer": func(c *Core) {
			for began := c.now; c.now < began+testTimeout; {
				timeout(t, c)
				step(t, c, Message{Type: AppendEntriesReply, From: 3, Term: 2, LogIndex: 2})
			}
		},
		"its connection closes": func(c *Core) { c.PeerDown(c.now, 2) },
		"another server leads for a while": func(c *Core) {
			step(t, c, Message{Type: AppendEntries, From: 3, Term: 3, LogIndex: 2, LogTerm: 2})
			elect(t, c, 3)
		},
		"it steps down": func(c *Core) {
			c.HandOver(c.now)
			elect(t, c, 3)
		},
	} {
		c := transferring(t)
		cut(c)
		drain(t, c)
		if _, _, err := c.Propose(c.now, []byte("z")); err != nil {
			t.Errorf("%s: a %s: %v", name, c.role, err)
		}
		if err := c.Transfer(c.now, 3); err != nil {
			t.Errorf("%s: another transfer: %v", name, err)
		}
	}
	// The leader wakes in time, also between heartbeats.
	c := transferring(t)
	if c.heartbeatDeadline = c.transfer.deadline + 1; c.NextDeadline() != c.transfer.deadline {
		t.Errorf("next deadline %s, the transfer's is %s", c.NextDeadline(), c.transfer.deadline)
	}
}

// Bug 20: a change of members that waited for the end of a transfer goes on.
func TestBug20ChangeGoesOnAfterTransfer(t *testing.T) {
	c := lead(t, testConfig(), 3)
	if _, err := c.Reconfigure([]ID{1, 2, 4}, nil); err != nil {
		t.Fatal(err)
	}
	if err := c.Transfer(c.now, 4); err != nil {
		t.Fatal(err)
	}
	drain(t, c)
	step(t, c, Message{Type: AppendEntriesReply, From: 2, Term: 2, LogIndex: 3})
	only(t, step(t, c, Message{Type: AppendEntriesReply, From: 4, Term: 2, LogIndex: 3}), TimeoutNow, 4) // lost
	if !c.Configuration().Joint() || c.commitIndex != 3 {
		t.Fatalf("%s, committed %d", c.Configuration(), c.commitIndex)
	}
	for c.transfer.target != None {
		timeout(t, c)
		for id := ID(2); id <= 3; id++ {
			step(t, c, Message{Type: AppendEntriesReply, From: id, Term: 2, LogIndex: 3})
		}
	}
	if c.Configuration().Joint() {
		t.Fatal("the joint configuration stays")
	}
}

// Bug 21: nothing is added to the log while a transfer is under way: no command,
// no change of members, and not the end of one.
func TestBug21NothingIsAppendedDuringTransfer(t *testing.T) {
	c := transferring(t)
	if _, err := c.Reconfigure([]ID{1, 2}, nil); err != ErrTransferring {
		t.Fatal(err)
	}
	c = lead(t, testConfig(), 3)
	if _, err := c.Reconfigure([]ID{1, 2, 3}, []ID{4}); err != nil {
		t.Fatal(err)
	}
	drain(t, c)
	for _, id := range []ID{2, 3} {
		step(t, c, Message{Type: AppendEntriesReply, From: id, Term: 2, LogIndex: 3})
	}
	if _, err := c.Reconfigure([]ID{1, 2}, nil); err != nil {
		t.Fatal(err)
	}
	drain(t, c)
	if err := c.Transfer(c.now, 2); err != nil {
		t.Fatal(err)
	}
	only(t, step(t, c, Message{Type: AppendEntriesReply, From: 2, Term: 2, LogIndex: 4}), TimeoutNow, 2)
	step(t, c, Message{Type: AppendEntriesReply, From: 3, Term: 2, LogIndex: 4})
	if c.commitIndex != 4 || c.log.lastIndex() != 4 {
		t.Fatalf("committed %d, the log ends at %d", c.commitIndex, c.log.lastIndex())
	}
}

// A transfer to whom the leadership is going already, or to the leader itself,
// changes nothing; to nobody known it is refused.
func TestTransferRefuses(t *testing.T) {
	c := transferring(t)
	deadline := c.transfer.deadline
	c.setNow(c.now + 1)
	if err := c.Transfer(c.now, 2); err != nil || c.transfer.deadline != deadline {
		t.Fatal("the deadline moves", err)
	}
	if err := c.Transfer(c.now, 3); err != ErrTransferring {
		t.Fatal(err)
	}
	c = lead(t, testConfig(), 3)
	if err := c.Transfer(c.now, 1); err != nil || c.transfer.target != None {
		t.Fatal("a transfer to itself", err)
	}
	if err := c.Transfer(c.now, 9); !errors.Is(err, ErrNotVoter) {
		t.Fatal(err)
	}
	// Of a joint configuration only C_new's voters come into question.
	if _, err := c.Reconfigure([]ID{1, 2, 4}, nil); err != nil {
		t.Fatal(err)
	}
	if err := c.Transfer(c.now, 3); !errors.Is(err, ErrNotVoter) {
		t.Fatal(err)
	}
}

// Whoever is told to campaign does so without asking first and without waiting,
// and says that it was told; a candidate is not disturbed.
func TestTimeoutNow(t *testing.T) {
	c := newCore(t, testConfig(), storedTerms(3, 1))
	step(t, c, Message{Type: AppendEntries, From: 2, Term: 2, LogIndex: 1, LogTerm: 1})
	out := step(t, c, Message{Type: TimeoutNow, From: 2, Term: 2})
	if c.role != Candidate || c.currentTerm != 3 || len(ofType(out, RequestPreVote)) > 0 || !only(t, out, RequestVote, 3).Force {
		t.Fatalf("a %s of term %d sends %v", c.role, c.currentTerm, out)
	}
	// Of a leader of the past nothing is taken, nor twice.
	step(t, c, Message{Type: TimeoutNow, From: 2, Term: 2})
	step(t, c, Message{Type: TimeoutNow, From: 3, Term: 3})
	if c.role != Candidate || c.currentTerm != 3 {
		t.Fatalf("a %s of term %d", c.role, c.currentTerm)
	}
	// Those that hear the leader vote all the same, if they are told why; and so
	// does the leader.
	voter := newCore(t, testConfig(), storedTerms(3, 1))
	step(t, voter, Message{Type: AppendEntries, From: 2, Term: 2, LogIndex: 1, LogTerm: 1})
	forced := Message{Type: RequestVote, From: 3, Term: 3, LogIndex: 2, LogTerm: 2, Force: true}
	unforced := forced
	unforced.Force = false
	if out := step(t, voter, unforced); len(out) > 0 {
		t.Fatalf("it sends %v", out)
	}
	if only(t, step(t, voter, forced), RequestVoteReply, 3).Reject {
		t.Fatal("refused")
	}
	l := lead(t, testConfig(), 3)
	if only(t, step(t, l, forced), RequestVoteReply, 3).Reject || l.role != Follower {
		t.Fatalf("a %s refuses", l.role)
	}
}

// Whoever leaves at once asks the voter with the longest log, of those whose
// connections stand.
func TestHandOverAsksTheBest(t *testing.T) {
	c := lead(t, testConfig(), 5)
	if _, err := c.Reconfigure([]ID{1, 2, 3, 4, 5}, []ID{6}); err != nil {
		t.Fatal(err)
	}
	drain(t, c)
	for id, match := range map[ID]uint64{3: 3, 4: 3, 6: 3} {
		step(t, c, Message{Type: AppendEntriesReply, From: id, Term: 2, LogIndex: match})
	}
	c.Propose(c.now, []byte("x"))
	drain(t, c)
	step(t, c, Message{Type: AppendEntriesReply, From: 4, Term: 2, LogIndex: 4})
	step(t, c, Message{Type: AppendEntriesReply, From: 6, Term: 2, LogIndex: 4})
	c.PeerDown(c.now, 4)
	drain(t, c)
	c.HandOver(c.now)
	out := ofType(drain(t, c), TimeoutNow)
	if len(out) != 1 || out[0].To != 3 || c.role != Follower || c.leader != None {
		t.Fatalf("a %s sends %v", c.role, out)
	}
}
