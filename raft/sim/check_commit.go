package sim

import "tabraft/raft"

// Committed entries: only a leader commits what nobody has committed before,
// and then it is on the disks of a quorum; what is committed is the same
// everywhere and never deleted from a disk again.

// committed is the index of the last entry that anybody has committed.
func (w *world) committed() uint64 { return uint64(len(w.facts)) - 1 }

func (w *world) checkCommit(s *server, was *raft.View) {
	for i := was.CommitIndex + 1; i <= s.view.CommitIndex; i++ {
		term, known := s.core.Term(i)
		if i <= w.committed() {
			if known && term != w.facts[i].Term {
				w.fail(ruleMachine, "server %d commits %d/%d where %d/%d was committed", s.name(), i, term, i, w.facts[i].Term)
			}
			continue
		}
		if was.Role != raft.Leader {
			w.fail(ruleCommitted, "server %d commits %d, which no leader did", s.name(), i)
		}
		es := s.core.Entries(i, i)
		if len(es) != 1 {
			w.fail(ruleCommitted, "server %d commits %d and has no such entry", s.name(), i)
		}
		w.commit(fact{es[0], was.Term})
		if i == s.view.CommitIndex {
			w.checkQuorum(s, i, term)
		}
	}
}

// checkQuorum counts by itself, so as not to repeat a mistake of the core's.
func (w *world) checkQuorum(s *server, index, term uint64) {
	for _, half := range [2][]raft.ID{s.conf.Voters, s.conf.Outgoing} {
		have := 0
		for _, id := range half {
			if w.servers[id-1].disk.term(index) == term {
				have++
			}
		}
		if len(half) > 0 && 2*have <= len(half) {
			w.fail(ruleQuorum, "server %d commits %d/%d, which only %d of the voters %v have stored", s.name(), index, term, have, half)
		}
	}
}

// checkOverwritten: a save replaces what is stored from first on.
func (w *world) checkOverwritten(s *server, save *raft.Save, first uint64) {
	for i := first; i <= min(s.disk.last(), w.committed()); i++ {
		if s.disk.term(i) != w.facts[i].Term {
			continue
		}
		if at := i - first; at >= uint64(len(save.Entries)) || save.Entries[at].Term != w.facts[i].Term {
			w.fail(ruleCommitted, "server %d: save %d deletes the committed entry %d/%d", s.name(), save.Seq, i, w.facts[i].Term)
		}
	}
}

// checkReplaced: a save with a snapshot replaces everything.
func (w *world) checkReplaced(s *server, save *raft.Save) {
	snap := save.Snapshot
	if snap.Index > w.committed() || w.facts[snap.Index].Term != snap.Term {
		w.fail(ruleSnapshot, "server %d stores a snapshot of %d/%d, which is not committed", s.name(), snap.Index, snap.Term)
	}
	if snap.Index <= s.disk.base {
		w.fail(ruleSnapshot, "server %d stores a snapshot of %d over one of %d", s.name(), snap.Index, s.disk.base)
	}
	if len(save.Entries) > 0 && save.Entries[0].Index != snap.Index+1 {
		w.fail(ruleDurable, "server %d: save %d goes on with %d after a snapshot of %d", s.name(), save.Seq, save.Entries[0].Index, snap.Index)
	}
	w.checkOverwritten(s, save, snap.Index+1)
}
