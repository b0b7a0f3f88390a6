package rules

import "time"

// appends: a server replies to AppendEntries.
func (w *Watch) appends(now time.Duration, c *callSeen, s *server) {
	current := c.term >= s.term
	if current && (c.replyTerm == 0 || c.replyTerm <= c.term) {
		s.timer.heartbeat(now, c.term)
	} else {
		s.timer.old++
	}
	news := s.given.lacks(c)
	if c.yes || !c.known {
		s.given.take(c)
	}
	if !c.known || !c.hasLog || w.noLog {
		return
	}
	if !c.yes {
		if c.replyTerm > c.term && !(s.term > c.term && w.before(s.termAt, c.deliveredAt)) {
			s.limits(c) // it may have carried it out before it heard of the later term
			s.given.take(c)
		}
		w.refusesAppend(now, c, s)
		return
	}
	if s.term > c.term && w.before(s.termAt, c.deliveredAt) {
		w.likely(OldAppendAccepted, now, s.id, "server %d accepts AppendEntries of server %d in term %d, although it has been in term %d since %.3f s",
			s.id, c.from, c.term, s.term, s.termAt.Seconds())
		s.log.forget(now) // it may have followed an old leader
		return
	}
	w.checksPrev(now, c, s)
	s.limits(c)
	w.adopt(now, c, s)
	if news && !w.others && w.cfg.Persistence && s.changedAt < s.earliestOpen(c) {
		w.certainly(LogNotSaved, now, s.id, "server %d acknowledges %d entries behind index %d without having saved them: its saved state did not change since the request came",
			s.id, c.count, c.index)
	}
	if last, _ := s.log.last(); c.index+c.count < last {
		s.shorter = c
	}
	if end := c.index + c.count; s.ackTerm != c.term || end > s.ackIndex {
		s.ackTerm, s.ackIndex, s.ackAt, s.sinceAck = c.term, end, now, nil
	} else if end < s.ackIndex {
		s.sinceAck = c
	}
}

// adopt brings the model to what the server has just acknowledged.
func (w *Watch) adopt(now time.Duration, c *callSeen, s *server) {
	if last, _ := s.log.last(); c.index > last || s.log.at(c.index) == unknownTerm {
		s.log.set(c.index, c.iterm, false, now)
	}
	for i, term := range c.entries {
		index := c.index + 1 + i
		if index <= s.log.base {
			continue
		}
		s.log.set(index, term, false, now)
	}
}

// earliestOpen returns when the earliest request arrived that a server is still carrying
// out, c's own arrival if there is none: what c acknowledges may
// have been saved on behalf of another.
func (s *server) earliestOpen(c *callSeen) time.Duration {
	at := c.deliveredAt
	for o := range s.open {
		at = min(at, o.deliveredAt)
	}
	return at
}

// refusesAppend: what a server has acknowledged in a term, it cannot refuse in
// the same term.
func (w *Watch) refusesAppend(now time.Duration, c *callSeen, s *server) {
	if t := s.log.at(c.index); t != unknownTerm && t != c.iterm && c.term >= s.term {
		// It may delete an entry that it knows to be wrong.
		s.log.truncateFrom(c.index, now)
	}
	lost := s.ackTerm == c.term && c.index <= s.ackIndex && w.before(s.ackAt, c.deliveredAt) &&
		s.term <= c.term && c.replyTerm <= c.term && !w.snapshots
	if !lost {
		return
	}
	rule, how := AcknowledgedLost, ""
	if o := s.sinceAck; o != nil && o.count == 0 {
		rule, how = HeartbeatTruncates, " In between it got a heartbeat that ended before that index."
	} else if o != nil {
		rule, how = OldAppendTruncates, " In between it got an older AppendEntries that ended before that index."
	}
	w.certainly(rule, now, s.id, "server %d refuses AppendEntries of server %d that begins behind index %d, although at %.3f s, in the same term %d, it acknowledged everything up to index %d.%s",
		s.id, c.from, c.index, s.ackAt.Seconds(), c.term, s.ackIndex, how)
}

// checkOwnLog compares the end of a log that a candidate claims with what it has
// acknowledged, and takes it for the truth.
func (w *Watch) checkOwnLog(now time.Duration, c *callSeen, s *server) {
	index, term := s.log.last()
	if older(c.index, c.iterm, index, term) && w.before(s.log.changed, now) {
		o := s.sinceAck
		if o == nil {
			o = s.shorter
		}
		switch {
		case s.log.changed < s.beganAt && w.cfg.Persistence:
			w.certainly(LogNotSaved, now, s.id, "server %d has a log that ends with index %d of term %d; before its restart it had acknowledged index %d of term %d", s.id, c.index, c.iterm, index, term)
		case o != nil && o.count == 0:
			w.certainly(HeartbeatTruncates, now, s.id, "server %d has a log that ends with index %d of term %d; it had acknowledged index %d of term %d, and then got a heartbeat that ended before that", s.id, c.index, c.iterm, index, term)
		case o != nil:
			w.certainly(OldAppendTruncates, now, s.id, "server %d has a log that ends with index %d of term %d; it had acknowledged index %d of term %d, and then got an older AppendEntries that ended before that", s.id, c.index, c.iterm, index, term)
		default:
			w.certainly(LogWentBack, now, s.id, "server %d has a log that ends with index %d of term %d; it had acknowledged, or taken by Start, index %d of term %d", s.id, c.index, c.iterm, index, term)
		}
	}
	s.log.set(c.index, c.iterm, false, now)
	s.log.truncateFrom(c.index+1, now)
}

// installs: a server replies to InstallSnapshot.
func (w *Watch) installs(now time.Duration, c *callSeen, s *server) {
	if c.term >= s.term {
		s.timer.heartbeat(now, c.term)
	}
	s.given.take(c)
	if w.noLog || c.term < s.term || c.replyTerm > c.term {
		return
	}
	s.limit = max(s.limit, c.index)
	last, _ := s.log.last()
	switch {
	case c.index <= max(s.applied, s.snapshot) || c.index <= s.log.base:
		// It is old, and changes nothing.
	case c.index <= last:
		// The server may keep what follows, or not.
		s.log.snapshot(c.index, c.iterm, false, now)
	default:
		s.log.snapshot(c.index, c.iterm, false, now)
	}
}

// resendsInARow is how many requests full of acknowledged entries are no accident: a few
// may have been on their way when the acknowledgement came.
const resendsInARow = 4

// resends: a leader sends entries, or a snapshot, that the follower has acknowledged.
func (w *Watch) resends(now time.Duration, c *callSeen, s *server) {
	if w.noLog || c.kind == appendEntries && c.count == 0 || c.term != s.leadsTerm {
		return
	}
	if snapshot := c.kind == installSnapshot; c.index >= s.acks[c.to] && !(snapshot && c.index > 0 && c.index == s.acks[c.to]) {
		s.resent = 0
		return
	}
	if s.resent++; s.resent < resendsInARow {
		return
	}
	if c.kind == installSnapshot {
		w.likely(ResendsMatched, now, s.id, "server %d, leader of term %d, sends server %d its snapshot up to index %d again and again, although it has acknowledged all up to index %d in that term",
			s.id, c.term, c.to, c.index, s.acks[c.to])
	} else {
		w.likely(ResendsMatched, now, s.id, "server %d, leader of term %d, sends server %d entries from index %d on, although it has acknowledged all up to index %d in that term",
			s.id, c.term, c.to, c.index+1, s.acks[c.to])
	}
}
