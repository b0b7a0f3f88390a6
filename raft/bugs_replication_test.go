package raft

import "testing"

// bugs_replication_test.go: mistakes that real implementations shipped, about
// replication and commitment. bugs_doc_test.go lists all of them.

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

// Bug 33: a follower's log was cut back by another leader. An acknowledgement
// that it sent before says nothing about it any more, although the same server
// leads again, with the same log.
func TestBug33AcknowledgementFromBeforeTheCut(t *testing.T) {
	c := lead(t, testConfig(), 3)
	for range 3 {
		c.Propose(c.now, []byte("x"))
	}
	drain(t, c) // the log ends at 5; server 2 has it all, but its word is late
	late := Message{Type: AppendEntriesReply, From: 2, Term: 2, LogIndex: 5}
	step(t, c, Message{Type: AppendEntriesReply, From: 3, Term: 2, LogIndex: 2})

	// Server 3 led term 3 and cut server 2's log back to 2.
	step(t, c, Message{Type: RequestVoteReply, From: 3, Term: 3, Reject: true})
	elect(t, c, 3)
	if c.currentTerm != 4 || c.log.lastIndex() != 6 {
		t.Fatalf("term %d, log up to %d", c.currentTerm, c.log.lastIndex())
	}
	if out := step(t, c, late); len(out) > 0 || c.peer(2).match != 0 || c.commitIndex != 2 {
		t.Fatalf("match %d, committed %d, sent %v", c.peer(2).match, c.commitIndex, out)
	}
	// What was known of the others in the earlier term is forgotten, too.
	if c.peer(3).match != 0 || c.peer(3).next != 6 {
		t.Fatalf("match %d, next %d of the term before", c.peer(3).match, c.peer(3).next)
	}
}

// Bug 38: what is on its way is no longer counted once it was refused, lost
// with its connection, or belongs to an earlier leadership.
func TestBug38NothingInFlightAfterLoss(t *testing.T) {
	cfg := testConfig()
	cfg.MaxInflightMessages = 1
	c := lead(t, cfg, 3)
	send := func() {
		t.Helper()
		c.Propose(c.now, []byte("x"))
		out := ofType(drain(t, c), AppendEntries)
		to2 := 0
		for _, m := range out {
			if m.To == 2 && len(m.Entries) > 0 {
				to2++
			}
		}
		if to2 != 1 || c.peer(2).window.bytes == 0 {
			t.Fatalf("%d messages to server 2, %d bytes in flight", to2, c.peer(2).window.bytes)
		}
	}
	resume := func() {
		t.Helper()
		step(t, c, Message{Type: AppendEntriesReply, From: 2, Term: c.currentTerm, LogIndex: c.log.lastIndex()})
		if p := c.peer(2); p.window.bytes != 0 || len(p.window.inflight) != 0 || p.probing {
			t.Fatalf("%+v", p)
		}
	}
	send()
	step(t, c, Message{Type: AppendEntriesReply, From: 2, Term: 2, Reject: true, LogIndex: 3, Hint: 2, LogTerm: 2})
	resume()
	send()
	c.PeerDown(c.now, 2)
	if p := c.peer(2); p.window.bytes != 0 || !p.probing {
		t.Fatalf("%+v", p)
	}
	drain(t, c)
	resume()
	send()
	stepDown(t, c)
	elect(t, c, 3)
	resume()
	send()
}

