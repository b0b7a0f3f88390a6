package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// maxAlso bounds the findings that are shown beside the first.
const maxAlso = 3

// An Explanation is what the watch has to say about a failed test.
type Explanation struct {
	Finding *Finding
	Also    []Finding
	Trace   string
	Events  []Event
}

// explains lists, for each way to fail, the likely causes worth showing, the best
// first.
var explains = map[Kind][]Rule{
	NoLeader: {VoteRefused, TermNotAdopted, ElectionInOldTerm, TimeoutTooShort, SameTimeouts, TimerResetByRefused, TimerResetByOld, NoHeartbeats, TimerNotReset,
		TimerNotResetByVote, NeverCampaigns},
	TwoLeaders:       {TermNotAdopted},
	UnexpectedLeader: {TermNotAdopted},
	NoAgreement: {OldAppendAccepted, VoteRefused, TermNotAdopted, ElectionInOldTerm, LogNotChecked, LogMisstated, SlowBackup, NoBackup, CommitNotTold, NotCommitted, StartIndex,
		TimeoutTooShort, SameTimeouts, TimerResetByRefused, TimerResetByOld, NoHeartbeats, TimerNotReset, TimerNotResetByVote, ResendsMatched, NothingApplied, StartWaits,
		NeverCampaigns, TooManyHeartbeats},
	LostCommand:  {OldAppendAccepted, LogNotChecked, LogMisstated, TermWentBack, TermNotAdopted},
	ApplyDiffers: {OldAppendAccepted, LogNotChecked, LogMisstated, TermWentBack, TermNotAdopted},
	BadState:     {TermNotAdopted, StartIndex, NoHeartbeats, TimerNotReset, TimeoutTooShort, TimerNotResetByVote},
	Unstable:     {NoHeartbeats, TimerNotReset, TimeoutTooShort, TimerNotResetByVote, SameTimeouts},
	TooManyRPCs:  {TooManyHeartbeats, NoHeartbeats, TimerNotReset, TimeoutTooShort, SlowBackup, ResendsMatched},
	TooManyBytes: {ResendsMatched, SlowBackup, TooManyHeartbeats},
	LogTooLarge:  {LogNotCut},
	Timeout:      {StartWaits, NoHeartbeats, SlowBackup, NoBackup, SameTimeouts, TimeoutTooShort, TimerNotReset, VoteRefused, TermNotAdopted},
	Blocked:      {StartWaits},
}

// causes lists, for breaches that may only be the end of a story, the likely causes
// that would explain them. One that was seen before takes their place.
var causes = map[Rule][]Rule{
	StateMachineSafety: {OldAppendAccepted, LogNotChecked, TermWentBack},
	ConflictKept:       {OldAppendAccepted, LogNotChecked, TermWentBack},
	LogWentBack:        {OldAppendAccepted, TermWentBack},
	StaleLogVote:       {OldAppendAccepted},
}

