package raft

import (
	"testing"
	"time"
)

// A tick later than a whole election timeout means that this server slept: it
// waits anew instead of campaigning.
func TestSuspendedFollowerDeposesNobody(t *testing.T) {
	c := newCore(t, testConfig(), storedTerms(3, 1))
	step(t, c, Message{Type: AppendEntries, From: 2, Term: 2, LogIndex: 1, LogTerm: 1})
	for range 5 {
		step(t, c, Message{Type: AppendEntries, From: 2, Term: 2, LogIndex: 1, LogTerm: 1})
		wake := c.NextDeadline() + testTimeout
		c.Tick(wake)
		if out := drain(t, c); c.role != Follower || len(out) > 0 {
			t.Fatalf("a %s that sends %v", c.role, out)
		}
		if d := c.NextDeadline() - wake; d < testTimeout || d >= 2*testTimeout {
			t.Fatalf("it waits %s", d)
		}
	}
	// A little late is not asleep.
	c.Tick(c.NextDeadline() + testTimeout/2)
	if drain(t, c); c.role != PreCandidate {
		t.Fatalf("a %s", c.role)
	}
}

// A leader that slept does not count that time as its followers' silence.
func TestSuspendedLeaderCountsAnew(t *testing.T) {
	c := lead(t, testConfig(), 3)
	c.Tick(c.now + time.Hour)
	if out := drain(t, c); c.role != Leader || len(ofType(out, AppendEntries)) != 2 {
		t.Fatalf("a %s that sends %v", c.role, out)
	}
	woken := c.now
	stepDown(t, c)
	if d := c.now - woken; d < testTimeout-50*time.Millisecond || d > testTimeout+100*time.Millisecond {
		t.Fatalf("it stepped down after %s", d)
	}
}

// Where timers always fire late, a server must not take itself for asleep for
// ever: a follower whose leader is gone campaigns, and a leader without
// followers steps down.
func TestSlowTimersAreNotSleep(t *testing.T) {
	c := newCore(t, testConfig(), storedTerms(3, 1))
	for n := 1; c.role == Follower; n++ {
		c.Tick(c.now + time.Minute)
		if drain(t, c); n > 2 {
			t.Fatal("it never campaigns")
		}
	}
	c = lead(t, testConfig(), 3)
	for n := 1; c.role == Leader; n++ {
		c.Tick(c.now + time.Second)
		if drain(t, c); n > 20 {
			t.Fatal("it never steps down")
		}
	}
	// With followers that answer it stays.
	c = lead(t, testConfig(), 3)
	for range 50 {
		c.Tick(c.now + time.Second)
		drain(t, c)
		step(t, c, Message{Type: AppendEntriesReply, From: 2, Term: 2, LogIndex: 2})
	}
	if c.role != Leader {
		t.Fatalf("a %s", c.role)
	}
}

// The only voter does not wait for others, asleep or not.
func TestSoleVoterLeadsAtOnce(t *testing.T) {
	c := newCore(t, testConfig(), storedTerms(1, 1))
	if c.NextDeadline() != 0 {
		t.Fatalf("it waits until %s", c.NextDeadline())
	}
	c.Tick(time.Hour)
	if drain(t, c); c.role != Leader || c.commitIndex != 2 {
		t.Fatalf("a %s that committed %d", c.role, c.commitIndex)
	}
}

// Time that runs backwards does no harm.
func TestTimeRunsBackwards(t *testing.T) {
	c := lead(t, testConfig(), 3)
	before := c.now
	c.Tick(0)
	if err := c.Step(0, Message{Type: AppendEntriesReply, From: 2, To: 1, Term: 2, LogIndex: 2}); err != nil {
		t.Fatal(err)
	}
	c.PeerDown(-time.Hour, 3)
	if drain(t, c); c.now != before || c.role != Leader {
		t.Fatalf("a %s at %s, was %s", c.role, c.now, before)
	}
}

// Ticks before the deadline do nothing.
func TestEarlyTicksDoNothing(t *testing.T) {
	c := newCore(t, testConfig(), storedTerms(3, 1))
	deadline := c.NextDeadline()
	for at := time.Duration(0); at < deadline; at += time.Millisecond {
		c.Tick(at)
		if rd, ok := c.Ready(); ok || c.NextDeadline() != deadline {
			t.Fatalf("at %s: %+v", at, rd)
		}
	}
}

// PeerDown makes the followers of that leader campaign soon, and nobody else.
func TestPeerDown(t *testing.T) {
	c := newCore(t, testConfig(), storedTerms(3, 1))
	step(t, c, Message{Type: AppendEntries, From: 2, Term: 2, LogIndex: 1, LogTerm: 1})
	before := c.NextDeadline()
	c.PeerDown(c.now, 3)
	if c.NextDeadline() != before || c.leader != 2 {
		t.Fatal("it gave up its leader for another server's sake")
	}
	c.PeerDown(c.now, 2)
	if d := c.NextDeadline() - c.now; d > 100*time.Millisecond || c.leader != None {
		t.Fatalf("it waits %s for leader %s", d, c.leader)
	}
	// It votes for others now, though it heard from the leader just before.
	if only(t, step(t, c, Message{Type: RequestPreVote, From: 3, Term: 3, LogIndex: 1, LogTerm: 1}), RequestPreVoteReply, 3).Reject {
		t.Fatal("it is loyal to a leader that is gone")
	}
	// A wrong hint is taken back by the leader's next word.
	step(t, c, Message{Type: AppendEntries, From: 2, Term: 2, LogIndex: 1, LogTerm: 1})
	if c.leader != 2 || c.NextDeadline()-c.now < testTimeout {
		t.Fatal("a wrong hint is not forgotten")
	}
}

// A leader that sees a connection close sends again what was on its way.
func TestPeerDownAtLeader(t *testing.T) {
	c := lead(t, testConfig(), 3)
	c.Propose(c.now, []byte("x"))
	drain(t, c)
	c.PeerDown(c.now, 2)
	again := only(t, drain(t, c), AppendEntries, 2)
	if again.LogIndex != 2 || len(again.Entries) != 1 {
		t.Fatalf("%+v", again)
	}
}
