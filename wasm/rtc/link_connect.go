package rtc

import (
	"time"

	"tabraft/wasm/alive"
)

// This file holds the rules that make a connection, and make it again.

// begin: signaling says that the peer is there. The offerer dials at once; the
// answerer gives it time to, from the first time on.
func (t *turn) begin() {
	t.present = true
	if t.now < t.mutedTo {
		return
	}
	if t.offerer {
		t.dial()
		return
	}
	if t.retryAt == 0 {
		t.retryAt = t.now + OfferTimeout
	}
}

// offerAgain: the peer, or we, came back to signaling. An offer that was not
// answered may have been lost while they were away.
func (t *turn) offerAgain() {
	t.present = true
	if t.offerer && !t.accepted {
		t.reason = "the peer was away from signaling"
		t.drop()
		t.dial()
	}
}

func (t *turn) unlisted() { t.present = false }
func (t *turn) forget()   { t.do(action{kind: actForget}) }

// dial makes the next connection and offers it.
func (t *turn) dial() {
	t.attempt++
	t.connect(min(AnswerTimeout<<min(t.failures, 4), ConnectTimeout))
	t.do(action{kind: actOpen})
	t.do(action{kind: actOffer, signal: signal{Round: t.round}})
}

// connect starts the phase of that name.
func (t *turn) connect(within time.Duration) {
	t.enter(connecting)
	t.round, t.candidates = 0, 0
	t.accepted, t.helloSent, t.helloHeard = false, false, false
	t.restarting = false
	t.giveUpAt = t.now + within
}

// try: the back-off is over. The answerer can but ask, and ask again.
func (t *turn) try() {
	if t.now < t.retryAt {
		return
	}
	if t.offerer {
		t.dial()
		return
	}
	t.say(signal{Kind: signalRequest})
	t.failures++
	t.retryAt = t.now + max(t.backoff(), OfferTimeout/4)
}

// backoff is a random time that grows with the failures in a row: full jitter,
// so that two sides that failed together do not try together.
func (t *turn) backoff() time.Duration {
	limit := min(MinBackoff<<min(t.failures, 10), MaxBackoff)
	return time.Duration(t.chance * float64(limit))
}

func (t *turn) giveUp() {
	if t.now < t.giveUpAt {
		return
	}
	t.reason = "no connection within the time allowed"
	if t.offerer && !t.accepted {
		t.reason = "the peer did not answer the offer"
	}
	t.lose()
}

// lose gives the connection up for t.reason and has another one made, if the
// peer can still be reached through signaling.
func (t *turn) lose() {
	t.drop()
	t.enter(waiting)
	t.retryAt = max(t.now+t.backoff(), t.mutedTo)
	t.failures++
	if !t.present {
		t.forget()
	}
}

// drop closes the connection for t.reason.
func (t *turn) drop() {
	t.lastError = t.reason
	t.restarts++
	if t.suspect {
		t.mutedTo = t.now + min(MuteFirst<<min(t.violations, 6), MuteMax)
		t.violations++
		t.do(action{kind: actRefuse, reason: t.reason})
	}
	t.do(action{kind: actClose})
	if !t.up() {
		return
	}
	if !t.suspect && t.now-t.since >= StableAfter {
		t.failures = 0
	}
	t.do(action{kind: actDown, reason: t.reason})
}

// replace: the peer lives a new life; nothing of the old one counts any more.
func (t *turn) replace() {
	t.reason = "the peer was started again"
	t.drop()
	t.forget()
}

// takeOffer: a newer attempt replaces what there is, even if it looks well: the
// offerer knows that it is not. A newer round of the same attempt is an ICE
// restart.
func (t *turn) takeOffer() {
	s := t.signal
	switch {
	case t.offerer || s.Attempt < t.attempt || s.Attempt == t.attempt && (t.phase == waiting || s.Round <= t.round):
		return
	case t.now < t.mutedTo:
		return
	case !t.offers.Take(t.now, OffersPerSecond, OfferBurst):
		t.do(action{kind: actRefuse, reason: "it makes offers too often"})
		return
	case s.Attempt > t.attempt:
		if t.phase != waiting {
			t.reason = "the peer made a new connection"
			t.drop()
		}
		t.attempt = s.Attempt
		t.connect(ConnectTimeout)
		t.do(action{kind: actOpen})
	default:
		t.restarting = false
		t.restarts++
	}
	t.round, t.candidates = s.Round, 0
	t.do(action{kind: actAnswer, signal: s})
}

// current tells whether a signal is about the present connection and round.
func (t *turn) current() bool {
	return t.signal.Attempt == t.attempt && t.signal.Round == t.round
}

// takeAnswer: an offer has one answer. Signals can be repeated by whoever carries
// them, and a connection that is given an answer twice ends.
func (t *turn) takeAnswer() {
	awaited := t.restarting || t.phase == connecting && !t.accepted
	if !t.offerer || !t.current() || !awaited {
		return
	}
	t.restarting = false
	if t.phase == connecting {
		t.accepted = true
		t.giveUpAt = t.now + ConnectTimeout
	}
	t.do(action{kind: actAccept, signal: t.signal})
}

func (t *turn) takeCandidate() {
	if !t.current() || t.candidates >= MaxCandidates {
		return
	}
	t.candidates++
	t.do(action{kind: actCandidate, signal: t.signal})
}

// takeRequest: the answerer cannot offer, so it asks. A request about an older
// attempt crossed our newer offer: both sides had noticed. What is asked
// for costs as much as an offer, and counts like one.
func (t *turn) takeRequest() {
	s := t.signal
	switch {
	case !t.offerer || t.phase != waiting && s.Attempt != t.attempt:
	case t.phase == waiting && (!t.present || t.now < t.mutedTo):
	case !t.offers.Take(t.now, OffersPerSecond, OfferBurst):
		t.do(action{kind: actRefuse, reason: "it asks for connections too often"})
	case t.phase == waiting:
		t.dial()
	case s.Restart:
		t.restartAsked()
	default:
		t.reason = "the peer gave the connection up"
		t.lose()
	}
}

// tell sends the peer what our own connection came up with. The description
// of an ICE restart that has been overtaken by another is not sent.
func (t *turn) tell() {
	if t.signal.Round == t.round {
		t.say(t.signal)
	}
}

func (t *turn) ready() {
	t.helloSent = true
	t.do(action{kind: actHello})
	t.greeted()
}

func (t *turn) peerReady() {
	if t.helloHeard {
		t.helloAgain()
		return
	}
	t.helloHeard = true
	t.greeted()
}

// greeted: both sides said hello.
func (t *turn) greeted() {
	if !t.helloSent || !t.helloHeard {
		return
	}
	t.enter(open)
	t.lastError = ""
	t.watch.Start(t.now, alive.PingInterval)
	t.do(action{kind: actUp})
	t.watch.Ping(t.now)
	t.ask()
}

func (t *turn) helloAgain() {
	t.reason, t.suspect = "the peer said hello twice", true
	t.lose()
}

func (t *turn) tooEarly() {
	t.reason, t.suspect = errBeforeHello.Error(), true
	t.lose()
}
