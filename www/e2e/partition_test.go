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

// Links that work in one direction only: a leader that one follower does not
// answer goes on; one that hears nobody stops leading, though all hear it.
func TestLinkOneWay(t *testing.T) {
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(3)
	leader := r.waitCluster(3, tabs...)
	others := except(tabs, leader)
	term := leader.state().Term
	deafTo := func(tb *tab, way string) {
		leader.eval(fmt.Sprintf("tabraft.link(%q, {block: %v, way: %q})", tb.state().ID, way != "both", way), nil)
	}
	deafTo(others[0], "in")
	r.put(leader, "unanswered by one", "yes")
	r.waitAcked(tabs...) // it hears, and follows
	if s := leader.state(); s.Role != "leader" || s.Term != term {
		t.Errorf("the leader of term %d is %s in term %d", term, s.Role, s.Term)
	}
	deafTo(others[1], "in")
	var next *tab
	waitFor(t, "another leader than the deaf one", gatherTimeout, func() (err error) {
		next, err = leaderAmong(others)
		return err
	})
	r.put(next, "without the deaf", "yes")
	deafTo(others[0], "both")
	deafTo(others[1], "both")
	r.waitCluster(3, tabs...)
	// Mute, the leader is missed by all, and hears who follows it.
	leader = r.waitCluster(3, tabs...)
	others = except(tabs, leader)
	deafTo(others[0], "out")
	deafTo(others[1], "out")
	waitFor(t, "another leader than the mute one", gatherTimeout, func() (err error) {
		next, err = leaderAmong(others)
		return err
	})
	r.put(next, "without the mute", "yes")
	deafTo(others[0], "both")
	deafTo(others[1], "both")
	r.waitCluster(3, tabs...)
	r.waitAcked(tabs...)
	sameLogs(t, tabs)
}

// flapLinks has a tab cut and mend its links again and again, each at its own
// times, until window.e2eStopFlapping is called, which mends them.
const flapLinks = `(() => {
	const channel = new MessageChannel(); // timers of hidden tabs are slow
	let over = false, next = 0;
	const cut = new Map();
	const links = () => tabraft.state().members.filter((m) => !m.self);
	channel.port1.onmessage = () => {
		if (over) return;
		if (performance.now() > next) {
			next = performance.now() + 100 + Math.random() * 500;
			for (const {id} of links()) {
				if (Math.random() < 0.5) continue;
				cut.set(id, !cut.get(id));
				tabraft.link(id, {block: cut.get(id), way: ["both", "in", "out"][Math.floor(Math.random() * 3)]});
			}
		}
		setTimeout(() => channel.port2.postMessage(0), 50);
	};
	channel.port2.postMessage(0);
	window.e2eStopFlapping = () => {
		over = true;
		for (const {id} of links()) tabraft.link(id, {block: false, way: "both"});
	};
})(), true`

// flapCommands are tried while links flap; each may wait 5 s in vain.
const flapCommands = 12

// Links that come and go in every way: what was acknowledged stays, and when the
// links stay, the cluster is whole.
func TestLinksFlap(t *testing.T) {
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(3)
	r.fill(tabs[0], "before", 5)
	for _, tb := range tabs {
		tb.eval(flapLinks, nil)
	}
	failed := 0
	for i := range flapCommands {
		key := fmt.Sprintf("flapping %d", i)
		if _, err := tabs[i%3].command("put", key, "yes"); err == nil {
			r.acked[key] = "yes"
		} else if failure := (*Failure)(nil); !errors.As(err, &failure) || failure.Code != "uncertain" && failure.Code != "no-leader" {
			t.Errorf("%v: %v", tabs[i%3], err)
		} else {
			failed++
		}
	}
	t.Logf("%d of %d commands found no leader in time", failed, flapCommands)
	for _, tb := range tabs {
		tb.eval("e2eStopFlapping()", nil)
	}
	r.waitCluster(3, tabs...)
	r.put(tabs[1], "after", "yes")
	r.waitAcked(tabs...)
	sameLogs(t, tabs)
}
