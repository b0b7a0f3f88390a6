package raft

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// transfer.go: leadership transfer (the dissertation's 3.10). The leader stops
// taking commands, brings the target's log up to date, and tells it to
// campaign without waiting. If the target does not lead within an election
// timeout, the leader goes on as before.

var (
	// ErrTransferring: the leader is handing its office to another server; try
	// again with that one, or here if it does not take over.
	ErrTransferring = errors.New("raft: leadership is being transferred")
	// ErrNotVoter: only a voter can lead.
	ErrNotVoter = errors.New("raft: that server is not a voter")
)

// transfer is under way if it has a target.
type transfer struct {
	target   ID
	deadline time.Duration
}

// Transfer asks the leader to make way for target, a voter. It gives up when
// the target has not taken over after an ElectionTimeout; until then Propose
// and Reconfigure give ErrTransferring.
func (c *Core) Transfer(now time.Duration, target ID) error {
	c.setNow(now)
	switch {
	case c.role != Leader:
		return ErrNotLeader
	case c.transfer.target != None && c.transfer.target != target:
		return ErrTransferring
	case c.transfer.target == target || target == c.cfg.ID:
		return nil
	}
	p := c.peer(target)
	if p == nil || !slices.Contains(c.Configuration().Voters, target) {
		return fmt.Errorf("%w: %s", ErrNotVoter, target)
	}
	c.transfer = transfer{target, c.now + c.cfg.ElectionTimeout}
	c.completeTransfer(p)
	return nil
}

// completeTransfer tells the target to campaign, once it has the whole log.
func (c *Core) completeTransfer(p *progress) {
	if c.transfer.target == p.id && p.match == c.log.lastIndex() {
		c.sendTimeoutNow(p)
	}
}

func (c *Core) sendTimeoutNow(p *progress) {
	c.reads.handedOver = true
	c.send(Message{Type: TimeoutNow, To: p.id, Term: c.currentTerm})
}

// endTransfer lets the leader go on.
func (c *Core) endTransfer() {
	c.transfer = transfer{}
	c.afterCommit() // what waited for it
}

// HandOver is for a leader that leaves at once: the voter with the longest log
// is told to campaign, even if it lacks something, and this server follows.
func (c *Core) HandOver(now time.Duration) {
	c.setNow(now)
	if c.role == Leader {
		c.makeWay()
	}
}

// makeWay steps down in favour of the best follower there is.
func (c *Core) makeWay() {
	var best *progress
	for _, p := range c.peers {
		if slices.Contains(c.Configuration().Voters, p.id) && !c.gone[p.id] && (best == nil || p.match > best.match) {
			best = p
		}
	}
	if best != nil {
		c.sendTimeoutNow(best)
	}
	c.becomeFollower(c.currentTerm, None)
}

// handleTimeoutNow campaigns as the leader asks. Only voters do.
func (c *Core) handleTimeoutNow(m Message) {
	if (c.leader == m.From || c.leader == None) && c.role != Candidate && c.Configuration().IsVoter(c.cfg.ID) {
		c.becomeCandidate(true)
	}
}
