package sim

import "tabraft/raft"

// Committed entries: only a leader commits what nobody has committed before,
// and then it is on the disks of a quorum, and stays there; what is committed
// is the same everywhere.
//
// A server outside that quorum may still lose it: it has not heard of the
// leader's term, and a late message of a former leader replaces the entry.

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
		w.commit(fact{es[0], was.Term, s.conf})
		if i == s.view.CommitIndex {
			w.checkQuorum(i)
		}
	}
}

// checkQuorum counts by itself, so as not to repeat a mistake of the core's.
func (w *world) checkQuorum(index uint64) {
	f := &w.facts[index]
	for _, half := range [2][]raft.ID{f.conf.Voters, f.conf.Outgoing} {
		have := 0
		for _, id := range half {
			if d := &w.servers[id-1].disk; d.term(index) == f.Term || d.base > index {
				have++
			}
		}
		if len(half) > 0 && 2*have <= len(half) {
			w.fail(ruleQuorum, "%d/%d is committed by the leader of term %d, and only %d of the voters %d have stored it", index, f.Term, f.by, have, half)
		}
	}
}

// checkReplacing: a server in this term replaces its log's entry at index,
// which had this term.
func (w *world) checkReplacing(s *server, index, term uint64) {
	if f := &w.facts[index]; f.Term == term && f.by <= s.view.Term {
		w.fail(ruleCommitted, "server %d in term %d deletes %d/%d, which the leader of term %d has committed", s.name(), s.view.Term, index, term, f.by)
	}
}

// checkDeleted: entries that were stored from first on are no more. Those of
// them that are committed must be stored by a quorum nevertheless.
func (w *world) checkDeleted(s *server, first uint64, terms []raft.Entry) {
	for i := range terms {
		e := &terms[i]
		if e.Index >= first && e.Index <= w.committed() && w.facts[e.Index].Term == e.Term && s.disk.term(e.Index) != e.Term {
			w.checkQuorum(e.Index)
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
}
