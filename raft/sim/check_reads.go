package sim

import (
	"errors"

	"tabraft/raft"
)

// Reads without log entries see everything that anybody had committed when
// they were asked for: section 8 of the paper. This is checked at each answer
// of the core, on top of the histories of the clients.

// ask is a ticket: what was committed when it was asked for, and who waits.
type ask struct {
	committed uint64
	askers    []asker
}

// reading waits until index is applied.
type reading struct {
	index  uint64
	askers []asker
}

// askReads asks the core once for all reads that wait.
func (w *world) askReads(s *server) {
	waiting := s.asking
	s.asking = nil
	ticket, err := s.core.ReadIndex(w.local(s))
	w.observe(s)
	switch {
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrOverloaded):
		for _, a := range waiting {
			w.refused(a.client, s)
		}
	case err != nil:
		w.fail(rulePossible, "server %d: ReadIndex: %v", s.name(), err)
	default:
		if len(waiting) > 1 {
			w.stats[ReadsBatched]++
		}
		s.asked[ticket] = ask{w.committed(), waiting}
	}
}

func (w *world) checkRead(s *server, r raft.Read) {
	a, known := s.asked[r.Ticket]
	if !known {
		return // a message that came twice
	}
	delete(s.asked, r.Ticket)
	if r.Index < a.committed {
		w.fail(ruleRead, "server %d may serve a read at index %d; %d was committed before it was asked for", s.name(), r.Index, a.committed)
	}
	s.reading = append(s.reading, reading{r.Index, a.askers})
}

// answerReads serves the reads whose index is applied.
func (w *world) answerReads(s *server) {
	if len(s.reading) == 0 {
		return
	}
	kept := s.reading[:0]
	for _, r := range s.reading {
		if r.index > s.applied {
			kept = append(kept, r)
			continue
		}
		for _, a := range r.askers {
			w.answerRead(a, s)
		}
	}
	clear(s.reading[len(kept):])
	s.reading = kept
}

// checkLeases: s was elected, so no leader of an earlier term may still answer
// reads by itself: they would not find what s commits. (A leader elected by
// late votes, when a later term has one, commits nothing.)
func (w *world) checkLeases(s *server) {
	if !w.set.LeaseReads {
		return
	}
	for _, other := range w.servers {
		if !other.up() || other.view.Role != raft.Leader || other.view.Term >= s.view.Term {
			continue
		}
		if st := other.core.Status(); st.LeaseUntil > w.local(other) {
			w.fail(ruleLease, "server %d becomes leader in term %d while server %d has a lease for %v more in term %d",
				s.name(), s.view.Term, other.name(), st.LeaseUntil-w.local(other), st.Term)
		}
	}
}
