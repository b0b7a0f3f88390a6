package raft

import "testing"

// figure2_test.go: clauses of Figure 2 that no other test looks at alone.

// AppendEntries 2: "Reply false if log doesn't contain an entry at prevLogIndex
// whose term matches prevLogTerm"; and then nothing changes.
func TestAppendEntriesChecksConsistency(t *testing.T) {
	for _, test := range []struct{ index, term uint64 }{{3, 3}, {2, 3}, {4, 3}, {9, 2}, {2, 1}} {
		c := newCore(t, testConfig(), storedTerms(3, 1, 2, 2))
		reply := only(t, step(t, c, Message{Type: AppendEntries, From: 2, Term: 4, LogIndex: test.index, LogTerm: test.term,
			Commit: 3, Entries: []Entry{noop(test.index+1, 4)}}), AppendEntriesReply, 2)
		if !reply.Reject || reply.LogIndex != test.index || c.log.lastIndex() != 3 || c.log.lastTerm() != 2 || c.commitIndex != 0 {
			t.Errorf("after %d/%d: %+v, the log ends in %d/%d, committed %d", test.index, test.term, reply,
				c.log.lastIndex(), c.log.lastTerm(), c.commitIndex)
		}
	}
}

// AppendEntries 3 and 4: what conflicts goes with all that follows, what is
// there already stays.
func TestAppendEntriesReplacesWhatConflicts(t *testing.T) {
	for _, test := range []struct {
		terms []uint64 // of the entries from 3 on that the leader of term 4 sends
		want  []uint64 // of the whole log then
	}{
		{nil, []uint64{1, 1, 2, 2, 2}},
		{[]uint64{2}, []uint64{1, 1, 2, 2, 2}},
		{[]uint64{2, 2, 2, 4, 4}, []uint64{1, 1, 2, 2, 2, 4, 4}},
		{[]uint64{3}, []uint64{1, 1, 3}},
		{[]uint64{2, 3, 4}, []uint64{1, 1, 2, 3, 4}},
		{[]uint64{2, 2, 3}, []uint64{1, 1, 2, 2, 3}},
	} {
		c := newCore(t, testConfig(), storedTerms(3, 1, 1, 2, 2, 2))
		var es []Entry
		for i, term := range test.terms {
			es = append(es, noop(3+uint64(i), term))
		}
		reply := only(t, step(t, c, Message{Type: AppendEntries, From: 2, Term: 4, LogIndex: 2, LogTerm: 1, Entries: es}), AppendEntriesReply, 2)
		same := int(c.log.lastIndex()) == len(test.want)
		for i, term := range test.want {
			same = same && c.log.term(uint64(i)+1) == term
		}
		if !same || reply.Reject || reply.LogIndex != 2+uint64(len(es)) {
			t.Errorf("terms %v from 3 on: the log is %v, the reply %+v", test.terms, c.log.entries, reply)
		}
	}
}

// Leaders: "if command received from client: append entry to local log"; an
// entry larger than a message may be goes nevertheless, alone.
func TestLargeEntryGoesAlone(t *testing.T) {
	cfg := testConfig()
	cfg.MaxAppendBytes, cfg.MaxInflightBytes = 100, 100
	c := lead(t, cfg, 2)
	for _, n := range []int{10, 500, 10} {
		if _, _, err := c.Propose(c.now, make([]byte, n)); err != nil {
			t.Fatal(err)
		}
	}
	// The window has room for the large one behind the small one.
	out := ofType(drain(t, c), AppendEntries)
	if len(out) != 2 || len(out[0].Entries) != 1 || len(out[1].Entries) != 1 || len(out[1].Entries[0].Data) != 500 {
		t.Fatalf("%v", out)
	}
	if out = step(t, c, Message{Type: AppendEntriesReply, From: 2, Term: 2, LogIndex: 3}); len(ofType(out, AppendEntries)) > 0 {
		t.Fatalf("beyond the window: %v", out)
	}
	out = ofType(step(t, c, Message{Type: AppendEntriesReply, From: 2, Term: 2, LogIndex: 4}), AppendEntries)
	if len(out) != 1 || len(out[0].Entries) != 1 || out[0].LogIndex != 4 {
		t.Fatalf("%v", out)
	}
}

// Leaders: the AppendEntries by which the logs are compared is repeated until it
// is answered, with the heartbeats, and there is one at a time.
func TestProbeIsRepeated(t *testing.T) {
	c := newCore(t, testConfig(), storedTerms(3, 1))
	elect(t, c, 3)
	for range 3 {
		c.Propose(c.now, []byte("x"))
		for _, m := range drain(t, c) {
			if m.To == 2 {
				t.Fatalf("a second probe: %+v", m)
			}
		}
		out := timeout(t, c)
		if m := only(t, out, AppendEntries, 2); m.LogIndex != 1 || len(m.Entries) == 0 || m.Entries[0].Index != 2 {
			t.Fatalf("%+v", m)
		}
		step(t, c, Message{Type: AppendEntriesReply, From: 3, Term: 2, LogIndex: c.log.lastIndex()}) // keeps it in office
	}
}

// What commits is told soon, if no entries take the news along: a heartbeat is
// brought forward to a fifth of its interval.
func TestCommitIsToldSoon(t *testing.T) {
	c := lead(t, testConfig(), 3)
	drain(t, c)
	timeout(t, c)
	c.Propose(c.now, []byte("x"))
	drain(t, c)
	if d := c.NextDeadline() - c.now; d != c.cfg.HeartbeatInterval {
		t.Fatalf("the heartbeat is due in %s", d)
	}
	step(t, c, Message{Type: AppendEntriesReply, From: 2, Term: 2, LogIndex: 3})
	if d := c.NextDeadline() - c.now; c.commitIndex != 3 || d != c.cfg.HeartbeatInterval/5 {
		t.Fatalf("committed %d, the heartbeat is due in %s", c.commitIndex, d)
	}
	if m := only(t, timeout(t, c), AppendEntries, 2); m.Commit != 3 || len(m.Entries) > 0 {
		t.Fatalf("%+v", m)
	}
}

// A new leader's heartbeats begin a heartbeat's interval after its first entry.
func TestFirstHeartbeat(t *testing.T) {
	c := newCore(t, testConfig(), storedTerms(3, 1))
	elect(t, c, 3)
	if d := c.NextDeadline() - c.now; d != c.cfg.HeartbeatInterval {
		t.Fatalf("the first heartbeat is due in %s", d)
	}
}
