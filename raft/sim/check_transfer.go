package sim

import "tabraft/raft"

// A transfer ends: "if leadership transfer does not complete after about an
// election timeout, the prior leader aborts the transfer and resumes"
// (dissertation, 3.10).

// noteTransfer keeps when a leader began to make way.
func (w *world) noteTransfer(s *server, was *raft.View) {
	if s.view.Transferring != was.Transferring {
		s.transferSince = w.local(s)
	}
}

// checkTransferEnds looks at a server whose timer has just rung.
func (w *world) checkTransferEnds(s *server) {
	if to := s.view.Transferring; to != raft.None && w.local(s) >= s.transferSince+s.cfg.ElectionTimeout {
		w.fail(ruleTransferEnd, "server %d has been making way for server %d for %v", s.name(), to, w.local(s)-s.transferSince)
	}
}

// checkMakesWay: s has just taken a command or a change of members, which would
// leave its successor behind.
func (w *world) checkMakesWay(s *server) {
	if to := s.view.Transferring; to != raft.None {
		w.fail(ruleMakesWay, "server %d takes a command while it makes way for server %d", s.name(), to)
	}
}
