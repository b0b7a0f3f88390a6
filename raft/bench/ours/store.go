package main

import "tabraft/raft"

// store holds what a server would need to start again. Its memory is not shared
// with the core.
type store struct {
	hard     raft.HardState
	snapshot *raft.Snapshot
	entries  []raft.Entry
}

// bootstrap is the store of a member of a cluster of that many voters, with the
// ids 1, 2 and so on, before its first election.
func bootstrap(servers int) *store {
	var c raft.Configuration
	for id := range servers {
		c.Voters = append(c.Voters, raft.ID(id+1))
	}
	return &store{
		hard:    raft.HardState{Term: 1, Commit: 1},
		entries: []raft.Entry{{Index: 1, Term: 1, Kind: raft.EntryConfiguration, Data: c.Encode()}},
	}
}

// load copies the state.
func (s *store) load() raft.Stored {
	return raft.Stored{HardState: s.hard, Snapshot: s.snapshot, Entries: append([]raft.Entry(nil), s.entries...)}
}

func (s *store) save(v *raft.Save) {
	s.hard = v.HardState
	kept := len(s.entries)
	switch {
	case v.Snapshot != nil:
		s.snapshot, kept = v.Snapshot, 0
	case len(v.Entries) > 0 && kept > 0:
		kept = int(v.Entries[0].Index - s.entries[0].Index)
	}
	room := s.entries
	s.entries = append(s.entries[:kept], v.Entries...)
	if len(room) > len(s.entries) && cap(room) == cap(s.entries) {
		clear(room[len(s.entries):])
	}
}
