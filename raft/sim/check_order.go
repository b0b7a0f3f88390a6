package sim

import "tabraft/raft"

// compacted <= snapshot <= applied <= committed <= last; and on one server the
// term, the vote within it, and commitIndex never go back.

func (w *world) checkOrder(s *server) {
	v := &s.view
	compacted := s.core.FirstIndex() - 1
	if compacted > v.SnapshotIndex || v.SnapshotIndex > v.CommitIndex || s.applied > v.CommitIndex || v.CommitIndex > v.LastIndex {
		w.fail(ruleOrder, "server %d has compacted up to %d, a snapshot of %d, applied %d, committed %d, last %d",
			s.name(), compacted, v.SnapshotIndex, s.applied, v.CommitIndex, v.LastIndex)
	}
}

func (w *world) checkMonotonic(s *server, was *raft.View) {
	v := &s.view
	if v.Term < was.Term || v.CommitIndex < was.CommitIndex || v.SnapshotIndex < was.SnapshotIndex {
		w.fail(ruleMonotonic, "server %d goes back from term %d, committed %d, snapshot of %d to %d, %d, %d",
			s.name(), was.Term, was.CommitIndex, was.SnapshotIndex, v.Term, v.CommitIndex, v.SnapshotIndex)
	}
}

// checkSave looks at a save as it is handed out.
func (w *world) checkSave(s *server, save *raft.Save) {
	last, hard := &s.disk.lastSave, &save.HardState
	switch {
	case save.Seq != last.Seq+1:
		w.fail(ruleDurable, "server %d: save %d follows save %d", s.name(), save.Seq, last.Seq)
	case hard.Term < last.HardState.Term || hard.Commit < last.HardState.Commit:
		w.fail(ruleMonotonic, "server %d: save %d goes back from %+v to %+v", s.name(), save.Seq, last.HardState, *hard)
	case hard.Term == last.HardState.Term && last.HardState.Vote != raft.None && hard.Vote != last.HardState.Vote:
		w.fail(ruleMonotonic, "server %d: save %d changes the vote in term %d from %d to %d", s.name(), save.Seq, hard.Term, last.HardState.Vote, hard.Vote)
	}
}
