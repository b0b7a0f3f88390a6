package e2e

import (
	"fmt"
	"slices"
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

// In flight mode no data channel spares hidden pages Chromium's intensive throttling. Two
// hidden tabs of three keep the cluster going all the same. (Chromium 156 leaves even these
// pages a timer a second, as measured, and a blank one a timer a minute.)
func TestHiddenInFlightMode(t *testing.T) {
	flightMode(t)
	r := startRoom(t, browserOptions{flags: intensive})
	r.transport = byBroadcast
	tabs := r.openTabs(3)
	leader := r.waitCluster(3, tabs...)
	shown := except(tabs, leader)[0]
	w := windowed[*tab]{cluster: &r.cluster, front: (*tab).front}
	w.show(shown, tabs)
	time.Sleep(2 * intensiveAfter) // what is measured begins once it is in force
	for _, tb := range tabs {
		tb.eval(watchChanges, nil)
		tb.eval(watchBeats, nil)
	}
	before := leader.state()
	time.Sleep(2 * hiddenFor)
	for _, tb := range tabs {
		var changes []string
		tb.eval("changes", &changes)
		if len(changes) > 0 {
			t.Errorf("%v saw changes: %s", tb, strings.Join(changes, ", "))
		}
		if s := tb.state(); s.Leader != before.ID || s.Term != before.Term || s.Problem != "broadcast" {
			t.Errorf("%v: leader %q and term %d were %q and %d: %s", tb, s.Leader, s.Term, before.ID, before.Term, s.Reason)
		}
		var ticks int
		tb.eval("ticks", &ticks)
		t.Logf("a timer of 100 ms ran %d times in the %s page", ticks, visibility(tb))
		if most := int(2 * 2 * hiddenFor / time.Second); tb.hidden() && ticks > most {
			t.Errorf("that is more than %d: nothing was throttled", most)
		}
		start := time.Now()
		r.put(tb, fmt.Sprintf("from %v", tb), "yes")
		if took := time.Since(start); took > hiddenCommandTimeout {
			t.Errorf("a command from %v took %v", tb, took)
		}
	}
	for _, tb := range except(tabs, leader) {
		var beats []float64
		tb.eval("beats", &beats)
		if len(beats) == 0 {
			t.Fatalf("%v heard nothing of the leader", tb)
		}
		t.Logf("%s follower: %d messages of the hidden leader, %s, %s and %s apart (p50, p99, max)", visibility(tb), len(beats),
			millis(median(beats)), millis(share(beats, .99)), millis(slices.Max(beats)))
	}
	r.waitAcked(tabs...)
}
