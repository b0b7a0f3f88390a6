package sim

import "tabraft/raft"

// A leader counts only what is stored: its matchIndex of a follower is no
// further than where that follower's disk has the leader's log ("index of
// highest log entry known to be replicated on server", Figure 2). A follower
// that has gone on to a later term may have lost it again.

// matchRarely is how rarely this is looked at, in acknowledgements.
const matchRarely = 8

// checkMatch looks at a leader that has been acknowledged something.
func (w *world) checkMatch(s *server, m *raft.Message) {
	if s.view.Role != raft.Leader || m.Reject || m.Term == s.view.Term && w.stats[Delivered]%matchRarely != 0 {
		return
	}
	st := s.core.Status()
	for i := range st.Progress {
		p := &st.Progress[i]
		d := &w.servers[p.ID-1].disk
		if p.Match <= d.base || d.hard.Term > s.view.Term {
			continue
		}
		if term, known := s.core.Term(p.Match); known && d.term(p.Match) != term {
			w.fail(ruleMatch, "server %d counts %d/%d as stored by server %d, whose disk ends at %d and has %d/%d there",
				s.name(), p.Match, term, p.ID, d.last(), p.Match, d.term(p.Match))
		}
	}
}
