package sim

import "tabraft/raft"

// rules.go: what is checked, and when. Each rule has a file of its own,
// check_*.go. Checks look only at what an input changed: by the Log Matching
// Property one equal entry vouches for all before it.

// The rules, as Broken.Rule names them.
const (
	ruleElection    = "election safety"
	ruleMatching    = "log matching"
	ruleComplete    = "leader completeness"
	ruleMachine     = "state machine safety"
	ruleCommitted   = "committed entries stay"
	ruleQuorum      = "committed is on a quorum of disks"
	ruleOrder       = "compacted <= snapshot <= applied <= committed <= last"
	ruleMonotonic   = "terms, votes and commitIndex do not go back"
	ruleDurable     = "saves are whole and in order"
	rulePromise     = "nothing is promised before it is stored"
	ruleSnapshot    = "a snapshot is the state up to its index"
	ruleRead        = "reads see what was committed before them"
	ruleLinear      = "histories are linearizable"
	ruleLive        = "without faults there is progress"
	ruleStable      = "without faults the leader stays"
	rulePossible    = "correct servers do nothing impossible"
	ruleStart       = "a server starts from what it stored"
	ruleCore        = "the core's own invariants"
	ruleVotes       = "a leader has the votes of a quorum"
	ruleLease       = "while a lease holds, nobody else leads"
	ruleTransfer    = "without faults leadership is transferred"
	ruleTransferEnd = "a transfer ends in time"
	ruleMatch       = "a leader counts only what is stored"
	ruleMakesWay    = "a leader that makes way takes no commands"
	ruleMembers     = "each configuration follows from the one before"
	rulePanic       = "the core does not panic"
	ruleAll         = "Ready gives everything at once"
	ruleWire        = "what is encoded is decoded"
)

// observe looks at a server after an input.
func (w *world) observe(s *server) {
	s.core.CheckInvariants()
	was := s.view
	s.view = s.core.View()
	now := &s.view
	w.checkMonotonic(s, &was)
	replaced := w.checkLog(s)
	if now.Role == raft.Leader && (was.Role != raft.Leader || was.Term != now.Term) {
		w.checkElected(s)
		w.checkComplete(s)
	}
	if now.CommitIndex > was.CommitIndex {
		w.checkCommit(s, &was)
	}
	w.checkOrder(s)
	if replaced > 0 && was.ConfigurationIndex >= replaced {
		w.stats[ConfigurationsUndone]++
	}
	if replaced > 0 || now.ConfigurationIndex != was.ConfigurationIndex {
		s.conf = copyOf(s.core.Configuration()) // in force when the next input comes
	}
	w.noteTransfer(s, &was)
	w.countChanges(s, &was)
	if w.trace != nil {
		w.trace.changes(s, &was)
	}
}

// input ends one call into a core other than Ready: there may be something to
// carry out.
func (w *world) input(s *server) {
	w.observe(s)
	if w.chaos != nil {
		w.chaos.touched(s)
	}
}

func copyOf(c *raft.Configuration) *raft.Configuration {
	kept := *c
	return &kept
}
