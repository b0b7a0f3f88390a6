package raft

import "time"

// View is what changes most, cheap to take after every input.
type View struct {
	Role        Role
	Term        uint64
	Leader      ID
	CommitIndex uint64
	LastIndex   uint64
	// ConfigurationIndex is the entry that the configuration in force came
	// with; above CommitIndex it may still be undone.
	ConfigurationIndex uint64
	// LeftOut: this server was a member, and the configuration in force, which
	// may still be undone, has it no more.
	LeftOut bool
	// TermCommitted: this leader has committed an entry of its own term.
	TermCommitted bool
}

// Status is a copy of what a server knows, for people and tests.
type Status struct {
	View
	ID          ID
	Vote        ID
	LastApplied uint64
	// DurableIndex is the end of the part of the log known to be stored.
	DurableIndex  uint64
	Configuration Configuration
	// Deadline is when the server acts next if nothing arrives: campaigns or,
	// as the leader, sends heartbeats.
	Deadline time.Duration
	// Timeout is how long the whole wait is that ends at Deadline.
	Timeout time.Duration
	// Progress is the leader's knowledge of the others, ordered by id.
	Progress []ProgressStatus
}

// ProgressStatus is a leader's knowledge of one follower or learner.
type ProgressStatus struct {
	ID        ID
	Match     uint64 // matchIndex
	Next      uint64 // nextIndex
	Probing   bool   // the place where the logs meet is not known yet
	Inflight  int    // unanswered AppendEntries with entries
	LastHeard time.Duration
}

// View gives the state at a glance.
func (c *Core) View() View {
	return View{
		Role: c.role, Term: c.currentTerm, Leader: c.leader,
		CommitIndex: c.commitIndex, LastIndex: c.log.lastIndex(),
		ConfigurationIndex: c.configurationIndex(), LeftOut: c.leftOut(),
		TermCommitted: c.role == Leader && c.commitIndex >= c.termStart,
	}
}

// Status copies the server's state.
func (c *Core) Status() Status {
	s := Status{
		View: c.View(), ID: c.cfg.ID, Vote: c.votedFor, LastApplied: c.lastApplied,
		DurableIndex: c.saves.durableIndex, Configuration: *c.Configuration(),
		Deadline: c.NextDeadline(), Timeout: c.electionTimeout,
	}
	if c.role == Leader {
		s.Timeout = c.cfg.HeartbeatInterval
	}
	for _, p := range c.peers {
		s.Progress = append(s.Progress, ProgressStatus{ID: p.id, Match: p.match, Next: p.next,
			Probing: p.probing, Inflight: len(p.window.inflight), LastHeard: p.lastHeard})
	}
	return s
}
