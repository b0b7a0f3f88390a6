package e2e

import (
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"
)

// watchFailover makes window.recovered resolve to the time, in milliseconds
// since 1970, of the first answer to a command of a later term. A command is
// always under way, and another is sent when there is a new leader.
const watchFailover = `window.recovered = new Promise((resolve) => {
	const term = tabraft.state().term;
	let over = false;
	const put = () => tabraft.put("failover", String(Math.random())).then((result) => {
		if (result.term > term && !over) { over = true; resolve(performance.timeOrigin + performance.now()); }
	}, () => {});
	tabraft.on("leader", () => { if (!over) put(); });
	(async () => { while (!over) await put(); })();
}), true`

// A failover is a way to lose a leader.
type failover struct {
	what string
	// end takes the leader away, and again gives the tab that is there in its
	// place afterwards.
	end   func(*tab)
	again func(*tab) *tab
}

// benchFailovers measures how soon commands are answered again, by what happened
// to the leader.
func benchFailovers(t *testing.T, table *table) {
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(3)
	reopened := func(tb *tab) *tab {
		tb.dismiss()
		return r.openTab()
	}
	setHandOver := func(on bool) { tabs[0].eval(fmt.Sprintf("tabraft.settings({handOver: %v})", on), nil) }
	for _, f := range []failover{
		{"closing the leader's tab", (*tab).startClose, reopened},
		{"the same without handing over", (*tab).startClose, reopened},
		{"killing the leader's renderer", (*tab).startKill, reopened},
		{"cutting the leader's links", func(tb *tab) { tb.eval("tabraft.isolate(true)", nil) },
			func(tb *tab) *tab { tb.eval("tabraft.isolate(false)", nil); return tb }},
		{"suspending the leader's tab", func(tb *tab) { tb.signal(syscall.SIGSTOP) },
			func(tb *tab) *tab { tb.signal(syscall.SIGCONT); return tb }},
	} {
		setHandOver(f.what != "the same without handing over")
		tabs = benchFailover(r, tabs, f, table)
	}
	benchBrowserKilled(r, tabs, table)
}

// benchFailover loses leaders in one way and returns the tabs that are there then.
func benchFailover(r *room, tabs []*tab, f failover, table *table) []*tab {
	var times []float64
	for range benchFails {
		leader := r.waitCluster(3, tabs...)
		left := except(tabs, leader)
		times = append(times, r.timeFailover(left[0], f.what, func() { f.end(leader) }))
		tabs = append(left, f.again(leader))
	}
	r.waitCluster(3, tabs...)
	addFailover(table, f.what, times)
	return tabs
}

// benchBrowserKilled has the leader in a browser of its own, and kills that.
func benchBrowserKilled(r *room, tabs []*tab, table *table) {
	const what = "killing the leader's browser"
	other := startBrowser(r.t, browserOptions{})
	link := tabs[0].state().Room.Link
	tabs = append(tabs, other.open(link))
	r.waitCluster(4, tabs...)
	const there = 3 // the tab in the other browser
	var times []float64
	for range benchFails {
		leader, _ := r.waitLeader(gatherTimeout, 4, tabs...)
		if leader != tabs[there] {
			tabs[0].eval(fmt.Sprintf("tabraft.transfer(%q)", tabs[there].state().ID), nil)
			leader, _ = r.waitLeader(gatherTimeout, 4, tabs...)
		}
		if leader != tabs[there] {
			r.t.Fatalf("%v leads, not the tab in the other browser", leader)
		}
		times = append(times, r.timeFailover(tabs[0], what, func() {
			tabs[there].markGone()
			other.kill()
		}))
		other.again()
		tabs[there] = other.open(link)
	}
	addFailover(table, what, times)
}

// timeFailover is how long after end a tab has a command answered in a later term,
// in milliseconds.
func (r *room) timeFailover(from *tab, what string, end func()) float64 {
	from.eval(watchFailover, nil)
	time.Sleep(200 * time.Millisecond) // so that commands flow
	start := time.Now()
	end()
	var recovered float64
	if err := from.evalWithin(benchTimeout, "recovered", &recovered); err != nil {
		r.t.Fatalf("%s: %v", what, err)
	}
	took := recovered - float64(start.UnixMicro())/1000
	r.t.Logf("%s: %s", what, millis(took))
	return took
}

func addFailover(table *table, what string, times []float64) {
	table.add(fmt.Sprintf("%s to the next committed command, %d times, median, p99, max", what, len(times)),
		fmt.Sprintf("%s, %s, %s", millis(median(times)), millis(share(times, .99)), millis(slices.Max(times))), "150 ms, 1 s")
}
