package rules

import (
	"slices"
	"time"
)

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
	// samePlace is how many refusals in a row at one index look as if it stayed so.
	samePlace = 5
	// lateHalves is how much longer than any other a timeout has to be to be too late: five
	// halves of it. A ticker that sleeps, and looks whether something came in the
	// meantime, may well take twice as long the next time.
	lateHalves = 5
	// enoughTimeouts is how many timeouts must have been seen before one is too late.
	enoughTimeouts = 16
	// After heartbeats and after votes, an election that begins too soon is
	// certainly wrong when it happens that often.
	earlyAfterBeats = 3
	earlyAfterVotes = 2
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
	asLeader // it leads, or did: when it stepped down is not seen
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

// timeouts are the election timeouts seen in a run: from a reason to wait to the
// election, with nothing in between that might have been taken for a reason.
type timeouts struct {
	n        int
	min, max time.Duration
}

func (t *timeouts) add(d time.Duration) {
	if t.n == 0 || d < t.min {
		t.min = d
	}
	t.max = max(t.max, d)
	t.n++
}

// campaigns: a server begins an election.
func (w *Watch) campaigns(now time.Duration, c *callSeen, s *server) {
	w.unheard(now, s)
	gap := now - s.timer.resetAt
	switch undisturbed := s.timer.old == 0 && s.timer.refused == 0; {
	case undisturbed && (s.timer.why == atStart || s.timer.why == byElection) || gap >= tooSoon && undisturbed && s.timer.why != asLeader:
		w.timeouts.add(gap)
	case gap >= tooSoon && s.timer.why != asLeader:
		w.tooLate(now, gap, s)
	}
	if gap < tooSoon && w.before(s.timer.resetAt, now) && !w.noTimers {
		w.tooEarly(now, c.term, gap, s)
	}
	s.timer.reset(now)
	w.splits.campaign(w, now, c.term, s.id)
}

// tooEarly: an election begins sooner after a reason to wait than any timeout
// that makes sense.
func (w *Watch) tooEarly(now time.Duration, term int, gap time.Duration, s *server) {
	ms := gap.Seconds() * 1000
	short := w.timeouts.n > 0 && w.timeouts.min < tooSoon
	switch {
	case s.timer.why == atStart || s.timer.why == asLeader:
	case short:
		w.likely(TimeoutTooShort, now, s.id, "server %d begins an election for term %d only %.0f ms after it began to wait", s.id, term, ms)
	case s.timer.why == byHeartbeat && !w.mayBeat(s):
		// Its leader is gone.
	case s.timer.why == byHeartbeat:
		if w.earliest == 0 || now-s.timer.resetAt < w.earliest {
			w.earliest = now - s.timer.resetAt
		}
		rule := TimerNotReset
		if w.earliest > tooSoon*2/3 {
			rule = TimeoutTooShort
		}
		w.again(rule, now, s.id, earlyAfterBeats, "server %d begins an election for term %d only %.0f ms after it got AppendEntries from the leader of its term",
			s.id, term, ms)
	case s.timer.why == byVote:
		w.again(TimerNotResetByVote, now, s.id, earlyAfterVotes, "server %d begins an election for term %d only %.0f ms after it granted a vote", s.id, term, ms)
	}
}

// mayBeat tells whether the leader that a server last heard of can still reach it.
func (w *Watch) mayBeat(s *server) bool {
	id, known := w.leaders[s.timer.beat]
	if !known {
		return false
	}
	leader := w.servers[id]
	return leader.up && leader.connected && s.connected && leader.leadsTerm == s.timer.beat
}

// unheard: a server begins an election although its leader can reach it.
func (w *Watch) unheard(now time.Duration, s *server) {
	id, known := w.leaders[s.term]
	if !known || id == s.id {
		return
	}
	leader := w.servers[id]
	if !leader.up || !leader.connected || !s.connected || leader.leadsTerm != s.term || leader.term > s.term {
		return
	}
	since := max(leader.sentAt[s.id], leader.leadsFrom, leader.connectedAt, s.connectedAt)
	if gap := now - since; gap > 2*tooSoon {
		w.likely(NoHeartbeats, now, leader.id, "server %d, leader of term %d, has sent server %d nothing for %.0f ms, so that it begins an election", leader.id, s.term, s.id, gap.Seconds()*1000)
	}
}

