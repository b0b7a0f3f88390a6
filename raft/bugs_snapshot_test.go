package raft

import (
	"bytes"
	"testing"
)

// bugs_snapshot_test.go: mistakes that real implementations shipped, about
// snapshots and compaction. bugs_doc_test.go lists all of them.

// compacted is the leader of three whose log is compacted up to its end. Server 3
// is known to have the entries up to 2.
func compacted(t *testing.T, cfg Config) *Core {
	t.Helper()
	cfg.RetainedBytes = -1
	c := lead(t, cfg, 3)
	commitOne(t, c)
	commitOne(t, c)
	if err := c.Compact(c.lastApplied, []byte("state")); err != nil {
		t.Fatal(err)
	}
	if c.log.base != 4 || c.log.lastIndex() != 4 {
		t.Fatalf("log from %d to %d", c.log.base+1, c.log.lastIndex())
	}
	return c
}

// Bug 37: a follower whose window is full waits at an index that is compacted
// away meanwhile. The next heartbeat cannot name the entry before it, and must
// not pretend that one of term 0 was there.
func TestBug37ThrottledFollowerAndCompaction(t *testing.T) {
	cfg := testConfig()
	cfg.MaxInflightMessages, cfg.MaxAppendBytes = 1, 1
	c := compacted(t, cfg) // server 3 has not acknowledged entry 3
	if p := c.peer(3); p.next > c.log.base || len(p.window.inflight) != 1 {
		t.Fatalf("next %d, %d in flight", p.next, len(p.window.inflight))
	}
	c.Tick(c.NextDeadline())
	seen := 0
	for _, m := range drain(t, c) {
		if m.Type == AppendEntries && (m.LogTerm == 0 || m.LogIndex < c.log.base) {
			t.Fatalf("%+v", m)
		}
		if m.Type == InstallSnapshot && m.To == 3 {
			seen++
		}
	}
	if seen != 1 {
		t.Fatalf("%d chunks, want the whole snapshot once", seen)
	}
}

// Bug 41: a follower that is behind a log which is compacted up to its end gets
// the snapshot although nothing is proposed any more, also if its messages are
// lost at first.
func TestBug41IdleCompactedLog(t *testing.T) {
	c := compacted(t, testConfig())
	cfg := testConfig()
	cfg.ID = 3
	f := newCore(t, cfg, storedTerms(3, 1, 2))
	refused := only(t, step(t, f, only(t, timeout(t, c), AppendEntries, 3)), AppendEntriesReply, 1)
	if chunk := only(t, step(t, c, refused), InstallSnapshot, 3); chunk.LogIndex != 4 || string(chunk.Chunk.Data) != "state" {
		t.Fatalf("%+v", chunk) // it is lost
	}
	var again Message
	for range 3 { // two more are lost
		asked := only(t, timeout(t, c), InstallSnapshot, 3)
		if asked.Chunk.Offset != 5 || len(asked.Chunk.Data) != 0 {
			t.Fatalf("%+v", asked.Chunk)
		}
		gap := only(t, step(t, f, asked), InstallSnapshotReply, 1)
		again = only(t, step(t, c, gap), InstallSnapshot, 3)
	}
	done := only(t, step(t, f, again), AppendEntriesReply, 1)
	if out := step(t, c, done); len(ofType(out, InstallSnapshot)) > 0 || c.peer(3).match != 4 || f.commitIndex != 4 {
		t.Fatalf("match %d, the follower committed %d, sent %v", c.peer(3).match, f.commitIndex, out)
	}
}

// chunkOf is the whole snapshot up to index in one message of leader 2 in term 2.
func chunkOf(index uint64, data string) Message {
	return Message{Type: InstallSnapshot, From: 2, Term: 2, LogIndex: index, LogTerm: 2, Chunk: &Chunk{
		Size: uint64(len(data)), Data: []byte(data), Configuration: Configuration{Voters: []ID{1, 2, 3}}.Encode(), ConfigurationIndex: 1}}
}

