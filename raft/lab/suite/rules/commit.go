package rules

import (
	"slices"
	"time"
)

// acknowledged: a leader gets the reply to AppendEntries.
func (w *Watch) acknowledged(now time.Duration, c *callSeen, s *server) {
	if !c.known {
		return
	}
	if !c.yes {
		w.backsUp(now, c, s)
		return
	}
	s.backup[c.to] = backup{}
	s.ack(c, c.index+c.count)
	w.mayCommit(now, s)
}

// ack notes that a follower has a leader's log up to index.
func (s *server) ack(c *callSeen, index int) {
	s.allAcks[c.to] = max(s.allAcks[c.to], index)
	if c.term == s.leadsTerm {
		s.acks[c.to] = max(s.acks[c.to], index)
	}
}

// majority returns the highest index that a majority has by the given
// acknowledgements, the leader itself included.
func (s *server) majority(acks []int) int {
	sorted := slices.Clone(acks)
	sorted[s.id] = int(^uint(0) >> 1)
	slices.Sort(sorted)
	return sorted[(len(sorted)-1)/2]
}

// mayCommit notes how far a leader may commit: what a majority has, if its
// last entry is of the leader's own term.
func (w *Watch) mayCommit(now time.Duration, s *server) {
	m := s.majority(s.acks)
	if t := s.log.at(m); t == s.leadsTerm || t == unknownTerm {
		if m > s.own {
			s.own, s.ownAt = m, now
		}
	}
}

// checkCommit checks the commit index that a server shows.
func (w *Watch) checkCommit(now time.Duration, s *server, index int, does string) {
	if w.noLog || w.noCommit {
		return
	}
	if index <= max(s.told, s.own, s.prior, s.snapshot) {
		w.checkOwnSaved(now, s, index, does)
		if may := s.mayShow(); index > may {
			w.certainly(CommitUnchecked, now, s.id, "server %d %s that index %d is committed; a leader has told it so, but the AppendEntries that it accepted have checked its log for that up to index %d only",
				s.id, does, index, may)
		}
		return
	}
	if s.leadsTerm == 0 {
		w.certainly(AppliedUncommitted, now, s.id, "server %d %s that index %d is committed; it is no leader, and no leader has told it of more than index %d",
			s.id, does, index, s.told)
		return
	}
	m := s.majority(s.acks)
	term := s.log.at(index)
	switch {
	case m >= index && term != s.leadsTerm:
		w.certainly(OldTermCommit, now, s.id, "server %d, leader of term %d, %s that index %d is committed; a majority has it, but it is of term %d, and nothing of term %d is on a majority yet",
			s.id, s.leadsTerm, does, index, term, s.leadsTerm)
	case s.majority(s.allAcks) >= index:
		w.certainly(OldReplyCounted, now, s.id, "server %d, leader of term %d, %s that index %d is committed; in this term a majority has acknowledged index %d only. With replies to requests of earlier terms it would be a majority",
			s.id, s.leadsTerm, does, index, m)
	default:
		w.certainly(CommitWithoutMajority, now, s.id, "server %d, leader of term %d, %s that index %d is committed; a majority has acknowledged index %d only",
			s.id, s.leadsTerm, does, index, m)
	}
}

// checkOwnSaved: a leader counts its own copy of an entry only when it is saved.
func (w *Watch) checkOwnSaved(now time.Duration, s *server, index int, does string) {
	if !w.cfg.Persistence || s.unsaved == 0 || index < s.unsaved || s.leadsTerm < s.term || s.leadsTerm == 0 {
		return
	}
	others := slices.Clone(s.acks)
	others[s.id] = 0
	slices.Sort(others)
	if index <= others[(len(others)-1)/2] {
		return // a majority has it without the leader
	}
	w.certainly(LogNotSaved, now, s.id, "server %d, leader of term %d, %s that index %d is committed; its own copy is one of the majority, and it has saved nothing since Start returned index %d",
		s.id, s.leadsTerm, does, index, s.unsaved)
}

