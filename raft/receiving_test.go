package raft

import (
	"errors"
	"testing"
)

// receiving_test.go: the receiver's side of InstallSnapshot (Figure 13).

// part is bytes of a snapshot of leader 2 in term 2, of which the whole is data.
func part(index uint64, data string, from, to int) Message {
	m := chunkOf(index, data)
	m.Chunk.Offset, m.Chunk.Data = uint64(from), m.Chunk.Data[from:to]
	return m
}

// Parts may come twice, overlap or come too early: what is put together is the
// snapshot, and each answer says how much of it there is.
func TestPartsOfSnapshot(t *testing.T) {
	const data = "0123456789abcdef"
	c := newCore(t, testConfig(), storedTerms(3, 1))
	for _, test := range []struct {
		from, to int
		came     uint64
		gap      bool
	}{{4, 8, 0, true}, {0, 4, 4, false}, {0, 4, 4, false}, {2, 4, 4, false}, {8, 12, 4, true}, {2, 8, 8, false},
		{8, 8, 8, false}, {16, 16, 8, true}, {0, 2, 8, false}, {8, 12, 12, false}, {4, 8, 12, false}} {
		m := only(t, step(t, c, part(9, data, test.from, test.to)), InstallSnapshotReply, 2)
		if m.LogIndex != 9 || m.Hint != test.came || m.Reject != test.gap {
			t.Fatalf("after %d to %d: %+v", test.from, test.to, m)
		}
		if c.snapshot != nil || c.commitIndex != 0 {
			t.Fatalf("after %d to %d half a snapshot is installed", test.from, test.to)
		}
	}
	if m := only(t, step(t, c, part(9, data, 10, 16)), AppendEntriesReply, 2); m.LogIndex != 9 || m.Reject {
		t.Fatalf("%+v", m)
	}
	if s := c.Snapshot(); string(s.Data) != data || s.Index != 9 || s.Term != 2 || c.commitIndex != 9 || c.lastApplied != 9 {
		t.Fatalf("%+v, committed %d, applied %d", s, c.commitIndex, c.lastApplied)
	}
	if c.incoming.Data != nil {
		t.Error("it is kept twice")
	}
	// Late parts of it are answered for what is stored.
	if m := only(t, step(t, c, part(9, data, 4, 8)), AppendEntriesReply, 2); m.LogIndex != 9 || c.incoming.Index != 0 {
		t.Fatalf("%+v, %+v", m, c.incoming)
	}
}

// A part of another snapshot begins anew: nothing is put together of two.
func TestPartsOfTwoSnapshots(t *testing.T) {
	first := part(9, "0123456789", 0, 5)
	for name, second := range map[string]Message{
		"a later one":       part(12, "0123456789", 5, 10),
		"one of other size": part(9, "0123456789a", 5, 11),
		"one of another term": func() Message {
			m := part(9, "0123456789", 5, 10)
			m.LogTerm = 1
			return m
		}(),
	} {
		c := newCore(t, testConfig(), storedTerms(3, 1))
		step(t, c, first)
		if m := only(t, step(t, c, second), InstallSnapshotReply, 2); m.Hint != 0 || !m.Reject {
			t.Errorf("after %s: %+v", name, m)
		}
	}
	// The same by another leader, after this server stood for election itself.
	cfg := testConfig()
	cfg.DisablePreVote = true
	c := newCore(t, cfg, storedTerms(3, 1))
	step(t, c, first)
	timeout(t, c)
	if m := only(t, step(t, c, part(9, "0123456789", 5, 10).of(3, c.currentTerm)), InstallSnapshotReply, 3); m.Hint != 0 || !m.Reject {
		t.Errorf("after another leader's: %+v", m)
	}
}

// Parts that no correct leader sends change nothing.
func TestImpossibleParts(t *testing.T) {
	st := storedTerms(3, 1, 1)
	st.HardState.Commit = 2
	for name, spoil := range map[string]func(*Message){
		"without a chunk":                func(m *Message) { m.Chunk = nil },
		"of index 0":                     func(m *Message) { m.LogIndex = 0 },
		"of term 0":                      func(m *Message) { m.LogTerm = 0 },
		"of a term to come":              func(m *Message) { m.LogTerm = 3 },
		"that changes a committed entry": func(m *Message) { m.LogIndex = 2 },
		"with a bad configuration":       func(m *Message) { m.Chunk.Configuration = []byte{1} },
		"with nobody in it":              func(m *Message) { m.Chunk.Configuration = []byte{0, 0, 0} },
		"with a configuration to come":   func(m *Message) { m.Chunk.ConfigurationIndex = 10 },
		"from ourselves":                 func(m *Message) { m.From = 1 },
	} {
		c := newCore(t, testConfig(), st)
		m := chunkOf(9, "nine")
		m.To = 1
		spoil(&m)
		if err := c.Step(0, m); !errors.Is(err, ErrImpossible) || c.snapshot != nil || c.currentTerm != 1 {
			t.Errorf("a snapshot %s: error %v, term %d", name, err, c.currentTerm)
		}
	}
}