// Bug 42: a second snapshot arrives before the first is saved. Each is
// acknowledged by its own save, and the state machine gets them in order.
func TestBug42SecondSnapshotBeforeFirstIsSaved(t *testing.T) {
	for _, saves := range []int{1, 2} {
		cfg := testConfig()
		cfg.MaxSaves = saves
		c := newCore(t, cfg, storedTerms(3, 1))
		step(t, c, Message{Type: AppendEntries, From: 2, Term: 2, LogIndex: 1, LogTerm: 1}) // the term is saved

		first := c.saves.issued + 1
		receive(t, c, chunkOf(5, "five"))
		rd := take(t, c)
		if rd.Save.Snapshot == nil || rd.Save.Snapshot.Index != 5 || rd.Snapshot == nil || len(rd.Messages) > 0 {
			t.Fatalf("%+v", rd)
		}
		receive(t, c, chunkOf(9, "nine"))
		rd, _ = c.Ready()
		if rd.Snapshot == nil || rd.Snapshot.Index != 9 || len(rd.Messages) > 0 || (rd.Save != nil) != (saves == 2) {
			t.Fatalf("with %d saves: %+v", saves, rd)
		}
		second := rd.Save
		saved(t, c, first)
		rd, _ = c.Ready()
		if m := only(t, rd.Messages, AppendEntriesReply, 2); m.LogIndex != 5 {
			t.Fatalf("%+v", m)
		}
		// A heartbeat in between is answered for what is durable.
		receive(t, c, Message{Type: AppendEntries, From: 2, Term: 2, LogIndex: 9, LogTerm: 2})
		if second == nil {
			second = rd.Save
		}
		rd, _ = c.Ready()
		if m := only(t, rd.Messages, AppendEntriesReply, 2); m.LogIndex != 5 {
			t.Fatalf("%+v", m)
		}
		if second == nil || second.Snapshot == nil || second.Snapshot.Index != 9 || string(second.Snapshot.Data) != "nine" {
			t.Fatalf("%+v", second)
		}
		saved(t, c, second.Seq)
		if m := only(t, drain(t, c), AppendEntriesReply, 2); m.LogIndex != 9 {
			t.Fatalf("%+v", m)
		}
	}
}

// Bug 42 again, with entries under way: their save, reported late, must not make
// a longer part of the log durable than it wrote, now that a snapshot took its
// place.
func TestBug42SnapshotReplacesEntriesBeingSaved(t *testing.T) {
	st := storedTerms(3, 1)
	st.HardState.Commit = 1
	c := newCore(t, testConfig(), st)
	receive(t, c, Message{Type: AppendEntries, From: 2, Term: 2, LogIndex: 1, LogTerm: 1, Entries: []Entry{noop(2, 1), noop(3, 1), noop(4, 1)}})
	entries := take(t, c)
	receive(t, c, chunkOf(3, "three")) // of another term than entry 3
	if rd, _ := c.Ready(); rd.Save != nil || rd.Snapshot == nil {
		t.Fatalf("%+v", rd)
	}
	saved(t, c, entries.Save.Seq)
	if c.saves.durableIndex != 1 {
		t.Fatalf("durable up to %d, before the snapshot is", c.saves.durableIndex)
	}
	rd := take(t, c)
	for _, m := range rd.Messages {
		if m.LogIndex > 4 || m.LogIndex == 3 {
			t.Fatalf("%+v", m)
		}
	}
	saved(t, c, rd.Save.Seq)
	if c.saves.durableIndex != 3 {
		t.Fatalf("durable up to %d", c.saves.durableIndex)
	}
}

