package raft

import "time"

// election.go: leader election (sections 5.2 and 5.4.1), pre-vote (the
// dissertation's 9.6), and who may disturb a working leader (section 6).

// drawElectionDeadline starts a new randomised election timeout.
func (c *Core) drawElectionDeadline() {
	c.electionTimeout = c.cfg.ElectionTimeout + c.draw(c.cfg.ElectionTimeout)
	c.electionDeadline = c.now + c.electionTimeout
}

// draw gives a random duration in [0, d).
func (c *Core) draw(d time.Duration) time.Duration {
	return time.Duration(c.cfg.Rand.Int64N(int64(d)))
}

// sticky tells whether this server is content with the leader it has: it
// heard from it within the shortest election timeout, or is it, which with
// CheckQuorum means that a quorum was heard within that time.
func (c *Core) sticky() bool {
	switch {
	case c.cfg.DisableStickiness:
		return false
	case c.role == Leader:
		return !c.cfg.DisableCheckQuorum
	}
	if c.cfg.LeaseReads {
		// Whatever it has heard since, and even if it was restarted since: a
		// leader may count on it.
		return c.now-c.leaderContact < c.cfg.ElectionTimeout
	}
	return c.leader != None && c.now-c.leaderContact < c.cfg.ElectionTimeout
}

// becomeFollower enters a term, or gives up a candidacy or leadership within
// one. A vote already given in the term stays given.
func (c *Core) becomeFollower(term uint64, leader ID) {
	if term > c.currentTerm {
		c.currentTerm, c.votedFor = term, None
		c.incoming = incoming{} // its leader is no more
	}
	if c.role == Leader {
		c.peers, c.reads, c.transfer = nil, reads{}, transfer{}
		c.drawElectionDeadline()
	}
	c.role, c.leader, c.votes = Follower, leader, nil
}

// campaign runs when the election timeout has passed.
func (c *Core) campaign() {
	c.drawElectionDeadline()
	switch {
	case !c.mayCampaign():
		c.leader = None // learners, and servers that know of no cluster, only wait
		return
	case c.role == Candidate && c.saves.durable < c.voteSeq:
		return // storage takes its time: nobody has been asked yet
	}
	if c.cfg.DisablePreVote {
		c.becomeCandidate(false)
		return
	}
	c.role, c.leader = PreCandidate, None
	c.votes = map[ID]bool{c.cfg.ID: true}
	c.requestVotes(RequestPreVote, c.currentTerm+1, false)
	c.countVotes()
}

// mayCampaign: voters do, and so does a server that a configuration not yet
// committed leaves out: its log may be the only one with which an election can
// be won, since those that hold the new configuration refuse all others. It
// does not count its own vote (the dissertation's 4.2.2).
func (c *Core) mayCampaign() bool {
	if c.Configuration().IsVoter(c.cfg.ID) {
		return true
	}
	n := len(c.configurations)
	return n > 1 && c.configurationIndex() > c.commitIndex && c.configurations[n-2].IsVoter(c.cfg.ID)
}

// becomeCandidate: "increment currentTerm, vote for self, reset election
// timer, send RequestVote RPCs to all other servers" (Figure 2). Force: the
// leader asked for it.
func (c *Core) becomeCandidate(force bool) {
	c.currentTerm++
	c.votedFor = c.cfg.ID
	c.role, c.leader = Candidate, None
	c.votes = map[ID]bool{}
	c.candidacy = c.now
	c.drawElectionDeadline()
	c.voteSeq = c.saves.covering(c.hardState(), c.log.lastIndex())
	c.requestVotes(RequestVote, c.currentTerm, force)
}

// countOwnVote counts a candidate's vote for itself once it is durable, as
// any other voter's is before it is sent.
func (c *Core) countOwnVote() {
	if c.saves.durable >= c.voteSeq {
		c.votes[c.cfg.ID] = true
		c.countVotes()
	}
}

func (c *Core) requestVotes(t MessageType, term uint64, force bool) {
	for _, id := range c.Configuration().voters() {
		if id != c.cfg.ID {
			c.send(Message{Type: t, Force: force, To: id, Term: term, LogIndex: c.log.lastIndex(), LogTerm: c.log.lastTerm()})
		}
	}
}

