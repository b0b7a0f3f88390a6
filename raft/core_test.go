package raft

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// What cannot be a server's stored state is refused.
func TestNewRefusesDamagedStorage(t *testing.T) {
	good := func() Stored { return storedTerms(3, 1, 2, 2, 3) }
	for _, test := range []struct {
		name   string
		damage func(*Stored)
		want   string
	}{
		{"a gap", func(st *Stored) { st.Entries = append(st.Entries[:1], st.Entries[2:]...) }, "index 3"},
		{"first entries missing", func(st *Stored) { st.Entries = st.Entries[1:] }, "index 2"},
		{"a falling term", func(st *Stored) { st.Entries[3].Term = 1 }, "term 1 after term 2"},
		{"term 0", func(st *Stored) { st.Entries[0].Term = 0 }, "term 0"},
		{"an entry later than the term", func(st *Stored) { st.HardState.Term = 2 }, "in term 2"},
		{"an unknown kind", func(st *Stored) { st.Entries[2].Kind = 9 }, "kind 9"},
		{"a bad configuration", func(st *Stored) { st.Entries[0].Data = []byte{1} }, "cut short"},
		{"committed entries lost", func(st *Stored) { st.HardState.Commit = 5 }, "committed"},
	} {
		st := good()
		test.damage(&st)
		if _, err := New(testConfig(), st, 0); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want one with %q", test.name, err, test.want)
		}
	}
	if _, err := New(testConfig(), good(), 0); err != nil {
		t.Error(err)
	}
	if c, err := New(testConfig(), Stored{}, 0); err != nil || c.Configuration().IsMember(1) {
		t.Errorf("a new server: %v", err)
	}
}

func TestNewRefusesBadConfig(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, cfg := range []Config{
		{}, {ID: 1}, {Rand: r},
		{ID: 1, Rand: r, HeartbeatInterval: -1},
		{ID: 1, Rand: r, ElectionTimeout: -time.Second},
		{ID: 1, Rand: r, ElectionTimeout: 40 * time.Millisecond},
		{ID: 1, Rand: r, MaxSaves: -1},
		{ID: 1, Rand: r, MaxInflightBytes: -1},
	} {
		if _, err := New(cfg, Stored{}, 0); err == nil {
			t.Errorf("%+v is accepted", cfg)
		}
	}
}
