package raft

import (
	"errors"
	"testing"
)

// A server that holds an uncommitted configuration without itself must go on
// to campaign: here servers 2 and 3 would refuse server 4, whose log is too
// short, for ever (the dissertation's 4.2.2).
func TestServerLeftOutStillCampaigns(t *testing.T) {
	st := storedTerms(3, 1)
	joint := Configuration{Voters: []ID{4}, Outgoing: []ID{1, 2, 3}}
	st.Entries = append(st.Entries, configuration(2, 1, joint), configuration(3, 1, Configuration{Voters: []ID{4}}))
	st.HardState.Commit = 2
	c := newCore(t, testConfig(), st)

	timeout(t, c)
	if c.role != PreCandidate {
		t.Fatalf("it is a %s", c.role)
	}
	step(t, c, Message{Type: RequestPreVoteReply, From: 2, Term: 2})
	if c.role != PreCandidate {
		t.Fatal("server 2, which has no vote any more, decided")
	}
	step(t, c, Message{Type: RequestPreVoteReply, From: 4, Term: 2})
	step(t, c, Message{Type: RequestVoteReply, From: 4, Term: 2})
	if c.role != Leader {
		t.Fatalf("it is a %s", c.role)
	}
	step(t, c, Message{Type: AppendEntriesReply, From: 4, Term: 2, LogIndex: 4})
	if c.commitIndex != 4 || c.role != Follower {
		t.Fatalf("it is a %s that committed %d", c.role, c.commitIndex)
	}
	for range 5 {
		if timeout(t, c); c.role != Follower {
			t.Fatalf("it is a %s after it was removed", c.role)
		}
	}
}

// Without pre-votes a candidate that lost because its log is too old must not
// try again sooner than others, who can win, try once.
func TestHopelessCandidateWaitsItsTurn(t *testing.T) {
	cfg := testConfig()
	cfg.DisablePreVote = true
	c := newCore(t, cfg, storedTerms(3, 1))
	for range 50 {
		timeout(t, c)
		lost := c.now
		for id := ID(2); id <= 3; id++ {
			step(t, c, Message{Type: RequestVoteReply, From: id, Term: c.currentTerm, Reject: true})
		}
		if wait := c.NextDeadline() - lost; c.role != Follower || wait < testTimeout {
			t.Fatalf("a %s that tries again after %s", c.role, wait)
		}
	}
}

// With pre-votes a candidate that lost had a good log: the vote was split, and
// the next try comes soon.
func TestSplitVoteIsRetriedSoon(t *testing.T) {
	c := newCore(t, testConfig(), storedTerms(3, 1))
	timeout(t, c)
	step(t, c, Message{Type: RequestPreVoteReply, From: 2, Term: 2})
	for id := ID(2); id <= 3; id++ {
		step(t, c, Message{Type: RequestVoteReply, From: id, Term: 2, Reject: true})
	}
	if wait := c.NextDeadline() - c.now; c.role != Follower || wait > testTimeout/2 {
		t.Fatalf("a %s that tries again after %s", c.role, wait)
	}
}

// Storage slower than an election timeout must not keep a server from ever
// winning: while its own vote is not durable it stays with its candidacy.
func TestSlowStorageWinsElection(t *testing.T) {
	c := newCore(t, testConfig(), storedTerms(1, 1))
	c.Tick(c.NextDeadline())
	rd, _ := c.Ready()
	if rd.Save == nil || rd.Save.HardState.Vote != 1 {
		t.Fatalf("no vote is saved: %+v", rd)
	}
	for range 5 {
		c.Tick(c.NextDeadline())
	}
	if c.role != Candidate || c.currentTerm != 2 {
		t.Fatalf("a %s of term %d, want the candidate of term 2", c.role, c.currentTerm)
	}
	if err := c.Saved(c.now, rd.Save.Seq); err != nil || c.role != Leader {
		t.Fatalf("a %s, %v", c.role, err)
	}
}

// Bug 5: replies of an older candidacy, and replies that come twice, count for
// nothing.
func TestBug05VoteRepliesCountOnceAndForTheirTerm(t *testing.T) {
	cfg := testConfig()
	cfg.DisablePreVote = true
	c := newCore(t, cfg, storedTerms(5, 1))
	timeout(t, c)
	timeout(t, c)
	if c.role != Candidate || c.currentTerm != 3 {
		t.Fatalf("a %s of term %d", c.role, c.currentTerm)
	}
	for range 3 {
		step(t, c, Message{Type: RequestVoteReply, From: 2, Term: 3})
		step(t, c, Message{Type: RequestVoteReply, From: 3, Term: 2})
		step(t, c, Message{Type: RequestVoteReply, From: 4, Term: 2})
	}
	if c.role != Candidate {
		t.Fatalf("a %s with its own vote and one more of five", c.role)
	}
	step(t, c, Message{Type: RequestVoteReply, From: 5, Term: 3})
	if c.role != Leader {
		t.Fatalf("a %s with three votes of five", c.role)
	}
}

// A voter that has moved on to our term refuses our request of the term
// before, and then grants the one of this term. The grant counts.
func TestGrantAfterStaleRefusalCounts(t *testing.T) {
	cfg := testConfig()
	cfg.DisablePreVote = true
	c := newCore(t, cfg, storedTerms(3, 1))
	timeout(t, c)
	step(t, c, Message{Type: RequestVoteReply, From: 2, Term: 2, Reject: true})
	step(t, c, Message{Type: RequestVoteReply, From: 2, Term: 2})
	if c.role != Leader {
		t.Fatalf("a %s with two votes of three", c.role)
	}
	c = newCore(t, cfg, storedTerms(3, 1))
	timeout(t, c)
	step(t, c, Message{Type: RequestVoteReply, From: 2, Term: 2})
	if c.role != Leader {
		t.Fatalf("a %s", c.role)
	}
}

// A grant cannot come before the candidate has asked, which it does once its
// own vote is durable.
func TestVoteBeforeRequestIsImpossible(t *testing.T) {
	cfg := testConfig()
	cfg.DisablePreVote = true
	c := newCore(t, cfg, storedTerms(3, 1))
	c.Tick(c.NextDeadline())
	if c.role != Candidate {
		t.Fatalf("a %s", c.role)
	}
	for id := ID(2); id <= 3; id++ {
		if err := c.Step(c.now, Message{Type: RequestVoteReply, From: id, To: 1, Term: 2}); !errors.Is(err, ErrImpossible) {
			t.Fatalf("error %v", err)
		}
	}
	drain(t, c)
	if c.role != Candidate {
		t.Fatalf("a %s", c.role)
	}
}
