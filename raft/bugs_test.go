package raft

import (
	"math/rand/v2"
	"testing"
	"time"
)

// bugs_test.go: mistakes that real implementations shipped, by their number in
// the project's list. Those about saves and members are in save_test.go and
// membership_test.go; many are seen at work in testdata as well. Those about
// snapshots, reads and leadership transfer have no place here yet.

// Bug 1, Figure 8: entries of an earlier term on a majority are not committed
// before one of the leader's own term is.
func TestBug01OldTermCommitsWithOwn(t *testing.T) {
	c := newCore(t, testConfig(), storedTerms(3, 1, 2, 2))
	elect(t, c, 3)
	step(t, c, Message{Type: AppendEntriesReply, From: 2, Term: 3, LogIndex: 3})
	step(t, c, Message{Type: AppendEntriesReply, From: 3, Term: 3, LogIndex: 3})
	if c.commitIndex != 0 {
		t.Fatalf("committed %d of an earlier term", c.commitIndex)
	}
	step(t, c, Message{Type: AppendEntriesReply, From: 2, Term: 3, LogIndex: 4})
	if c.commitIndex != 4 {
		t.Fatalf("committed %d, want 4", c.commitIndex)
	}
}

// Bug 3: whoever steps down within a term keeps its vote.
func TestBug03StepDownKeepsVote(t *testing.T) {
	cfg := testConfig()
	cfg.DisablePreVote, cfg.DisableStickiness = true, true
	c := newCore(t, cfg, storedTerms(3, 1))
	timeout(t, c)
	step(t, c, Message{Type: AppendEntries, From: 2, Term: 2, LogIndex: 1, LogTerm: 1})
	if c.role != Follower || c.votedFor != 1 {
		t.Fatalf("a %s that voted for %s", c.role, c.votedFor)
	}
	reply := only(t, step(t, c, Message{Type: RequestVote, From: 3, Term: 2, LogIndex: 9, LogTerm: 1}), RequestVoteReply, 3)
	if !reply.Reject {
		t.Fatal("it voted twice in term 2")
	}
	// And a leader that steps down for want of a quorum.
	c = newCore(t, testConfig(), storedTerms(3, 1))
	elect(t, c, 3)
	stepDown(t, c)
	if c.votedFor != 1 || c.currentTerm != 2 {
		t.Fatalf("it voted for %s in term %d", c.votedFor, c.currentTerm)
	}
}

// The vote of a term survives a restart.
func TestVoteSurvivesRestart(t *testing.T) {
	st := storedTerms(3, 1)
	st.HardState = HardState{Term: 2, Vote: 3}
	c := newCore(t, testConfig(), st)
	reply := only(t, step(t, c, Message{Type: RequestVote, From: 2, Term: 2, LogIndex: 1, LogTerm: 1}), RequestVoteReply, 2)
	if !reply.Reject {
		t.Fatal("it voted twice in term 2")
	}
	reply = only(t, step(t, c, Message{Type: RequestVote, From: 3, Term: 2, LogIndex: 1, LogTerm: 1}), RequestVoteReply, 3)
	if reply.Reject {
		t.Fatal("it does not repeat its vote")
	}
}

// Bug 6: a server whose term is low learns the higher one from the refusal of
// its pre-vote.
func TestBug06PreVoteRefusalTellsTerm(t *testing.T) {
	c := newCore(t, testConfig(), storedTerms(3, 1))
	timeout(t, c)
	step(t, c, Message{Type: RequestPreVoteReply, From: 2, Term: 9, Reject: true})
	if c.currentTerm != 9 || c.role != Follower {
		t.Fatalf("a %s of term %d", c.role, c.currentTerm)
	}
	// And the other side refuses with its term, whatever is asked.
	reply := only(t, step(t, c, Message{Type: RequestPreVote, From: 3, Term: 2, LogIndex: 1, LogTerm: 1}), RequestPreVoteReply, 3)
	if !reply.Reject || reply.Term != 9 {
		t.Fatalf("%+v", reply)
	}
}

// Bug 7: a pre-vote changes nothing at the voter.
func TestBug07PreVoteChangesNothing(t *testing.T) {
	c := newCore(t, testConfig(), storedTerms(3, 1))
	before := c.Status()
	reply := only(t, step(t, c, Message{Type: RequestPreVote, From: 2, Term: 2, LogIndex: 1, LogTerm: 1}), RequestPreVoteReply, 2)
	if reply.Reject || reply.Term != 2 {
		t.Fatalf("%+v", reply)
	}
	after := c.Status()
	if after.Deadline != before.Deadline || after.Term != before.Term || after.Vote != before.Vote || c.leaderContact != 0 {
		t.Fatalf("%+v became %+v", before, after)
	}
	if rd, ok := c.Ready(); ok {
		t.Fatalf("%+v", rd)
	}
}

