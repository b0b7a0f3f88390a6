package e2e

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// A snapshot takes the place of the log; a tab that comes later gets it, and
// one that is reloaded starts from it.
func TestSnapshotAndALateTab(t *testing.T) {
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(2)
	for i := range 40 { // more than is kept behind a snapshot
		r.put(tabs[i%2], fmt.Sprint("key", i%8), strings.Repeat(string(rune('a'+i%26)), 60_000))
	}
	r.waitAcked(tabs...)
	for _, tb := range tabs {
		result := tb.must("snapshot")
		s := tb.state()
		if result.Index == 0 || s.SnapshotIndex != result.Index || s.FirstIndex < 2 {
			t.Errorf("%v: a snapshot of %d, then the state has %d and a log from %d", tb, result.Index, s.SnapshotIndex, s.FirstIndex)
		}
		if log := tb.log(1, s.LastIndex); len(log) == 0 || log[0].Index != s.FirstIndex {
			t.Errorf("%v: a log of %d entries from %d on", tb, len(log), s.FirstIndex)
		}
		tb.front()
		waitText(t, tb, "tabraft-log", "are in the snapshot. It goes up to", 5*time.Second)
	}
	late := r.openWith(r.server.url, openOptions{inject: `addEventListener("tabraft", () => {
		window.restored = [];
		tabraft.on("snapshot", (e) => { if (e.restored) restored.push(e); });
	}, {once: true})`})
	tabs = append(tabs, late)
	r.waitCluster(3, tabs...)
	r.waitAcked(tabs...)
	var restored []struct{ Index, Bytes int }
	late.eval("restored", &restored)
	if len(restored) == 0 || restored[0].Bytes < 8*60_000 {
		t.Errorf("the late tab was sent the log and no snapshot: %v", restored)
	}
	r.put(late, "from the late one", "yes")
	late.reload()
	r.waitCluster(3, tabs...)
	r.put(late, "after the reload", "yes")
	r.waitAcked(tabs...)
	sameLogs(t, tabs)
}

// get sees what was answered before it in any tab, and enters nothing into the
// log.
func TestGetLeavesTheLogAlone(t *testing.T) {
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(3)
	for i, tb := range tabs {
		put := r.put(tb, "k", fmt.Sprint(i))
		for _, other := range tabs {
			if got := other.get("k"); got.value() != fmt.Sprint(i) || got.Index != put.Index || got.Term != put.Term {
				t.Errorf("%v put %d at %d of term %d, %v got %s at %d of %d", tb, i, put.Index, put.Term, other, got.value(), got.Index, got.Term)
			}
		}
	}
	last := tabs[0].state().LastIndex
	tabs[1].eval(`Promise.all(Array.from({length: 1000}, () => tabraft.get("k")))`, nil)
	if now := tabs[0].state().LastIndex; now != last {
		t.Errorf("1000 gets grew the log from %d to %d", last, now)
	}
}

// Any tab can have any other lead, and commands go on meanwhile.
func TestTransfer(t *testing.T) {
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(3)
	leader := r.waitCluster(3, tabs...)
	others := except(tabs, leader)
	for _, c := range []struct{ by, to *tab }{{leader, others[0]}, {others[1], others[1]}, {others[0], leader}} {
		c.by.eval("window.puts = Promise.all(Array.from({length: 100}, (_, i) => tabraft.put(`k${i}`, \"v\"))).then(() => true), true", nil)
		if _, err := c.by.command("transfer", c.to.state().ID); err != nil {
			t.Fatalf("%v has %v lead: %v", c.by, c.to, err)
		}
		waitFor(t, fmt.Sprintf("%v to lead", c.to), spreadTimeout, func() error {
			if role := c.to.state().Role; role != "leader" {
				return errors.New("it is " + role)
			}
			return nil
		})
		c.by.eval("puts", nil)
		r.waitCluster(3, tabs...)
	}
	_, err := leader.command("transfer", "00000000000000ff")
	wantFailure(t, err, "failed", "no such server")
	_, err = leader.command("transfer", "nobody")
	wantFailure(t, err, "invalid", "16")
	// The same on the page.
	others[0].front()
	others[0].press("/transfer " + leader.state().Name + "\r")
	waitText(t, others[0], answers, "leads", 5*time.Second)
}

// A tab that is gone for long is removed, with a countdown; one that comes back
// in its place is a new server.
func TestSilentTabIsRemoved(t *testing.T) {
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(3)
	leader := r.waitCluster(3, tabs...)
	leader.eval("tabraft.settings({removeAfterMs: 4000})", nil)
	gone := except(tabs, leader)[0]
	left := except(tabs, gone)
	id := gone.state().ID
	waitFor(t, "the other tabs to have the setting", spreadTimeout, func() error {
		for _, tb := range tabs {
			var after int
			if tb.eval("tabraft.state().settings.removeAfterMs", &after); after != 4000 {
				return fmt.Errorf("%v has %d", tb, after)
			}
		}
		return nil
	})
	gone.close()
	leader.front()
	waitText(t, leader, "tabraft-ring", "removed in", 5*time.Second)
	waitFor(t, "its removal", 10*time.Second, func() error {
		for _, tb := range left {
			if s := tb.state(); len(s.Members) != 2 {
				return fmt.Errorf("%v has %d members", tb, len(s.Members))
			}
		}
		return nil
	})
	r.waitCluster(2, left...)
	r.put(leader, "with two", "yes")
	back := r.openTab()
	r.waitCluster(3, append(left, back)...)
	if now := back.state().ID; now == id {
		t.Errorf("the removed server %s is a member again", id)
	}
	r.waitAcked(append(left, back)...)
	// Without a majority nobody is removed, and nothing goes on.
	for _, tb := range append(left, back) {
		tb.eval("tabraft.settings({removeAfterMs: 1000})", nil)
	}
	leader = r.waitCluster(3, append(left, back)...)
	for _, tb := range except(append(left, back), leader) {
		tb.startClose()
	}
	leader.front()
	waitText(t, leader, notice, "1 of 3 servers", 5*time.Second)
	time.Sleep(3 * time.Second)
	if s := leader.state(); len(s.Members) != 3 || s.Problem != "no-quorum" {
		t.Errorf("alone it has %d members and the problem %q", len(s.Members), s.Problem)
	}
}

// A leader whose tab is closed hands over: the next one leads before it could
// have found out by itself that the old one is gone.
func TestLeaderHandsOver(t *testing.T) {
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(3)
	leader := r.waitCluster(3, tabs...)
	left := except(tabs, leader)
	for _, tb := range left {
		tb.eval(`window.asked = [], tabraft.on("message", (e) => { if (e.type === "TimeoutNow") asked.push(e.dir); })`, nil)
	}
	leader.startClose()
	r.waitLeader(leadTimeout, 3, left...)
	asked := 0
	for _, tb := range left {
		var got []string
		tb.eval("asked", &got)
		asked += len(got)
	}
	if asked != 1 {
		t.Errorf("%d servers were asked to take over", asked)
	}
	r.put(left[0], "after", "yes")
	r.waitAcked(left...)
}
