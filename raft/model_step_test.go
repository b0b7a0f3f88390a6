package raft

import (
	"fmt"
	"slices"
)

// model_step_test.go: from one state of the cluster to the next, and the
// properties of Figure 3 that each step must keep.

// stepResult is what became of an input.
type stepResult uint8

const (
	stepNothing stepResult = iota // a state without new possibilities, or outside the bounds
	stepNew                       // x.child is another state
)

// next makes the state after an input, x.child. A broken rule is told.
func (x *explorer) next(st *modelState, total *sums, in input) (stepResult, string) {
	i := in.server()
	o := x.outcomeOf(st.servers[i], in)
	if o.broken != "" {
		return stepNothing, fmt.Sprintf("server %d: %s", i+1, o.broken)
	}
	if o.refused {
		return stepNothing, ""
	}
	child := &x.child
	child.servers, child.net = st.servers, child.net[:0]
	child.servers[i] = o.server
	changed := o.server != st.servers[i] || len(o.reads) > 0
	if changed && x.servers[o.server].core.currentTerm > x.maxTerm {
		return stepNothing, ""
	}

	broken := x.remember(st, in, o)

	n := len(x.renamings)
	x.childTotal = *total
	if changed {
		x.childTotal.sub(&x.servers[st.servers[i]].sums, n)
		x.childTotal.add(&x.servers[o.server].sums, n)
	}
	for _, m := range st.net {
		// Each ReadIndex begins a new round, and there is no end to those.
		once := in == newInput(inDeliver, i, m) && x.messages[m].Type == ReadIndex
		if once || changed && x.dead(m, child) {
			x.childTotal.sub(&x.messages[m].sums, n)
		} else {
			child.net = append(child.net, m)
		}
	}
	for _, m := range o.out {
		if !slices.Contains(child.net, m) && !x.dead(m, child) {
			child.net = append(child.net, m)
			x.childTotal.add(&x.messages[m].sums, n)
			changed = true
		}
	}
	if child.history != st.history {
		x.childTotal.sub(&x.histories[st.history].sums, n)
		x.childTotal.add(&x.histories[child.history].sums, n)
	}
	if !changed && broken == "" {
		// The message is as good as lost. The state without it can do
		// nothing that this one cannot.
		return stepNothing, ""
	}
	return stepNew, broken
}

// dead tells whether a message can never make a difference again. States that
// differ in those alone are one.
func (x *explorer) dead(number uint32, st *modelState) bool {
	if x.fault.hoards {
		return false
	}
	m := &x.messages[number].Message
	to, from := x.servers[st.servers[m.To-1]], x.servers[st.servers[m.From-1]]
	stable := to.stableTerm() // no later life has an earlier term
	if !x.stale && (m.Type == RequestPreVote && m.Term <= from.core.currentTerm ||
		m.Type == RequestPreVoteReply && !m.Reject && m.Term <= to.core.currentTerm) {
		return true // as the model has it: whoever asked has gone on
	}
	if m.Term > stable && (x.stale || m.Term >= to.core.currentTerm) {
		return false
	}
	now := to.core.currentTerm == m.Term
	switch m.Type {
	case RequestVoteReply:
		// Nobody is a candidate twice in a term.
		return !(now && to.core.role == Candidate)
	case AppendEntriesReply, InstallSnapshotReply, ReadIndex:
		// Nobody leads twice in a term, or is asked before it does.
		return !now || to.core.role == Leader && x.outdated(to.core, m) || to.core.role != Leader && to.core.role != Candidate
	case RequestPreVoteReply:
		// Granted for a later term, or refused in this one.
		return !m.Reject || m.Term < stable || !x.stale && m.Term < to.core.currentTerm
	case TimeoutNow, ReadIndexReply:
		return m.Term < stable
	}
	// The answer to a request of an earlier term tells the sender of the later
	// one, or counts in the sender's own. A follower in the last term within
	// the bounds will never care.
	careless := from.core.role == Follower && from.stableTerm() == x.maxTerm
	switch {
	case !x.stale && m.Term < to.core.currentTerm:
		return true // as the model has it
	case x.stale && !careless:
		return false
	case m.Term < stable:
		return true
	}
	switch m.Type {
	case RequestVote:
		// The answer is as good as given, and whom it could help is no
		// candidate any more.
		vote := to.disk.HardState.Vote
		return vote != None && (vote != m.From || x.cfg.DisablePreVote) &&
			!(from.core.role == Candidate && from.core.currentTerm == m.Term)
	case AppendEntries:
		return x.familiar(st, to, from, m)
	}
	return false
}

