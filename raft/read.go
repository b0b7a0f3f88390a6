package raft

import "time"

// read.go: reads that need no log entry (section 8 of the paper, 6.4 of the
// dissertation). A read is linearizable if it sees everything committed before
// it was asked for. The leader knows what is committed once it has committed
// an entry of its own term; that it is still the leader it learns from a round
// of heartbeats that a quorum answers. One round serves all reads that were
// waiting when it began, its own and those of followers.
//
// With Config.LeaseReads the round may be saved: servers that heard from a
// leader ignore candidates for an ElectionTimeout, so whoever was followed by
// a quorum at some time leads that long after it. This rests on clocks, by
// which the rest of Raft's safety does not stand: their rates must differ by
// less than a tenth, and they must go on while a machine sleeps.

// maxReads limits this server's own requests of ReadIndex that wait for a round,
// and the answers that wait for Ready; maxReadsOf the requests of each other
// server, which has few unanswered at a time unless it floods. Of theirs, further
// ones are dropped.
const (
	maxReads   = 4096
	maxReadsOf = 64
)

// reads are a leader's.
type reads struct {
	round   uint64 // the latest one; counts from 1 in each leadership
	open    bool   // it is not answered yet
	began   time.Duration
	index   uint64        // commitIndex when it began
	asked   []readRequest // answered with it
	waiting []readRequest // for the next one
	// leaseUntil is when another server may lead at the earliest.
	leaseUntil time.Duration
	// handedOver: in this term another server was asked to campaign, so that
	// stickiness protects no lease.
	handedOver bool
}

// readRequest is one ticket of this server or of another.
type readRequest struct {
	from   ID
	ticket uint64
}

// ReadIndex asks how far the state machine must be for reads that clients have
// asked for before this call. Ready gives the answer under the ticket; it may
// never come, if a message is lost or the leader changes: then ask again. It
// fails with ErrNotLeader while no leader is known.
func (c *Core) ReadIndex(now time.Duration) (ticket uint64, err error) {
	c.setNow(now)
	if c.leader == None {
		return 0, ErrNotLeader
	}
	if c.role == Leader && len(c.reads.waiting) >= maxReads {
		return 0, ErrOverloaded
	}
	if c.lastTicket == 0 {
		// An answer to this server's former life must not count.
		c.lastTicket = c.cfg.Rand.Uint64() >> 1
	}
	c.lastTicket++
	if c.role == Leader {
		c.reads.waiting = append(c.reads.waiting, readRequest{c.cfg.ID, c.lastTicket})
	} else {
		c.send(Message{Type: ReadIndex, To: c.leader, Term: c.currentTerm, Hint: c.lastTicket})
	}
	return c.lastTicket, nil
}

func (c *Core) handleReadIndex(m Message) {
	if c.role == Leader && c.peer(m.From) != nil && c.reads.waitingOf(m.From) < maxReadsOf {
		c.reads.waiting = append(c.reads.waiting, readRequest{m.From, m.Hint})
	}
}

func (r *reads) waitingOf(id ID) (n int) {
	for _, q := range r.waiting {
		if q.from == id {
			n++
		}
	}
	return n
}

func (c *Core) handleReadIndexReply(m Message) {
	if c.leader == m.From && len(c.answered) < maxReads {
		c.answered = append(c.answered, Read{m.Hint, m.LogIndex})
	}
}

// serveReads starts a round for the reads that wait, if none is under way. A
// leader that has committed nothing in its term does not know yet what is.
func (c *Core) serveReads() {
	r := &c.reads
	if len(r.waiting) == 0 || r.open || c.commitIndex < c.termStart {
		return
	}
	if c.cfg.LeaseReads && !r.handedOver && c.now < r.leaseUntil {
		r.index = c.commitIndex
		r.asked, r.waiting = r.waiting, r.asked[:0]
		c.answerReads()
		return
	}
	c.beginRound()
	for _, p := range c.peers {
		if c.Configuration().IsVoter(p.id) {
			c.sendHeartbeat(p)
		}
	}
	c.countRound()
}

func (c *Core) beginRound() {
	r := &c.reads
	r.round++
	r.open, r.began, r.index = true, c.now, c.commitIndex
	if c.commitIndex >= c.termStart {
		r.asked, r.waiting = r.waiting, r.asked[:0]
	}
}

// countRound ends the round if a quorum has answered it.
func (c *Core) countRound() {
	r := &c.reads
	if !r.open || !c.Configuration().hasQuorum(func(id ID) bool {
		if id == c.cfg.ID {
			return true
		}
		p := c.peer(id)
		return p != nil && p.round == r.round
	}) {
		return
	}
	r.open = false
	// A tenth less, for the difference of the clocks.
	r.leaseUntil = r.began + c.cfg.ElectionTimeout*9/10
	c.answerReads()
}

func (c *Core) answerReads() {
	r := &c.reads
	for _, q := range r.asked {
		if q.from == c.cfg.ID {
			c.answered = append(c.answered, Read{q.ticket, r.index})
		} else {
			c.send(Message{Type: ReadIndexReply, To: q.from, Term: c.currentTerm, LogIndex: r.index, Hint: q.ticket})
		}
	}
	r.asked = r.asked[:0]
}

// heard notes a sign of life of a follower, and which round it answers.
func (c *Core) heard(p *progress, m Message) {
	p.lastHeard = c.now
	if m.Round > p.round {
		p.round = m.Round
		c.countRound()
	}
}
