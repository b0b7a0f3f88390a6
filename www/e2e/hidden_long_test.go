package e2e

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

const (
	// hiddenLong is how long two of three tabs are hidden in the long form.
	hiddenLong = 10 * time.Minute
	// longGather bounds how long tabs take to become one cluster: what is measured
	// here should not fail on what is not.
	longGather = 2 * time.Minute
	// beatLimit is the shortest election timeout: 99 of 100 messages of a leader
	// come sooner after the one before.
	beatLimit = 600 * time.Millisecond
	// Commands are counted this often, for so long, with so many outstanding.
	rateTurns       = 3
	rateSeconds     = 3
	rateOutstanding = 16
	// rateShare is what share of the commits of visible tabs hidden ones reach at
	// least. A throttled tab would reach a hundredth.
	rateShare = 0.3
)

// intensiveAfter is when Chromium begins its intensive throttling of hidden tabs, timers
// once a minute, in these tests; otherwise after five minutes. It spares pages with an open
// data channel, whose timers run once a second.
const intensiveAfter = 10 * time.Second

var intensive = map[string]any{"enable-features": fmt.Sprintf("IntensiveWakeUpThrottling:grace_period_seconds/%d", int(intensiveAfter.Seconds()))}

// A windowed is a fresh browser, whose tabs share one window, and its room, as far
// as these tests use them.
type windowed[T tabLike] struct {
	*cluster[T]
	open  func() T
	front func(T)
	pid   func(T) int // of the process that runs the tab's page
	main  func() int  // of the browser's first process
}

func inChromiumWindow(t *testing.T) windowed[*tab] {
	r := startRoom(t, browserOptions{flags: intensive})
	return windowed[*tab]{&r.cluster, r.openTab, (*tab).front,
		func(tb *tab) int { return tb.renderer },
		func() int { return chromedp.FromContext(r.ctx).Browser.Process().Pid }}
}

func inFirefoxWindow(t *testing.T) windowed[*foxTab] {
	r := startFoxRoom(t, firefoxOptions{})
	return windowed[*foxTab]{&r.cluster,
		func() *foxTab { return r.open(r.server.url) }, (*foxTab).front, (*foxTab).process,
		func() int { return r.life.cmd.Process.Pid }}
}

// openTabs opens n tabs, one after the other is a member.
func (w windowed[T]) openTabs(n int) []T {
	var tabs []T
	for range n {
		tabs = append(tabs, w.open())
		waitFor(w.t, "a linked cluster", longGather, func() error {
			_, err := clusterOf(len(tabs), tabs)
			return errors.Join(err, linked(tabs, w.transport))
		})
	}
	return tabs
}

// show puts one tab in front and waits until all others are hidden.
func (w windowed[T]) show(shown T, tabs []T) {
	w.t.Helper()
	w.front(shown)
	waitFor(w.t, "the other tabs to be hidden", callTimeout, func() error { return onlyShown(shown, tabs) })
}

func onlyShown[T tabLike](shown T, tabs []T) error {
	for _, tb := range tabs {
		if tb.hidden() != (tb != shown) {
			return fmt.Errorf("%v is hidden: %v", tb, tb.hidden())
		}
	}
	return nil
}

// rate is the commits a second of a tab.
func (w windowed[T]) rate(tb T) float64 {
	w.t.Helper()
	tb.eval(benchPuts, nil)
	var times putTimes
	if err := tb.evalWithin(benchTimeout, fmt.Sprintf("putMany(%d, 0, %d)", rateOutstanding, rateSeconds), &times); err != nil || len(times.Failed) > 0 {
		w.t.Fatalf("%v: commands failed: %v, %v", tb, times.Failed, err)
	}
	return times.PerSecond
}

// watchBeats is JavaScript that notes the times, in milliseconds, between
// messages that arrive from the leader, and how often a timer of the page runs.
const watchBeats = `window.ticks = 0, setInterval(() => ticks++, 100), window.beats = [], window.lastBeat = 0, ((leader) => tabraft.on("message", (m) => {
	if (m.dir !== "received" || m.peer !== leader) return;
	const now = performance.now();
	if (lastBeat) beats.push(now - lastBeat);
	lastBeat = now;
}))(tabraft.state().leader), true`

// TestLongHidden keeps two of three tabs of one window hidden for ten minutes,
// with the leader among them: nothing may change, the leader's messages come in
// time, and commands commit as they do in visible tabs. It prints the figures.
func TestLongHidden(t *testing.T) {
	if !longForm() {
		t.Skip("make e2e-long runs it")
	}
	t.Run("Chromium", func(t *testing.T) { longHidden(t, inChromiumWindow) })
	t.Run("Firefox", func(t *testing.T) { longHidden(t, inFirefoxWindow) })
}

func longHidden[T tabLike](t *testing.T, start func(*testing.T) windowed[T]) {
	w := start(t)
	tabs := w.openTabs(3)
	leader := w.waitCluster(3, tabs...)
	shown := except(tabs, leader)[0]
	w.show(shown, tabs)
	for _, tb := range tabs {
		tb.eval(watchChanges, nil)
		tb.eval(watchBeats, nil)
	}
	was := leader.state()
	time.Sleep(hiddenLong) // nothing looks at the tabs meanwhile: that could wake them

	for _, tb := range tabs {
		var changes []string
		tb.eval("changes", &changes)
		if len(changes) > 0 {
			t.Errorf("%v saw changes: %s", tb, strings.Join(changes, ", "))
		}
		if s := tb.state(); s.Leader != was.ID || s.Term != was.Term || s.Reason != "" {
			t.Errorf("%v: leader %q and term %d were %q and %d: %s", tb, s.Leader, s.Term, was.ID, was.Term, s.Reason)
		}
		var ticks int
		tb.eval("ticks", &ticks)
		t.Logf("a timer of 100 ms ran %d times in the %s page in %v", ticks, visibility(tb), hiddenLong)
		if limit := int(hiddenLong / time.Second * 2); tb.hidden() && ticks > limit {
			t.Errorf("that is more than %d: nothing was throttled", limit)
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
		if p99 := share(beats, .99); p99 >= float64(beatLimit.Milliseconds()) {
			t.Errorf("99 of 100 messages of the leader come within %s", millis(p99))
		}
	}
	if err := onlyShown(shown, tabs); err != nil {
		t.Errorf("in the end %v", err)
	}

	// By turns, so that both meet what else the machine has to do.
	var hidden, visible []float64
	for range rateTurns {
		w.show(shown, tabs)
		hidden = append(hidden, w.rate(leader))
		w.show(leader, tabs)
		visible = append(visible, w.rate(leader))
	}
	ratio := median(hidden) / median(visible)
	t.Logf("commits a second of the leader's tab, %d outstanding: hidden %.0f, visible %.0f; hidden to visible %.2f", rateOutstanding, hidden, visible, ratio)
	if ratio < rateShare {
		t.Errorf("a hidden tab commits %.2f of what a visible one does", ratio)
	}
}

func visibility[T tabLike](tb T) string {
	if tb.hidden() {
		return "hidden"
	}
	return "visible"
}