// Bug 43: no snapshot of what was not handed out to be applied; and what was
// handed out stays as it was, though the log is compacted or replaced before the
// driver gets round to applying it.
func TestBug43CompactionBehindApply(t *testing.T) {
	cfg := testConfig()
	cfg.RetainedBytes = -1
	c := lead(t, cfg, 3)
	for _, what := range []string{"a", "b", "c"} {
		c.Propose(c.now, []byte(what))
	}
	rd := take(t, c)
	saved(t, c, rd.Save.Seq)
	receive(t, c, Message{Type: AppendEntriesReply, From: 2, Term: 2, LogIndex: 5})
	if c.commitIndex != 5 || c.lastApplied != 2 {
		t.Fatalf("committed %d, applied %d", c.commitIndex, c.lastApplied)
	}
	if err := c.Compact(5, nil); err == nil || c.SnapshotIndex() != 0 {
		t.Fatal("a snapshot of entries that nobody has applied")
	}
	queued, _ := c.Ready()
	if err := c.Compact(5, []byte("abc")); err != nil {
		t.Fatal(err)
	}
	for _, what := range []string{"x", "y", "z"} {
		c.Propose(c.now, []byte(what))
	}
	drain(t, c)
	text := ""
	for _, e := range queued.Committed {
		text += string(e.Data)
	}
	if text != "abc" || queued.Committed[0].Index != 3 {
		t.Fatalf("what was to be applied became %q", text)
	}
	if err := c.Compact(5, nil); err != ErrCompacted {
		t.Fatalf("the same again: %v", err)
	}
	if err := c.Compact(4, nil); err != ErrCompacted {
		t.Fatalf("an earlier one: %v", err)
	}
}

// Bug 43, the other way round: an installed snapshot takes the place of entries
// that are committed and not handed out yet; they are never handed out.
func TestBug43InstallOvertakesApply(t *testing.T) {
	c := newCore(t, testConfig(), storedTerms(3, 1))
	receive(t, c, Message{Type: AppendEntries, From: 2, Term: 2, LogIndex: 1, LogTerm: 1, Commit: 3,
		Entries: []Entry{noop(2, 2), noop(3, 2), noop(4, 2), noop(5, 2), noop(6, 2)}})
	receive(t, c, chunkOf(5, "five"))
	receive(t, c, Message{Type: AppendEntries, From: 2, Term: 2, LogIndex: 6, LogTerm: 2, Commit: 6})
	rd, _ := c.Ready()
	if rd.Snapshot == nil || rd.Snapshot.Index != 5 || len(rd.Committed) != 1 || rd.Committed[0].Index != 6 {
		t.Fatalf("%+v", rd)
	}
}

// Bug 44: a snapshot names the entry that its configuration came with, which a
// later change is compared with; not its own last index.
func TestBug44SnapshotNamesItsConfigurationsEntry(t *testing.T) {
	c := compacted(t, testConfig())
	if s := c.Snapshot(); s.ConfigurationIndex != 1 || s.Index != 4 {
		t.Fatalf("the configuration of entry %d in a snapshot of %d", s.ConfigurationIndex, s.Index)
	}
	out := step(t, c, Message{Type: AppendEntriesReply, From: 3, Term: 2, Reject: true, LogIndex: 4, Hint: 2, LogTerm: 2})
	if m := only(t, out, InstallSnapshot, 3); m.Chunk.ConfigurationIndex != 1 {
		t.Fatalf("sent: entry %d", m.Chunk.ConfigurationIndex)
	}
	f := newCore(t, testConfig(), storedTerms(3, 1))
	step(t, f, chunkOf(9, "nine"))
	if s := f.Snapshot(); s.ConfigurationIndex != 1 || f.configurationIndex() != 1 || f.View().ConfigurationIndex != 1 {
		t.Fatalf("installed: entry %d", s.ConfigurationIndex)
	}
	r := newCore(t, testConfig(), Stored{HardState: HardState{Term: 2}, Snapshot: f.Snapshot()})
	if r.configurationIndex() != 1 {
		t.Fatalf("restarted: entry %d", r.configurationIndex())
	}
}

