package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// hiddenFor is how long two of three tabs are hidden.
const hiddenFor = time.Minute

// hiddenCommandTimeout bounds a command while tabs are hidden: less than the
// second to which browsers round their timers.
const hiddenCommandTimeout = 500 * time.Millisecond

// watchChanges is JavaScript that collects changes of leader, term and role.
const watchChanges = `window.changes = [], ["leader", "term", "role"].forEach((kind) =>
	tabraft.on(kind, (e) => changes.push(kind + " " + JSON.stringify(e)))), true`

// Three tabs in one window of a headed browser, of which only one shows: for a
// minute the leader, which is hidden, stays, and so does the term.
func TestHiddenTabs(t *testing.T) {
	r := startRoom(t, browserOptions{display: startDisplay(t)})
	tabs := r.openTabs(3)
	leader := r.waitCluster(3, tabs...)
	shown := except(tabs, leader)[0]
	shown.front()
	waitFor(t, "the other tabs to be hidden", callTimeout, func() error {
		for _, tb := range tabs {
			if tb.hidden() != (tb != shown) {
				return fmt.Errorf("%v is hidden: %v", tb, tb.hidden())
			}
		}
		return nil
	})
	// Nothing looks at the tabs meanwhile: every look from outside wakes them.
	for _, tb := range tabs {
		tb.eval(watchChanges, nil)
	}
	before := leader.state()
	time.Sleep(hiddenFor)
	for _, tb := range tabs {
		var changes []string
		tb.eval("changes", &changes)
		if len(changes) > 0 {
			t.Errorf("%v saw changes: %s", tb, strings.Join(changes, ", "))
		}
		if s := tb.state(); s.Leader != before.ID || s.Term != before.Term || s.Reason != "" {
			t.Errorf("%v: leader %q and term %d were %q and %d: %s", tb, s.Leader, s.Term, before.ID, before.Term, s.Reason)
		}
		if tb.hidden() != (tb != shown) {
			t.Errorf("in the end %v is hidden: %v", tb, tb.hidden())
		}
		start := time.Now()
		r.put(tb, fmt.Sprintf("from %v", tb), "yes")
		if took := time.Since(start); took > hiddenCommandTimeout {
			t.Errorf("a command from %v took %v", tb, took)
		}
	}
	r.waitAcked(tabs...)
}
