package raft

import "fmt"

// InvariantError is the panic of a core that found its own state broken: a
// bug here, never something that a message or a caller can bring about. The
// driver stops the server with it as the reason; tests fail on it.
type InvariantError struct{ What string }

func (e *InvariantError) Error() string { return "raft: broken invariant: " + e.What }

func (c *Core) violated(format string, args ...any) {
	panic(&InvariantError{fmt.Sprintf("server %s in term %d: ", c.cfg.ID, c.currentTerm) + fmt.Sprintf(format, args...)})
}

// CheckInvariants panics with an *InvariantError if the state is not one that
// Raft allows a single server. Tests and the simulator call it after every
// step; what only two servers together can break is checked there.
func (c *Core) CheckInvariants() {
	last := c.log.lastIndex()
	switch {
	case c.log.base > c.SnapshotIndex() || c.SnapshotIndex() > c.commitIndex:
		c.violated("compacted up to %d, snapshot of %d, committed %d are out of order", c.log.base, c.SnapshotIndex(), c.commitIndex)
	case c.lastApplied > c.commitIndex || c.commitIndex > last:
		c.violated("applied %d, committed %d, last %d are out of order", c.lastApplied, c.commitIndex, last)
	case c.saves.durableIndex > c.saves.index || c.saves.index > last:
		c.violated("durable %d, handed to storage %d, last %d are out of order", c.saves.durableIndex, c.saves.index, last)
	case c.log.lastTerm() > c.currentTerm:
		c.violated("the log ends in term %d", c.log.lastTerm())
	case c.configurationIndex() > last:
		c.violated("the configuration of entry %d is in force, the log ends at %d", c.configurationIndex(), last)
	case c.uncommittedBytes < 0:
		c.violated("%d uncommitted bytes", c.uncommittedBytes)
	}
	if c.role == Candidate && c.votedFor != c.cfg.ID {
		c.violated("a candidate that voted for %s", c.votedFor)
	}
	if c.role != Leader {
		return
	}
	if c.leader != c.cfg.ID || c.votedFor != c.cfg.ID {
		c.violated("a leader that follows %s and voted for %s", c.leader, c.votedFor)
	}
	if !c.saves.hardIsDurable(c.hardState()) {
		c.violated("a leader whose term is not durable")
	}
	if c.configurationIndex() <= c.commitIndex && !c.Configuration().IsVoter(c.cfg.ID) {
		c.violated("it leads, and %s is committed", c.Configuration())
	}
	for _, p := range c.peers {
		c.checkProgress(p, last)
	}
}

func (c *Core) checkProgress(p *progress, last uint64) {
	bytes := 0
	for _, s := range p.window.inflight {
		bytes += s.bytes
	}
	switch {
	case p.match >= p.next || p.next > last+1:
		c.violated("server %s: match %d, next %d, last %d are out of order", p.id, p.match, p.next, last)
	case p.snapshot != nil && (!p.probing || p.received > p.offset || p.offset > uint64(len(p.snapshot.Data))):
		c.violated("server %s: %d and %d of %d bytes of a snapshot, probing %t", p.id, p.received, p.offset, len(p.snapshot.Data), p.probing)
	case p.window.bytes != bytes:
		c.violated("server %s: %d bytes counted as in flight, %d are", p.id, p.window.bytes, bytes)
	case p.probing && bytes > 0:
		c.violated("server %s: probing with %d bytes in flight", p.id, bytes)
	}
}
