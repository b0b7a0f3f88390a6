package rtc

import (
	"time"

	"tabraft/wasm/alive"
)

// This file holds what a link does when there is reason to think that what did not
// work works again: the network has come back, or a tab that was stopped goes on.

// retryYoung is the age up to which a connection that is being made is left alone:
// most take a few 100 ms.
const retryYoung = time.Second

// retry: no waiting, and no long waits after that.
func (t *turn) retry() {
	if t.now < t.mutedTo {
		return
	}
	t.failures, t.retryAt = 0, t.now
	t.try()
}

// retryConnecting: an offer without an answer may have been lost, as in offerAgain.
// An answered one may have been made without the addresses that there are now, but
// perhaps the connection is just slow: it gets as long as an offer.
func (t *turn) retryConnecting() {
	if t.now-t.since < retryYoung {
		return
	}
	t.failures = 0
	if t.offerer && !t.accepted {
		t.reason = "the network was away"
		t.drop()
		t.dial()
		return
	}
	t.giveUpAt = min(t.giveUpAt, t.now+AnswerTimeout)
}

// retryOpen: does the link still work?
func (t *turn) retryOpen() {
	if t.sure() {
		t.watch.Doubt(t.now, alive.AnswerWithin)
		t.ask()
	}
}
