package raft

import "testing"

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
