package rtc

import "tabraft/wasm/alive"

// This file holds the rules of an ICE restart, which finds another path for a
// connection that stands. The offerer offers it as a new round of the attempt; the
// answerer can but ask for that. Either may be lost, when one of the two has lost
// signaling along with the path. So what got no answer is said again where there is
// reason to: when signaling is back, and when the path is lost once more. No timer
// repeats it: if nothing is heard meanwhile, the watch ends the link.

// repair: ICE lost its path. Meanwhile the peer has alive.AnswerWithin to be heard
// on the old path or a new one.
func (t *turn) repair() {
	if t.sure() {
		t.do(action{kind: actSilent})
		t.watch.Doubt(t.now, alive.AnswerWithin)
		t.ask()
	}
	t.restart()
}

// restart offers an ICE restart, or asks for one, unless that is under way already.
func (t *turn) restart() {
	if t.phase == connecting || t.restarting && t.now < t.restartBy {
		return
	}
	t.restarting, t.restartBy = true, t.now+AnswerTimeout
	if !t.offerer {
		t.say(signal{Kind: signalRequest, Restart: true})
		return
	}
	t.restarts++
	t.round++
	t.candidates = 0
	t.do(action{kind: actOffer, restart: true, signal: signal{Round: t.round}})
}

// unsent: our part of an ICE restart, offer or answer, did not leave, so nothing
// will come of it.
func (t *turn) unsent() { t.restarting, t.restartBy = true, t.now }

// restartAgain: the peer, or we, came back to signaling. What an ICE restart still
// waits for may have been lost while they were away.
func (t *turn) restartAgain() {
	t.present = true
	if t.restarting {
		t.restartBy = t.now
		t.restart()
	}
}

// restartAsked: the answerer has lost its path. If it has our last offer, then that
// was answered, or its answer is lost. If not, that offer is on its way or lost; or,
// if it was answered, the request is an old one.
func (t *turn) restartAsked() {
	switch {
	case t.signal.Round == t.round:
		t.restarting = false
	case !t.restarting:
		return
	}
	t.restart()
}
