package e2e

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

// repairTimeout bounds how long a link takes to work again after the network does:
// silence is noticed, signaling found dead, back-off waited for.
const repairTimeout = 60 * time.Second

// A far room has two tabs here and a native server at the far end of the private
// network: three voters, two of which are enough.
type farRoom struct {
	*room
	tabs []*tab
	peer *nativePeer
	id   string // of the peer
	puts int
}

func startFarRoom(t *testing.T) *farRoom {
	t.Helper()
	needFarEnd(t)
	s := startServerAt(t, "")
	r := &farRoom{room: &room{browser: startBrowser(t, browserOptions{}), cluster: newCluster[*tab](t), t: t, server: s}}
	r.tabs = r.openTabs(2)
	r.tabs[0].eval("tabraft.settings({removeAfterMs: 0})", nil)
	r.peer = &nativePeer{t: t, link: r.tabs[0].state().Room.Link, run: farAway, more: []string{"-signal", "ws://" + nearHost + ":" + s.port + "/signal"}}
	r.peer.begin()
	own := r.ids(r.tabs...)
	waitFor(t, "the far server to be a member", repairTimeout, func() error {
		for _, m := range r.tabs[0].state().Members {
			if !slices.Contains(own, m.ID) && m.Voter {
				r.id = m.ID
				return nil
			}
		}
		return errors.New("it is none")
	})
	r.waitRepaired()
	return r
}

// far is the peer as a tab sees it.
func (r *farRoom) far(tb *tab) Member {
	r.t.Helper()
	m, err := tb.describe(r.id)
	if err != nil {
		r.t.Fatal(err)
	}
	return m
}

// work commits a command; the tabs are a majority. If the peer led and its
// network is gone, that takes an election and another try.
func (r *farRoom) work() {
	r.t.Helper()
	r.puts++
	tb, key := r.tabs[r.puts%2], fmt.Sprintf("k%d", r.puts)
	waitFor(r.t, "a command to commit", repairTimeout, func() error {
		_, err := tb.command("put", key, "yes")
		return err
	})
	r.acked[key] = "yes"
}

// waitRepaired waits until both tabs have a link to the peer, and it everything
// that is committed, and tells how long that took.
func (r *farRoom) waitRepaired() time.Duration {
	r.t.Helper()
	return waitFor(r.t, "the far server to be linked and up to date", repairTimeout, func() error {
		for _, tb := range r.tabs {
			is := tb.state()
			if m := r.far(tb); m.Link != "open" || m.Transport != "webrtc" || m.LastApplied == nil || *m.LastApplied < is.CommitIndex || m.Stale {
				return fmt.Errorf("%v: %+v, committed %d", tb, m, is.CommitIndex)
			}
		}
		return nil
	})
}

// waitMoved waits until the peer has what is committed from now on.
func (r *farRoom) waitMoved() {
	r.t.Helper()
	waitFor(r.t, "a link to the new address", repairTimeout, func() error {
		// What is committed now can only have come there since.
		r.work()
		is := r.tabs[0].state()
		m := r.far(r.tabs[0])
		if m.Link != "open" || m.LastApplied == nil {
			return errors.New("not linked")
		}
		if *m.LastApplied+1 < is.CommitIndex {
			return fmt.Errorf("%d of %d", *m.LastApplied, is.CommitIndex)
		}
		return nil
	})
	r.waitRepaired()
}

// waitLost waits until both tabs have lost the peer.
func (r *farRoom) waitLost() {
	r.t.Helper()
	waitFor(r.t, "the far server to be missed", repairTimeout, func() error {
		for _, tb := range r.tabs {
			if m := r.far(tb); m.Link == "open" {
				return fmt.Errorf("%v: %+v", tb, m)
			}
		}
		return nil
	})
}

// cut loses all that the far end sends, and with both all that is sent there.
func (r *farRoom) cut(both bool) (mend func()) {
	r.t.Helper()
	mustFarIP(r.t, "route add blackhole "+nearHost+"/32")
	if both {
		mustIP(r.t, "route add blackhole "+gateway+"/32")
	}
	mended := false
	mend = func() {
		if mended {
			return
		}
		mended = true
		mustFarIP(r.t, "route del blackhole "+nearHost+"/32")
		if both {
			mustIP(r.t, "route del blackhole "+gateway+"/32")
		}
	}
	r.t.Cleanup(mend)
	return mend
}

