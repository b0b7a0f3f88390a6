package e2e

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	// attackTimeout bounds the attacks: a peer that misbehaved is not connected to
	// for 1 s, 2 s, 4 s and so on.
	attackTimeout = 4 * time.Minute
	// mostBusy is how much of a processor a hidden tab may use, on average, while peers
	// do what they can to keep it busy.
	mostBusy = 0.8
	// mostGrown is how many bytes more a renderer may need after the attacks.
	mostGrown = 200 << 20
)

// resident is how many bytes of memory a tab's renderer has, 0 if that cannot be
// told.
func (tb *tab) resident() int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", tb.renderer))
	fields := strings.Fields(string(b))
	if err != nil || len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize())
}

// refusedOf is how often a tab says that it refused something of a peer.
func refusedOf(s State, peer string) (count uint64, reason string) {
	for _, r := range s.Refusals {
		if r.Peer == peer {
			return r.Count, r.Reason
		}
	}
	return 0, ""
}

// A toll is what tabs need at one moment.
type toll struct {
	at     time.Time
	times  map[int]processTime
	memory map[*tab]int64
}

func measureToll(t *testing.T, tabs []*tab) toll {
	m := toll{time.Now(), processTimes(t), map[*tab]int64{}}
	for _, tb := range tabs {
		m.memory[tb] = tb.resident()
	}
	return m
}

// wantHarmless wants hostile peers to be refused, counted and shown by every tab, and to
// have cost it little since a moment before them.
func wantHarmless(t *testing.T, before toll, tabs []*tab, all ...hostile) {
	t.Helper()
	after := measureToll(t, tabs)
	took := after.at.Sub(before.at)
	for _, tb := range tabs {
		s := tb.state()
		for _, h := range all {
			count, reason := refusedOf(s, h.id)
			if count == 0 || reason == "" {
				t.Errorf("%v refused nothing of %s: %+v", tb, h.id, s.Refusals)
			}
			t.Logf("%v refused %d of %s, the last: %s", tb, count, h.id, reason)
		}
		if len(s.Members) != 3 {
			t.Errorf("%v has %d members", tb, len(s.Members))
		}
		grown := after.memory[tb] - before.memory[tb]
		busy := (after.times[tb.renderer].used - before.times[tb.renderer].used).Seconds() / took.Seconds()
		t.Logf("%v: memory %d MB, %+d MB; %.0f %% of a processor for %v", tb, after.memory[tb]>>20, grown>>20, 100*busy, took.Round(time.Second))
		if before.memory[tb] > 0 && grown > mostGrown {
			t.Errorf("%v grew by %d bytes", tb, grown)
		}
		if busy > mostBusy {
			t.Errorf("%v used %.0f %% of a processor", tb, 100*busy)
		}
	}
	for _, tb := range tabs {
		tb.front() // a hidden page does not paint
		waitText(t, tb, "tabraft-facts", "refused", spreadTimeout)
	}
}

// Strangers with the room's key attack every tab in every way they know, but for mere
// numbers. The cluster commits as before, under the same leader.
func TestStrangerAttacks(t *testing.T) {
	t.Parallel()
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(3)
	before := r.waitCluster(3, tabs...).state()
	r.open("about:blank").front() // a page that shows draws most of the time
	cost := measureToll(t, tabs)
	all := []hostile{
		attack(t, before, "00000000000000ad", "forges", "4 GiB", "4 GiB in a frame", "answers for another"),
		attack(t, before, "00000000000000bd", "replays", "raises the term", "says it is removed"),
	}
	n := 0
	waitFor(t, "every attack on every tab to be over", attackTimeout, func() error {
		for range 5 {
			r.put(tabs[n%3], fmt.Sprintf("meanwhile-%d", n), "yes")
			n++
		}
		for _, h := range all {
			if err := h.done(tabs); err != nil {
				return err
			}
		}
		return nil
	})
	for _, tb := range tabs {
		if s := tb.state(); s.Leader != before.ID || s.Term != before.Term {
			t.Errorf("%v: leader %s in term %d; before %s in term %d", tb, s.Leader, s.Term, before.ID, before.Term)
		}
	}
	wantHarmless(t, cost, tabs, all...)
	r.waitAcked(tabs...)
}

// A stranger sends to every tab as fast as it can. That takes time from whoever shares
// the machine or the network with it; but it is sent away each time, and clients are
// answered while it tries.
func TestStrangerFloods(t *testing.T) {
	t.Parallel()
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(3)
	before := r.waitCluster(3, tabs...).state()
	r.open("about:blank").front()
	l := startLoad(t, "", 5, clientPause)
	for _, tb := range tabs {
		l.use(tb, 1)
	}
	cost := measureToll(t, tabs)
	h := attack(t, before, "00000000000000cd", "floods pings", "floods commands")
	waitFor(t, "every attack on every tab to be over", attackTimeout, func() error { return h.done(tabs) })
	wantHarmless(t, cost, tabs, h)
	r.waitLeader(gatherTimeout, 3, tabs...)
	t.Log(summarise(l.seen()))
	if n := l.answered(); n < 20 {
		t.Errorf("%d commands were answered meanwhile", n)
	}
	l.finish(gatherTimeout, tabs...)
}

// A stranger that knows the room's token, but not its key, is connected to nobody, and
// what it sends is counted.
func TestStrangerWithAWrongKey(t *testing.T) {
	t.Parallel()
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(3)
	p := startStranger(t, "-room", tabs[0].state().Room.Link, "-wrong-key")
	if _, err := p.line("pestering 3", peerTimeout); err != nil {
		t.Fatal(err)
	}
	for _, tb := range tabs {
		waitFor(t, fmt.Sprintf("%v to count it", tb), spreadTimeout, func() error {
			count, reason := refusedOf(tb.state(), "")
			if count < 20 || !strings.Contains(reason, "another key") {
				return fmt.Errorf("%d: %s", count, reason)
			}
			return nil
		})
		for _, m := range tb.state().Members {
			if m.ID == strangerID {
				t.Errorf("it is a member of %v's cluster", tb)
			}
		}
	}
	r.put(tabs[1], "k", "v")
	r.waitAcked(tabs...)
}
