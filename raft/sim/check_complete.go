package sim

// Leader Completeness: "if a log entry is committed in a given term, then that
// entry will be present in the logs of the leaders for all higher-numbered
// terms" (Figure 3).

func (w *world) checkComplete(s *server) {
	i := w.committed()
	for i > 0 && w.facts[i].by >= s.view.Term {
		i--
	}
	if i == 0 {
		return
	}
	// That entry vouches for all before it.
	if term, known := s.core.Term(i); known && term != w.facts[i].Term || i > s.view.LastIndex {
		w.fail(ruleComplete, "server %d leads in term %d without entry %d/%d, committed in term %d",
			s.name(), s.view.Term, i, w.facts[i].Term, w.facts[i].by)
	}
}