// Bug 39: a leader that steps down with uncommitted entries and leads again
// counts only what it adds in its new term.
func TestBug39UncommittedBytesOfEarlierTerm(t *testing.T) {
	cfg := testConfig()
	cfg.MaxUncommittedBytes = 4 * (entryOverhead + 10)
	c := lead(t, cfg, 3)
	for range 3 {
		if _, _, err := c.Propose(c.now, make([]byte, 10)); err != nil {
			t.Fatal(err)
		}
	}
	drain(t, c)
	stepDown(t, c)
	elect(t, c, 3)
	if _, _, err := c.Propose(c.now, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	drain(t, c)
	step(t, c, Message{Type: AppendEntriesReply, From: 2, Term: 3, LogIndex: c.log.lastIndex()})
	if c.commitIndex != c.log.lastIndex() || c.uncommittedBytes != 0 {
		t.Fatalf("committed %d of %d, %d bytes uncommitted", c.commitIndex, c.log.lastIndex(), c.uncommittedBytes)
	}
}

// Bug 40: committed entries are handed out without a gap, each once, however
// many commit between two calls of Ready and whatever their size.
func TestBug40NoCommittedEntryIsSkipped(t *testing.T) {
	c := newCore(t, testConfig(), storedTerms(3, 1))
	handed := uint64(0)
	take := func() {
		t.Helper()
		for {
			rd, ok := c.Ready()
			if !ok {
				return
			}
			for _, e := range rd.Committed {
				if handed++; e.Index != handed {
					t.Fatalf("entry %d is handed out when %d is due", e.Index, handed)
				}
			}
			if rd.Save != nil {
				if err := c.Saved(c.now, rd.Save.Seq); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for n := range uint64(40) {
		prev := c.log.lastIndex()
		var es []Entry
		for i := range n {
			es = append(es, Entry{Index: prev + 1 + i, Term: 2, Data: make([]byte, 100*i)})
		}
		if err := c.Step(c.now, Message{Type: AppendEntries, From: 2, To: 1, Term: 2, LogIndex: prev, LogTerm: c.log.term(prev),
			Entries: es, Commit: prev + n/2}); err != nil {
			t.Fatal(err)
		}
		if n%3 == 0 {
			take()
		}
	}
	take()
	if handed != c.commitIndex || handed < 700 {
		t.Fatalf("%d handed out, %d committed", handed, c.commitIndex)
	}
}

// Bug 47: neither does a stored snapshot of more than the stored commitIndex
// make a restarted server apply anything twice or too early.
func TestBug47SnapshotBeyondStoredCommit(t *testing.T) {
	conf := Configuration{Voters: []ID{1, 2, 3}}
	st := Stored{
		HardState: HardState{Term: 2, Commit: 3},
		Snapshot:  &Snapshot{Index: 5, Term: 2, Configuration: conf, ConfigurationIndex: 1},
		Entries:   []Entry{noop(6, 2), noop(7, 2)},
	}
	c := newCore(t, testConfig(), st)
	rd, _ := c.Ready()
	if rd.Snapshot == nil || rd.Snapshot.Index != 5 || len(rd.Committed) > 0 || c.commitIndex != 5 || c.lastApplied != 5 {
		t.Fatalf("%+v, committed %d, applied %d", rd, c.commitIndex, c.lastApplied)
	}
	if err := c.Step(0, Message{Type: AppendEntries, From: 2, To: 1, Term: 2, LogIndex: 7, LogTerm: 2, Commit: 7}); err != nil {
		t.Fatal(err)
	}
	rd, _ = c.Ready()
	if rd.Snapshot != nil || len(rd.Committed) != 2 || rd.Committed[0].Index != 6 {
		t.Fatalf("%+v", rd)
	}
}

// Bug 30 with an entry that was durable: overwritten, it is so no more, and each
// change of its place is saved.
func TestBug30DurableEntryOverwritten(t *testing.T) {
	c := newCore(t, testConfig(), storedTerms(5, 1))
	a := noop(2, 2)
	step(t, c, Message{Type: AppendEntries, From: 2, Term: 2, LogIndex: 1, LogTerm: 1, Entries: []Entry{a}})
	if c.saves.durableIndex != 2 {
		t.Fatalf("durable up to %d", c.saves.durableIndex)
	}
	for _, next := range []Message{
		{From: 3, Term: 3, Entries: []Entry{noop(2, 3)}},
		{From: 4, Term: 4, Entries: []Entry{a, noop(3, 4)}},
	} {
		next.Type, next.LogIndex, next.LogTerm = AppendEntries, 1, 1
		receive(t, c, next)
		if c.saves.durableIndex != 1 {
			t.Fatalf("term %d: durable up to %d", next.Term, c.saves.durableIndex)
		}
		rd := take(t, c)
		if es := rd.Save.Entries; len(es) != len(next.Entries) || es[0].Term != next.Entries[0].Term {
			t.Fatalf("term %d: %+v", next.Term, rd.Save)
		}
		saved(t, c, rd.Save.Seq)
		drain(t, c)
	}
	if c.saves.durableIndex != 3 {
		t.Fatalf("durable up to %d", c.saves.durableIndex)
	}
}
