package sim

import "tabraft/raft"

// Nothing is promised before it is stored: "updated on stable storage before
// responding to RPCs" (Figure 2). A message is compared, as it leaves, with the
// sender's disk.

func (w *world) checkPromise(s *server, m *raft.Message) {
	if m.From != s.id || m.To == s.id || w.server(uint8(m.To)) == nil {
		w.fail(rulePromise, "server %d sends %s from %d to %d", s.name(), m.Type, m.From, m.To)
	}
	d := &s.disk
	switch m.Type {
	case raft.RequestPreVote, raft.RequestPreVoteReply:
		return // about a term that may never be
	case raft.RequestVote:
		w.checkStoredVote(s, m.Term, s.id)
	case raft.RequestVoteReply:
		if !m.Reject {
			w.checkStoredVote(s, m.Term, m.To)
		}
	case raft.AppendEntries, raft.InstallSnapshot, raft.TimeoutNow, raft.ReadIndexReply:
		if w.leaders[m.Term] != s {
			w.fail(ruleElection, "server %d sends %s of term %d, which it does not lead", s.name(), m.Type, m.Term)
		}
	case raft.AppendEntriesReply:
		if !m.Reject && d.hard.Term == m.Term {
			w.checkAcknowledged(s, m)
		}
	case raft.ReadIndex:
		return // no promise
	}
	if d.hard.Term < m.Term {
		w.fail(rulePromise, "server %d sends %s of term %d, its disk knows term %d", s.name(), m.Type, m.Term, d.hard.Term)
	}
}

func (w *world) checkStoredVote(s *server, term uint64, candidate raft.ID) {
	if hard := s.disk.hard; hard.Term == term && hard.Vote != candidate {
		w.fail(rulePromise, "server %d tells of its vote for %d in term %d, its disk says %d", s.name(), candidate, term, hard.Vote)
	}
	w.checkVote(s, term, candidate)
}

// checkAcknowledged: what is acknowledged is stored, and is the leader's.
func (w *world) checkAcknowledged(s *server, m *raft.Message) {
	d := &s.disk
	if d.last() < m.LogIndex {
		w.fail(rulePromise, "server %d acknowledges %d, its disk ends at %d", s.name(), m.LogIndex, d.last())
	}
	leader := w.servers[m.To-1]
	if !leader.up() || leader.view.Role != raft.Leader || leader.view.Term != m.Term || m.LogIndex <= d.base {
		return
	}
	if term, known := leader.core.Term(m.LogIndex); known && d.term(m.LogIndex) != term {
		w.fail(rulePromise, "server %d acknowledges %d, its disk has %d/%d there and the leader %d/%d",
			s.name(), m.LogIndex, m.LogIndex, d.term(m.LogIndex), m.LogIndex, term)
	}
}