// Applied notes that a server applies a command.
func (w *Watch) Applied(id, life, index int, cmd any) {
	w.locked(func(now time.Duration) {
		s := w.servers[id]
		w.record(record{at: now, kind: applied, server: int8(id), peer: -1, index: index, term: hash(cmd), cmd: cmd})
		if s.life != life || !s.up {
			return
		}
		w.checkCommit(now, s, index, "shows by applying")
		w.checkStarted(now, s, index, cmd)
		if index > s.applied {
			s.applied, s.appliedAt = index, now
		}
		if _, known := w.appliedBy[index]; !known && s.log.at(index) != unknownTerm {
			w.appliedBy[index] = appliedFirst{id, s.log.at(index)}
		}
	})
}

// AppliedSnapshot notes that a server replaces its service's state.
func (w *Watch) AppliedSnapshot(id, life, index int) {
	w.locked(func(now time.Duration) {
		s := w.servers[id]
		w.record(record{at: now, kind: snapshotApplied, server: int8(id), peer: -1, index: index})
		if s.life != life || !s.up {
			return
		}
		s.applied = max(s.applied, index)
		s.snapshot = max(s.snapshot, index)
	})
}

// BadApply notes that what a server applied was wrong: kind says how. before is
// the index that it had applied.
func (w *Watch) BadApply(id int, kind Kind, index, before int) {
	w.locked(func(now time.Duration) {
		s := w.servers[id]
		restarted := s.restored > 0 && before == s.restored
		first, known := w.appliedBy[index]
		switch {
		case restarted && index <= before && w.lastApply(id) == applied:
			w.certainly(AppliedNotRestored, now, id, "server %d applies index %d after a restart, but the snapshot that it had saved goes up to index %d", id, index, before)
		case kind == ApplyDiffers && known && !w.snapshots && first.server != id && s.log.at(index) == first.term &&
			(s.given.another(index, first.term) || w.servers[first.server].given.another(index, first.term)):
			w.certainly(ConflictKept, now, id, "server %d applies another command at index %d than server %d did, although both have acknowledged the entry of term %d there: one of them has kept what it had before",
				id, index, first.server, first.term)
		case kind == ApplyDiffers:
			w.certainly(StateMachineSafety, now, id, "server %d applies another command at index %d than was applied there before", id, index)
		case kind == BadSnapshot:
			w.certainly(SnapshotContent, now, id, "server %d applies a snapshot for index %d that is not what the service had given for it", id, index)
		case w.lastApply(id) == snapshotApplied && index < before:
			w.certainly(SnapshotRollback, now, id, "server %d applies a snapshot up to index %d after it has applied index %d", id, index, before)
		case index <= before && index > 0:
			w.certainly(AppliedTwice, now, id, "server %d applies index %d after it has applied index %d", id, index, before)
		default:
			w.certainly(AppliedGap, now, id, "server %d applies index %d after index %d", id, index, before)
		}
	})
}

// appliedFirst is who applied an index first, and the term of its entry there.
type appliedFirst struct{ server, term int }

// maxStarted bounds the commands that are remembered with what Start returned.
const maxStarted = 1 << 14

// checkStarted compares the index of a command with those that Start returned for it.
func (w *Watch) checkStarted(now time.Duration, s *server, index int, cmd any) {
	n, ok := cmd.(int)
	if at := w.started[n]; ok && len(at) > 0 && !slices.Contains(at, index) {
		w.likely(StartIndex, now, s.id, "server %d applies %d at index %d; Start had returned index %d for it", s.id, n, index, at[0])
	}
}

// lastApply returns which kind of record the last of a server's applies is.
func (w *Watch) lastApply(id int) recordKind {
	for i := w.number - 1; i >= 0 && i >= w.number-len(w.records); i-- {
		if r := &w.records[i%maxRecords]; int(r.server) == id && (r.kind == applied || r.kind == snapshotApplied) {
			return r.kind
		}
	}
	return 0
}
