package raft

import (
	"maps"
	"time"
)

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
	// SnapshotIndex is the last index that the snapshot stands for; 0 without.
	SnapshotIndex uint64
	// Transferring is the server that this leader makes way for, or None.
	Transferring ID
}

// Status is a copy of what a server knows, for people and tests.
type Status struct {
	View
	ID          ID
	Vote        ID
	LastApplied uint64
	// DurableIndex is the end of the part of the log known to be stored.
	DurableIndex uint64
	// FirstIndex is that of the oldest entry still in memory.
	FirstIndex    uint64
	SnapshotTerm  uint64
	Configuration Configuration
	// Votes are the answers to a candidate or pre-candidate so far.
	Votes map[ID]bool
	// UncommittedBytes is the size of the leader's uncommitted entries.
	UncommittedBytes int
	// LeaseUntil is how long a leader with Config.LeaseReads may answer reads
	// by itself.
	LeaseUntil time.Duration
	// Deadline is when the server acts next if nothing arrives: campaigns or,
	// as the leader, sends heartbeats.
	Deadline time.Duration
	// Timeout is how long the whole wait is that ends at Deadline.
	Timeout time.Duration
	// Progress is the leader's knowledge of the others, ordered by id.
	Progress []ProgressStatus
}

// ProgressState is how a leader treats a follower or learner.
type ProgressState uint8

const (
	// Probe: the place where the logs meet is not known yet; one
	// AppendEntries at a time looks for it.
	Probe ProgressState = iota
	// Replicate: entries are sent ahead of acknowledgements.
	Replicate
	// SendSnapshot: it lacks entries that are compacted away, and is being
	// sent a snapshot.
	SendSnapshot
)

func (s ProgressState) String() string {
	return [...]string{"probe", "replicate", "snapshot"}[s]
}

// ProgressStatus is a leader's knowledge of one follower or learner.
type ProgressStatus struct {
	ID        ID
	State     ProgressState
	Match     uint64 // matchIndex
	Next      uint64 // nextIndex
	Inflight  int    // unanswered AppendEntries with entries
	LastHeard time.Duration
	// SnapshotIndex names the snapshot being sent, SnapshotReceived and
	// SnapshotSize how many of its bytes have come, and how many there are.
	SnapshotIndex                  uint64
	SnapshotReceived, SnapshotSize uint64
}

// View gives the state at a glance.
func (c *Core) View() View {
	return View{
		Role: c.role, Term: c.currentTerm, Leader: c.leader,
		CommitIndex: c.commitIndex, LastIndex: c.log.lastIndex(),
		ConfigurationIndex: c.configurationIndex(), LeftOut: c.leftOut(),
		TermCommitted: c.role == Leader && c.commitIndex >= c.termStart,
		SnapshotIndex: c.SnapshotIndex(), Transferring: c.transfer.target,
	}
}

// Status copies the server's state.
func (c *Core) Status() Status {
	s := Status{
		View: c.View(), ID: c.cfg.ID, Vote: c.votedFor, LastApplied: c.lastApplied,
		DurableIndex: c.saves.durableIndex, FirstIndex: c.FirstIndex(), Configuration: *c.Configuration(),
		Votes: maps.Clone(c.votes), Deadline: c.NextDeadline(), Timeout: c.electionTimeout,
	}
	if c.snapshot != nil {
		s.SnapshotTerm = c.snapshot.Term
	}
	if c.role == Leader {
		s.Timeout = c.cfg.HeartbeatInterval
		s.UncommittedBytes = c.uncommittedBytes
		if c.cfg.LeaseReads && !c.reads.handedOver {
			s.LeaseUntil = c.reads.leaseUntil
		}
	}
	for _, p := range c.peers {
		s.Progress = append(s.Progress, p.status())
	}
	return s
}

func (p *progress) status() ProgressStatus {
	s := ProgressStatus{ID: p.id, State: Replicate, Match: p.match, Next: p.next,
		Inflight: len(p.window.inflight), LastHeard: p.lastHeard}
	switch {
	case p.snapshot != nil:
		s.State = SendSnapshot
		s.SnapshotIndex, s.SnapshotReceived, s.SnapshotSize = p.snapshot.Index, p.received, uint64(len(p.snapshot.Data))
	case p.probing:
		s.State = Probe
	}
	return s
}
