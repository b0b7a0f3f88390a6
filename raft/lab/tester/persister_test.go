package tester

import (
	"slices"
	"testing"
)

// memory is a Store that remembers what it was given.
type memory struct{ saved []string }

func (m *memory) Save(raftstate, snapshot []byte) {
	m.saved = append(m.saved, string(raftstate)+"|"+string(snapshot))
}

func TestPersister(t *testing.T) {
	ps := MakePersister()
	if ps.ReadRaftState() != nil || ps.ReadSnapshot() != nil || ps.RaftStateSize() != 0 || ps.SnapshotSize() != 0 {
		t.Error("a new Persister holds something")
	}
	state, snapshot := []byte("state"), []byte("snap")
	ps.Save(state, snapshot)
	state[0], snapshot[0] = 'X', 'X'
	ps.ReadRaftState()[0] = 'Y'
	if got := string(ps.ReadRaftState()) + string(ps.ReadSnapshot()); got != "statesnap" {
		t.Errorf("%q: it shares memory", got)
	}
	old := ps.Copy()
	ps.SaveRaftState([]byte("later"))
	if got := string(ps.ReadRaftState()) + string(ps.ReadSnapshot()); got != "latersnap" {
		t.Errorf("%q after SaveRaftState", got)
	}
	if got := string(old.ReadRaftState()); got != "state" {
		t.Errorf("the copy has changed to %q", got)
	}
	ps.SaveStateAndSnapshot([]byte("a"), []byte("bc"))
	if ps.RaftStateSize() != 1 || ps.SnapshotSize() != 2 || ps.Saves() != 3 {
		t.Errorf("sizes %d and %d after %d saves", ps.RaftStateSize(), ps.SnapshotSize(), ps.Saves())
	}
}

func TestPersisterOverStore(t *testing.T) {
	var m memory
	ps := NewPersister([]byte("old"), []byte("snap"), &m)
	if string(ps.ReadRaftState()) != "old" || string(ps.ReadSnapshot()) != "snap" || len(m.saved) != 0 {
		t.Error("what was loaded is not there, or was saved again")
	}
	ps.SaveRaftState([]byte("new"))
	ps.Save([]byte("newer"), nil)
	ps.Copy().Save([]byte("a copy's"), nil)
	if want := []string{"new|snap", "newer|"}; !slices.Equal(m.saved, want) {
		t.Errorf("saved %q, want %q", m.saved, want)
	}
}

func TestAnnotate(t *testing.T) {
	Annotate("Server 1", "nobody", "listens")
	var got []Note
	SetNotes(func(n Note) { got = append(got, n) })
	Annotate("Server 2", "became leader", "term 3")
	SetNotes(nil)
	Annotate("Server 3", "nobody", "listens")
	if want := []Note{{"Server 2", "became leader", "term 3"}}; !slices.Equal(got, want) {
		t.Errorf("notes %v, want %v", got, want)
	}
}
