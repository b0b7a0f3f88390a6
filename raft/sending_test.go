package raft

import "testing"

// sending_test.go: a leader that sends a snapshot (section 7), and what it makes
// of the answers.

// The entries kept behind a snapshot are the newest that Config.RetainedBytes
// has room for.
func TestRetainedBytes(t *testing.T) {
	const size = entryOverhead + 1
	for _, kept := range []int{0, 1, 3} {
		c := lead(t, testConfig(), 3)
		for range 6 {
			commitOne(t, c)
		}
		c.cfg.RetainedBytes = kept*size + 1
		if err := c.Compact(c.lastApplied-1, nil); err != nil {
			t.Fatal(err)
		}
		if got := int(c.SnapshotIndex() - c.log.base); got != kept {
			t.Errorf("%d entries are kept behind the snapshot, %d have room", got, kept)
		}
		if c.FirstIndex() != c.log.base+1 || len(c.Entries(0, 1<<62)) != kept+1 {
			t.Errorf("the log begins at %d and has %d entries", c.FirstIndex(), len(c.Entries(0, 1<<62)))
		}
	}
}

// A snapshot has the term of its last entry, not of whoever takes or sends it.
func TestSnapshotHasTheTermOfItsEntry(t *testing.T) {
	cfg := testConfig()
	cfg.RetainedBytes = -1
	st := storedTerms(3, 1, 2, 3)
	st.HardState.Commit = 2
	c := newCore(t, cfg, st)
	drain(t, c)
	if err := c.Compact(2, []byte("state")); err != nil {
		t.Fatal(err)
	}
	if s := c.Snapshot(); s.Term != 2 || c.Status().SnapshotTerm != 2 {
		t.Fatalf("term %d", s.Term)
	}
	elect(t, c, 3)
	out := step(t, c, Message{Type: AppendEntriesReply, From: 3, Term: 4, Reject: true, LogIndex: 3})
	if m := only(t, out, InstallSnapshot, 3); m.Term != 4 || m.LogIndex != 2 || m.LogTerm != 2 {
		t.Fatalf("%+v", m)
	}
}

// Who receives a snapshot answers only with receipts; they keep the leader in
// office like any other answer.
func TestReceiptsAreSignsOfLife(t *testing.T) {
	cfg := testConfig()
	cfg.SnapshotChunkBytes = 1
	c := behind(t, cfg, 100)
	s := c.peer(3).snapshot
	for came := range uint64(50) {
		timeout(t, c)
		step(t, c, Message{Type: InstallSnapshotReply, From: 3, Term: 2, LogIndex: s.Index, Hint: came})
	}
	if c.role != Leader {
		t.Fatalf("a %s", c.role)
	}
}

// receipt is an answer of server 3.
func receipt(of *Snapshot, came uint64, gap bool) Message {
	return Message{Type: InstallSnapshotReply, From: 3, Term: 2, LogIndex: of.Index, Hint: came, Reject: gap}
}

// Receipts of another snapshot and of more than there is are of no interest, nor
// are those that come late.
func TestReceiptsThatMeanNothing(t *testing.T) {
	cfg := testConfig()
	cfg.SnapshotChunkBytes, cfg.MaxInflightMessages = 10, 3
	c := behind(t, cfg, 100)
	s := c.peer(3).snapshot
	step(t, c, receipt(s, 20, false))
	for _, m := range []Message{
		receipt(&Snapshot{Index: s.Index - 1}, 50, false),
		receipt(&Snapshot{Index: s.Index - 1}, 0, true),
		receipt(s, 101, false),
		receipt(s, 101, true),
		receipt(s, 1<<63, false),
		receipt(s, 10, false),
		receipt(s, 20, false),
	} {
		out := step(t, c, m)
		if p := c.peer(3); p.received != 20 || p.offset != 50 || len(out) > 0 {
			t.Errorf("after %+v: %d received, sent up to %d, %v", m, p.received, p.offset, out)
		}
	}
}

// Behind a gap everything that was on its way is refused: it is sent again for
// the first refusal only, or else each would double what is on its way.
func TestGapIsClosedOnce(t *testing.T) {
	cfg := testConfig()
	cfg.SnapshotChunkBytes, cfg.MaxInflightMessages = 10, 4
	c := behind(t, cfg, 100)
	s := c.peer(3).snapshot
	step(t, c, receipt(s, 10, false)) // 10 to 50 are on their way, and the first is lost
	if out := step(t, c, receipt(s, 10, true)); len(ofType(out, InstallSnapshot)) != 4 {
		t.Fatalf("%v", out)
	}
	for range 2 {
		if out := step(t, c, receipt(s, 10, true)); len(out) > 0 {
			t.Fatalf("%v", out)
		}
	}
	// Another gap is another matter, and so is the same one a heartbeat later.
	if out := step(t, c, receipt(s, 20, true)); len(ofType(out, InstallSnapshot)) != 4 {
		t.Fatalf("%v", out)
	}
	timeout(t, c)
	if out := step(t, c, receipt(s, 20, true)); len(ofType(out, InstallSnapshot)) != 4 {
		t.Fatalf("%v", out)
	}
}

// The next snapshot to the same follower begins at its beginning.
func TestNextSnapshotBeginsAnew(t *testing.T) {
	cfg := testConfig()
	cfg.SnapshotChunkBytes, cfg.MaxInflightMessages = 10, 2
	c := behind(t, cfg, 100)
	step(t, c, receipt(c.peer(3).snapshot, 90, false))
	for range 3 {
		commitOne(t, c)
	}
	c.cfg.RetainedBytes = -1
	if err := c.Compact(c.lastApplied, make([]byte, 70)); err != nil {
		t.Fatal(err)
	}
	// The first one is complete, but the log does not go on from it any more.
	out := step(t, c, Message{Type: AppendEntriesReply, From: 3, Term: 2, LogIndex: 3})
	chunks := ofType(out, InstallSnapshot)
	if len(chunks) != 2 || chunks[0].Chunk.Offset != 0 || chunks[0].LogIndex != c.SnapshotIndex() || c.peer(3).received != 0 {
		t.Fatalf("%v, %+v", chunks, c.peer(3))
	}
}
