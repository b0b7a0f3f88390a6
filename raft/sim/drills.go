package sim

import (
	"time"

	"tabraft/raft"
)

// drills.go: what a cluster that works must be able to do, tried at the end of
// the calm phase, from whatever state the run has left.

const (
	// drillTime is how long, in election timeouts, a leader must stay where
	// nothing disturbs it, or something does that should not.
	drillTime = 8
	// transferTime is how long a transfer may take, likewise.
	transferTime = 2
)

// drill tries it all. Servers without pre-vote, CheckQuorum and stickiness
// promise less.
func (w *world) drill() {
	if w.set.refined() && w.flaw != badClocks {
		w.drillStable("nothing happened")
		w.drillTransfer()
		w.drillReturn()
	}
	w.drillDeath()
}

// drillStable: the leader stays.
func (w *world) drillStable(why string) {
	leader := w.leaderNow()
	term := leader.view.Term
	w.letPass(drillTime * w.set.ElectionTimeout)
	if leader.view.Role != raft.Leader || leader.view.Term != term {
		w.end = true
		w.fail(ruleStable, "%s, and the leader of term %d was deposed: %s", why, term, w.describe())
	}
}

func (w *world) letPass(d time.Duration) {
	for until := w.now + d; w.now < until; {
		w.calmRound()
	}
}

// otherVoter is the voter after the leader; nil if it is the only one.
func (w *world) otherVoter(leader *server) *server {
	for i := range w.servers {
		if s := w.servers[(leader.name()+i)%len(w.servers)]; s != leader && leader.conf.IsVoter(s.id) {
			return s
		}
	}
	return nil
}

// drillTransfer: another voter takes over when it is asked to.
func (w *world) drillTransfer() {
	leader := w.leaderNow()
	target := w.otherVoter(leader)
	if target == nil {
		return
	}
	w.do(Event{Kind: Transfer, A: uint8(leader.id), B: uint8(target.id)})
	for until := w.now + transferTime*w.set.ElectionTimeout; w.now < until && w.leaderNow() != target; {
		w.calmRound()
	}
	if w.leaderNow() != target {
		w.end = true
		w.fail(ruleTransfer, "server %d was asked to make way for server %d, which does not lead: %s", leader.name(), target.name(), w.describe())
	}
	w.until("commit after a transfer", func() bool { return target.view.TermCommitted || w.leaderNow() != target })
}

// drillReturn: a follower that was cut off deposes nobody when it returns.
func (w *world) drillReturn() {
	leader := w.leaderNow()
	if len(leader.conf.Voters) < 3 {
		return // its absence is felt
	}
	w.cutOff = w.otherVoter(leader)
	w.letPass(drillTime * w.set.ElectionTimeout)
	w.cutOff = nil
	w.drillStable("a follower came back")
}

// drillDeath: when the leader dies, another takes over and commits.
func (w *world) drillDeath() {
	leader := w.leaderNow()
	if leader == nil || len(leader.conf.Voters) < 3 {
		return
	}
	w.do(Event{Kind: Crash, A: uint8(leader.id)})
	w.until("new leader", func() bool {
		now := w.leaderNow()
		return now != nil && now.view.TermCommitted
	})
	w.do(Event{Kind: Start, A: uint8(leader.id)})
}
