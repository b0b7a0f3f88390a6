package e2e

import (
	"errors"
	"fmt"
	"testing"
)

// The leader is cut off from the others: it stops leading, they elect another
// one, and nothing it was asked meanwhile is committed by it. Mended, it
// follows, with their log.
func TestLeaderIsolated(t *testing.T) {
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(3)
	old := r.waitCluster(3, tabs...)
	r.put(old, "before", "yes")
	term := old.state().Term
	old.eval("tabraft.isolate(true)", nil)
	others := except(tabs, old)
	var leader *tab
	waitFor(t, "another leader", gatherTimeout, func() (err error) {
		leader, err = leaderAmong(others)
		return err
	})
	if now := leader.state().Term; now <= term {
		t.Errorf("the new leader leads in term %d, the old one did in %d", now, term)
	}
	waitFor(t, "the isolated leader to stop leading", gatherTimeout, func() error {
		s := old.state()
		if s.Role == "leader" || s.Reason == "" {
			return fmt.Errorf("its role is %s, its reason %q", s.Role, s.Reason)
		}
		return nil
	})
	committed := old.state().CommitIndex
	_, err := old.command("put", "cut off", "no")
	wantWaitedInVain(t, err)
	if now := old.state().CommitIndex; now != committed {
		t.Errorf("an isolated server committed: index %d became %d", committed, now)
	}
	r.put(others[0], "meanwhile", "yes")
	r.put(others[1], "meanwhile too", "yes")

	old.eval("tabraft.isolate(false)", nil)
	r.waitCluster(3, tabs...)
	r.put(old, "mended", "yes")
	r.waitAcked(tabs...)
	sameLogs(t, tabs)
}

// One link is cut: a follower that only the leader cannot reach must not
// depose it for good, and hears of what commits.
func TestLinkBlocked(t *testing.T) {
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(3)
	leader := r.waitCluster(3, tabs...)
	cut := except(tabs, leader)[0]
	id := cut.state().ID
	leader.eval(fmt.Sprintf("tabraft.link(%q, {block: true})", id), nil)
	waitFor(t, "the leader to see the cut", gatherTimeout, func() error {
		for _, m := range leader.state().Members {
			if m.ID == id && m.Reachable {
				return errors.New("it is still reachable")
			}
		}
		return nil
	})
	third := except(except(tabs, leader), cut)[0]
	r.put(third, "while cut", "yes")
	r.waitAcked(third)
	leader.eval(fmt.Sprintf("tabraft.link(%q, {block: false})", id), nil)
	r.waitCluster(3, tabs...)
	r.waitAcked(tabs...)
	sameLogs(t, tabs)
}

// A slow, lossy link costs time and nothing else.
func TestLinkDropsAndDelays(t *testing.T) {
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(3)
	leader := r.waitCluster(3, tabs...)
	for _, tb := range except(tabs, leader) {
		leader.eval(fmt.Sprintf("tabraft.link(%q, {drop: 0.2, delayMs: 5})", tb.state().ID), nil)
	}
	for i := range 10 {
		r.put(tabs[i%3], fmt.Sprintf("lossy %d", i), "yes")
	}
	for _, tb := range except(tabs, leader) {
		leader.eval(fmt.Sprintf("tabraft.link(%q, {drop: 0, delayMs: 0})", tb.state().ID), nil)
	}
	r.waitCluster(3, tabs...)
	r.waitAcked(tabs...)
	sameLogs(t, tabs)
}
