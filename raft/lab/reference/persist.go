package reference

import (
	"fmt"
	"slices"

	"tabraft/raft"
	"tabraft/raft/lab/tester"
	"tabraft/raft/wire"
)

// persist.go: the Persister holds the core's state as one record of package
// wire, without the service's part of the snapshot, which it keeps by itself.

// load reads what was stored, or makes the state of a new cluster: the first
// entry of each log names all servers.
func load(p *tester.Persister, servers int) (raft.Stored, error) {
	record := p.ReadRaftState()
	if len(record) == 0 {
		conf := raft.Configuration{}
		for i := range servers {
			conf.Voters = append(conf.Voters, raft.ID(i+1))
		}
		return raft.Stored{
			HardState: raft.HardState{Term: 1, Commit: 1},
			Entries:   []raft.Entry{{Index: 1, Term: 1, Kind: raft.EntryConfiguration, Data: conf.Encode()}},
		}, nil
	}
	var st raft.Stored
	if err := wire.ReplaySave(&st, record); err != nil {
		return st, fmt.Errorf("the stored state: %w", err)
	}
	if s := st.Snapshot; s != nil {
		if len(s.Data) != 8 {
			return st, fmt.Errorf("the stored state has %d bytes for a command's number", len(s.Data))
		}
		s.Data = append(s.Data, p.ReadSnapshot()...)
	}
	return st, nil
}

// save stores what the core wants stored. The lock is held.
func (rf *Raft) save(s *raft.Save) {
	st := &rf.stored
	st.HardState = s.HardState
	switch {
	case s.Snapshot != nil:
		st.Snapshot, st.Entries = s.Snapshot, slices.Clone(s.Entries)
	case len(s.Entries) > 0:
		keep := s.Entries[0].Index - 1
		if st.Snapshot != nil {
			keep -= st.Snapshot.Index
		}
		st.Entries = append(st.Entries[:keep], s.Entries...)
	}
	whole := raft.Save{HardState: st.HardState, Entries: st.Entries}
	if st.Snapshot == nil {
		rf.persister.Save(wire.AppendSave(nil, &whole), nil)
		return
	}
	meta := *st.Snapshot
	meta.Data = meta.Data[:8]
	whole.Snapshot = &meta
	rf.persister.Save(wire.AppendSave(nil, &whole), serviceState(st.Snapshot))
}
