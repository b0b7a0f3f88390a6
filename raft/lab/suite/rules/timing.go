package rules

import "time"

// Limits of what looks usual.
const (
	// beatsASecond is how many heartbeats a second to one server are too many; ten are
	// allowed.
	beatsASecond = 13
	// tooSoon is how soon after a heartbeat an election looks wrong, when the
	// next heartbeat could not even have come.
	tooSoon = 90 * time.Millisecond
	// splitWithin is how close together two elections count as begun at the same time, and
	splitWithin = 2 * time.Millisecond
	// splitsInARow how many such terms in a row are no accident.
	splitsInARow = 4
	// stepsBack is how many refusals in a row, each one entry further back, are slow.
	stepsBack = 12
	// silentFor is how long a server may be without a reason for not beginning an election.
	silentFor = 2500 * time.Millisecond
)

// A timer is what is known of a server's election timer.
type timer struct {
	resetAt time.Duration // when it had last to be reset
	why     timerReset
	beatAt  time.Duration // the last heartbeat of the current leader, and its term
	beat    int
	// Since then:
	old     int // AppendEntries of old terms
	refused int // votes refused
}

type timerReset uint8

const (
	atStart timerReset = iota
	byHeartbeat
	byVote
	byElection
)

func (t *timer) set(now time.Duration, why timerReset) {
	t.resetAt, t.why, t.old, t.refused = now, why, 0, 0
}

func (t *timer) reset(now time.Duration)   { t.set(now, byElection) }
func (t *timer) granted(now time.Duration) { t.set(now, byVote) }
func (t *timer) heartbeat(now time.Duration, term int) {
	t.set(now, byHeartbeat)
	t.beatAt, t.beat = now, term
}

// campaigns: a server begins an election.
func (w *Watch) campaigns(now time.Duration, c *callSeen, s *server) {
	if gap := now - s.timer.resetAt; gap < tooSoon && !(w.cfg.Virtual && gap == 0) {
		switch s.timer.why {
		case byHeartbeat:
			rule := TimerNotReset
			if gap > tooSoon*2/3 {
				rule = TimeoutTooShort
			}
			w.likely(rule, now, s.id, "server %d begins an election for term %d only %.0f ms after it got AppendEntries from the leader of its term",
				s.id, c.term, gap.Seconds()*1000)
		case byVote:
			w.likely(TimerNotResetByVote, now, s.id, "server %d begins an election for term %d only %.0f ms after it granted a vote", s.id, c.term, gap.Seconds()*1000)
		case byElection:
			w.likely(TimeoutTooShort, now, s.id, "server %d begins an election for term %d only %.0f ms after its last", s.id, c.term, gap.Seconds()*1000)
		}
	}
	s.timer.reset(now)
	w.splits.campaign(w, now, c.term, s.id)
}

// splits counts elections that servers begin at the same time.
type splits struct {
	term, first int
	at          time.Duration
	counted     bool
	row         int
}

func (p *splits) campaign(w *Watch, now time.Duration, term, id int) {
	if term > p.term {
		if !p.counted {
			p.row = 0
		}
		p.term, p.first, p.at, p.counted = term, id, now, false
		return
	}
	if term == p.term && !p.counted && now-p.at <= splitWithin {
		p.counted = true
		if p.row++; p.row >= splitsInARow {
			w.likely(SameTimeouts, now, id, "servers %d and %d have begun elections at the same time in each of the last %d terms, to term %d", p.first, id, p.row, term)
		}
	}
}

// beats counts the heartbeats of a leader to one server.
type beats struct {
	since time.Duration
	n     int
}

func (w *Watch) beat(now time.Duration, c *callSeen, s *server) {
	if c.count > 0 {
		return
	}
	b := &s.beats[c.to]
	if now-b.since >= time.Second {
		if b.n > beatsASecond && now-b.since < 2*time.Second {
			w.likely(TooManyHeartbeats, now, s.id, "server %d sent server %d %d heartbeats within a second; ten are allowed", s.id, c.to, b.n)
		}
		b.since, b.n = now, 0
	}
	b.n++
}

// A backup is a leader's way back over one follower's log.
type backup struct {
	term, index, steps int
}

func (w *Watch) backsUp(now time.Duration, c *callSeen, s *server) {
	b := &s.backup[c.to]
	if c.replyTerm > c.term || !c.hasLog {
		return
	}
	switch {
	case b.term == c.term && c.index == b.index-1:
		b.steps++
	case b.term == c.term && c.index == b.index: // asked again
	default:
		b.steps = 0
	}
	b.term, b.index = c.term, c.index
	if b.steps >= stepsBack {
		w.likely(SlowBackup, now, s.id, "server %d, leader of term %d, goes back over server %d's log one entry at a time, %d times up to index %d",
			s.id, c.term, c.to, b.steps, c.index)
	}
}

// silent finds servers that should have begun an election.
func (w *Watch) silent(now time.Duration) {
	for _, s := range w.servers {
		if !s.up || s.asked > 0 && s.asked >= s.term && s.leadsTerm == s.asked || s.leadsTerm == s.term && s.term > 0 {
			continue
		}
		idle := now - max(s.timer.resetAt, s.beganAt)
		if idle < silentFor {
			continue
		}
		switch {
		case s.timer.refused > 1:
			w.likely(TimerResetByRefused, now, s.id, "server %d has begun no election for %.1f s, although it heard from no leader; in that time it refused its vote %d times", s.id, idle.Seconds(), s.timer.refused)
		case s.timer.old > 1:
			w.likely(TimerResetByOld, now, s.id, "server %d has begun no election for %.1f s, although it heard from no leader of its term; in that time it got %d AppendEntries of older terms", s.id, idle.Seconds(), s.timer.old)
		default:
			w.likely(NeverCampaigns, now, s.id, "server %d has begun no election for %.1f s, although it heard from no leader", s.id, idle.Seconds())
		}
	}
}