// The snapshot that a leader sends is the one that it has, byte for byte,
// whatever the size of its chunks.
func TestSnapshotArrivesWhole(t *testing.T) {
	data := []byte("a state of some length, in chunks of several sizes")
	for chunk := 1; chunk <= len(data)+1; chunk++ {
		cfg := testConfig()
		cfg.SnapshotChunkBytes, cfg.RetainedBytes = chunk, -1
		c := lead(t, cfg, 3)
		commitOne(t, c)
		if err := c.Compact(c.lastApplied, data); err != nil {
			t.Fatal(err)
		}
		cfg.ID = 3
		f := newCore(t, cfg, storedTerms(3, 1))
		out := append(drain(t, c), timeout(t, c)...)
		for n := 0; f.snapshot == nil; n++ {
			if n > 1000 {
				t.Fatalf("chunks of %d: it does not arrive", chunk)
			}
			var back []Message
			for _, m := range out {
				if m.To == 3 {
					back = append(back, step(t, f, m)...)
				}
			}
			out = nil
			for _, m := range back {
				out = append(out, step(t, c, m)...)
			}
		}
		if !bytes.Equal(f.snapshot.Data, data) {
			t.Fatalf("chunks of %d: %q", chunk, f.snapshot.Data)
		}
		// The log goes on from it.
		for _, m := range out {
			step(t, f, m)
		}
		step(t, c, Message{Type: AppendEntriesReply, From: 3, Term: 2, LogIndex: f.log.lastIndex()})
		c.Propose(c.now, []byte("x"))
		if m := only(t, drain(t, c), AppendEntries, 3); m.LogIndex != 3 || len(m.Entries) != 1 {
			t.Fatalf("chunks of %d: then %+v", chunk, m)
		}
	}
}

// When a connection to a follower closes, what is on its way is lost: the
// snapshot goes on with what is known to have come, not from its beginning and
// not after a wait.
func TestSnapshotGoesOnAfterLostConnection(t *testing.T) {
	cfg := testConfig()
	cfg.SnapshotChunkBytes, cfg.MaxInflightMessages = 10, 4
	c := behind(t, cfg, 100)
	s := c.peer(3).snapshot
	step(t, c, Message{Type: InstallSnapshotReply, From: 3, Term: 2, LogIndex: s.Index, Hint: 20})
	if p := c.peer(3); p.received != 20 || p.offset != 60 {
		t.Fatalf("%+v", p)
	}
	c.PeerDown(c.now, 3)
	var offsets []uint64
	for _, m := range ofType(drain(t, c), InstallSnapshot) {
		offsets = append(offsets, m.Chunk.Offset)
	}
	if p := c.peer(3); p.snapshot != s || p.received != 20 || len(offsets) != 4 || offsets[0] != 20 || offsets[3] != 50 {
		t.Fatalf("%+v, sent from %d", p, offsets)
	}
}

// Compact has the snapshot stored by itself, with all that is kept of the log
// after it: it replaces what is stored.
func TestCompactIsSaved(t *testing.T) {
	cfg := testConfig()
	cfg.RetainedBytes = -1
	c := lead(t, cfg, 3)
	for range 3 {
		commitOne(t, c)
	}
	if err := c.Compact(3, []byte("state")); err != nil {
		t.Fatal(err)
	}
	s := take(t, c).Save
	if s.Snapshot == nil || s.Snapshot.Index != 3 || len(s.Entries) != 2 || s.Entries[0].Index != 4 {
		t.Fatalf("%+v", s)
	}
	saved(t, c, s.Seq)
	if rd, _ := c.Ready(); rd.Save != nil {
		t.Fatalf("saved again: %+v", rd.Save)
	}
}

// The log after a snapshot that is being sent is not kept for a follower that
// has fallen silent.
func TestLogNotKeptForTheSilent(t *testing.T) {
	cfg := testConfig()
	cfg.SnapshotChunkBytes = 10
	c := behind(t, cfg, 100)
	c.cfg.RetainedBytes = entryOverhead
	sent := c.peer(3).snapshot.Index
	step(t, c, Message{Type: InstallSnapshotReply, From: 3, Term: 2, LogIndex: sent, Hint: 10})
	for range 4 {
		commitOne(t, c)
	}
	compact := func() {
		t.Helper()
		if err := c.Compact(c.lastApplied, make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
		drain(t, c)
	}
	if compact(); c.log.base != sent {
		t.Fatalf("the log begins at %d", c.log.base+1)
	}
	for heard := c.now; c.now < heard+testTimeout; {
		timeout(t, c)
		step(t, c, Message{Type: AppendEntriesReply, From: 2, Term: 2, LogIndex: c.log.lastIndex()})
	}
	commitOne(t, c)
	if compact(); c.log.base <= sent || c.role != Leader {
		t.Fatalf("the log of a %s begins at %d", c.role, c.log.base+1)
	}
}
