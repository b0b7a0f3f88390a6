package raft

// replication.go: log replication (section 5.3) and commitment (5.4.2).

// replicate queues, for every follower, what it lacks and may be sent now.
func (c *Core) replicate() {
	for _, p := range c.peers {
		switch {
		case p.snapshot != nil:
			c.sendSnapshot(p)
			continue
		case p.next <= c.log.base:
			c.beginSnapshot(p)
			c.sendSnapshot(p)
			continue
		}
		for p.next <= c.log.lastIndex() && c.maySend(p) {
			c.sendAppend(p)
		}
		if p.sentCommit < c.commitIndex && !p.probing {
			// The next entries carry the news. If none come soon, a heartbeat
			// does: on a busy leader a message of its own for each commit
			// would double the traffic.
			c.heartbeatDeadline = min(c.heartbeatDeadline, c.now+c.cfg.HeartbeatInterval/5)
		}
	}
}

func (c *Core) maySend(p *progress) bool {
	if p.probing {
		return !p.waiting
	}
	return !p.window.full(c.cfg.MaxInflightMessages, c.cfg.MaxInflightBytes)
}

// sendAppend sends entries from p.next on, as many as one message may hold.
func (c *Core) sendAppend(p *progress) {
	last, bytes := p.next-1, 0
	for last < c.log.lastIndex() {
		n := c.log.at(last + 1).size()
		if last >= p.next && bytes+n > c.cfg.MaxAppendBytes {
			break
		}
		bytes += n
		last++
	}
	c.sendEntries(p, c.log.slice(p.next, last))
	if p.probing {
		p.waiting = true
		return
	}
	p.window.add(last, bytes)
	p.next = last + 1
}

// sendHeartbeat sends an AppendEntries without entries. It is checked against
// the entry before p.next like any other, so that a lost message is noticed.
func (c *Core) sendHeartbeat(p *progress) {
	switch {
	case p.snapshot != nil && p.snapshot != c.snapshot && (p.received == 0 || p.snapshot.Index < c.log.base):
		c.beginSnapshot(p) // the log does not go on from that one any more
	case p.snapshot != nil:
		p.resent = false
		c.sendChunk(p, 0)
	case p.next <= c.log.base:
		c.beginSnapshot(p)
	default:
		c.sendEntries(p, nil)
	}
}

func (c *Core) sendEntries(p *progress, es []Entry) {
	prev := p.next - 1
	c.send(Message{Type: AppendEntries, To: p.id, Term: c.currentTerm, Round: c.reads.round,
		LogIndex: prev, LogTerm: c.log.term(prev), Commit: c.commitIndex, Entries: es})
	p.sentCommit = c.commitIndex
}

// heartbeat runs every HeartbeatInterval of a leadership: it keeps followers
// from campaigning, repeats unanswered probes, and checks that a quorum still
// answers.
func (c *Core) heartbeat() {
	c.heartbeatDeadline = c.now + c.cfg.HeartbeatInterval
	if !c.cfg.DisableCheckQuorum && !c.quorumActive() {
		c.becomeFollower(c.currentTerm, None)
		return
	}
	if c.cfg.LeaseReads && !c.reads.open {
		c.beginRound()
	}
	for _, p := range c.peers {
		if p.probing && p.snapshot == nil && p.next > c.log.base && p.next <= c.log.lastIndex() {
			c.sendAppend(p)
		} else {
			c.sendHeartbeat(p)
		}
	}
	c.countRound()
}

// quorumActive tells whether a quorum, with this server, answered within the
// last election timeout (the dissertation's section 6.2).
func (c *Core) quorumActive() bool {
	return c.Configuration().hasQuorum(func(id ID) bool {
		if id == c.cfg.ID {
			return true
		}
		p := c.peer(id)
		return p != nil && c.now-p.lastHeard < c.cfg.ElectionTimeout
	})
}

// handleAppend is the receiver's side of AppendEntries (Figure 2). The
// message's term is current and check has passed.
func (c *Core) handleAppend(m Message) {
	c.hearLeader(m)
	if !c.log.matches(m.LogIndex, m.LogTerm) {
		hint := c.log.lastNotAfter(m.LogIndex, m.LogTerm)
		c.send(Message{Type: AppendEntriesReply, To: m.From, Term: c.currentTerm, Reject: true, Round: m.Round,
			LogIndex: m.LogIndex, Hint: hint, LogTerm: c.log.term(hint)})
		return
	}
	for i, e := range m.Entries {
		if c.log.matches(e.Index, e.Term) {
			continue // "append any new entries not already in the log"
		}
		if e.Index <= c.log.lastIndex() {
			// "If an existing entry conflicts with a new one, delete the
			// existing entry and all that follow it."
			c.cutLog(e.Index)
		}
		c.appendReceived(m.Entries[i:])
		break
	}
	last := m.LogIndex + uint64(len(m.Entries))
	c.commitTo(min(m.Commit, last))
	c.acknowledge(m, last, len(m.Entries) == 0)
}

