package raft

import (
	"math/rand/v2"
	"testing"
	"time"
)

// bugs_election_test.go: mistakes that real implementations shipped, about
// elections and pre-votes. bugs_doc_test.go lists all of them.

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

// Bug 4 in a term that is on disk already: the vote alone is a reason to save,
// and is not told before. Nor is it told by the save of the term, which was
// under way.
func TestBug04VoteInKnownTermWaitsForItsSave(t *testing.T) {
	vote := Message{Type: RequestVote, From: 2, Term: 5, LogIndex: 1, LogTerm: 1}
	st := storedTerms(3, 1)
	st.HardState.Term = 5
	c := newCore(t, testConfig(), st)
	receive(t, c, vote)
	rd := take(t, c)
	if len(rd.Messages) > 0 || rd.Save.HardState != (HardState{Term: 5, Vote: 2}) {
		t.Fatalf("%+v", rd)
	}
	saved(t, c, rd.Save.Seq)
	if only(t, drain(t, c), RequestVoteReply, 2).Reject {
		t.Fatal("refused")
	}

	c = newCore(t, testConfig(), storedTerms(3, 1, 2))
	receive(t, c, Message{Type: RequestVote, From: 3, Term: 5, LogIndex: 1, LogTerm: 1}) // its log is behind
	term := take(t, c)
	vote.LogIndex, vote.LogTerm = 2, 2
	receive(t, c, vote)
	saved(t, c, term.Save.Seq)
	rd = take(t, c)
	if m := only(t, rd.Messages, RequestVoteReply, 3); !m.Reject || len(rd.Messages) != 1 {
		t.Fatalf("%+v", rd.Messages)
	}
	receive(t, c, Message{Type: RequestVote, From: 3, Term: 5, LogIndex: 1, LogTerm: 1}) // this refusal tells of a vote that is not saved
	if rd, _ := c.Ready(); len(rd.Messages) > 0 {
		t.Fatalf("%+v", rd.Messages)
	}
	saved(t, c, rd.Save.Seq)
	if only(t, drain(t, c), RequestVoteReply, 2).Reject {
		t.Fatal("refused")
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

// Bug 13 in a chain: 1 and 3 hear only 2. Whoever of them does not hear the
// leader could win with 2's vote, as often as 2 gives it.
func TestBug13ChainHasStableLeader(t *testing.T) {
	linked := func(a, b ID) bool { return a == 2 || b == 2 }
	atTheEnd := 0
	for seed := range uint64(8) {
		w := newWorld()
		conf := Configuration{Voters: []ID{1, 2, 3}}
		w.addFact(foundingDisk(conf).Entries[0], 1)
		for id := ID(1); id <= 3; id++ {
			h := w.addHost(id, Config{}, foundingDisk(conf))
			h.seed += 100 * seed
			w.start(h)
		}
		w.runCalm(5*time.Second, linked)
		settled := len(w.leaders)
		w.runCalm(10*time.Second, linked)
		if settled == 0 || len(w.leaders) != settled {
			t.Fatalf("seed %d: %d leaders after 5 s, %d after 15 s", seed, settled, len(w.leaders))
		}
		for _, id := range w.leaders {
			if id != 2 {
				atTheEnd++
			}
		}
	}
	if atTheEnd == 0 {
		t.Error("only server 2, which everybody hears, ever led")
	}
}
