package rules

import "time"

// asksForVote: a server sends RequestVote. It votes for itself in that term.
func (w *Watch) asksForVote(now time.Duration, c *callSeen, s *server) {
	if c.term <= s.asked {
		// Not the first of this election, or an old one sent late.
		if c.term == s.asked && now-s.askedOn > sameElection {
			w.likely(ElectionInOldTerm, now, s.id, "server %d asks for votes in term %d, in which it had asked already %.1f s before", s.id, c.term, (now - s.askedOn).Seconds())
		}
		return
	}
	first := s.asked == 0
	s.asked, s.askedOn = c.term, now
	if w.cfg.Persistence && first && c.term <= s.toldOld {
		w.certainly(TermNotSaved, now, s.id, "server %d begins an election for term %d; before its restart it had told others of term %d", s.id, c.term, s.toldOld)
	}
	if to, voted := s.votedFor[c.term]; voted && to != s.id && !w.noVotes && w.before(s.votedAt[c.term], now) {
		w.secondVote(now, s, c.term, s.id)
	}
	w.checkTermSaved(now, s, c.term, !first)
	w.campaigns(now, c, s)
	s.vote(c.term, s.id, now)
	s.knows(c.term, now)
	s.tells(c.term)
	if c.hasLog && !w.noLog {
		w.claims(now, s, c.index, c.iterm, true, "RequestVote")
		w.checkOwnLog(now, c, s)
	}
}

// sameElection is how long an election may last: the requests of one may be repeated
// where the network loses them.
const sameElection = 2 * time.Second

// vote notes a server's vote.
func (s *server) vote(term, candidate int, now time.Duration) {
	if _, voted := s.votedFor[term]; !voted {
		s.votedFor[term], s.votedLife[term], s.votedAt[term] = candidate, s.life, now
	}
}

// secondVote: a server votes for a second candidate in a term.
func (w *Watch) secondVote(now time.Duration, s *server, term, candidate int) {
	rule, how := DoubleVote, ""
	if s.votedLife[term] != s.life {
		rule, how = VoteNotSaved, ", before a restart"
	}
	w.certainly(rule, now, s.id, "server %d votes for server %d in term %d, although it voted for server %d in that term at %.3f s%s",
		s.id, candidate, term, s.votedFor[term], s.votedAt[term].Seconds(), how)
}

// votes: a server replies to RequestVote.
func (w *Watch) votes(now time.Duration, c *callSeen, s *server) {
	if !c.known {
		w.noVotes = true
		return
	}
	if !c.yes {
		w.refusesVote(now, c, s)
		return
	}
	if to, voted := s.votedFor[c.term]; voted && to != c.from {
		w.secondVote(now, s, c.term, c.from)
	}
	if s.term > c.term && w.before(s.termAt, c.deliveredAt) {
		w.certainly(OldTermVote, now, s.id, "server %d votes for server %d in term %d, although it has been in term %d since %.3f s",
			s.id, c.from, c.term, s.term, s.termAt.Seconds())
	}
	if c.hasLog && !w.noLog && w.before(s.log.changed, c.deliveredAt) {
		if index, term := s.log.last(); older(c.index, c.iterm, index, term) {
			w.certainly(StaleLogVote, now, s.id,
				"server %d votes for server %d in term %d, whose log ends with index %d of term %d; its own has at least index %d of term %d",
				s.id, c.from, c.term, c.index, c.iterm, index, term)
		}
	}
	if _, voted := s.votedFor[c.term]; !voted && w.cfg.Persistence && s.changedAt < s.askedAt[voteKey{c.term, c.from}] {
		w.certainly(VoteNotSaved, now, s.id, "server %d promises server %d its vote in term %d without having saved it: its saved state did not change since it was asked",
			s.id, c.from, c.term)
	}
	s.vote(c.term, c.from, now)
	s.timer.granted(now)
}

// refusesVote finds refusals for which there is no reason.
func (w *Watch) refusesVote(now time.Duration, c *callSeen, s *server) {
	s.timer.refused++
	if _, voted := s.votedFor[c.term]; voted || c.term < s.term || c.replyTerm > c.term || w.noLog || w.others || !c.hasLog {
		return
	}
	if c.replyTerm > 0 && c.replyTerm < c.term {
		return // it has not taken over the term: see checkReplyTerm
	}
	if best := s.given.best; older(c.index, c.iterm, best.index, best.term) {
		return
	}
	if w.before(w.lastStart, c.deliveredAt-time.Millisecond) && w.before(s.timer.resetAt, c.deliveredAt-stickiness) {
		w.likely(VoteRefused, now, s.id, "server %d refuses server %d its vote in term %d, although it has not voted in that term, and never had a log that was more up-to-date than the candidate's",
			s.id, c.from, c.term)
	}
}

// stickiness is how recently a server may have heard of a leader and refuse its
// vote for that reason, an extension that some Rafts have.
const stickiness = 300 * time.Millisecond

// countVote notes a vote that has reached its candidate.
func (s *server) countVote(c *callSeen) {
	if s.yes[c.term] == nil {
		s.yes[c.term] = map[int]bool{}
	}
	if s.yes[c.term][c.to] {
		s.yesTwice[c.term] = true
	}
	s.yes[c.term][c.to] = true
}

