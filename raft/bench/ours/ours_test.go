package main

import (
	"math/rand/v2"
	"testing"

	"tabraft/raft"
	"tabraft/raft/bench/load"
)

func TestCoreCommitsWhatItCounts(t *testing.T) {
	for _, variant := range []string{"", "discard"} {
		if err := load.VerifyCore(openCore, variant); err != nil {
			t.Errorf("%q: %v", variant, err)
		}
	}
}

func TestClusterCommitsWhatItCounts(t *testing.T) {
	if err := load.VerifyCluster(openServers, ""); err != nil {
		t.Error(err)
	}
}

// What the store holds in the end must be enough for a server to start again.
func TestStoreHoldsTheState(t *testing.T) {
	opened, err := openCore("", []*load.Machine{{}, {}, {}})
	if err != nil {
		t.Fatal(err)
	}
	c := opened.(*core)
	command := []byte("12345678")
	for i := range 1000 {
		if err := c.Propose(command); err != nil {
			t.Fatal(err)
		}
		if err := c.Deliver(true); err != nil {
			t.Fatal(err)
		}
		if i == 500 {
			if err := c.Compact(); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, s := range c.servers {
		cfg := limits
		cfg.ID, cfg.Rand = 1, rand.New(rand.NewPCG(1, 1))
		again, err := raft.New(cfg, s.store.load(), 0)
		if err != nil {
			t.Fatal(err)
		}
		was, is := s.core.View(), again.View()
		if is.LastIndex != was.LastIndex || is.Term != was.Term || again.SnapshotIndex() == 0 || again.SnapshotIndex() != s.core.SnapshotIndex() {
			t.Errorf("it was %+v and starts as %+v with a snapshot of %d", was, is, again.SnapshotIndex())
		}
	}
}

func TestStoreCutsItsTail(t *testing.T) {
	entry := func(index, term uint64) raft.Entry { return raft.Entry{Index: index, Term: term} }
	s := bootstrap(3)
	s.save(&raft.Save{Entries: []raft.Entry{entry(2, 1), entry(3, 1), entry(4, 1)}})
	s.save(&raft.Save{Entries: []raft.Entry{entry(3, 2)}})
	s.save(&raft.Save{HardState: raft.HardState{Term: 3}})
	if n := len(s.entries); n != 3 || s.entries[2].Index != 3 || s.entries[2].Term != 2 || s.hard.Term != 3 {
		t.Errorf("%d entries, %+v", n, s)
	}
	s.save(&raft.Save{Snapshot: &raft.Snapshot{Index: 2}, Entries: []raft.Entry{entry(3, 2), entry(4, 3)}})
	if n := len(s.entries); n != 2 || s.entries[0].Index != 3 || s.snapshot.Index != 2 {
		t.Errorf("%d entries, %+v", n, s)
	}
}
