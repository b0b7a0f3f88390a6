package raft

import "testing"

// take gives the next Save, of which there must be one.
func take(t *testing.T, c *Core) Ready {
	t.Helper()
	rd, _ := c.Ready()
	if rd.Save == nil {
		t.Fatal("nothing is saved")
	}
	c.CheckInvariants()
	return rd
}

// receive gives server 1 a message without completing its saves.
func receive(t *testing.T, c *Core, m Message) {
	t.Helper()
	m.To = 1
	if err := c.Step(c.now, m); err != nil {
		t.Fatal(err)
	}
	c.CheckInvariants()
}

func saved(t *testing.T, c *Core, seq uint64) {
	t.Helper()
	if err := c.Saved(c.now, seq); err != nil {
		t.Fatal(err)
	}
	c.CheckInvariants()
}

// threeSaves is a follower of leader 2 with saves 1 to 3 in flight, which add
// the entries 2, 3 and 4.
func threeSaves(t *testing.T) *Core {
	cfg := testConfig()
	cfg.MaxSaves = 3
	c := newCore(t, cfg, storedTerms(3, 1))
	for i := uint64(2); i <= 4; i++ {
		receive(t, c, Message{Type: AppendEntries, From: 2, Term: 2, LogIndex: i - 1, LogTerm: c.log.term(i - 1), Entries: []Entry{noop(i, 2)}})
		if rd := take(t, c); rd.Save.Seq != i-1 || len(rd.Save.Entries) != 1 || len(rd.Messages) > 0 {
			t.Fatalf("%+v", rd)
		}
	}
	return c
}

func TestSavedRefusesWhatIsNotInFlight(t *testing.T) {
	c := threeSaves(t)
	for _, seq := range []uint64{0, 4, ^uint64(0)} {
		if c.Saved(c.now, seq) == nil {
			t.Errorf("save %d is accepted", seq)
		}
	}
	saved(t, c, 1)
	saved(t, c, 3)
	for _, seq := range []uint64{1, 3} {
		if c.Saved(c.now, seq) == nil {
			t.Errorf("save %d is accepted twice", seq)
		}
	}
}

// Bug 32: a save counts once all before it are reported.
func TestBug32SavesReportedOutOfOrder(t *testing.T) {
	c := threeSaves(t)
	for _, test := range []struct{ seq, durable, acks uint64 }{{3, 1, 0}, {1, 2, 1}, {2, 4, 2}} {
		saved(t, c, test.seq)
		rd, _ := c.Ready()
		if c.saves.durableIndex != test.durable || uint64(len(rd.Messages)) != test.acks {
			t.Errorf("after save %d: durable up to %d, %d acknowledgements", test.seq, c.saves.durableIndex, len(rd.Messages))
		}
	}
}

// No more saves than MaxSaves at a time; what comes meanwhile goes into the
// next one.
func TestSavesInFlightAreLimited(t *testing.T) {
	c := newCore(t, testConfig(), storedTerms(3, 1))
	receive(t, c, Message{Type: AppendEntries, From: 2, Term: 2, LogIndex: 1, LogTerm: 1, Entries: []Entry{noop(2, 2)}})
	take(t, c)
	for i := uint64(3); i <= 9; i++ {
		receive(t, c, Message{Type: AppendEntries, From: 2, Term: 2, LogIndex: i - 1, LogTerm: 2, Entries: []Entry{noop(i, 2)}})
		if rd, _ := c.Ready(); rd.Save != nil {
			t.Fatal("a second save is in flight")
		}
	}
	saved(t, c, 1)
	if rd := take(t, c); len(rd.Save.Entries) != 7 || rd.Save.Entries[0].Index != 3 {
		t.Fatalf("%+v", rd.Save)
	}
}

