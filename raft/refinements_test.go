package raft

import (
	"errors"
	"testing"
	"time"
)

// refinements_test.go: who is loyal to whom for how long, and when the next
// election begins.

// Stickiness lasts for the shortest election timeout after the leader's last
// word, and what asks in the meantime is told so if it is a pre-vote.
func TestStickinessEnds(t *testing.T) {
	ask := Message{Type: RequestPreVote, From: 3, Term: 3, LogIndex: 9, LogTerm: 1}
	vote := Message{Type: RequestVote, From: 3, Term: 3, LogIndex: 9, LogTerm: 1}
	for _, m := range []Message{ask, vote} {
		c := newCore(t, testConfig(), storedTerms(3, 1))
		step(t, c, Message{Type: AppendEntries, From: 2, Term: 2, LogIndex: 1, LogTerm: 1})
		c.setNow(testTimeout - 1)
		out := step(t, c, m)
		if m.Type == RequestPreVote {
			if reply := only(t, out, RequestPreVoteReply, 3); !reply.Reject || reply.Term != 2 {
				t.Fatalf("%+v", reply)
			}
		} else if len(out) > 0 || c.currentTerm != 2 {
			t.Fatalf("a %s of term %d sends %v", c.role, c.currentTerm, out)
		}
		c.setNow(testTimeout)
		if out := step(t, c, m); len(out) != 1 || out[0].Reject || out[0].Term != 3 {
			t.Fatalf("%s is answered with %v", m.Type, out)
		}
	}
}

// A pre-vote is granted to whom a vote would be (5.4.1), and a request for
// either says how good the log is.
func TestPreVoteLooksAtTheLog(t *testing.T) {
	c := newCore(t, testConfig(), storedTerms(3, 1, 2, 2))
	for _, test := range []struct {
		index, term uint64
		granted     bool
	}{{3, 2, true}, {4, 2, true}, {2, 2, false}, {9, 1, false}, {1, 3, true}} {
		reply := only(t, step(t, c, Message{Type: RequestPreVote, From: 2, Term: 4, LogIndex: test.index, LogTerm: test.term}), RequestPreVoteReply, 2)
		if reply.Reject == test.granted {
			t.Errorf("a log that ends in %d/%d: %+v", test.index, test.term, reply)
		}
	}
	if m := only(t, timeout(t, c), RequestPreVote, 3); m.LogIndex != 3 || m.LogTerm != 2 || m.Term != 3 || m.Force {
		t.Fatalf("%+v", m)
	}
	out := step(t, c, Message{Type: RequestPreVoteReply, From: 2, Term: 3})
	if m := only(t, out, RequestVote, 3); m.LogIndex != 3 || m.LogTerm != 2 || m.Term != 3 || m.Force {
		t.Fatalf("%+v", m)
	}
}

// Every step on the way to leadership has a whole election timeout of its own:
// the candidacy that follows a pre-vote, the time after a leadership, and that
// after a vote given to another.
func TestEveryAttemptHasAWholeTimeout(t *testing.T) {
	whole := func(c *Core, what string) {
		t.Helper()
		if d := c.NextDeadline() - c.now; d < testTimeout || d >= 2*testTimeout {
			t.Errorf("%s it waits %s", what, d)
		}
	}
	for range 20 {
		c := newCore(t, testConfig(), storedTerms(3, 1))
		timeout(t, c)
		whole(c, "as a pre-candidate")
		c.setNow(c.NextDeadline() - 1)
		step(t, c, Message{Type: RequestPreVoteReply, From: 2, Term: 2})
		if whole(c, "as a candidate"); c.role != Candidate {
			t.Fatalf("a %s", c.role)
		}
		c.setNow(c.NextDeadline() - 1)
		step(t, c, Message{Type: RequestVoteReply, From: 2, Term: 2})
		stepDown(t, c)
		whole(c, "after its leadership")
		c.setNow(c.NextDeadline() - 1)
		step(t, c, Message{Type: RequestVote, From: 3, Term: 3, LogIndex: 9, LogTerm: 2})
		if whole(c, "after its vote"); c.votedFor != 3 {
			t.Fatalf("it voted for %s", c.votedFor)
		}
		c.setNow(c.NextDeadline() - 1)
		step(t, c, Message{Type: AppendEntries, From: 3, Term: 3})
		whole(c, "after the leader's word")
		c.setNow(c.NextDeadline() - 1)
		step(t, c, chunkOf(9, "nine").of(3, 3))
		whole(c, "after a part of the leader's snapshot")
	}
}

