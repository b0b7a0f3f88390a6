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
	w.checkElectors(s)
	w.checkLeases(s)
	w.countElected(s)
}

// checkElectors counts the votes that were told.
func (w *world) checkElectors(s *server) {
	conf := s.core.Configuration()
	for _, half := range [2][]raft.ID{conf.Voters, conf.Outgoing} {
		have := 0
		for _, id := range half {
			own := s.disk.hard // a sole voter tells nobody
			if w.votes[ballot{id, s.view.Term}] == s.id || id == s.id && own.Term == s.view.Term && own.Vote == id {
				have++
			}
		}
		if len(half) > 0 && 2*have <= len(half) {
			w.fail(ruleVotes, "server %d becomes leader in term %d with %d votes of the voters %d", s.name(), s.view.Term, have, half)
		}
	}
}

// checkVote: s tells of its vote.
func (w *world) checkVote(s *server, term uint64, candidate raft.ID) {
	key := ballot{s.id, term}
	if before, again := w.votes[key]; again && before != candidate {
		w.fail(ruleElection, "server %d votes for %d and for %d in term %d", s.name(), before, candidate, term)
	}
	w.votes[key] = candidate
}
