package e2e

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// Points 3 and 4: the leader's tab is closed, then another; a new tab takes
// over the identity of one that is gone, and commits resume.
func TestLeaderTabCloses(t *testing.T) {
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(3)
	leader := r.waitCluster(3, tabs...)
	r.fill(except(tabs, leader)[0], "before", 20)
	ids := map[string]bool{}
	for _, id := range r.ids(tabs...) {
		ids[id] = true
	}

	leader.startClose()
	left := except(tabs, leader)
	leader, took := r.waitLeader(leadTimeout, 3, left...)
	t.Logf("a new leader %v after the old one's tab was closed", took.Round(time.Millisecond))
	r.waitAcked(left...)
	r.put(left[0], "after", "yes")
	r.put(left[1], "after too", "yes")
	r.waitAcked(left...)

	// One of three is not a majority.
	except(left, leader)[0].close()
	alone := leader
	waitText(t, alone, notice, "1 of 3 servers", 5*time.Second)
	waitText(t, alone, notice, "2 needed", time.Second)
	if s := alone.state(); s.Reason == "" || s.Problem == "" || s.Quorum.Alive != 1 || s.Quorum.Needed != 2 || s.Quorum.Voters != 3 {
		t.Errorf("alone it gives the problem %q, the reason %q and the quorum %+v", s.Problem, s.Reason, s.Quorum)
	}
	before := alone.state().CommitIndex
	_, err := alone.command("put", "lonely", "no")
	wantWaitedInVain(t, err)
	if now := alone.state().CommitIndex; now != before {
		t.Errorf("1 of 3 servers committed: index %d became %d", before, now)
	}

	// A new tab is one of the servers that are gone.
	back := r.openTab()
	pair := []*tab{alone, back}
	r.waitCluster(3, pair...)
	for _, id := range r.ids(pair...) {
		if !ids[id] {
			t.Errorf("a tab that was to take over is the new server %s", id)
		}
	}
	r.put(back, "resumed", "yes")
	r.waitAcked(pair...)
	sameLogs(t, pair)
	if s := alone.state(); s.Reason != "" {
		t.Errorf("with 2 of 3 servers it still says %q", s.Reason)
	}

	third := r.openTab()
	r.waitCluster(3, alone, back, third)
	r.ids(alone, back, third)
	r.waitAcked(third)
}

// wantWaitedInVain wants the failure of a command that found no majority.
func wantWaitedInVain(t *testing.T, err error) {
	t.Helper()
	var failure *Failure
	if !errors.As(err, &failure) || failure.Code != "no-leader" && failure.Code != "uncertain" || failure.Message == "" {
		t.Errorf("without a majority a command gives %v, want the code no-leader or uncertain with a message", err)
	}
}

// Point 2: a command sent while there is no leader waits for one.
func TestCommandWaitsForLeader(t *testing.T) {
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(3)
	tabs[0].close()
	tabs[1].close()
	waitText(t, tabs[2], notice, "1 of 3 servers", 5*time.Second)
	tabs[2].eval(`window.early = tabraft.put("early", "yes").then(() => "acknowledged", (e) => e.code), true`, nil)
	second := r.openTab()
	var outcome string
	if err := tabs[2].evalWithin(commandTimeout, "early", &outcome); err != nil {
		t.Fatal(err)
	}
	if outcome != "acknowledged" {
		t.Errorf("a command sent before there was a leader: %s", outcome)
	}
	r.acked["early"] = "yes"
	r.waitCluster(3, tabs[2], second)
	r.waitAcked(tabs[2], second)
}

// Point 2: a command is never applied twice. One tab writes 1, 2, 3, ... to a
// key while leaders lose their links and get them back; a value that another
// tab sees, sees replaced, and sees again was applied twice.
func TestNeverAppliedTwice(t *testing.T) {
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(3)
	writer, watcher := tabs[0], tabs[1]
	watcher.eval(`window.seen = [], tabraft.on("apply", () => {
		const now = tabraft.entries().count;
		if (now !== undefined && now !== seen.at(-1)) seen.push(now);
	}), true`, nil)
	writer.eval(`window.stopAt = 0, window.written = 0, window.unanswered = [], window.writing = (async () => {
		for (let i = 1; !stopAt || i <= stopAt; i++) {
			try { await tabraft.put("count", String(i)); written = i; }
			catch (e) { unanswered.push(i + " " + e.code); }
		}
	})(), true`, nil)
	for range 4 {
		leader := r.waitCluster(3, tabs...)
		time.Sleep(300 * time.Millisecond) // some commands under way
		leader.eval("tabraft.isolate(true)", nil)
		others := except(tabs, leader)
		waitFor(t, "another leader", gatherTimeout, func() error { _, err := leaderAmong(others); return err })
		leader.eval("tabraft.isolate(false)", nil)
	}
	r.waitCluster(3, tabs...)
	var written int
	if err := writer.evalWithin(commandTimeout, "stopAt = written + 20, writing.then(() => written)", &written); err != nil {
		t.Fatal(err)
	}
	r.acked["count"] = fmt.Sprint(written)
	r.waitAcked(tabs...)
	var seen, unanswered []string
	watcher.eval("seen", &seen)
	writer.eval("unanswered", &unanswered)
	t.Logf("%d writes, %d values seen by another tab, unanswered: %s", written, len(seen), strings.Join(unanswered, ", "))
	before := map[string]bool{}
	for _, value := range seen {
		if before[value] {
			t.Errorf("write %s was applied twice", value)
		}
		before[value] = true
	}
}