// Explain says what it knows of a test that failed: the first breach of a rule
// that is certain, or else the most likely cause, and how the story ended.
func (w *Watch) Explain(kind Kind) Explanation {
	var e Explanation
	w.mu.Lock()
	latest := w.latest
	w.mu.Unlock()
	w.lockedAt(latest, func(now time.Duration) {
		w.silent(now)
		if kind == LogTooLarge {
			w.likely(LogNotCut, now, -1, "the service has given snapshots, and yet what is saved beside them has grown")
		}
		w.unapplied(now)
		w.uncommitted(now)
		for _, s := range w.servers {
			for to := range s.beats {
				if now-s.beats[to].since <= time.Second {
					w.tooOften(now, s, to)
				}
			}
		}
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	e.Finding = w.best(kind)
	for _, f := range w.findings {
		if len(e.Also) < maxAlso && (e.Finding == nil || f.Rule != e.Finding.Rule) && (f.Certain || slices.Contains(explains[kind], f.Rule)) {
			e.Also = append(e.Also, f)
		}
	}
	e.Trace, e.Events = w.trace(e.Finding)
	return e
}

// best returns the finding to show first.
func (w *Watch) best(kind Kind) *Finding {
	for i := range w.findings {
		if f := &w.findings[i]; f.Certain {
			if cause := w.firstOf(causes[f.Rule]); cause != nil && cause.number <= f.number {
				return cause
			}
			return f
		}
	}
	return w.firstOf(explains[kind])
}

// firstOf returns the finding about the first of the rules that there is one about.
func (w *Watch) firstOf(rules []Rule) *Finding {
	for _, rule := range rules {
		for i := range w.findings {
			if w.findings[i].Rule == rule {
				return &w.findings[i]
			}
		}
	}
	return nil
}

// unapplied finds servers that know of commits and do not apply them.
func (w *Watch) unapplied(now time.Duration) {
	for _, s := range w.servers {
		if known := max(s.limit, s.own); s.up && !w.noCommit && !w.noLog && known > s.applied {
			w.likely(NothingApplied, now, s.id, "server %d knows that index %d is committed, has it in its log, and has applied index %d only", s.id, known, s.applied)
		}
	}
}

// uncommitted finds leaders that have the acknowledgements of a majority and do not
// act on them.
func (w *Watch) uncommitted(now time.Duration) {
	for _, s := range w.servers {
		if s.up && !w.noCommit && !w.noLog && s.leadsTerm > 0 && s.leadsTerm == s.term && s.own > max(s.shown, s.applied) &&
			s.log.at(s.own) == s.leadsTerm && now-s.ownAt > newsTime {
			w.likely(NotCommitted, now, s.id, "server %d, leader of term %d, has had index %d acknowledged by a majority since %.3f s; it has applied index %d and told others that index %d is committed",
				s.id, s.leadsTerm, s.own, s.ownAt.Seconds(), s.applied, s.shown)
		}
	}
}

const (
	// traceRows is how many rows of a trace are shown.
	traceRows = 60
	// maxEvents is how many events go with a failure.
	maxEvents = 400
	// traceWidth is how wide a trace may be, and
	traceWidth = 150
	// minColumn how narrow a column.
	minColumn = 18
)

// trace draws what happened last before the finding, if there is one that a
// record belongs to, or before the end.
func (w *Watch) trace(f *Finding) (string, []Event) {
	records := w.lastRecords(maxRecords)
	title := "What happened last, in seconds:"
	if f != nil && f.Certain && w.kept != nil {
		if after := w.number - f.number; after >= len(records) {
			records = w.kept
		} else {
			records = records[:len(records)-after]
		}
		title = fmt.Sprintf("What happened until %.4f s, when the rule was broken:", f.At.Seconds())
	}
	var events []Event
	for i := max(0, len(records)-maxEvents); i < len(records); i++ {
		if records[i].kind != saved {
			events = append(events, records[i].event())
		}
	}
	return w.draw(events, title), events
}

// draw lays out events in one column per server. Heartbeats are only counted, and
// equal requests to several servers share a row.
func (w *Watch) draw(events []Event, title string) string {
	width := min(max(minColumn, (traceWidth-12)/w.cfg.Servers), 40)
	var rows []string
	beats := 0
	flush := func() {
		if beats > 0 {
			rows = append(rows, fmt.Sprintf("%10s  (%d steps of heartbeats)", "", beats))
			beats = 0
		}
	}
	for i := 0; i < len(events); i++ {
		e := events[i]
		if e.Heartbeat {
			beats++
			continue
		}
		flush()
		text := e.Text
		to, what, _ := strings.Cut(text, " ")
		for e.Kind == "sent" && i+1 < len(events) {
			next := events[i+1]
			nextTo, nextWhat, _ := strings.Cut(next.Text, " ")
			if next.Kind != e.Kind || next.Server != e.Server || next.At != e.At || nextWhat != what || next.Heartbeat {
				break
			}
			to += "," + strings.TrimPrefix(nextTo, "→")
			text = to + " " + what
			i++
		}
		rows = append(rows, fmt.Sprintf("%10.4f  %s%s", e.At.Seconds(), strings.Repeat(" ", width*e.Server), shorten(text, width-1)))
	}
	flush()
	if len(rows) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "  %s\n%12s", title, "")
	for i := range w.cfg.Servers {
		fmt.Fprintf(&b, "%-*s", width, fmt.Sprintf("server %d", i))
	}
	b.WriteByte('\n')
	if n := len(rows) - traceRows; n > 0 {
		rows = rows[n:]
	}
	for _, r := range rows {
		b.WriteString(strings.TrimRight(r, " "))
		b.WriteByte('\n')
	}
	return b.String()
}

func shorten(s string, width int) string {
	if r := []rune(s); len(r) > width {
		return string(r[:width-1]) + "…"
	}
	return s
}
