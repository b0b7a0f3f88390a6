package raft

import (
	"math/rand/v2"
	"testing"
	"time"
)

// bugs_read_test.go: mistakes that real implementations shipped, about reads
// without log entries. bugs_doc_test.go lists all of them.

// answers is drain that gives the answers to reads, too.
func answers(t *testing.T, c *Core) (out []Message, reads []Read) {
	t.Helper()
	for {
		c.CheckInvariants()
		rd, ok := c.Ready()
		if !ok {
			return out, reads
		}
		out, reads = append(out, rd.Messages...), append(reads, rd.Reads...)
		if rd.Save != nil {
			if err := c.Saved(c.now, rd.Save.Seq); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// ask is ReadIndex on a server that has somebody to ask.
func ask(t *testing.T, c *Core) uint64 {
	t.Helper()
	ticket, err := c.ReadIndex(c.now)
	if err != nil {
		t.Fatal(err)
	}
	return ticket
}

// stepReads is step that gives the answers to reads, too.
func stepReads(t *testing.T, c *Core, m Message) ([]Message, []Read) {
	t.Helper()
	receive(t, c, m)
	return answers(t, c)
}

// leaseLeader is the leader of three with lease reads. Others voted for it, but
// nothing of its term is committed.
func leaseLeader(t *testing.T) *Core {
	t.Helper()
	cfg := testConfig()
	cfg.LeaseReads = true
	c := newCore(t, cfg, storedTerms(3, 1))
	elect(t, c, 3)
	return c
}

// Bug 14: no read is served before the leader has committed in its term: it may
// not know yet what the leader before it committed. Neither a lease nor a round
// of heartbeats changes that.
func TestBug14NoReadBeforeOwnTermCommits(t *testing.T) {
	plain := newCore(t, testConfig(), storedTerms(3, 1, 1, 1))
	elect(t, plain, 3)
	for name, c := range map[string]*Core{"plain": plain, "lease": leaseLeader(t)} {
		last := c.log.lastIndex()
		ticket := ask(t, c)
		if out, reads := answers(t, c); len(reads) > 0 || len(out) > 0 {
			t.Fatalf("%s: %v, sent %v", name, reads, out)
		}
		for range 3 {
			c.Tick(c.NextDeadline())
			_, reads := answers(t, c)
			for _, round := range []uint64{0, c.reads.round} {
				_, more := stepReads(t, c, Message{Type: AppendEntriesReply, From: 2, Term: c.currentTerm, LogIndex: 1, Round: round})
				reads = append(reads, more...)
			}
			if len(reads) > 0 {
				t.Fatalf("%s: read %v, committed %d, the term began at %d", name, reads, c.commitIndex, c.termStart)
			}
		}
		// Once it has committed, the read is answered, at what is committed then.
		_, reads := stepReads(t, c, Message{Type: AppendEntriesReply, From: 2, Term: c.currentTerm, LogIndex: last, Round: c.reads.round})
		_, more := stepReads(t, c, Message{Type: AppendEntriesReply, From: 2, Term: c.currentTerm, LogIndex: last, Round: c.reads.round})
		if reads = append(reads, more...); len(reads) != 1 || reads[0] != (Read{ticket, last}) {
			t.Fatalf("%s: read %v, want ticket %d at %d", name, reads, ticket, last)
		}
	}
}

// Bug 15: a read that is asked for again is a new question. The answer to the
// first, which comes late, is none to the second.
func TestBug15RetriedReadIsNotAnsweredByTheFirst(t *testing.T) {
	c := lead(t, testConfig(), 3)
	first := ask(t, c)
	out, _ := answers(t, c)
	round := only(t, out, AppendEntries, 2).Round
	commitOne(t, c)
	second := ask(t, c)
	if first == second {
		t.Fatal("the same ticket twice")
	}
	if out, reads := answers(t, c); len(reads) > 0 || len(out) > 0 {
		t.Fatalf("%v, sent %v", reads, out) // it waits for the round under way to end
	}
	out, reads := stepReads(t, c, Message{Type: AppendEntriesReply, From: 2, Term: 2, LogIndex: 3, Round: round})
	if len(reads) != 1 || reads[0] != (Read{first, 2}) {
		t.Fatalf("%v", reads)
	}
	if next := only(t, out, AppendEntries, 3).Round; next == round {
		t.Fatal("the second read has no round of its own")
	}
	// The late word of another follower about the first round changes nothing.
	if _, reads = stepReads(t, c, Message{Type: AppendEntriesReply, From: 3, Term: 2, LogIndex: 2, Round: round}); len(reads) > 0 {
		t.Fatalf("%v", reads)
	}
	if _, reads = stepReads(t, c, Message{Type: AppendEntriesReply, From: 3, Term: 2, LogIndex: 2, Round: round + 1}); len(reads) != 1 || reads[0] != (Read{second, 3}) {
		t.Fatalf("%v", reads)
	}
}

// Bug 15 on a follower, which tells its questions from those of its former life.
func TestBug15TicketsOfFollower(t *testing.T) {
	seen := map[uint64]bool{}
	for life := range uint64(3) {
		cfg := testConfig()
		cfg.Rand = rand.New(rand.NewPCG(life, 7))
		c := newCore(t, cfg, storedTerms(3, 1))
		step(t, c, Message{Type: AppendEntries, From: 2, Term: 2, LogIndex: 1, LogTerm: 1})
		for range 3 {
			ticket := ask(t, c)
			if m := only(t, drain(t, c), ReadIndex, 2); m.Hint != ticket || seen[ticket] {
				t.Fatalf("ticket %d again, or %+v", ticket, m)
			}
			seen[ticket] = true
		}
		ticket := c.lastTicket - 1
		if _, reads := stepReads(t, c, Message{Type: ReadIndexReply, From: 2, Term: 2, Hint: ticket, LogIndex: 1}); len(reads) != 1 || reads[0] != (Read{ticket, 1}) {
			t.Fatalf("%v", reads)
		}
		// Nobody but the leader answers.
		if _, reads := stepReads(t, c, Message{Type: ReadIndexReply, From: 3, Term: 2, Hint: ticket, LogIndex: 1}); len(reads) > 0 {
			t.Fatalf("%v", reads)
		}
	}
}

// withLease is a leader that holds a lease.
func withLease(t *testing.T) *Core {
	t.Helper()
	c := leaseLeader(t)
	step(t, c, Message{Type: AppendEntriesReply, From: 2, Term: 2, LogIndex: 2})
	timeout(t, c)
	step(t, c, Message{Type: AppendEntriesReply, From: 2, Term: 2, LogIndex: 2, Round: c.reads.round})
	if !servedAtOnce(t, c) {
		t.Fatal("no lease")
	}
	return c
}

// servedAtOnce tells whether a read needs no word of others.
func servedAtOnce(t *testing.T, c *Core) bool {
	t.Helper()
	ticket := ask(t, c)
	_, reads := answers(t, c)
	return len(reads) == 1 && reads[0] == (Read{ticket, c.commitIndex})
}

// Bug 16: the lease ends with a transfer, since the target may win whatever the
// others have heard. It stays so if the transfer fails: TimeoutNow may still
// arrive.
func TestBug16NoLeaseDuringTransfer(t *testing.T) {
	c := withLease(t)
	if err := c.Transfer(c.now, 2); err != nil {
		t.Fatal(err)
	}
	only(t, drain(t, c), TimeoutNow, 2)
	if servedAtOnce(t, c) {
		t.Fatal("the lease is used while another server campaigns")
	}
	for c.transfer.target != None {
		timeout(t, c)
		step(t, c, Message{Type: AppendEntriesReply, From: 3, Term: 2, LogIndex: 2, Round: c.reads.round})
	}
	timeout(t, c)
	step(t, c, Message{Type: AppendEntriesReply, From: 3, Term: 2, LogIndex: 2, Round: c.reads.round})
	if c.role != Leader || c.reads.leaseUntil <= c.now || servedAtOnce(t, c) {
		t.Fatalf("a %s uses its lease, TimeoutNow may be on its way still", c.role)
	}
	// While the target is only brought up to date, nobody campaigns yet.
	c = withLease(t)
	if _, _, err := c.Propose(c.now, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := c.Transfer(c.now, 3); err != nil {
		t.Fatal(err)
	}
	if out := drain(t, c); len(ofType(out, TimeoutNow)) > 0 || !servedAtOnce(t, c) {
		t.Fatalf("%v", out)
	}
	// And whoever left at once serves nothing.
	c = withLease(t)
	c.HandOver(c.now)
	if _, err := c.ReadIndex(c.now); err != ErrNotLeader {
		t.Fatal(err)
	}
}

// A lease counts from when the round was asked, not from its answer, and lasts
// nine tenths of an election timeout.
func TestLeaseCountsFromTheQuestion(t *testing.T) {
	c := withLease(t)
	c.Tick(c.now + testTimeout - 1) // what it held has run out
	began := c.now
	answers(t, c)
	if !c.reads.open {
		t.Fatal("no round")
	}
	c.setNow(began + 100*time.Millisecond)
	step(t, c, Message{Type: AppendEntriesReply, From: 2, Term: 2, LogIndex: 2, Round: c.reads.round})
	c.setNow(began + testTimeout*9/10 - 1)
	if !servedAtOnce(t, c) {
		t.Fatal("the lease is shorter")
	}
	c.setNow(began + testTimeout*9/10)
	if servedAtOnce(t, c) {
		t.Fatal("the lease is longer")
	}
}

// With leases a server ignores candidates for an election timeout after it last
// heard a leader, whatever it has learned since: that its connection closed,
// or nothing at all, since it was restarted.
func TestLeaseIsKeptByFollowers(t *testing.T) {
	cfg := testConfig()
	cfg.LeaseReads = true
	vote := Message{Type: RequestVote, From: 3, Term: 9, LogIndex: 9, LogTerm: 8}
	c := newCore(t, cfg, storedTerms(3, 1))
	if out := step(t, c, vote); len(out) > 0 || c.currentTerm != 1 {
		t.Fatalf("just started, it sends %v", out)
	}
	c.setNow(testTimeout - 1)
	step(t, c, Message{Type: AppendEntries, From: 2, Term: 2, LogIndex: 1, LogTerm: 1})
	heard, deadline := c.now, c.NextDeadline()
	c.PeerDown(c.now, 2)
	if c.NextDeadline() != deadline {
		t.Fatal("it campaigns earlier")
	}
	c.setNow(heard + testTimeout - 1)
	if out := step(t, c, vote); len(out) > 0 {
		t.Fatalf("it sends %v", out)
	}
	c.setNow(heard + testTimeout)
	if only(t, step(t, c, vote), RequestVoteReply, 3).Reject {
		t.Fatal("it refuses for longer")
	}
}

// Reads that followers asked for are limited, for each of them, and answered at the
// round's index. They do not keep out the leader's own, which are limited too.
func TestReadsOfFollowers(t *testing.T) {
	c := lead(t, testConfig(), 3)
	receive(t, c, Message{Type: ReadIndex, From: 9, Term: 2, Hint: 1}) // no member
	for i := range uint64(maxReads + 10) {
		receive(t, c, Message{Type: ReadIndex, From: 3, Term: 2, Hint: i})
	}
	if len(c.reads.waiting) != maxReadsOf {
		t.Fatalf("%d wait", len(c.reads.waiting))
	}
	for range maxReads - maxReadsOf {
		if _, err := c.ReadIndex(c.now); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.ReadIndex(c.now); err != ErrOverloaded {
		t.Fatal(err)
	}
	answers(t, c)
	out, _ := stepReads(t, c, Message{Type: AppendEntriesReply, From: 2, Term: 2, LogIndex: 2, Round: c.reads.round})
	if replies := ofType(out, ReadIndexReply); len(replies) != maxReadsOf || replies[7].Hint != 7 || replies[7].LogIndex != 2 || replies[7].To != 3 {
		t.Fatalf("%d answers", len(replies))
	}
}

// A round needs a quorum of both halves of a joint configuration, and learners
// do not count.
func TestRoundNeedsBothHalves(t *testing.T) {
	c := lead(t, testConfig(), 3)
	if _, err := c.Reconfigure([]ID{1, 4, 5}, []ID{6}); err != nil {
		t.Fatal(err)
	}
	drain(t, c)
	ticket := ask(t, c)
	answers(t, c)
	for _, test := range []struct {
		from ID
		done bool
	}{{2, false}, {3, false}, {6, false}, {4, true}} {
		_, reads := stepReads(t, c, Message{Type: AppendEntriesReply, From: test.from, Term: 2, LogIndex: 1, Round: c.reads.round})
		if (len(reads) == 1 && reads[0].Ticket == ticket) != test.done {
			t.Fatalf("after the word of %d: %v", test.from, reads)
		}
	}
}