// of gives the message as another leader's.
func (m Message) of(from ID, term uint64) Message {
	m.From, m.Term = from, term
	return m
}

// A server whose connection was seen to close counts again as soon as it is
// heard from.
func TestServerThatSpokeIsNotGone(t *testing.T) {
	c := lead(t, testConfig(), 3)
	c.Propose(c.now, []byte("x"))
	drain(t, c)
	c.PeerDown(c.now, 3)
	step(t, c, Message{Type: AppendEntriesReply, From: 3, Term: 2, LogIndex: 3})
	c.HandOver(c.now)
	only(t, drain(t, c), TimeoutNow, 3)
}

// An answer to a round of heartbeats that was never asked is nonsense.
func TestAnswerToUnknownRound(t *testing.T) {
	c := lead(t, testConfig(), 3)
	for _, typ := range []MessageType{AppendEntriesReply, InstallSnapshotReply} {
		for _, round := range []uint64{1, 1 << 63} {
			if err := c.Step(c.now, Message{Type: typ, From: 2, To: 1, Term: 2, LogIndex: 2, Round: round}); !errors.Is(err, ErrImpossible) {
				t.Errorf("%s of round %d: error %v", typ, round, err)
			}
		}
	}
	if c.peer(2).round != 0 {
		t.Error("it counted")
	}
}

// What a leader was asked to read, it answers in this leadership or never.
func TestReadsEndWithTheLeadership(t *testing.T) {
	c := lead(t, testConfig(), 3)
	waits := func() {
		ask(t, c)
		answers(t, c)
		ask(t, c)
	}
	waits()
	if c.reads.round != 1 || len(c.reads.asked) != 1 || len(c.reads.waiting) != 1 {
		t.Fatalf("%+v", c.reads)
	}
	stepDown(t, c)
	elect(t, c, 3)
	for id := ID(2); id <= 3; id++ {
		if _, reads := stepReads(t, c, Message{Type: AppendEntriesReply, From: id, Term: 3, LogIndex: 3}); len(reads) > 0 {
			t.Fatalf("%v", reads)
		}
	}
	if r := c.reads; r.round != 0 || r.open || len(r.asked)+len(r.waiting) > 0 || r.leaseUntil != 0 {
		t.Fatalf("%+v", r)
	}
}

// A refusal tells the term, so it waits until that is on disk (Figure 2).
func TestRefusalWaitsForTerm(t *testing.T) {
	for _, m := range []Message{
		{Type: RequestVote, From: 2, Term: 5, LogIndex: 1, LogTerm: 1}, // its log is behind
		{Type: AppendEntries, From: 2, Term: 5, LogIndex: 9, LogTerm: 4},
		{Type: InstallSnapshot, From: 2, Term: 5, LogIndex: 9, LogTerm: 4,
			Chunk: &Chunk{Size: 9, Data: []byte("half"), Configuration: Configuration{Voters: []ID{1}}.Encode(), ConfigurationIndex: 1}},
	} {
		c := newCore(t, testConfig(), storedTerms(3, 1, 2))
		receive(t, c, m)
		rd := take(t, c)
		if len(rd.Messages) > 0 || rd.Save.HardState.Term != 5 {
			t.Fatalf("%s: %+v", m.Type, rd)
		}
		receive(t, c, m) // again, now that the save is under way
		if rd, _ := c.Ready(); len(rd.Messages) > 0 {
			t.Fatalf("%s: %+v", m.Type, rd)
		}
		saved(t, c, rd.Save.Seq)
		if out := drain(t, c); len(out) != 2 || out[0].Term != 5 || out[1].Term != 5 {
			t.Fatalf("%s: %+v", m.Type, out)
		}
	}
}

