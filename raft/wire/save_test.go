package wire

import (
	"errors"
	"math"
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

// Tabs have stored saves of version 1, and come back with them.
func TestReplaySavesOfVersion1(t *testing.T) {
	st := raft.Stored{Entries: make([]raft.Entry, 300)}
	for i := range st.Entries {
		st.Entries[i] = raft.Entry{Index: uint64(i) + 1, Term: 1}
	}
	for _, name := range []string{"save-v1-log", "save-v1-state"} {
		if err := ReplaySave(&st, readHex(t, name)); err != nil {
			t.Fatal(err)
		}
	}
	log := append(entries(301, 6, "x"), entries(302, 9, "")...)
	log = append(log, raft.Entry{Index: 303, Term: 9, Kind: raft.EntryConfiguration, Data: []byte("conf")})
	if (st.HardState != raft.HardState{Term: 10, Commit: 300}) || !reflect.DeepEqual(st.Entries[300:], log) || st.Snapshot != nil {
		t.Errorf("replayed %+v", st)
	}
}

func TestGoldenSnapshot(t *testing.T) {
	save := raft.Save{
		HardState: raft.HardState{Term: 11, Vote: 0xb2, Commit: 303},
		Snapshot: &raft.Snapshot{Index: 302, Term: 9, ConfigurationIndex: 250, Data: []byte("state"), Configuration: raft.Configuration{
			Voters: []raft.ID{0xa1, 0xb2}, Outgoing: []raft.ID{0xa1}, Learners: []raft.ID{0xc3}}},
		Entries: append(entries(303, 9, "x"), entries(304, 11, "")...),
	}
	record := AppendSave(nil, &save)
	golden(t, "save-snapshot", record)
	want := raft.Stored{HardState: save.HardState, Snapshot: save.Snapshot, Entries: save.Entries}
	for _, st := range []raft.Stored{
		{},
		{HardState: raft.HardState{Term: 3, Vote: 1, Commit: 2}, Entries: entries(1, 1, "a", "b", "c")},
		{HardState: raft.HardState{Term: 9, Commit: 299}, Snapshot: snapshotOf(299, 6)},
	} {
		if err := ReplaySave(&st, record); err != nil || !reflect.DeepEqual(st, want) {
			t.Errorf("%v, replayed %+v", err, st)
		}
	}
}

func snapshotOf(index, term uint64) *raft.Snapshot {
	return &raft.Snapshot{Index: index, Term: term, ConfigurationIndex: 1, Data: []byte("state"),
		Configuration: raft.Configuration{Voters: []raft.ID{7}}}
}

func TestReplayRefusesSnapshots(t *testing.T) {
	start := func() raft.Stored {
		return raft.Stored{HardState: raft.HardState{Term: 3, Vote: 7, Commit: 12}, Snapshot: snapshotOf(10, 2),
			Entries: append(entries(11, 2, "a"), entries(12, 3, "b", "c")...)}
	}
	save := func(term, commit uint64, snapshot *raft.Snapshot, es ...raft.Entry) []byte {
		return AppendSave(nil, &raft.Save{HardState: raft.HardState{Term: term, Vote: 7, Commit: commit}, Snapshot: snapshot, Entries: es})
	}
	strange := *snapshotOf(13, 3)
	strange.ConfigurationIndex = 14
	unsound := *snapshotOf(13, 3)
	unsound.Configuration.Voters = nil
	whole := save(4, 12, snapshotOf(11, 2), entries(12, 3, "b", "c")...)
	old := AppendSave(nil, &raft.Save{HardState: raft.HardState{Term: 4, Vote: 7, Commit: 12}})
	old[0] = 1 // and what follows is trailing for version 1
	for _, c := range []struct {
		name   string
		record []byte
		want   error
		text   string
	}{
		{"sound", whole, nil, ""},
		{"the same again", save(4, 12, snapshotOf(10, 2), start().Entries...), nil, ""},
		{"of another log", save(4, 20, snapshotOf(20, 4)), nil, ""},
		{"version 1", old, ErrTrailing, ""},
		{"earlier", save(4, 12, snapshotOf(9, 2), entries(10, 2, "z")...), ErrOrder, "up to entry 9 after one up to entry 10"},
		{"of term 0", save(4, 13, snapshotOf(13, 0)), ErrOrder, "of term 0"},
		{"of a later term", save(4, 13, snapshotOf(13, 5)), ErrOrder, "of term 5 in term 4"},
		{"of an earlier term", save(4, 13, snapshotOf(13, 2)), ErrOrder, "where entry 12 of term 3 is committed"},
		{"of another committed entry", save(4, 12, snapshotOf(12, 4)), ErrOrder, "where entry 12 of term 3 is committed"},
		{"of another snapshot's term", save(4, 12, snapshotOf(10, 3), entries(11, 3, "a", "b")...), ErrOrder, "where entry 10 of term 2 is committed"},
		{"of a later configuration", save(4, 13, &strange), ErrOrder, "configuration of entry 14"},
		{"configuration", save(4, 13, &unsound), ErrMalformed, "no voters"},
		{"committed entry lost", save(4, 11, snapshotOf(11, 2)), ErrOrder, "deletes entry 12"},
		{"committed entry replaced", save(4, 12, snapshotOf(11, 2), entries(12, 4, "B")...), ErrOrder, "deletes entry 12"},
		{"gap", save(4, 12, snapshotOf(13, 3), entries(15, 4, "e")...), ErrOrder, "entry 15 after entry 13"},
		{"overlap", save(4, 12, snapshotOf(13, 3), entries(13, 4, "e")...), ErrOrder, "entry 13 after entry 13"},
		{"falling term", save(4, 12, snapshotOf(13, 4), entries(14, 3, "e")...), ErrOrder, "term 3 after one of term 4"},
		{"entry of a later term", save(4, 12, snapshotOf(13, 3), entries(14, 5, "e")...), ErrOrder, "of term 5 in term 4"},
		{"commit beyond", save(4, 14, snapshotOf(13, 3)), ErrOrder, "commit 14 beyond the last entry, 13"},
		{"older term", save(2, 13, snapshotOf(13, 2)), ErrOrder, "term 2 after term 3"},
		{"entry in the snapshot", save(4, 12, nil, entries(10, 4, "z")...), ErrOrder, "entry 10 after a snapshot up to entry 10"},
		{"the last index", save(4, 12, snapshotOf(math.MaxUint64, 4)), ErrOrder, ""},
	} {
		st := start()
		err := ReplaySave(&st, c.record)
		if !errors.Is(err, c.want) || err != nil && !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v, want %v with %q", c.name, err, c.want, c.text)
		}
		if err != nil && !reflect.DeepEqual(st, start()) {
			t.Errorf("%s: the state changed: %+v", c.name, st)
		}
	}
	for n := range whole {
		st := start()
		if err := ReplaySave(&st, whole[:n]); !errors.Is(err, ErrTruncated) && !(n > 10 && errors.Is(err, ErrMalformed)) {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
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
	wrongVersion[0] = 3
	whole := AppendSave(nil, &good)
	for _, c := range []struct {
		name   string
		record []byte
		want   error
		text   string
	}{
		{"version", wrongVersion, ErrVersion, "it has version 3, this server reads 1 to 2"},
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

// TestReplayAgainstModel writes random saves of a log that grows, loses its
// tail and is compacted, and compares with a log kept the plain way.
func TestReplayAgainstModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var st, model raft.Stored
		for term := uint64(1); term < 30; term += rng.Uint64N(2) {
			last := base(&model) + uint64(len(model.Entries))
			model.HardState.Commit += rng.Uint64N(last - model.HardState.Commit + 1)
			if term > model.HardState.Term {
				model.HardState.Term, model.HardState.Vote = term, raft.ID(rng.Uint64N(3))
			}
			save := raft.Save{}
			if n := rng.IntN(5); n > 0 {
				keep := model.HardState.Commit + rng.Uint64N(last-model.HardState.Commit+1)
				save.Entries = entries(keep+1, term, []string{"a", "", "ccc", "dd"}[:n]...)
				keep -= base(&model)
				model.Entries = append(model.Entries[:keep:keep], save.Entries...)
			}
			switch rng.IntN(6) {
			case 0: // its own snapshot, of something committed
				index := base(&model) + rng.Uint64N(model.HardState.Commit-base(&model)+1)
				if at, known := termAt(&model, index); known {
					save.Snapshot = snapshotOf(index, at)
					save.Entries = append([]raft.Entry(nil), model.Entries[index-base(&model):]...)
				}
			case 1: // a leader's, of more than is here
				save.Snapshot, save.Entries = snapshotOf(last+1+rng.Uint64N(9), term), nil
				model.HardState.Commit = save.Snapshot.Index
			}
			if save.Snapshot != nil {
				model.Snapshot, model.Entries = save.Snapshot, save.Entries
			}
			save.HardState = model.HardState
			record := AppendSave([]byte("before"), &save)[6:]
			if len(record) != SaveSize(&save) {
				t.Fatalf("SaveSize %d, record of %d bytes", SaveSize(&save), len(record))
			}
			if err := ReplaySave(&st, record); err != nil {
				t.Fatal(err)
			}
			if len(st.Entries) == 0 && len(model.Entries) == 0 {
				st.Entries, model.Entries = nil, nil
			}
			if !reflect.DeepEqual(st, model) {
				t.Fatalf("replayed %+v\nwant %+v", st, model)
			}
		}
	}
}
