package raft

import "testing"

// reconfigureTo runs a change of members through, all of 2..n answering.
func reconfigureTo(t *testing.T, c *Core, n int, voters, learners []ID) []Message {
	t.Helper()
	if _, err := c.Reconfigure(voters, learners); err != nil {
		t.Fatal(err)
	}
	out := drain(t, c)
	for range 4 {
		for id := 2; id <= n; id++ {
			if c.role == Leader {
				out = append(out, step(t, c, Message{Type: AppendEntriesReply, From: ID(id), Term: c.currentTerm, LogIndex: c.log.lastIndex()})...)
			}
		}
	}
	return out
}

// lead makes server 1 the leader of n, with its first entry committed.
func lead(t *testing.T, cfg Config, n int) *Core {
	t.Helper()
	c := newCore(t, cfg, storedTerms(n, 1))
	elect(t, c, n)
	for id := 2; id <= n; id++ {
		step(t, c, Message{Type: AppendEntriesReply, From: ID(id), Term: c.currentTerm, LogIndex: 2})
	}
	if c.commitIndex != 2 {
		t.Fatalf("committed %d", c.commitIndex)
	}
	return c
}

// Whoever a change leaves out is told that it has committed, before the
// leader talks to it no more.
func TestRemovedServerIsTold(t *testing.T) {
	c := lead(t, testConfig(), 3)
	out := ofType(reconfigureTo(t, c, 3, []ID{1, 2}, nil), AppendEntries)
	told := uint64(0)
	for _, m := range out {
		if m.To == 3 {
			told = m.Commit
		}
	}
	if told != 4 || c.peer(3) != nil {
		t.Fatalf("server 3 heard of commitIndex %d, want 4", told)
	}
}

// Bug 27: a leader that the change leaves out steps down once it has
// committed; the others hear of that commitment from it.
func TestBug27RemovedLeaderStepsDown(t *testing.T) {
	c := lead(t, testConfig(), 3)
	out := ofType(reconfigureTo(t, c, 3, []ID{2, 3}, nil), AppendEntries)
	if c.role != Follower || c.commitIndex != 4 {
		t.Fatalf("a %s that committed %d", c.role, c.commitIndex)
	}
	told := map[ID]uint64{}
	for _, m := range out {
		told[m.To] = m.Commit
	}
	if told[2] != 4 || told[3] != 4 {
		t.Fatalf("the others heard of %v, want 4", told)
	}
	for range 5 {
		if out := timeout(t, c); len(out) > 0 {
			t.Fatalf("a removed server sends %+v", out)
		}
	}
}