// Time that a whole cluster is silent costs a leader its office, no earlier
// than an election timeout after it last heard a quorum, and learners and
// outgoing servers do not stand in for voters (dissertation, 6.2).
func TestCheckQuorum(t *testing.T) {
	c := lead(t, testConfig(), 5)
	heard := c.now
	for c.role == Leader {
		timeout(t, c)
		if c.role == Leader && c.now-heard < testTimeout {
			continue
		}
		if d := c.now - heard; d < testTimeout || d > testTimeout+100*time.Millisecond {
			t.Fatalf("a %s after %s", c.role, d)
		}
	}
	// One voter of four and a learner are no quorum.
	c = lead(t, testConfig(), 5)
	if _, err := c.Reconfigure([]ID{1, 2, 3, 4, 5}, []ID{6}); err != nil {
		t.Fatal(err)
	}
	drain(t, c)
	for n := 0; c.role == Leader; n++ {
		for _, id := range []ID{2, 6} {
			step(t, c, Message{Type: AppendEntriesReply, From: id, Term: 2, LogIndex: 2})
		}
		if timeout(t, c); n > 20 {
			t.Fatal("it leads on")
		}
	}
}

// Grants of a pre-vote that was asked in another term do not count.
func TestPreVotesOfAnotherTerm(t *testing.T) {
	st := storedTerms(5, 1)
	st.HardState.Term = 3
	c := newCore(t, testConfig(), st)
	timeout(t, c)
	for id := ID(2); id <= 5; id++ {
		step(t, c, Message{Type: RequestPreVoteReply, From: id, Term: 3})
		step(t, c, Message{Type: RequestPreVoteReply, From: id, Term: 9})
	}
	if c.role != PreCandidate || c.currentTerm != 3 {
		t.Fatalf("a %s of term %d", c.role, c.currentTerm)
	}
}

// A server that gives its vote while it asks for pre-votes asks no more: what
// still comes must not make it run against its candidate.
func TestVoterStopsItsOwnAttempt(t *testing.T) {
	st := storedTerms(3, 1)
	st.HardState.Term = 5
	c := newCore(t, testConfig(), st)
	timeout(t, c)
	if only(t, step(t, c, Message{Type: RequestVote, From: 2, Term: 5, LogIndex: 1, LogTerm: 1}), RequestVoteReply, 2).Reject {
		t.Fatal("refused")
	}
	step(t, c, Message{Type: RequestPreVoteReply, From: 3, Term: 6})
	if c.role != Follower || c.currentTerm != 5 {
		t.Fatalf("a %s of term %d", c.role, c.currentTerm)
	}
}

// The vote itself looks at the log, too (5.4.1).
func TestVoteLooksAtTheLog(t *testing.T) {
	for _, test := range []struct {
		index, term uint64
		granted     bool
	}{{3, 2, true}, {4, 2, true}, {2, 2, false}, {9, 1, false}, {1, 3, true}} {
		c := newCore(t, testConfig(), storedTerms(3, 1, 2, 2))
		reply := only(t, step(t, c, Message{Type: RequestVote, From: 2, Term: 4, LogIndex: test.index, LogTerm: test.term}), RequestVoteReply, 2)
		if reply.Reject == test.granted || (c.votedFor == 2) != test.granted {
			t.Errorf("a log that ends in %d/%d: %+v", test.index, test.term, reply)
		}
	}
}