// countVotes acts on the answers so far.
func (c *Core) countVotes() {
	switch c.Configuration().tally(c.votes) {
	case ballotWon:
		if c.role == PreCandidate {
			c.becomeCandidate(false)
		} else {
			c.becomeLeader()
		}
	case ballotLost:
		c.becomeFollower(c.currentTerm, None)
	}
}

// handlePreVote answers whether this server would vote in m.Term. It touches
// neither term nor vote nor any timer.
func (c *Core) handlePreVote(m Message) {
	if m.Term > c.currentTerm && c.log.upToDate(m.LogIndex, m.LogTerm) {
		c.send(Message{Type: RequestPreVoteReply, To: m.From, Term: m.Term})
	} else {
		c.send(Message{Type: RequestPreVoteReply, To: m.From, Term: c.currentTerm, Reject: true})
	}
}

func (c *Core) handlePreVoteReply(m Message) {
	asked := c.currentTerm + 1
	if c.role == PreCandidate && (m.Reject || m.Term == asked) {
		c.recordVote(m)
	}
}

// handleVote: "grant vote if votedFor is null or candidateId, and candidate's
// log is at least as up-to-date as receiver's log" (Figure 2).
func (c *Core) handleVote(m Message) {
	grant := (c.votedFor == None || c.votedFor == m.From) && c.log.upToDate(m.LogIndex, m.LogTerm)
	if grant {
		if c.role == PreCandidate {
			c.becomeFollower(c.currentTerm, None)
		}
		c.votedFor = m.From
		c.drawElectionDeadline()
	}
	c.send(Message{Type: RequestVoteReply, To: m.From, Term: c.currentTerm, Reject: !grant})
}

func (c *Core) handleVoteReply(m Message) {
	if c.role == Candidate {
		c.recordVote(m)
	}
}

// recordVote counts each voter once. A grant is a promise for the whole term;
// a refusal may be the answer to an earlier question, so a grant replaces it.
func (c *Core) recordVote(m Message) {
	if _, again := c.votes[m.From]; again && m.Reject || !c.Configuration().IsVoter(m.From) {
		return
	}
	c.votes[m.From] = !m.Reject
	if c.role == Candidate && !c.cfg.DisablePreVote && c.hopeless() {
		// A pre-vote was won, so the log is good and the vote is split: the
		// next try need not wait a whole timeout, only, for whoever may have
		// won, as long again as this answer took. Without pre-votes a
		// candidate that can never win would get ahead of all others.
		wait := c.now - c.candidacy + c.draw(2*c.cfg.HeartbeatInterval)
		c.electionDeadline = min(c.electionDeadline, c.now+wait)
	}
	c.countVotes()
}

// hopeless tells whether a candidate cannot win any more unless servers whose
// connections were seen to close answer.
func (c *Core) hopeless() bool {
	votes := map[ID]bool{c.cfg.ID: true} // its own may not be durable yet
	for id := range c.gone {
		votes[id] = false
	}
	for id, granted := range c.votes {
		votes[id] = granted
	}
	return c.Configuration().tally(votes) == ballotLost
}

// becomeLeader starts a term of leadership with an empty entry, since entries
// of earlier terms commit only under one of the leader's own (section 5.4.2).
func (c *Core) becomeLeader() {
	c.role, c.leader, c.votes = Leader, c.cfg.ID, nil
	c.uncommittedBytes, c.settledAt = 0, 0
	c.peers = nil
	c.updatePeers(c.log.lastIndex() + 1) // "nextIndex initialized to last log index + 1"
	c.termStart = c.appendOwn(EntryNoop, nil)
	c.heartbeatDeadline = c.now + c.cfg.HeartbeatInterval
}

// PeerDown is a hint that a server is gone: its connection was closed. If it
// was the leader, this server campaigns after a short random wait rather than
// a whole election timeout. A wrong hint costs at most an election.
func (c *Core) PeerDown(now time.Duration, id ID) {
	c.setNow(now)
	if c.Configuration().IsMember(id) {
		c.gone[id] = true
	}
	switch {
	case c.role == Leader:
		if p := c.peer(id); p != nil {
			p.lost() // what was on its way
		}
		if c.transfer.target == id {
			c.endTransfer()
		}
	case c.cfg.LeaseReads:
		// The leader may live, and count on this server to ignore others.
	case c.role == Follower && c.leader == id:
		c.leader = None
		c.electionDeadline = min(c.electionDeadline, c.now+c.draw(2*c.cfg.HeartbeatInterval))
	}
}
