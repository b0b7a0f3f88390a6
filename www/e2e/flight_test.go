package e2e

import (
	"os"
	"testing"
	"time"
)

const (
	// moveTimeout bounds how long links take to move to WebRTC once there is a
	// network: an attempt that began without one must fail first.
	moveTimeout = 60 * time.Second
	// fallTimeout bounds how long they take to move back when there is none.
	fallTimeout = 30 * time.Second
)

// Point 8: no network. Tabs of one browser are a cluster over BroadcastChannel,
// with failover, reloads and killed tabs, also without the signaling server.
func TestFlightMode(t *testing.T) {
	flightMode(t)
	r := startRoom(t, browserOptions{})
	r.transport = byBroadcast
	tabs := r.openTabs(3)
	w, l := newWitness(t), startLoad(t, "", 1, 20*time.Millisecond)
	for _, tb := range tabs {
		w.follow(tb)
		l.use(tb, 1)
	}
	tabs[0].front() // a hidden page does not paint
	waitText(t, tabs[0], notice, "BroadcastChannel", loadTimeout)

	leader := r.waitCluster(3, tabs...)
	leader.startClose()
	left := except(tabs, leader)
	_, took := r.waitLeader(leadTimeout, 3, left...)
	t.Logf("a new leader %v after the old one was closed", took.Round(time.Millisecond))

	tabs = append(left, r.openTab())
	w.follow(tabs[2])
	r.waitCluster(3, tabs...)
	tabs[0].reload()
	w.follow(tabs[0])
	l.use(tabs[0], 1)
	r.waitCluster(3, tabs...)

	r.server.kill()
	leader = r.waitCluster(3, tabs...)
	leader.startKill()
	left = except(tabs, leader)
	_, took = r.waitLeader(leadTimeout, 3, left...)
	t.Logf("without signaling, a new leader %v after the old one's renderer was killed", took.Round(time.Millisecond))
	l.finish(moveTimeout, left...)
	w.check()
}

// The network comes back and goes again: links move to WebRTC and back without a
// reload, and clients hardly notice.
func TestNetworkReturns(t *testing.T) {
	back := flightMode(t)
	r := startRoom(t, browserOptions{})
	r.transport = byBroadcast
	tabs := r.openTabs(3)
	w, l := newWitness(t), startLoad(t, "", 2, 20*time.Millisecond)
	for _, tb := range tabs {
		w.follow(tb)
		l.use(tb, 1)
	}
	before := r.waitCluster(3, tabs...).state()

	move := func(to string, limit time.Duration) {
		t.Helper()
		took := waitFor(t, "links by "+to, limit, func() error { return linked(tabs, to) })
		r.transport = to
		now := r.waitCluster(3, tabs...).state()
		t.Logf("all links by %s after %v; leader of term %d, before of term %d", to, took.Round(time.Millisecond), now.Term, before.Term)
		before = now
	}
	back()
	move(byWebRTC, moveTimeout)
	flightMode(t)
	move(byBroadcast, fallTimeout)
	t.Logf("clients met: %s", summarise(l.seen()))
	l.finish(moveTimeout, tabs...)
	w.check()
}

// What a commit takes over each transport, in the same tabs: measured, not
// judged, when TABRAFT_BENCH is set.
func TestTransportLatency(t *testing.T) {
	if os.Getenv("TABRAFT_BENCH") == "" {
		t.Skip("TABRAFT_BENCH is not set")
	}
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(3)
	measure := func() {
		t.Helper()
		leader := r.waitCluster(3, tabs...)
		var times []float64
		if err := leader.evalWithin(benchTimeout, `(async () => {
			const times = [];
			for (let i = 0; i < 300; i++) {
				const began = performance.now();
				await tabraft.put("latency", String(i));
				times.push(performance.now() - began);
			}
			return times.sort((a, b) => a - b);
		})()`, &times); err != nil {
			t.Fatal(err)
		}
		t.Logf("a commit over %s: %.2f ms (p50), %.2f ms (p99)", r.transport, times[150], times[297])
	}
	for range 2 {
		measure()
		back := flightMode(t)
		waitFor(t, "links by "+byBroadcast, fallTimeout, func() error { return linked(tabs, byBroadcast) })
		r.transport = byBroadcast
		measure()
		back()
		waitFor(t, "links by "+byWebRTC, moveTimeout, func() error { return linked(tabs, byWebRTC) })
		r.transport = byWebRTC
	}
}