// hearLeader notes that the leader of this term lives.
func (c *Core) hearLeader(m Message) {
	c.role, c.leader, c.votes = Follower, m.From, nil
	c.leaderContact, c.woke = c.now, false
	c.drawElectionDeadline()
}

// acknowledge tells the leader that the log matches its own up to index. A
// heartbeat is answered at once, for as much as is durable: slow storage must
// not look like a dead server.
func (c *Core) acknowledge(m Message, index uint64, heartbeat bool) {
	reply := Message{Type: AppendEntriesReply, From: c.cfg.ID, To: m.From, Term: c.currentTerm, Round: m.Round, LogIndex: index}
	if heartbeat && c.saves.hardIsDurable(c.hardState()) {
		reply.LogIndex = min(index, c.saves.durableIndex)
		c.out = append(c.out, reply)
		return
	}
	c.send(reply)
}

func (c *Core) cutLog(index uint64) {
	if index <= c.commitIndex {
		c.violated("cut at %d of a log committed up to %d", index, c.commitIndex)
	}
	c.log.cut(index)
	c.saves.cut(index)
	c.dropConfigurations(index)
}

func (c *Core) appendReceived(es []Entry) {
	c.log.append(es...)
	for _, e := range es {
		if err := c.noteConfiguration(e); err != nil {
			c.violated("%v", err) // check has decoded it before
		}
	}
}

// handleAppendReply is the leader's side.
func (c *Core) handleAppendReply(m Message) {
	p := c.peer(m.From)
	if c.role != Leader || p == nil {
		return
	}
	c.heard(p, m)
	if m.Reject {
		c.handleRefusal(p, m)
		return
	}
	p.window.acked(m.LogIndex)
	if p.snapshot != nil && m.LogIndex >= p.snapshot.Index {
		p.probe() // it has the snapshot: the log goes on
	}
	if p.probing && p.snapshot == nil && m.LogIndex >= p.match {
		p.replicate()
	}
	if m.LogIndex > p.match {
		p.match = m.LogIndex
		c.advanceCommit()
	}
	p.next = max(p.next, p.match+1)
	if c.transfer.target == p.id {
		c.completeTransfer(p)
	}
}

// handleRefusal moves p.next back to where the logs may meet: behind the
// follower's hint, and in our own log behind every term later than the
// follower has there. A refusal older than what we know is of no interest.
func (c *Core) handleRefusal(p *progress, m Message) {
	if m.LogIndex <= p.match || p.snapshot != nil || p.probing && m.LogIndex != p.next-1 {
		return
	}
	p.probe()
	p.next = max(p.match+1, min(m.LogIndex, c.log.lastNotAfter(m.Hint, m.LogTerm)+1))
}

// advanceCommit: "if there exists an N such that N > commitIndex, a majority
// of matchIndex[i] >= N, and log[N].term == currentTerm: set commitIndex = N"
// (Figure 2). The leader's own log counts as far as it is durable.
func (c *Core) advanceCommit() {
	n := c.Configuration().quorumIndex(func(id ID) uint64 {
		if id == c.cfg.ID {
			return c.saves.durableIndex
		}
		if p := c.peer(id); p != nil {
			return p.match
		}
		return 0
	})
	if n > c.commitIndex && c.log.term(n) == c.currentTerm {
		c.commitTo(n)
		c.afterCommit()
	}
}

// commitTo raises commitIndex; it never falls.
func (c *Core) commitTo(index uint64) {
	if index <= c.commitIndex {
		return
	}
	if c.role == Leader {
		for _, e := range c.log.slice(max(c.commitIndex+1, c.termStart), index) {
			c.uncommittedBytes -= e.size()
		}
	}
	c.commitIndex = index
}

// peer finds a follower's progress; nil if this server does not lead it.
func (c *Core) peer(id ID) *progress {
	for _, p := range c.peers {
		if p.id == id {
			return p
		}
	}
	return nil
}