// A server whose network is cut, in both directions or one, is missed; the rest
// goes on. When the network is back its connections are made anew, without a
// restart of anything, and it catches up.
func TestFarNetworkCut(t *testing.T) {
	r := startFarRoom(t)
	for _, both := range []bool{true, false} {
		mend := r.cut(both)
		for r.work(); r.far(r.tabs[0]).Link == "open"; r.work() {
			time.Sleep(pollEvery)
		}
		r.waitLost()
		r.work()
		mend()
		t.Logf("cut in both directions: %v; repaired after %v", both, r.waitRepaired().Round(time.Millisecond))
		r.work()
		r.waitRepaired()
	}
}

// A network that comes and goes within fractions of a second costs time and
// nothing else.
func TestFarNetworkFlaps(t *testing.T) {
	r := startFarRoom(t)
	for range 15 {
		mend := r.cut(true)
		r.work()
		time.Sleep(300 * time.Millisecond) // the fault
		mend()
		r.work()
		time.Sleep(200 * time.Millisecond)
	}
	t.Logf("repaired after %v", r.waitRepaired().Round(time.Millisecond))
}

// Over a slow and narrow network the peer stays a member, and keeps up.
func TestFarNetworkSlow(t *testing.T) {
	r := startFarRoom(t)
	const shape = "root tbf rate 256kbit burst 3kb latency 300ms"
	mustTC(t, "qdisc add dev "+nearLink+" "+shape)
	t.Cleanup(func() { mustTC(t, "qdisc del dev "+nearLink+" root") })
	for range 30 {
		r.work()
	}
	t.Logf("up to date after %v", r.waitRepaired().Round(time.Millisecond))
	// Snapshots of the network's share of a second are no reason to elect.
	term := r.tabs[0].state().Term
	r.work()
	if now := r.tabs[0].state().Term; now != term {
		t.Errorf("term %d became %d", term, now)
	}
}

// A peer whose address changes is connected to anew, and nobody reloads or
// restarts anything.
func TestFarAddressChanges(t *testing.T) {
	r := startFarRoom(t)
	addresses := []string{farAddress, "192.0.2.9/24", farAddress}
	for i, next := range addresses[1:] {
		old := addresses[i]
		mustFarIP(t, "address del "+old+" dev "+farLink)
		mustFarIP(t, "address add "+next+" dev "+farLink)
		start := time.Now()
		r.waitMoved()
		t.Logf("%s became %s: repaired after %v", old, next, time.Since(start).Round(time.Millisecond))
	}
}

// The address of the tabs changes, as on another Wi-Fi: those of one browser go on
// by the bus, and those of two connect anew, without a reload.
func TestTabAddressChanges(t *testing.T) {
	r := startRoom(t, browserOptions{})
	needFarEnd(t)
	tabs := r.openTabs(2)
	other := startBrowser(t, browserOptions{})
	tabs = append(tabs, other.open(tabs[0].state().Room.Link))
	r.waitCluster(3, tabs...)
	for _, tb := range tabs {
		tb.eval("window.e2eSamePage = true", nil)
	}
	const next = "192.0.2.8/24"
	move := func(from, to string) {
		t.Helper()
		mustIP(t, "address del "+from+" dev "+nearLink)
		mustIP(t, "address add "+to+" dev "+nearLink)
		mustIP(t, "route replace default via "+gateway)
	}
	here := nearAddress
	t.Cleanup(func() {
		if here != nearAddress {
			move(here, nearAddress)
		}
	})
	for i, to := range []string{next, nearAddress} {
		move(here, to)
		here = to
		start := time.Now()
		for n := range 5 {
			key := fmt.Sprintf("moved %d, %d", i, n)
			waitFor(t, "a command to commit", repairTimeout, func() error {
				_, err := tabs[n%3].command("put", key, "yes")
				return err
			})
			r.acked[key] = "yes"
		}
		committed := time.Since(start)
		waitFor(t, "the links over WebRTC", repairTimeout, func() error {
			for _, tb := range tabs {
				for _, m := range tb.state().Members {
					if !m.Self && (m.Link != "open" || m.Transport != "webrtc" || m.Stale) {
						return fmt.Errorf("%v: %+v", tb, m)
					}
				}
			}
			return nil
		})
		t.Logf("moved to %s: five commands after %v, all links after %v", to, committed.Round(time.Millisecond), time.Since(start).Round(time.Millisecond))
		r.waitCluster(3, tabs...)
		r.waitAcked(tabs...)
	}
	for _, tb := range tabs {
		var same bool
		if tb.eval("window.e2eSamePage === true", &same); !same {
			t.Errorf("%v was reloaded", tb)
		}
	}
}
