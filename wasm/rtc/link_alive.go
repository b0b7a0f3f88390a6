package rtc

import "tabraft/wasm/alive"

// This file holds the rules of a link that is up: is the peer still there?

// ask sends the watch's ping.
func (t *turn) ask() { t.do(action{kind: actPing, number: t.watch.Number()}) }

func (t *turn) tick() {
	switch t.watch.Tick(t.now) {
	case alive.Ask:
		t.ask()
	case alive.Quiet:
		t.do(action{kind: actSilent})
		t.ask()
	case alive.Gone:
		t.reason = "no answer"
		t.lose()
	}
}

func (t *turn) doubtLeft() {
	t.present = false
	if t.watch.Left(t.now) {
		t.ask()
	}
}

// doubtRival: signaling lists another incarnation of the peer. There is no hurry, as
// there is when it left: if it is gone, its connection closes, or signaling saw it
// leave before.
func (t *turn) doubtRival() {
	t.present = false
	if t.watch.Challenge(t.now, RivalAnswerWithin) {
		t.ask()
	}
}

func (t *turn) heard() { t.watch.Heard(t.now) }

func (t *turn) answered() { t.watch.Answered(t.now, t.number) }