// Bug 30, the ABA problem: an entry is overwritten and comes back. The old
// save of it, reported late, must not make it durable: a later save, not yet
// reported, overwrote it in between.
func TestBug30OverwrittenAndRestoredEntry(t *testing.T) {
	cfg := testConfig()
	cfg.MaxSaves = 3
	c := newCore(t, cfg, storedTerms(5, 1))
	a := noop(2, 2)
	receive(t, c, Message{Type: AppendEntries, From: 2, Term: 2, LogIndex: 1, LogTerm: 1, Entries: []Entry{a}})
	take(t, c)
	receive(t, c, Message{Type: AppendEntries, From: 3, Term: 3, LogIndex: 1, LogTerm: 1, Entries: []Entry{noop(2, 3)}})
	take(t, c)
	receive(t, c, Message{Type: AppendEntries, From: 4, Term: 4, LogIndex: 1, LogTerm: 1, Entries: []Entry{a, noop(3, 4)}})
	take(t, c)
	for _, test := range []struct{ seq, durable uint64 }{{1, 1}, {2, 1}, {3, 3}} {
		saved(t, c, test.seq)
		if c.saves.durableIndex != test.durable {
			t.Fatalf("after save %d: durable up to %d, want %d", test.seq, c.saves.durableIndex, test.durable)
		}
		for _, m := range c.out {
			if m.To == 4 && m.LogIndex > test.durable {
				t.Fatalf("after save %d: %+v", test.seq, m)
			}
		}
	}
}

// Bug 4: term and vote are saved together, and the vote is told after that.
func TestBug04VoteWaitsForItsSave(t *testing.T) {
	c := newCore(t, testConfig(), storedTerms(3, 1))
	receive(t, c, Message{Type: RequestVote, From: 2, Term: 5, LogIndex: 1, LogTerm: 1})
	rd := take(t, c)
	if len(rd.Messages) > 0 || rd.Save.HardState.Term != 5 || rd.Save.HardState.Vote != 2 {
		t.Fatalf("%+v", rd)
	}
	saved(t, c, 1)
	if reply := only(t, drain(t, c), RequestVoteReply, 2); reply.Reject {
		t.Fatal("refused")
	}
}

// Bug 31: a follower acknowledges what is durable, and a leader believes no
// acknowledgement beyond its log.
func TestBug31AcknowledgementBeyondTheLog(t *testing.T) {
	c := lead(t, testConfig(), 3)
	if err := c.Step(c.now, Message{Type: AppendEntriesReply, From: 2, To: 1, Term: 2, LogIndex: 9}); err == nil {
		t.Fatal("accepted")
	}
	if c.commitIndex != 2 || c.peer(2).match != 2 {
		t.Fatal("it counted")
	}
}

// A leader counts its own log as far as it is durable.
func TestLeaderCountsItsOwnDisk(t *testing.T) {
	c := lead(t, testConfig(), 3)
	c.Propose(c.now, []byte("x"))
	rd := take(t, c)
	if len(ofType(rd.Messages, AppendEntries)) != 2 {
		t.Fatal("it does not send before it has saved")
	}
	receive(t, c, Message{Type: AppendEntriesReply, From: 2, Term: 2, LogIndex: 3})
	if c.commitIndex != 2 {
		t.Fatal("committed on one disk of three")
	}
	saved(t, c, rd.Save.Seq)
	if c.commitIndex != 3 {
		t.Fatal("not committed")
	}
}

// The other two disks are enough without the leader's.
func TestFollowersCommitWithoutLeadersDisk(t *testing.T) {
	c := lead(t, testConfig(), 3)
	c.Propose(c.now, []byte("x"))
	take(t, c)
	for id := ID(2); id <= 3; id++ {
		receive(t, c, Message{Type: AppendEntriesReply, From: id, Term: 2, LogIndex: 3})
	}
	if c.commitIndex != 3 || c.saves.durableIndex != 2 {
		t.Fatalf("committed %d, durable %d", c.commitIndex, c.saves.durableIndex)
	}
}