// Bug 8: a leader that stepped down can be elected again.
func TestBug08FormerLeaderWinsAgain(t *testing.T) {
	c := lead(t, testConfig(), 3)
	stepDown(t, c)
	elect(t, c, 3)
	if c.currentTerm != 3 {
		t.Fatalf("term %d", c.currentTerm)
	}
	// And it grants pre-votes when it has no leader.
	c = lead(t, testConfig(), 3)
	stepDown(t, c)
	if only(t, step(t, c, Message{Type: RequestPreVote, From: 2, Term: 3, LogIndex: 2, LogTerm: 2}), RequestPreVoteReply, 2).Reject {
		t.Fatal("a former leader refuses for ever")
	}
}

// Bug 9: pre-votes that come after the election start no other one.
func TestBug09LatePreVotes(t *testing.T) {
	c := lead(t, testConfig(), 3)
	step(t, c, Message{Type: RequestPreVoteReply, From: 3, Term: 2})
	step(t, c, Message{Type: RequestPreVoteReply, From: 3, Term: 3})
	if c.role != Leader || c.currentTerm != 2 {
		t.Fatalf("a %s of term %d", c.role, c.currentTerm)
	}
}

// Bug 10: a pre-vote is no vote.
func TestBug10PreVoteIsNoVote(t *testing.T) {
	c := newCore(t, testConfig(), storedTerms(5, 1))
	timeout(t, c)
	for id := ID(2); id <= 3; id++ {
		step(t, c, Message{Type: RequestPreVoteReply, From: id, Term: 2})
	}
	if c.role != Candidate {
		t.Fatalf("a %s", c.role)
	}
	for id := ID(2); id <= 5; id++ {
		step(t, c, Message{Type: RequestPreVoteReply, From: id, Term: 2})
		step(t, c, Message{Type: RequestPreVoteReply, From: id, Term: 3})
	}
	if c.role != Candidate {
		t.Fatalf("a %s by pre-votes", c.role)
	}
}

// Bug 11: a reply of a higher term makes no leader of a candidate of a lower.
func TestBug11VoteOfHigherTerm(t *testing.T) {
	cfg := testConfig()
	cfg.DisablePreVote = true
	c := newCore(t, cfg, storedTerms(3, 1))
	timeout(t, c)
	step(t, c, Message{Type: RequestVoteReply, From: 2, Term: 7})
	step(t, c, Message{Type: RequestVoteReply, From: 3, Term: 7})
	if c.role != Follower || c.currentTerm != 7 {
		t.Fatalf("a %s of term %d", c.role, c.currentTerm)
	}
}

// Bug 12: a server that was cut off comes back with the term it had.
func TestBug12IsolatedServerKeepsItsTerm(t *testing.T) {
	c := newCore(t, testConfig(), storedTerms(3, 1))
	for range 20 {
		timeout(t, c)
	}
	if c.currentTerm != 1 {
		t.Fatalf("term %d", c.currentTerm)
	}
}

// Bug 13: a partial mesh. 1, 2 and 3 hear one another, 4 hears only 2 and 5
// only 3. There is one leader, and it stays; 4 and 5 are content if it is
// theirs, and harmless if it is not.
func TestBug13PartialMeshHasStableLeader(t *testing.T) {
	linked := func(a, b ID) bool {
		a, b = min(a, b), max(a, b)
		return b <= 3 || a == 2 && b == 4 || a == 3 && b == 5
	}
	for seed := range uint64(3) {
		w := newWorld()
		conf := Configuration{Voters: []ID{1, 2, 3, 4, 5}}
		w.addFact(foundingDisk(conf).Entries[0], 1)
		for id := ID(1); id <= 5; id++ {
			h := w.addHost(id, Config{}, foundingDisk(conf))
			h.seed += 100 * seed
			w.start(h)
		}
		w.runCalm(20*time.Second, linked)
		settled := len(w.leaders)
		w.runCalm(60*time.Second, linked)
		if settled == 0 || len(w.leaders) != settled {
			t.Fatalf("seed %d: %d leaders after 20 s, %d after 80 s", seed, settled, len(w.leaders))
		}
	}
}

// Bug 35: where a probe was refused says nothing about what matches.
func TestBug35RefusalIsNoMatch(t *testing.T) {
	c := newCore(t, testConfig(), storedTerms(3, 1, 2, 2, 2))
	elect(t, c, 3)
	step(t, c, Message{Type: AppendEntriesReply, From: 2, Term: 3, Reject: true, LogIndex: 4, Hint: 3, LogTerm: 2})
	if p := c.peer(2); p.match != 0 || p.next != 4 {
		t.Fatalf("match %d, next %d", p.match, p.next)
	}
	// A refusal that comes twice changes nothing either.
	step(t, c, Message{Type: AppendEntriesReply, From: 2, Term: 3, Reject: true, LogIndex: 4, Hint: 1, LogTerm: 1})
	if p := c.peer(2); p.match != 0 || p.next != 4 {
		t.Fatalf("match %d, next %d", p.match, p.next)
	}
}