// outdated tells whether a leader knows better than this reply for good, and
// that it comes at all means nothing.
func (x *explorer) outdated(leader *Core, m *Message) bool {
	p := leader.peer(m.From)
	return m.Type == AppendEntriesReply && p != nil && x.silent() && m.Round <= p.round &&
		(m.LogIndex < p.match || m.Reject && m.LogIndex == p.match)
}

func (x *explorer) silent() bool {
	return x.cfg.DisableCheckQuorum && x.limits[inTransfer]+x.limits[inPeerDown] == 0
}

// familiar tells whether a server has all that this AppendEntries brings,
// cannot lose it by a crash, and its answer would be outdated, too.
func (x *explorer) familiar(st *modelState, to, from *modelServer, m *Message) bool {
	// Whom a server follows matters to reads and transfers alone.
	follows := to.core.leader == m.From || x.limits[inRead]+x.limits[inHandOver] == 0
	mayCrash := x.histories[st.history].used[inCrash] < x.limits[inCrash]
	if to.core.role != Follower || to.core.currentTerm != m.Term || !follows || !x.silent() || !x.cfg.DisableStickiness {
		return false
	}
	last := m.LogIndex + uint64(len(m.Entries))
	switch {
	case mayCrash && x.limits[inRead]+x.limits[inHandOver] > 0:
		return false
	case mayCrash && (!to.stored.holds(m) || to.disk.HardState.Commit < min(m.Commit, last)):
		return false
	case !to.log.holds(m) || to.core.commitIndex < min(m.Commit, last):
		return false
	}
	if from.core.role != Leader || from.core.currentTerm != m.Term {
		return true
	}
	p := from.core.peer(m.To)
	return p != nil && last < p.match && m.Round <= p.round
}

// remember makes the history of x.child, and checks it and the servers
// against it.
func (x *explorer) remember(st *modelState, in input, o *outcome) (broken string) {
	child, i := &x.child, in.server()
	child.history = st.history
	past := &x.histories[st.history].modelHistory
	old, s := x.servers[st.servers[i]], x.servers[o.server]
	facts := len(past.facts) / factBytes
	leads := s.core.role == Leader
	counted := x.limits[in.kind()] != 0 && x.limits[in.kind()] != unlimited
	if counted || leads && past.leaders[s.core.currentTerm] == None || int(s.core.commitIndex) > facts {
		h := *past
		if counted {
			h.used[in.kind()]++
		}
		if in.kind() == inRead {
			h.least += string(rune(facts))
		}
		if leads && h.leaders[s.core.currentTerm] == None {
			h.leaders[s.core.currentTerm] = s.id()
		}
		for index := uint64(facts) + 1; index <= s.core.commitIndex; index++ {
			content, ok := s.log.at(index)
			if !ok || old.core.role != Leader {
				return fmt.Sprintf("server %d commits %d, which no leader did", i+1, index)
			}
			h.facts += string(fact16(content, s.core.currentTerm))
		}
		if what := x.checkQuorum(child, old, s, facts); what != "" {
			return what
		}
		child.history = x.historyNumber(&h)
	}
	if o.server != st.servers[i] {
		broken = x.checkServer(child, old, s)
	}
	if broken == "" {
		broken = x.checkOutput(child, s, o)
	}
	return broken
}

// factBytes is the length of one committed entry in a history.
const factBytes = 3

func fact16(content uint16, by uint64) []byte {
	return []byte{byte(content >> 8), byte(content), byte(by)}
}

func (h *modelHistory) fact(index uint64) (content uint16, by uint64) {
	f := h.facts[(index-1)*factBytes:]
	return uint16(f[0])<<8 | uint16(f[1]), uint64(f[2])
}

func (h *modelHistory) committed() uint64 { return uint64(len(h.facts) / factBytes) }

func (x *explorer) historyNumber(h *modelHistory) uint32 {
	if n, known := x.historyOf[*h]; known {
		return n
	}
	k := knownHistory{modelHistory: *h}
	for i := range x.renamings {
		e := encoder{b: x.buf[:0], to: &x.renamings[i]}
		for _, id := range h.leaders {
			e.id(id)
		}
		for index := uint64(1); index <= h.committed(); index++ {
			content, by := h.fact(index)
			e.entry(&x.contents[content])
			e.n(by)
		}
		e.data([]byte(h.least))
		e.b = append(e.b, h.used[:]...)
		k.sums[i], x.buf = sumOf('h', e.b), e.b
	}
	n := uint32(len(x.histories))
	x.histories = append(x.histories, k)
	x.historyOf[*h] = n
	return n
}

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
			if content, ok := l.log.at(m.LogIndex); ok && !x.stores(s, m.LogIndex, content) {
				return fmt.Sprintf("server %d sends %s, and has not stored the leader's entry", s.id(), showMessage(m))
			}
		}
	}
	return ""
}
