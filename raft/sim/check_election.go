package sim

import "tabraft/raft"

// Election Safety: "at most one leader can be elected in a given term"
// (Figure 3), and what it rests on: a server votes once in a term.

func (w *world) checkElected(s *server) {
	term := s.view.Term
	if other, known := w.leaders[term]; known {
		w.fail(ruleElection, "servers %d and %d both become leader in term %d", other.name(), s.name(), term)
	}
	w.leaders[term] = s
	w.countElected(s)
}

// checkVote: s tells of its vote.
func (w *world) checkVote(s *server, term uint64, candidate raft.ID) {
	key := ballot{s.id, term}
	if before, again := w.votes[key]; again && before != candidate {
		w.fail(ruleElection, "server %d votes for %d and for %d in term %d", s.name(), before, candidate, term)
	}
	w.votes[key] = candidate
}