// Bug 36: a late, shorter AppendEntries neither cuts a log that matches nor
// lowers what the leader knows to match; nor does it commit beyond itself.
func TestBug36LateShorterAppend(t *testing.T) {
	c := newCore(t, testConfig(), storedTerms(3, 1))
	all := []Entry{noop(2, 2), noop(3, 2), noop(4, 2)}
	step(t, c, Message{Type: AppendEntries, From: 2, Term: 2, LogIndex: 1, LogTerm: 1, Entries: all})
	reply := only(t, step(t, c, Message{Type: AppendEntries, From: 2, Term: 2, LogIndex: 1, LogTerm: 1, Commit: 4, Entries: all[:1]}), AppendEntriesReply, 2)
	if c.log.lastIndex() != 4 || reply.LogIndex != 2 || c.commitIndex != 2 {
		t.Fatalf("last %d, acknowledged %d, committed %d", c.log.lastIndex(), reply.LogIndex, c.commitIndex)
	}
	l := lead(t, testConfig(), 3)
	step(t, l, Message{Type: AppendEntriesReply, From: 2, Term: 2, LogIndex: 1})
	if p := l.peer(2); p.match != 2 || p.next != 3 {
		t.Fatalf("match %d, next %d", p.match, p.next)
	}
}

// What a new leader committed beyond a message says nothing about entries of a
// follower that the message did not reach.
func TestCommitStopsWhereTheLogsAreKnownToMatch(t *testing.T) {
	c := newCore(t, testConfig(), storedTerms(3, 1, 2, 2, 2))
	step(t, c, Message{Type: AppendEntries, From: 2, Term: 4, LogIndex: 1, LogTerm: 1, Commit: 4})
	if c.commitIndex != 1 {
		t.Fatalf("committed %d, only 1 is known to match", c.commitIndex)
	}
}

// Bugs 38 and 39: the counters of bytes come back to zero.
func TestBug38And39CountersReturnToZero(t *testing.T) {
	cfg := testConfig()
	cfg.MaxUncommittedBytes = 10 * (entryOverhead + 10)
	c := lead(t, cfg, 3)
	for round := range 5 {
		n := 0
		for {
			if _, _, err := c.Propose(c.now, make([]byte, 10)); err == ErrOverloaded {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if n != 10 {
			t.Fatalf("round %d: %d commands accepted, want 10", round, n)
		}
		drain(t, c)
		for id := ID(2); id <= 3; id++ {
			step(t, c, Message{Type: AppendEntriesReply, From: id, Term: 2, LogIndex: c.log.lastIndex()})
		}
		if c.uncommittedBytes != 0 || c.peer(2).window.bytes != 0 {
			t.Fatalf("%d uncommitted bytes, %d in flight", c.uncommittedBytes, c.peer(2).window.bytes)
		}
	}
	// A command larger than the limit goes when nothing else waits.
	if _, _, err := c.Propose(c.now, make([]byte, 100000)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Propose(c.now, nil); err != ErrOverloaded {
		t.Fatalf("after it: %v", err)
	}
}

func TestProposeElsewhere(t *testing.T) {
	c := newCore(t, testConfig(), storedTerms(3, 1))
	if _, _, err := c.Propose(0, []byte("x")); err != ErrNotLeader {
		t.Fatal(err)
	}
}

// Bug 46: timeouts are in [T, 2T), spread, and differ from seed to seed.
func TestBug46ElectionTimeouts(t *testing.T) {
	first := map[time.Duration]bool{}
	lowest, highest := time.Hour, time.Duration(0)
	for seed := range uint64(500) {
		cfg := Config{ID: 1, Rand: rand.New(rand.NewPCG(seed, 0))}
		c := newCore(t, cfg, storedTerms(3, 1))
		first[c.NextDeadline()] = true
		for range 10 {
			d := c.NextDeadline() - c.now
			lowest, highest = min(lowest, d), max(highest, d)
			timeout(t, c)
		}
	}
	if lowest < testTimeout || highest >= 2*testTimeout {
		t.Errorf("timeouts from %s to %s", lowest, highest)
	}
	if lowest > testTimeout*21/20 || highest < testTimeout*39/20 {
		t.Errorf("timeouts from %s to %s only", lowest, highest)
	}
	if len(first) < 490 {
		t.Errorf("%d first timeouts of 500 seeds", len(first))
	}
}

// Bug 47: a restarted server hands its log out again from the start, whatever
// it knew to be committed when it stopped, and applies nothing too early.
func TestBug47RestartAppliesFromTheStart(t *testing.T) {
	st := storedTerms(3, 1, 1, 1, 1)
	st.HardState.Commit = 2
	c := newCore(t, testConfig(), st)
	rd, _ := c.Ready()
	if len(rd.Committed) != 2 || rd.Committed[0].Index != 1 {
		t.Fatalf("%+v", rd.Committed)
	}
	if err := c.Step(0, Message{Type: AppendEntries, From: 2, To: 1, Term: 1, LogIndex: 4, LogTerm: 1, Commit: 4}); err != nil {
		t.Fatal(err)
	}
	rd, _ = c.Ready()
	if len(rd.Committed) != 2 || rd.Committed[0].Index != 3 {
		t.Fatalf("%+v", rd.Committed)
	}
}
