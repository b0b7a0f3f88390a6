package wire

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"tabraft/raft"
)

func TestGoldenSaves(t *testing.T) {
	log := append(entries(301, 6, "x"), entries(302, 9, "")...)
	log = append(log, raft.Entry{Index: 303, Term: 9, Kind: raft.EntryConfiguration, Data: []byte("conf")})
	save := raft.Save{Seq: 5, HardState: raft.HardState{Term: 9, Vote: 0xa1, Commit: 299}, Entries: log}
	golden(t, "save-log", AppendSave(nil, &save))
	state := raft.Save{Seq: 6, HardState: raft.HardState{Term: 10, Commit: 300}}
	golden(t, "save-state", AppendSave(nil, &state))

	st := raft.Stored{Entries: make([]raft.Entry, 300)}
	for i := range st.Entries {
		st.Entries[i] = raft.Entry{Index: uint64(i) + 1, Term: 1}
	}
	for _, s := range []raft.Save{save, state} {
		if err := ReplaySave(&st, AppendSave(nil, &s)); err != nil {
			t.Fatal(err)
		}
	}
	if st.HardState != state.HardState || !reflect.DeepEqual(st.Entries[300:], log) {
		t.Errorf("replayed %+v", st)
	}
}

func TestReplayDeletesTheTail(t *testing.T) {
	for _, c := range []struct {
		name string
		with []raft.Entry
		want []raft.Entry
	}{
		{"append", entries(4, 2, "d"), append(entries(1, 1, "a", "b", "c"), entries(4, 2, "d")...)},
		{"replace by fewer", entries(2, 2, "B"), append(entries(1, 1, "a"), entries(2, 2, "B")...)},
		{"replace by more", entries(3, 2, "C", "D"), append(entries(1, 1, "a", "b"), entries(3, 2, "C", "D")...)},
		{"replace all", entries(1, 2, "A"), entries(1, 2, "A")},
		{"nothing", nil, entries(1, 1, "a", "b", "c")},
	} {
		var st raft.Stored
		for _, s := range []raft.Save{
			{HardState: raft.HardState{Term: 1}, Entries: entries(1, 1, "a", "b", "c")},
			{HardState: raft.HardState{Term: 2}, Entries: c.with},
		} {
			if err := ReplaySave(&st, AppendSave(nil, &s)); err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
		}
		if !reflect.DeepEqual(st.Entries, c.want) {
			t.Errorf("%s: %v, want %v", c.name, st.Entries, c.want)
		}
	}
}

func TestReplayRefuses(t *testing.T) {
	hs := func(term uint64, vote raft.ID, commit uint64) raft.HardState {
		return raft.HardState{Term: term, Vote: vote, Commit: commit}
	}
	good := raft.Save{HardState: hs(3, 7, 2), Entries: entries(4, 3, "d")}
	wrongVersion := AppendSave(nil, &good)
	wrongVersion[0] = 2
	whole := AppendSave(nil, &good)
	for _, c := range []struct {
		name   string
		record []byte
		want   error
		text   string
	}{
		{"version", wrongVersion, ErrVersion, "it has version 2, this server reads 1"},
		{"trailing", append(whole[:len(whole):len(whole)], 1), ErrTrailing, ""},
		{"trailing after state", append(AppendSave(nil, &raft.Save{HardState: hs(3, 7, 2)}), 1), ErrTrailing, ""},
		{"gap", AppendSave(nil, &raft.Save{HardState: hs(3, 7, 2), Entries: entries(5, 3, "e")}), ErrOrder, "entry 5 after entry 3"},
		{"older term", AppendSave(nil, &raft.Save{HardState: hs(1, 7, 2)}), ErrOrder, "term 1 after term 2"},
		{"second vote in a term", AppendSave(nil, &raft.Save{HardState: hs(2, 8, 2)}), ErrOrder, "vote in term 2 changed"},
		{"vote taken back", AppendSave(nil, &raft.Save{HardState: hs(2, 0, 2)}), ErrOrder, "vote in term 2 changed"},
		{"entry of an older term", AppendSave(nil, &raft.Save{HardState: hs(3, 7, 2), Entries: entries(4, 1, "d")}), ErrOrder, "term 1 after one of term 2"},
		{"entry of a later term", AppendSave(nil, &raft.Save{HardState: hs(3, 7, 2), Entries: entries(4, 4, "d")}), ErrOrder, "of term 4 in term 3"},
		{"entry of term 0", AppendSave(nil, &raft.Save{HardState: hs(3, 7, 2), Entries: entries(1, 0, "d")}), ErrOrder, "term 0"},
		{"commit beyond the log", AppendSave(nil, &raft.Save{HardState: hs(3, 7, 4)}), ErrOrder, "commit 4 beyond"},
		{"committed entry replaced", AppendSave(nil, &raft.Save{HardState: hs(3, 7, 2), Entries: entries(2, 3, "B")}), ErrOrder, "deletes entry 2"},
		{"committed entry deleted", AppendSave(nil, &raft.Save{HardState: hs(3, 7, 1), Entries: entries(1, 2, "a")}), ErrOrder, "deletes entry 2"},
	} {
		was := entries(1, 2, "a", "b", "c")
		st := raft.Stored{HardState: hs(2, 7, 2), Entries: entries(1, 2, "a", "b", "c")}
		err := ReplaySave(&st, c.record)
		if !errors.Is(err, c.want) || err != nil && !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		if st.HardState != hs(2, 7, 2) || !reflect.DeepEqual(st.Entries, was) {
			t.Errorf("%s: the state changed: %+v", c.name, st)
		}
	}
	for n := range whole {
		st := raft.Stored{HardState: hs(2, 7, 2), Entries: entries(1, 2, "a", "b", "c")}
		if err := ReplaySave(&st, whole[:n]); !errors.Is(err, ErrTruncated) {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
}

// TestReplayAgainstModel writes random saves of a log that grows and loses its
// tail, and compares with a log kept the plain way.
func TestReplayAgainstModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var st, model raft.Stored
		for term := uint64(1); term < 30; term += rng.Uint64N(2) {
			model.HardState.Commit += rng.Uint64N(uint64(len(model.Entries)) - model.HardState.Commit + 1)
			if term > model.HardState.Term {
				model.HardState.Term, model.HardState.Vote = term, raft.ID(rng.Uint64N(3))
			}
			save := raft.Save{}
			if n := rng.IntN(5); n > 0 {
				keep := model.HardState.Commit + rng.Uint64N(uint64(len(model.Entries))-model.HardState.Commit+1)
				save.Entries = entries(keep+1, term, []string{"a", "", "ccc", "dd"}[:n]...)
				model.Entries = append(model.Entries[:keep:keep], save.Entries...)
			}
			save.HardState = model.HardState
			record := AppendSave([]byte("before"), &save)[6:]
			if len(record) != SaveSize(&save) {
				t.Fatalf("SaveSize %d, record of %d bytes", SaveSize(&save), len(record))
			}
			if err := ReplaySave(&st, record); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(st, model) {
				t.Fatalf("replayed %+v\nwant %+v", st, model)
			}
		}
	}
}