// tooLate: an election begins much later than any other without a reason, and
// something happened meanwhile that is no reason.
func (w *Watch) tooLate(now, gap time.Duration, s *server) {
	if w.noTimers || !w.cfg.Virtual || w.timeouts.n < enoughTimeouts || 2*gap < lateHalves*w.timeouts.max {
		return
	}
	if s.timer.refused > 0 {
		w.certainly(TimerResetByRefused, now, s.id, "server %d begins an election only after %.0f ms; it heard from no leader in that time, but refused its vote %d times. All other times it and the others waited %.0f ms at most",
			s.id, gap.Seconds()*1000, s.timer.refused, w.timeouts.max.Seconds()*1000)
		return
	}
	w.certainly(TimerResetByOld, now, s.id, "server %d begins an election only after %.0f ms; it heard from no leader of its term in that time, but got %d AppendEntries of older terms. All other times it and the others waited %.0f ms at most",
		s.id, gap.Seconds()*1000, s.timer.old, w.timeouts.max.Seconds()*1000)
}

// again notes something that is a likely cause at first, and certain in virtual
// time when it has happened a number of times.
func (w *Watch) again(rule Rule, now time.Duration, id, times int, format string, args ...any) {
	if w.times[rule]++; w.times[rule] < times || !w.cfg.Virtual {
		w.likely(rule, now, id, format, args...)
		return
	}
	if w.times[rule] == times {
		w.seen[rule] = false
		w.findings = slices.DeleteFunc(w.findings, func(f Finding) bool { return f.Rule == rule })
		w.certainly(rule, now, id, format+", for the %s time", append(args, []string{"", "first", "second", "third"}[times])...)
	}
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
		if now-b.since < 2*time.Second {
			w.tooOften(now, s, c.to)
		}
		b.since, b.n = now, 0
	}
	b.n++
}

// tooOften looks at the heartbeats since the last full second.
func (w *Watch) tooOften(now time.Duration, s *server, to int) {
	if b := s.beats[to]; b.n > beatsASecond {
		w.likely(TooManyHeartbeats, now, s.id, "server %d sent server %d %d heartbeats in %.1f s; ten in a second are allowed", s.id, to, b.n, (now - b.since).Seconds())
	}
}

// A backup is a leader's way back over one follower's log.
type backup struct {
	term, index, steps int
	since              time.Duration // of refusals at this index, and
	same               int           // how many
}

func (w *Watch) backsUp(now time.Duration, c *callSeen, s *server) {
	b := &s.backup[c.to]
	if c.replyTerm > c.term || w.servers[c.to].term > c.term || !c.hasLog {
		return // refused for its term
	}
	switch {
	case b.term == c.term && c.index == b.index-1:
		b.steps++
	case b.term == c.term && c.index == b.index: // asked again
	case b.term == c.term && c.index > b.index:
		return // an old reply, that comes late
	default:
		b.steps = 0
	}
	if b.term != c.term || c.index != b.index {
		b.same, b.since = 0, now
	}
	b.term, b.index = c.term, c.index
	if b.same++; b.same >= samePlace && now-b.since > newsTime {
		w.likely(NoBackup, now, s.id, "server %d, leader of term %d, was refused %d times by server %d with prevLogIndex %d, and does not go back",
			s.id, c.term, b.same, c.to, c.index)
	}
	if b.steps >= stepsBack {
		w.likely(SlowBackup, now, s.id, "server %d, leader of term %d, goes back over server %d's log one entry at a time, %d times up to index %d",
			s.id, c.term, c.to, b.steps, c.index)
	}
}

// silent finds servers that should have begun an election.
func (w *Watch) silent(now time.Duration) {
	if w.noTimers {
		return
	}
	for _, s := range w.servers {
		if !s.up || s.term > 0 && s.leadsTerm == s.term {
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
