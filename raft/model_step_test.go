package raft

import (
	"fmt"
	"slices"
)

// model_step_test.go: from one state of the cluster to the next.

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
			if !ok || old.core.role != Leader && !leads {
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
