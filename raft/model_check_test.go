package raft

import "fmt"

// model_check_test.go: the properties of Figure 3 that each step must keep, and
// what else servers promise one another.

// checkQuorum: the entries that a leader has just committed are on the disks
// of a quorum of the configuration it had.
func (x *explorer) checkQuorum(st *modelState, old, s *modelServer, from int) string {
	if int(s.core.commitIndex) <= from {
		return ""
	}
	last, _ := s.log.at(s.core.commitIndex)
	conf := old.core.Configuration()
	if s.core.commitIndex > old.log.last() {
		conf = s.core.Configuration() // one input, several commits
	}
	for _, half := range [][]ID{conf.Voters, conf.Outgoing} {
		have := 0
		for _, id := range half {
			if x.stores(x.servers[st.servers[id-1]], s.core.commitIndex, last) {
				have++
			}
		}
		if len(half) > 0 && 2*have <= len(half) {
			return fmt.Sprintf("server %d commits %s, which only %d of the voters %v have on disk", s.id(), x.showEntry(s.core.commitIndex, last), have, names(half))
		}
	}
	return ""
}

func (x *explorer) stores(s *modelServer, index uint64, content uint16) bool {
	c, ok := s.stored.at(index)
	return ok && c == content || index <= s.stored.base
}

// checkServer checks a server that has changed.
func (x *explorer) checkServer(st *modelState, old, s *modelServer) string {
	h := &x.histories[st.history].modelHistory
	// State Machine Safety: what it takes for committed is.
	for index := s.log.base + 1; index <= s.core.commitIndex; index++ {
		fact, _ := h.fact(index)
		if content, _ := s.log.at(index); content != fact {
			return fmt.Sprintf("server %d commits %s where %s was committed", s.id(), x.showEntry(index, content), x.showEntry(index, fact))
		}
	}
	if what := x.checkMachine(h, s.machine, s); what != "" {
		return what
	}
	if snap := s.core.snapshot; snap != nil && snap != old.core.snapshot {
		if uint64(len(snap.Data)/appliedBytes) != snap.Index {
			return fmt.Sprintf("server %d has a snapshot of %d with the state after %d", s.id(), snap.Index, len(snap.Data)/appliedBytes)
		}
		if what := x.checkMachine(h, snap.Data, s); what != "" {
			return what
		}
	}
	// Election Safety.
	if s.core.role == Leader {
		if who := h.leaders[s.core.currentTerm]; who != s.id() {
			return fmt.Sprintf("servers %d and %d both lead in term %d", who, s.id(), s.core.currentTerm)
		}
	}
	if what := x.checkComplete(st, h); what != "" {
		return what
	}
	if what := x.checkMatching(st, s); what != "" {
		return what
	}
	return x.checkDisk(h, st, old, s)
}

// checkMachine: the state is that of applying what is committed.
func (x *explorer) checkMachine(h *modelHistory, machine []byte, s *modelServer) string {
	for n := uint64(1); n <= uint64(len(machine)/appliedBytes); n++ {
		if n <= h.committed() {
			content, _ := h.fact(n)
			if e := &x.contents[content]; string(applied(e)) == string(machine[(n-1)*appliedBytes:n*appliedBytes]) {
				continue
			}
		}
		return fmt.Sprintf("server %d has a state in which entry %d is one that was not committed", s.id(), n)
	}
	return ""
}

// checkComplete is Leader Completeness: every leader has all that was
// committed in earlier terms.
func (x *explorer) checkComplete(st *modelState, h *modelHistory) string {
	for _, number := range st.servers {
		l := x.servers[number]
		if l.core.role != Leader {
			continue
		}
		for index := l.log.base + 1; index <= h.committed(); index++ {
			fact, by := h.fact(index)
			if content, ok := l.log.at(index); by < l.core.currentTerm && (!ok || content != fact) {
				return fmt.Sprintf("server %d leads in term %d without %s, which was committed in term %d",
					l.id(), l.core.currentTerm, x.showEntry(index, fact), by)
			}
		}
	}
	return ""
}

// checkMatching is Log Matching: logs that have the same entry at an index are
// the same up to it, in memory and on disk.
func (x *explorer) checkMatching(st *modelState, s *modelServer) string {
	for _, number := range st.servers {
		other := x.servers[number]
		if !x.match(&s.log, &other.log) || !x.match(&s.log, &other.stored) || !x.match(&s.stored, &other.log) || !x.match(&s.stored, &other.stored) {
			return fmt.Sprintf("the logs of servers %d and %d have an entry of one index and term, and differ up to it", s.id(), other.id())
		}
	}
	return ""
}

func (x *explorer) match(a, b *modelLog) bool {
	same := false
	for index := min(a.last(), b.last()); index > max(a.base, b.base); index-- {
		ca, _ := a.at(index)
		cb, _ := b.at(index)
		same = same || x.contents[ca].Term == x.contents[cb].Term
		if same && ca != cb {
			return false
		}
	}
	return true
}

// checkDisk: what is committed stays on disk. A server may lose it only to a
// leader before the one that committed it, as one that was not in that
// leader's quorum.
func (x *explorer) checkDisk(h *modelHistory, st *modelState, old, s *modelServer) string {
	for index := old.stored.base + 1; index <= min(h.committed(), old.stored.last()); index++ {
		fact, by := h.fact(index)
		if content, _ := old.stored.at(index); content != fact || x.stores(s, index, fact) {
			continue
		}
		have := 0
		for _, number := range st.servers[:x.voters] {
			if x.stores(x.servers[number], index, fact) {
				have++
			}
		}
		if s.core.currentTerm >= by || len(x.targets) == 0 && 2*have <= x.voters {
			return fmt.Sprintf("server %d in term %d deletes %s, which was committed in term %d", s.id(), s.core.currentTerm, x.showEntry(index, fact), by)
		}
	}
	return ""
}

// checkOutput checks what a server has just said.
func (x *explorer) checkOutput(st *modelState, s *modelServer, o *outcome) string {
	h := &x.histories[st.history].modelHistory
	for _, r := range o.reads {
		if least := uint64(h.least[r.Ticket-2]); r.Index < least {
			return fmt.Sprintf("server %d reads at %d, and when that was asked for %d was committed", s.id(), r.Index, least)
		}
	}
	for _, number := range o.out {
		m := &x.messages[number].Message
		switch m.Type {
		case AppendEntries, InstallSnapshot, TimeoutNow:
			if h.leaders[m.Term] != s.id() {
				return fmt.Sprintf("server %d sends %s, and does not lead in that term", s.id(), showMessage(m))
			}
		case AppendEntriesReply:
			l := x.servers[st.servers[m.To-1]]
			if m.Reject || x.fault.tolerant || s.stableTerm() != m.Term || l.core.role != Leader || l.core.currentTerm != m.Term {
				continue
			}
			content, ok := l.log.at(m.LogIndex)
			if !ok && m.LogIndex > 0 {
				content, _ = h.fact(m.LogIndex) // compacted
			}
			if m.LogIndex > 0 && !x.stores(s, m.LogIndex, content) {
				return fmt.Sprintf("server %d sends %s, and has not stored the leader's entry", s.id(), showMessage(m))
			}
		}
	}
	return ""
}
