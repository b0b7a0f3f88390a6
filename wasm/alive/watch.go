// Package alive tells whether a peer with which a link is up still is there. The
// meshes of packages rtc and bus share it, since neither a data channel nor a
// BroadcastChannel tells that the other side was killed or frozen.
//
// A Watch pings, as a sign of life and for the round-trip time. A peer that was
// silent for two intervals is doubted: asked, and given up if it does not answer
// within AnswerWithin. Whoever has reason to, because signaling saw the peer go,
// say, raises the doubt at once, with less time to answer. Anything heard ends a
// doubt that silence raised. One that was raised from outside only an answer to a
// ping sent since then ends: what else comes may have been under way for long.
package alive

import "time"

// Times, all on the caller's clock.
const (
	// PingInterval is the time between pings of a link that matters.
	PingInterval = time.Second
	// AnswerWithin is how long a peer has to answer after it was silent for two
	// intervals.
	AnswerWithin = 3 * time.Second
	// LeftAnswerWithin is how long a peer that left signaling has to answer,
	// to which two round-trip times of at most MaxLeftRTT are added.
	LeftAnswerWithin = 50 * time.Millisecond
	MaxLeftRTT       = 250 * time.Millisecond
	// SuspendedAfter is the lateness of a wake-up from which it is taken that the
	// machine or tab was suspended, and a silent peer is asked once more rather
	// than given up.
	SuspendedAfter = 1500 * time.Millisecond
)

// Numbers is the number of ping numbers, from 0. What is above may serve others
// who ping by the same messages.
const Numbers = 1 << 31

// Watch is what one side knows of the other: state alone, without channel or
// clock. Times are the caller's, and must not go back. Where a method says that a
// ping is to be sent, Number is its number.
type Watch struct {
	interval time.Duration // between pings
	since    time.Duration // when doubted changed
	heardAt  time.Duration // when the peer was last heard
	pingAt   time.Duration // when the last ping was sent
	nextPing time.Duration
	number   uint32        // of the last ping
	rtt      time.Duration // of the last ping answered

	doubted bool
	hinted  bool          // doubted: nothing but the answer counts
	pressed bool          // hinted: by a Challenge
	probe   uint32        // doubted: the first ping whose answer counts
	downAt  time.Duration // doubted: when to give up
}

// Verdict is what a Watch finds at its time.
type Verdict uint8

const (
	// Fine: nothing is to be done.
	Fine Verdict = iota
	// Ask: a ping is to be sent.
	Ask
	// Quiet: the same, and the peer is doubted from now on since it is silent.
	Quiet
	// Gone: the peer did not answer.
	Gone
)

// Start begins anew, when the link has come up, with a time between pings.
func (w *Watch) Start(now, interval time.Duration) {
	w.interval, w.since, w.heardAt = interval, now, now
	w.doubted, w.hinted, w.pressed = false, false, false
}

// Since is when the peer began to be doubted, or not to be.
func (w *Watch) Since() time.Duration { return w.since }

// Doubted tells whether the peer has to answer.
func (w *Watch) Doubted() bool { return w.doubted }

// RTT is the round-trip time of the last ping that was answered; zero if none was.
func (w *Watch) RTT() time.Duration { return w.rtt }

// Number is that of the last ping.
func (w *Watch) Number() uint32 { return w.number }

// Due is the time at which Tick has something to do.
func (w *Watch) Due() time.Duration {
	if w.doubted {
		return min(w.nextPing, w.downAt)
	}
	return w.nextPing
}

// SetInterval changes the time between pings.
func (w *Watch) SetInterval(d time.Duration) {
	w.interval = d
	if !w.doubted {
		w.nextPing = w.pingAt + d
	}
}

// Ping says that a ping is to be sent now. It may be called before Start.
func (w *Watch) Ping(now time.Duration) {
	w.number = (w.number + 1) % Numbers
	w.pingAt, w.nextPing = now, now+w.interval
}

// Tick pings, doubts after a silence, and gives up after a longer one.
func (w *Watch) Tick(now time.Duration) Verdict {
	switch {
	case w.doubted && now-w.downAt > SuspendedAfter:
		// This side slept, and the answer may lie unread.
		w.Doubt(now, AnswerWithin)
		return Ask
	case w.doubted && now >= w.downAt:
		return Gone
	case now < w.nextPing:
		return Fine
	case !w.doubted && now-w.heardAt >= 2*w.interval:
		w.Doubt(now, AnswerWithin)
		return Quiet
	}
	w.Ping(now)
	return Ask
}

// Doubt asks the peer to answer within a time: a ping is to be sent.
func (w *Watch) Doubt(now, within time.Duration) {
	if !w.doubted {
		w.doubted, w.since = true, now
	}
	w.Ping(now)
	w.probe, w.downAt = w.number, now+within
}

// Challenge is Doubt for a reason from outside: nothing but the answer counts. The
// peer gets the whole time even if a Hint gave it less, but only once: until it has
// answered, further challenges change nothing, so that no number of them keeps one
// that is gone. It tells whether a ping is to be sent.
func (w *Watch) Challenge(now, within time.Duration) bool {
	if w.pressed {
		return false
	}
	w.hinted, w.pressed = true, true
	w.Doubt(now, within)
	return true
}

// Hint is likewise, but the sooner of two hints stands, and of a hint and a
// challenge before it.
func (w *Watch) Hint(now, within time.Duration) bool {
	if w.hinted && w.downAt <= now+within {
		return false
	}
	w.hinted = true
	w.Doubt(now, within)
	return true
}

// Left is the Hint that the peer's socket to signaling ended. Most often the peer
// is gone; but it may have lost nothing but signaling.
func (w *Watch) Left(now time.Duration) bool {
	return w.Hint(now, LeftAnswerWithin+2*min(w.rtt, MaxLeftRTT))
}

// Wants tells whether a sign of life is news. Of many, most need not be told.
func (w *Watch) Wants(now time.Duration) bool {
	return w.doubted || now-w.heardAt > PingInterval/4
}

// Heard takes a sign of life other than an answer.
func (w *Watch) Heard(now time.Duration) {
	w.heardAt = now
	if w.doubted && !w.hinted {
		w.doubted, w.since = false, now
	}
}

// Answered takes the answer to a ping.
func (w *Watch) Answered(now time.Duration, number uint32) {
	if number == w.number {
		w.rtt = now - w.pingAt
	}
	if number-w.probe <= w.number-w.probe {
		w.hinted, w.pressed = false, false
	}
	w.Heard(now)
}
