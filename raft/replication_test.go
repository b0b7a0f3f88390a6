package raft

import "testing"

// Empty entries are not free: they count against the size of a message too.
func TestEmptyEntriesFillMessages(t *testing.T) {
	cfg := testConfig()
	cfg.MaxAppendBytes = 10 * entryOverhead
	c := newCore(t, cfg, storedTerms(2, 1))
	elect(t, c, 2)
	step(t, c, Message{Type: AppendEntriesReply, From: 2, Term: 2, LogIndex: 2})
	for range 25 {
		c.Propose(c.now, nil)
	}
	var sizes []int
	for _, m := range ofType(drain(t, c), AppendEntries) {
		sizes = append(sizes, len(m.Entries))
	}
	if len(sizes) != 3 || sizes[0] != 10 || sizes[1] != 10 || sizes[2] != 5 {
		t.Fatalf("messages with %v entries", sizes)
	}
}

// A follower whose storage is slower than an election timeout answers
// heartbeats: it must not cost the leader its quorum.
func TestSlowStorageAnswersHeartbeats(t *testing.T) {
	c := newCore(t, testConfig(), storedTerms(3, 1))
	step(t, c, Message{Type: AppendEntries, From: 2, Term: 2, LogIndex: 1, LogTerm: 1})
	err := c.Step(c.now, Message{Type: AppendEntries, From: 2, To: 1, Term: 2, LogIndex: 1, LogTerm: 1, Entries: []Entry{noop(2, 2), noop(3, 2)}})
	if err != nil {
		t.Fatal(err)
	}
	rd, _ := c.Ready()
	if rd.Save == nil || len(rd.Messages) != 0 {
		t.Fatalf("%+v", rd)
	}
	if err := c.Step(c.now, Message{Type: AppendEntries, From: 2, To: 1, Term: 2, LogIndex: 3, LogTerm: 2}); err != nil {
		t.Fatal(err)
	}
	beat, _ := c.Ready()
	if m := only(t, beat.Messages, AppendEntriesReply, 2); m.LogIndex != 1 || m.Reject {
		t.Fatalf("answered with %+v, only index 1 is durable", m)
	}
	if err := c.Saved(c.now, rd.Save.Seq); err != nil {
		t.Fatal(err)
	}
	if m := only(t, drain(t, c), AppendEntriesReply, 2); m.LogIndex != 3 {
		t.Fatalf("acknowledged with %+v", m)
	}
}

// A refusal waits for the term, not for entries that are being saved.
func TestRefusalDoesNotWaitForEntries(t *testing.T) {
	c := newCore(t, testConfig(), storedTerms(3, 1))
	step(t, c, Message{Type: AppendEntries, From: 2, Term: 2, LogIndex: 1, LogTerm: 1})
	receive(t, c, Message{Type: AppendEntries, From: 2, Term: 2, LogIndex: 1, LogTerm: 1, Entries: []Entry{noop(2, 2)}})
	take(t, c)
	receive(t, c, Message{Type: AppendEntries, From: 2, Term: 2, LogIndex: 5, LogTerm: 2, Entries: []Entry{noop(6, 2)}})
	rd, _ := c.Ready()
	if m := only(t, rd.Messages, AppendEntriesReply, 2); !m.Reject || m.Hint != 2 {
		t.Fatalf("%+v", m)
	}
}

// The first heartbeat of a term is not answered before the term is durable.
func TestHeartbeatOfNewTermWaitsForTerm(t *testing.T) {
	c := newCore(t, testConfig(), storedTerms(3, 1))
	if err := c.Step(c.now, Message{Type: AppendEntries, From: 2, To: 1, Term: 2, LogIndex: 1, LogTerm: 1}); err != nil {
		t.Fatal(err)
	}
	rd, _ := c.Ready()
	if len(rd.Messages) != 0 || rd.Save == nil || rd.Save.HardState.Term != 2 {
		t.Fatalf("%+v", rd)
	}
	if err := c.Saved(c.now, rd.Save.Seq); err != nil {
		t.Fatal(err)
	}
	only(t, drain(t, c), AppendEntriesReply, 2)
}