// A lesson closes leaders and opens tabs all the time: each time the tabs are
// linked again soon, and the next leader's end costs no more than the first.
func TestLeadersComeAndGo(t *testing.T) {
	const (
		rounds    = 8
		linkLimit = 5 * time.Second
	)
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(3)
	for round := range rounds {
		leader := r.waitCluster(3, tabs...)
		leader.startClose()
		left := except(tabs, leader)
		_, led := r.waitLeader(leadTimeout, 3, left...)
		r.put(left[0], fmt.Sprintf("round %d", round), "yes")
		start := time.Now()
		tabs = append(left, r.openTab())
		r.waitCluster(3, tabs...)
		took := time.Since(start)
		t.Logf("a new leader after %v, a new tab linked to all after %v", led.Round(time.Millisecond), took.Round(time.Millisecond))
		if took > linkLimit {
			t.Errorf("that took more than %v", linkLimit)
		}
	}
	r.ids(tabs...)
	r.waitAcked(tabs...)
	sameLogs(t, tabs)
}

// Point 4: a reloaded tab is the same server, with its term, vote and log.
func TestReload(t *testing.T) {
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(3)
	leader := r.waitCluster(3, tabs...)
	r.fill(leader, "before", 20)
	for _, tb := range append(except(tabs, leader), leader) {
		before := tb.state()
		tb.reload()
		r.waitCluster(3, tabs...)
		after := tb.state()
		if after.ID != before.ID {
			t.Errorf("%v was server %s and is %s after a reload", tb, before.ID, after.ID)
		}
		if after.Term < before.Term || after.LastIndex < before.LastIndex {
			t.Errorf("%v went back from term %d, index %d to term %d, index %d", tb, before.Term, before.LastIndex, after.Term, after.LastIndex)
		}
		r.put(tb, "reloaded "+before.ID, "yes")
	}
	r.ids(tabs...)
	r.waitAcked(tabs...)
	sameLogs(t, tabs)
}

// All three are reloaded at once: nothing is lost, and no identity is new.
func TestReloadAll(t *testing.T) {
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(3)
	r.fill(tabs[0], "before", 20)
	ids := r.ids(tabs...)
	for _, tb := range tabs {
		tb.eval("setTimeout(() => location.reload()), window.e2eBeforeReload = true", nil)
	}
	for _, tb := range tabs {
		waitFor(t, fmt.Sprintf("%v to reload", tb), loadTimeout, func() error {
			var fresh bool
			err := tb.tryEval("!window.e2eBeforeReload && Boolean(window.tabraft)", &fresh)
			if err == nil && !fresh {
				err = errors.New("the old page is still there")
			}
			return err
		})
	}
	r.waitCluster(3, tabs...)
	if now := r.ids(tabs...); strings.Join(now, " ") != strings.Join(ids, " ") {
		t.Errorf("the tabs were servers %v and are %v after a reload", ids, now)
	}
	r.waitAcked(tabs...)
	r.put(tabs[2], "after", "yes")
	r.waitAcked(tabs...)
}

// The leader's renderer is killed: no pagehide, no goodbye.
func TestRendererKilled(t *testing.T) {
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(3)
	leader := r.waitCluster(3, tabs...)
	r.fill(leader, "before", 20)
	killed := leader.state().ID
	leader.startKill()
	left := except(tabs, leader)
	_, took := r.waitLeader(leadTimeout, 3, left...)
	t.Logf("a new leader %v after the old one's renderer was killed", took.Round(time.Millisecond))
	r.waitAcked(left...)
	r.put(left[0], "after", "yes")
	back := r.openTab()
	r.waitCluster(3, append(left, back)...)
	if id := back.state().ID; id != killed {
		t.Errorf("a new tab is server %s and not the killed %s", id, killed)
	}
	r.waitAcked(append(left, back)...)
}

// crash() loses memory and keeps storage; restart() starts again from it.
func TestCrashAndRestart(t *testing.T) {
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(3)
	leader := r.waitCluster(3, tabs...)
	r.fill(leader, "before", 10)
	before := leader.state()
	leader.eval("tabraft.crash()", nil)
	if s := leader.state(); s.Role != "stopped" || s.Reason == "" || s.ID != before.ID {
		t.Errorf("after crash() the role is %q, the reason %q", s.Role, s.Reason)
	}
	_, err := leader.command("put", "to a stopped server", "no")
	wantFailure(t, err, "stopped", "stopped")
	left := except(tabs, leader)
	r.waitLeader(leadTimeout, 3, left...)
	r.put(left[0], "meanwhile", "yes")
	leader.eval("tabraft.restart()", nil)
	r.waitCluster(3, tabs...)
	if s := leader.state(); s.ID != before.ID || s.Term < before.Term {
		t.Errorf("restart() made server %s of term %d from %s of term %d", s.ID, s.Term, before.ID, before.Term)
	}
	r.waitAcked(tabs...)
	sameLogs(t, tabs)
}