// A vote is given for the whole term: a refusal that comes after it is the
// answer to another question.
func TestLateRefusalTakesNoVoteBack(t *testing.T) {
	cfg := testConfig()
	cfg.DisablePreVote = true
	c := newCore(t, cfg, storedTerms(5, 1))
	timeout(t, c)
	step(t, c, Message{Type: RequestVoteReply, From: 2, Term: 2})
	step(t, c, Message{Type: RequestVoteReply, From: 2, Term: 2, Reject: true})
	step(t, c, Message{Type: RequestVoteReply, From: 3, Term: 2})
	if c.role != Leader {
		t.Fatalf("a %s with three votes of five", c.role)
	}
}

// Servers whose connections were seen to close will not answer: a candidate that
// needs them tries again soon.
func TestVotesOfTheGoneAreNotWaitedFor(t *testing.T) {
	for _, gone := range []bool{false, true} {
		c := newCore(t, testConfig(), storedTerms(3, 1))
		if gone {
			c.PeerDown(c.now, 3)
		}
		timeout(t, c)
		step(t, c, Message{Type: RequestPreVoteReply, From: 2, Term: 2})
		step(t, c, Message{Type: RequestVoteReply, From: 2, Term: 2, Reject: true})
		if soon := c.NextDeadline()-c.now < testTimeout/2; soon != gone || c.currentTerm != 2 {
			t.Errorf("3 is gone: %t, and it tries again after %s", gone, c.NextDeadline()-c.now)
		}
	}
}

// The answers of servers that do not vote are not kept, however many there are.
func TestAnswersOfStrangersAreNotKept(t *testing.T) {
	cfg := testConfig()
	cfg.DisablePreVote = true
	c := newCore(t, cfg, storedTerms(3, 1))
	timeout(t, c)
	for id := ID(4); id < 1000; id++ {
		step(t, c, Message{Type: RequestVoteReply, From: id, Term: 2})
	}
	if len(c.votes) > 3 || c.role != Candidate {
		t.Fatalf("a %s with %d answers", c.role, len(c.votes))
	}
}

// While storage does not answer, what waits for it is limited; so are answers
// to reads until Ready.
func TestWhatWaitsIsLimited(t *testing.T) {
	c := newCore(t, testConfig(), storedTerms(3, 1))
	for range maxHeld + 10 {
		receive(t, c, Message{Type: AppendEntries, From: 2, Term: 2, LogIndex: 1, LogTerm: 1})
		if err := c.Step(c.now, Message{Type: ReadIndexReply, From: 2, To: 1, Term: 2, LogIndex: 1, Hint: 1}); err != nil {
			t.Fatal(err)
		}
	}
	if len(c.saves.held) != maxHeld || len(c.answered) != maxReads {
		t.Fatalf("%d messages and %d answers wait", len(c.saves.held), len(c.answered))
	}
}

// Indexes that no log can reach are refused: counting on from them would
// overflow.
func TestIndexBeyondAll(t *testing.T) {
	chunk := &Chunk{Configuration: Configuration{Voters: []ID{1}}.Encode()}
	for _, index := range []uint64{maxIndex + 1, 1<<64 - 1} {
		for _, m := range []Message{
			{Type: InstallSnapshot, LogIndex: index, LogTerm: 1, Chunk: chunk},
			{Type: AppendEntries, LogIndex: index, LogTerm: 1},
			{Type: RequestVote, LogIndex: index, LogTerm: 1},
		} {
			m.From, m.To, m.Term = 2, 1, 2
			c := newCore(t, testConfig(), storedTerms(3, 1))
			if err := c.Step(c.now, m); !errors.Is(err, ErrImpossible) || c.currentTerm != 1 {
				t.Errorf("%s at %d: error %v, term %d", m.Type, index, err, c.currentTerm)
			}
		}
	}
	st := Stored{HardState: HardState{Term: 1}, Snapshot: &Snapshot{Index: maxIndex + 1, Term: 1, Configuration: Configuration{Voters: []ID{1}}}}
	if _, err := New(testConfig(), st, 0); err == nil {
		t.Error("a stored snapshot of an index beyond all is accepted")
	}
}
