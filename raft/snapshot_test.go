package raft

import (
	"bytes"
	"testing"
)

// behind makes server 1 the leader of three, with a log compacted beyond what
// server 3 has, and a snapshot of size bytes on its way to that one.
func behind(t *testing.T, cfg Config, size int) *Core {
	t.Helper()
	cfg.RetainedBytes = -1
	c := lead(t, cfg, 3)
	commitOne(t, c)
	if err := c.Compact(c.lastApplied, make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	drain(t, c)
	step(t, c, Message{Type: AppendEntriesReply, From: 3, Term: 2, LogIndex: c.peer(3).next - 1, Reject: true})
	if c.peer(3).snapshot == nil {
		t.Fatal("no snapshot is sent")
	}
	return c
}

// commitOne has server 2 acknowledge one more command.
func commitOne(t *testing.T, c *Core) {
	t.Helper()
	if _, _, err := c.Propose(c.now, []byte("x")); err != nil {
		t.Fatal(err)
	}
	drain(t, c)
	step(t, c, Message{Type: AppendEntriesReply, From: 2, Term: 2, LogIndex: c.log.lastIndex()})
}

// A follower that never took anything of an old snapshot, or could not go on
// from it, is sent the latest.
func TestSnapshotOvertaken(t *testing.T) {
	c := behind(t, testConfig(), 100)
	old := c.peer(3).snapshot
	commitOne(t, c)
	if err := c.Compact(c.lastApplied, make([]byte, 50)); err != nil {
		t.Fatal(err)
	}
	timeout(t, c)
	if p := c.peer(3); p.snapshot == old || p.snapshot != c.snapshot {
		t.Fatalf("it is sent the snapshot of %d, the latest is of %d", p.snapshot.Index, c.snapshot.Index)
	}
}

// While a follower receives a snapshot, the log after it is kept, so that it can
// go on from there; but not for ever.
func TestLogKeptWhileSnapshotIsSent(t *testing.T) {
	cfg := testConfig()
	cfg.SnapshotChunkBytes = 10
	c := behind(t, cfg, 100)
	c.cfg.RetainedBytes = 2 * entryOverhead
	sent := c.peer(3).snapshot.Index
	const most = retainedWhileSending * 2 * entryOverhead / (entryOverhead + 1)
	step(t, c, Message{Type: InstallSnapshotReply, From: 3, Term: 2, LogIndex: sent, Hint: 10})
	for n := range most + 5 {
		commitOne(t, c)
		if err := c.Compact(c.lastApplied, make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
		drain(t, c)
		if kept := c.log.base == sent; kept != (n < most) {
			t.Fatalf("after %d entries the log begins at %d, the snapshot being sent is of %d", n+1, c.log.base+1, sent)
		}
	}
}

// A snapshot that is only partly received is forgotten with its leader's term.
func TestSnapshotOfOldLeaderForgotten(t *testing.T) {
	conf := Configuration{Voters: []ID{1, 2, 3}}
	part := func(term, offset uint64) Message {
		return Message{Type: InstallSnapshot, From: 2, Term: term, LogIndex: 9, LogTerm: 2,
			Chunk: &Chunk{Offset: offset, Size: 20, Data: bytes.Repeat([]byte{1}, 10), Configuration: conf.Encode(), ConfigurationIndex: 1}}
	}
	c := newCore(t, testConfig(), storedTerms(3, 1))
	if m := only(t, step(t, c, part(2, 0)), InstallSnapshotReply, 2); m.Hint != 10 || m.Reject {
		t.Fatalf("%+v", m)
	}
	step(t, c, Message{Type: AppendEntries, From: 3, Term: 3})
	if c.incoming.Data != nil {
		t.Fatal("it is kept")
	}
	// The same snapshot by another leader may have other bytes.
	c = newCore(t, testConfig(), storedTerms(3, 1))
	step(t, c, part(2, 0))
	if m := only(t, step(t, c, part(3, 10)), InstallSnapshotReply, 2); m.Hint != 0 || !m.Reject {
		t.Fatalf("%+v", m)
	}
}

// What a server accepts of a snapshot is limited before anything is kept.
func TestSnapshotTooLarge(t *testing.T) {
	cfg := testConfig()
	cfg.MaxSnapshotBytes = 100
	c := newCore(t, cfg, storedTerms(3, 1))
	conf := Configuration{Voters: []ID{1, 2, 3}}
	for _, k := range []Chunk{
		{Size: 101}, {Size: 50, Offset: 51}, {Size: 50, Offset: 45, Data: make([]byte, 10)},
		{Size: 50, Offset: 1 << 63, Data: make([]byte, 10)}, {Size: 10, ConfigurationIndex: 10},
	} {
		k.Configuration = conf.Encode()
		m := Message{Type: InstallSnapshot, From: 2, To: 1, Term: 2, LogIndex: 9, LogTerm: 2, Chunk: &k}
		if err := c.Step(0, m); err == nil {
			t.Errorf("%+v is accepted", k)
		}
	}
}
