package rtc

import "time"

// This file holds the rules of a link that is up: is the peer still there?

// sendPing asks for an answer, for the round-trip time and as a sign of life.
func (t *turn) sendPing() {
	t.ping++
	t.pingAt, t.nextPing = t.now, t.now+PingInterval
	t.do(action{kind: actPing, number: t.ping})
}

// tick: ping, doubt after a silence, and give up after a longer one.
func (t *turn) tick() {
	if t.phase == probing && t.now >= t.downAt {
		t.unanswered()
		return
	}
	if t.now < t.nextPing {
		return
	}
	if t.phase == open && t.now-t.heardAt >= QuietAfter {
		t.do(action{kind: actSilent})
		t.doubt(AnswerWithin)
		return
	}
	t.sendPing()
}

// doubt asks the peer to answer within a time.
func (t *turn) doubt(within time.Duration) {
	if t.phase == open {
		t.enter(probing)
	}
	t.sendPing()
	t.probe, t.downAt = t.ping, t.now+within
}

// unanswered: the time is over. If it was over long ago this machine slept, and
// the answer may lie unread: ask again.
func (t *turn) unanswered() {
	if t.now-t.downAt > SuspendedAfter {
		t.doubt(AnswerWithin)
		return
	}
	t.reason = "no answer"
	t.lose()
}

// doubtLeft: the peer's socket to the signaling server ended. Most often the
// peer is gone; but it may have lost nothing but signaling.
func (t *turn) doubtLeft() {
	t.present = false
	within := LeftAnswerWithin + 2*min(t.rtt, MaxLeftRTT)
	if t.phase == probing && t.hinted && t.downAt <= t.now+within {
		return
	}
	t.hinted = true
	t.doubt(within)
}

// doubtRival: signaling lists another incarnation of the peer. There is no hurry, as
// there is when it left: if it is gone, its connection closes, or signaling saw it
// leave before.
func (t *turn) doubtRival() {
	t.present, t.hinted = false, true
	t.doubt(RivalAnswerWithin)
}

// heard: a fragment has come. It ends a doubt that silence raised; a doubt
// raised by a hint it does not, since it may have been under way for long.
func (t *turn) heard() {
	t.heardAt = t.now
	if t.phase == probing && !t.hinted {
		t.enter(open)
	}
}

// answered: a ping came back.
func (t *turn) answered() {
	if t.number == t.ping {
		t.rtt = t.now - t.pingAt
	}
	if t.phase == probing && t.number-t.probe <= t.ping-t.probe {
		t.hinted = false
	}
	t.heard()
}

// repair: ICE lost its path. The offerer restarts ICE; the answerer asks it to.
// Meanwhile the peer has AnswerWithin to be heard on the old path or a new one.
func (t *turn) repair() {
	if t.phase == open {
		t.do(action{kind: actSilent})
		t.doubt(AnswerWithin)
	}
	if t.offerer {
		t.restartICE()
		return
	}
	t.say(signal{Kind: signalRequest, Restart: true})
}

// restartICE offers a new path for the same connection, unless that is under
// way already.
func (t *turn) restartICE() {
	if t.restarting || t.phase == connecting {
		return
	}
	t.restarting = true
	t.restarts++
	t.round++
	t.candidates = 0
	t.do(action{kind: actOffer, restart: true, signal: signal{Round: t.round}})
}
