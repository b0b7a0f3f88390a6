package raft

import (
	"math/rand/v2"
	"testing"
	"time"
)

func logOfTerms(terms ...uint64) *raftLog {
	l := &raftLog{}
	for i, term := range terms {
		l.append(noop(uint64(i)+1, term))
	}
	return l
}

func TestLogMatches(t *testing.T) {
	l := logOfTerms(1, 1, 3)
	for _, test := range []struct {
		index, term uint64
		want        bool
	}{
		{0, 0, true}, {0, 1, false}, {1, 1, true}, {1, 0, false}, {3, 3, true}, {3, 1, false},
		{4, 0, false}, {4, 3, false}, {^uint64(0), 0, false},
	} {
		if l.matches(test.index, test.term) != test.want {
			t.Errorf("matches(%d, %d) is not %t", test.index, test.term, test.want)
		}
	}
}

// Section 5.4.1: the later last term, then the longer log.
func TestLogUpToDate(t *testing.T) {
	l := logOfTerms(1, 2, 2)
	for _, test := range []struct {
		index, term uint64
		want        bool
	}{
		{3, 2, true}, {4, 2, true}, {2, 2, false}, {9, 1, false}, {1, 3, true}, {0, 0, false},
	} {
		if l.upToDate(test.index, test.term) != test.want {
			t.Errorf("upToDate(%d, %d) is not %t", test.index, test.term, test.want)
		}
	}
	if !logOfTerms().upToDate(0, 0) {
		t.Error("an empty log is not as good as an empty log")
	}
}

func TestLogLastNotAfter(t *testing.T) {
	l := logOfTerms(1, 1, 3, 3, 5)
	for _, test := range []struct{ index, term, want uint64 }{
		{5, 5, 5}, {5, 4, 4}, {5, 3, 4}, {5, 2, 2}, {3, 2, 2}, {5, 0, 0}, {9, 9, 5}, {0, 9, 0}, {^uint64(0), ^uint64(0), 5},
	} {
		if got := l.lastNotAfter(test.index, test.term); got != test.want {
			t.Errorf("lastNotAfter(%d, %d) is %d, want %d", test.index, test.term, got, test.want)
		}
	}
}

// Slices handed out stay as they are, whatever is cut and appended later.
func TestLogSlicesAreNeverWritten(t *testing.T) {
	l := logOfTerms(1, 1, 1, 1, 1)
	before := l.slice(2, 5)
	l.cut(4)
	l.append(noop(4, 2), noop(5, 2), noop(6, 2))
	l.cut(3)
	l.append(noop(3, 3))
	for i, e := range before {
		if e.Term != 1 || e.Index != uint64(i)+2 {
			t.Fatalf("entry %d became %d/%d", i+2, e.Index, e.Term)
		}
	}
	if cap(before) != len(before) {
		t.Error("a reader could append into the log's array")
	}
}

// Both sides skip whole terms: with logs that differ in k terms a leader needs
// at most k+1 probes, however long they are (end of section 5.3).
func TestConflictTakesOneProbeATerm(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	for range 300 {
		leader, follower := []uint64{1}, []uint64{1}
		shared := rng.IntN(5)
		for range shared {
			leader, follower = append(leader, 1), append(follower, 1)
		}
		terms := 0
		for term := uint64(2); term <= 9; term++ {
			n := 1 + rng.IntN(20)
			terms++
			for range n {
				if term%2 == 0 {
					leader = append(leader, term)
				} else {
					follower = append(follower, term)
				}
			}
		}
		cfg := testConfig()
		st := storedTerms(2, leader...)
		st.HardState.Term = 9
		l := newCore(t, cfg, st)
		elect(t, l, 2)
		cfg.ID = 2
		f := newCore(t, cfg, storedTerms(2, follower...))
		probes := 0
		m := Message{Type: AppendEntries, From: 1, Term: l.currentTerm,
			LogIndex: uint64(len(leader)), LogTerm: leader[len(leader)-1]}
		for {
			probes++
			reply := only(t, step(t, f, m), AppendEntriesReply, 1)
			out := step(t, l, reply)
			if !reply.Reject {
				break
			}
			m = only(t, out, AppendEntries, 2)
		}
		if probes > terms+1 {
			t.Fatalf("%d probes for logs that differ in %d terms", probes, terms)
		}
	}
}

func TestWindow(t *testing.T) {
	var w window
	w.add(3, 100)
	w.add(5, 50)
	w.add(9, 10)
	for _, test := range []struct {
		acked       uint64
		left, bytes int
	}{{2, 3, 160}, {4, 2, 60}, {4, 2, 60}, {3, 2, 60}, {9, 0, 0}, {20, 0, 0}} {
		w.acked(test.acked)
		if len(w.inflight) != test.left || w.bytes != test.bytes {
			t.Errorf("after %d: %d messages, %d bytes, want %d, %d", test.acked, len(w.inflight), w.bytes, test.left, test.bytes)
		}
	}
	if w.full(1, 1) {
		t.Error("an empty window is full")
	}
	w.add(10, 1000)
	if !w.full(9, 1000) || !w.full(1, 9999) || w.full(2, 1001) {
		t.Error("full is wrong")
	}
	w.clear()
	if len(w.inflight) != 0 || w.bytes != 0 {
		t.Error("clear does not clear")
	}
}

// A leader sends no more than the window allows, and goes on as replies come.
func TestPipelineKeepsToItsWindow(t *testing.T) {
	cfg := testConfig()
	cfg.MaxAppendBytes, cfg.MaxInflightMessages = 1, 4
	c := lead(t, cfg, 2)
	for range 20 {
		if _, _, err := c.Propose(c.now, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	sent := len(ofType(drain(t, c), AppendEntries))
	if sent != 4 {
		t.Fatalf("%d messages on their way, want 4", sent)
	}
	for i := uint64(3); i <= 22; i++ {
		step(t, c, Message{Type: AppendEntriesReply, From: 2, Term: 2, LogIndex: i})
	}
	if c.commitIndex != 22 || c.peer(2).window.bytes != 0 || c.uncommittedBytes != 0 {
		t.Fatalf("committed %d, %d bytes in flight, %d uncommitted", c.commitIndex, c.peer(2).window.bytes, c.uncommittedBytes)
	}
}

// A follower far behind whose messages are all lost is found again by the
// heartbeat.
func TestLostPipelineIsNoticed(t *testing.T) {
	c := lead(t, testConfig(), 2)
	c.Propose(c.now, []byte("lost"))
	drain(t, c)
	beat := only(t, timeout(t, c), AppendEntries, 2)
	if beat.LogIndex != 3 {
		t.Fatalf("the heartbeat checks %d", beat.LogIndex)
	}
	again := only(t, step(t, c, Message{Type: AppendEntriesReply, From: 2, Term: 2, Reject: true, LogIndex: 3, LogTerm: 2, Hint: 2}), AppendEntries, 2)
	if again.LogIndex != 2 || len(again.Entries) != 1 {
		t.Fatalf("sent again: %+v", again)
	}
	if c.now > time.Second {
		t.Fatal("it took too long")
	}
}
