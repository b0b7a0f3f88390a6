package raft

import (
	"fmt"
	"testing"
)

// Messages of an earlier term (5.1): a request is refused with the current
// term, so that its sender learns of it, and nothing else comes of any.
func TestMessagesOfEarlierTerms(t *testing.T) {
	chunk := &Chunk{Size: 5, Data: []byte("state"), Configuration: Configuration{Voters: []ID{1, 2, 3}}.Encode(), ConfigurationIndex: 1}
	messages := []struct {
		m     Message
		reply MessageType // that refuses; 0 for none
	}{
		{Message{Type: RequestPreVote, LogIndex: 9, LogTerm: 3}, RequestPreVoteReply},
		{Message{Type: RequestPreVoteReply}, 0},
		{Message{Type: RequestVote, LogIndex: 9, LogTerm: 3}, RequestVoteReply},
		{Message{Type: RequestVoteReply}, 0},
		{Message{Type: AppendEntries, LogIndex: 3, LogTerm: 3, Commit: 4, Entries: []Entry{noop(4, 4)}}, AppendEntriesReply},
		{Message{Type: AppendEntriesReply, LogIndex: 3}, 0},
		{Message{Type: InstallSnapshot, LogIndex: 9, LogTerm: 4, Chunk: chunk}, InstallSnapshotReply},
		{Message{Type: InstallSnapshotReply, LogIndex: 3}, 0},
		{Message{Type: TimeoutNow}, 0},
		{Message{Type: ReadIndex, Hint: 7}, 0},
		{Message{Type: ReadIndexReply, Hint: 7, LogIndex: 3}, 0},
	}
	// Term 5, a log up to 3, and nobody has its vote: as a follower without and
	// with a leader, a pre-candidate, a candidate and a leader.
	stored := func() Stored {
		st := storedTerms(3, 1, 2, 3)
		st.HardState.Term = 5
		return st
	}
	servers := map[string]func() *Core{
		"follower": func() *Core { return newCore(t, testConfig(), stored()) },
		"follower of 2": func() *Core {
			c := newCore(t, testConfig(), stored())
			step(t, c, Message{Type: AppendEntries, From: 2, Term: 5, LogIndex: 3, LogTerm: 3})
			return c
		},
		"precandidate": func() *Core {
			c := newCore(t, testConfig(), stored())
			timeout(t, c)
			return c
		},
		"candidate": func() *Core {
			cfg := testConfig()
			cfg.DisablePreVote = true
			c := newCore(t, cfg, stored())
			timeout(t, c)
			return c
		},
		"leader": func() *Core {
			c := newCore(t, testConfig(), stored())
			elect(t, c, 3)
			return c
		},
	}
	for name, server := range servers {
		for _, test := range messages {
			c, m := server(), test.m
			m.From, m.Term = 2, c.currentTerm-1
			if m.Type == RequestPreVote || m.Type == RequestPreVoteReply {
				m.Term = c.currentTerm // sent by a server of the term before
				if m.Type == RequestPreVoteReply {
					m.Term = c.currentTerm - 1
				}
			}
			before := fmt.Sprintf("%+v %v %v", c.Status(), c.log, c.reads)
			out, reads := stepReads(t, c, m)
			if after := fmt.Sprintf("%+v %v %v", c.Status(), c.log, c.reads); before != after || len(reads) > 0 {
				t.Errorf("a %s that gets %s of an earlier term: %s\nbecomes %s, reads %v", name, m.Type, before, after, reads)
			}
			if test.reply == 0 {
				if len(out) > 0 {
					t.Errorf("a %s that gets %s of an earlier term sends %+v", name, m.Type, out)
				}
				continue
			}
			if reply := only(t, out, test.reply, 2); len(out) != 1 || !reply.Reject || reply.Term != c.currentTerm {
				t.Errorf("a %s that gets %s of an earlier term sends %+v", name, m.Type, out)
			}
		}
	}
}

// Refusals of this term that come late, when more is known already, move
// nothing back.
func TestLateRefusals(t *testing.T) {
	c := lead(t, testConfig(), 3)
	c.Propose(c.now, []byte("x"))
	drain(t, c)
	for index := uint64(1); index <= 2; index++ {
		if out := step(t, c, Message{Type: AppendEntriesReply, From: 2, Term: 2, Reject: true, LogIndex: index, Hint: 0}); len(out) > 0 {
			t.Fatalf("a refusal of %d, where the logs are known to match: %v", index, out)
		}
		if p := c.peer(2); p.probing || p.match != 2 || p.next != 4 || len(p.window.inflight) != 1 {
			t.Fatalf("%+v", p)
		}
	}
	// Nor do they end a snapshot that is being sent.
	cfg := testConfig()
	cfg.SnapshotChunkBytes = 10
	c = behind(t, cfg, 1000)
	s := c.peer(3).snapshot
	step(t, c, Message{Type: InstallSnapshotReply, From: 3, Term: 2, LogIndex: s.Index, Hint: 30})
	step(t, c, Message{Type: AppendEntriesReply, From: 3, Term: 2, Reject: true, LogIndex: 3, Hint: 2, LogTerm: 2})
	if p := c.peer(3); p.snapshot != s || p.received != 30 {
		t.Fatalf("%+v", p)
	}
}