// leads: a server sends what only leaders send.
func (w *Watch) leads(now time.Duration, c *callSeen, s *server) {
	w.isLeader(now, s, c.term)
	s.sentAt[c.to] = now
	w.resends(now, c, s)
	if c.kind != appendEntries {
		return
	}
	w.beat(now, c, s)
	if c.hasLog {
		w.claims(now, s, c.index, c.iterm, c.count > 0, "AppendEntries")
	}
	if c.hasCommit && c.term == s.leadsTerm {
		w.checkCommit(now, s, c.commit, "tells others")
		s.shown = max(s.shown, c.commit)
		if c.commit < s.applied && now-s.appliedAt > newsTime {
			w.likely(CommitNotTold, now, s.id, "server %d, leader of term %d, has applied index %d, and %.0f ms later tells others that index %d is committed",
				s.id, c.term, s.applied, (now-s.appliedAt).Seconds()*1000, c.commit)
		}
	}
}

// newsTime is how long a leader may take to pass on, or to see, what is committed.
const newsTime = 500 * time.Millisecond

// isLeader notes that a server leads in a term, and checks whether it may.
func (w *Watch) isLeader(now time.Duration, s *server, term int) {
	if term >= s.leadsTerm {
		s.timer.set(now, asLeader)
	}
	if term > s.leadsTerm {
		w.elected(now, s, term)
	}
	if other, taken := w.leaders[term]; taken && other != s.id {
		w.certainly(TwoLeadersInTerm, now, s.id, "server %d leads in term %d, in which server %d leads already", s.id, term, other)
	} else {
		w.leaders[term] = s.id
	}
}

// elected checks whether a server that leads in a new term has been elected.
func (w *Watch) elected(now time.Duration, s *server, term int) {
	led := s.leadsTerm
	s.leadsTerm, s.leadsFrom = term, now
	s.prior = max(s.prior, s.told, s.own, s.applied, s.snapshot)
	s.own, s.shown = 0, 0
	clear(s.acks)
	clear(s.sentAt)
	s.knows(term, now)
	if w.noVotes || s.term > term {
		return
	}
	votes := len(s.yes[term]) + 1
	if 2*votes > w.cfg.Servers {
		return
	}
	all := map[int]bool{}
	for _, who := range s.yes {
		for id := range who {
			all[id] = true
		}
	}
	switch {
	case led > 0 && s.asked < term:
		w.certainly(StaysLeader, now, s.id, "server %d, leader of term %d, leads in term %d as well, in which it has not asked for votes", s.id, led, term)
	case s.yesTwice[term]:
		w.certainly(VoteCountedTwice, now, s.id, "server %d leads in term %d with %d of %d votes, its own included; one of them reached it more than once",
			s.id, term, votes, w.cfg.Servers)
	case 2*(len(all)+1) > w.cfg.Servers:
		w.certainly(VotesOfOtherTerms, now, s.id, "server %d leads in term %d with %d of %d votes of that term, its own included; only with votes of other terms it has a majority",
			s.id, term, votes, w.cfg.Servers)
	default:
		w.certainly(ElectedWithoutMajority, now, s.id, "server %d leads in term %d with %d of %d votes, its own included", s.id, term, votes, w.cfg.Servers)
	}
}

// checkState checks what GetState says.
func (w *Watch) checkState(now time.Duration, s *server, term int, leads bool) {
	if term < s.stateTerm && w.before(s.stateAt, now) {
		if s.stateLife == s.life {
			w.certainly(TermWentBack, now, s.id, "server %d says it is in term %d; at %.3f s it said term %d", s.id, term, s.stateAt.Seconds(), s.stateTerm)
		} else if w.cfg.Persistence {
			w.certainly(TermNotSaved, now, s.id, "server %d says it is in term %d; before its restart, at %.3f s, it said term %d", s.id, term, s.stateAt.Seconds(), s.stateTerm)
		}
	}
	if term < s.term && w.before(s.termAt, now) {
		w.likely(TermNotAdopted, now, s.id, "server %d says it is in term %d, although it has carried out or sent an RPC of term %d at %.3f s", s.id, term, s.term, s.termAt.Seconds())
	}
	if leads {
		w.isLeader(now, s, term)
	}
	s.knows(term, now)
}

// checkReplyTerm checks the term of a reply.
func (w *Watch) checkReplyTerm(now time.Duration, c *callSeen, s *server) {
	if c.replyTerm > 0 && c.replyTerm < c.term {
		w.likely(TermNotAdopted, now, s.id, "server %d answers a request of term %d with term %d", s.id, c.term, c.replyTerm)
	}
	if c.replyTerm > 0 {
		if c.replyTerm == c.term && c.term < s.term && w.before(s.termAt, c.deliveredAt) {
			w.likely(TermWentBack, now, s.id, "server %d answers a request of term %d with term %d, although it has been in term %d since %.3f s", s.id, c.term, c.replyTerm, s.term, s.termAt.Seconds())
		}
		w.checkTermSaved(now, s, c.replyTerm, true)
		s.tells(c.replyTerm)
	}
}

// checkTermSaved checks that a server has saved a term before others hear of it. since says
// that it must have saved something since it had its last term; otherwise, in the first
// term of a life, that it must have saved something at all.
func (w *Watch) checkTermSaved(now time.Duration, s *server, term int, since bool) {
	if !w.cfg.Persistence || s.toldTerm[term] || w.others {
		return
	}
	learned := s.termAt
	if term == s.heard {
		learned = min(learned, s.heardAt)
		if term > s.term {
			learned = s.heardAt
		}
	}
	if term < s.term || !since && s.changedAt >= 0 {
		return
	}
	if s.changedAt < learned {
		w.certainly(TermNotSaved, now, s.id, "server %d tells others of term %d without having saved it: its saved state did not change since it learned of the term", s.id, term)
	}
}
