package e2e

import (
	"fmt"
	"syscall"
	"testing"
	"time"
)

// Firefox's tabs under what TestSuspended, TestStorageCauses and TestLeaderHandsOver do
// to Chromium's.

// signal sends a signal to the tab's content process, which must be its alone.
func (tb *foxTab) signal(s syscall.Signal) {
	tb.t.Helper()
	pid := tb.process()
	for _, other := range tb.browser.live() {
		if other != tb && other.process() == pid {
			tb.t.Fatalf("%v and %v share process %d", tb, other, pid)
		}
	}
	if err := syscall.Kill(pid, s); err != nil {
		tb.t.Fatalf("%v: signal %v to process %d: %v", tb, s, pid, err)
	}
}

// A tab's process is stopped, as follower and as leader, and goes on: the others are
// served meanwhile, and who wakes has deposed nobody.
func TestFirefoxSuspended(t *testing.T) {
	t.Parallel()
	r := startFoxRoom(t, firefoxOptions{})
	tabs := r.openTabs(3)
	l := startLoad(t, "load-", 8, clientPause)
	for _, tb := range tabs {
		l.use(tb, 1)
	}
	for _, leads := range []bool{false, true} {
		leader := r.waitCluster(3, tabs...)
		asleep := leader
		if !leads {
			asleep = except(tabs, leader)[0]
		}
		awake := except(tabs, asleep)
		pid := asleep.process()
		asleep.signal(syscall.SIGSTOP)
		began := time.Now()
		if leads {
			_, took := r.waitLeader(gatherTimeout, 3, awake...)
			t.Logf("a new leader %v after the old one fell asleep", took.Round(time.Millisecond))
		}
		r.put(awake[0], fmt.Sprintf("while one sleeps, leader %v", leads), "yes")
		time.Sleep(time.Until(began.Add(napTimes()[0]))) // the test's subject
		between := awake[0].state()
		awake[0].eval(watchChanges, nil)
		if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		now := r.waitCluster(3, tabs...).state()
		var changes []string
		awake[0].eval("changes", &changes)
		if between.Leader != "" && now.ID == asleep.state().ID && now.Term > between.Term {
			t.Errorf("the woken server leads in term %d, before %s did in %d: %v", now.Term, between.Leader, between.Term, changes)
		}
		r.put(asleep, fmt.Sprintf("awake, leader %v", leads), "yes")
	}
	r.waitAcked(tabs...)
	t.Log(summarise(l.seen()))
	finish(l, gatherTimeout, tabs)
}

// What Firefox stores is deleted under the running page, all of it or the saves alone:
// the tab stops as if it had crashed, says why, and comes back as another server.
func TestFirefoxStorageDeleted(t *testing.T) {
	t.Parallel()
	m := startMixedRoom(t)
	tb := m.tabs[inFirefox].(*foxTab)
	for _, c := range []struct{ name, how string }{
		{"database", `indexedDB.deleteDatabase("tabraft"), true`},
		{"saves", clearSaves},
	} {
		m.fill(tb, c.name, 5)
		before := m.ids[inFirefox]
		tb.eval(inFlight, nil)
		waitInFlight(t, tb)
		tb.eval(c.how, nil)
		waitFor(t, "the tab to stop after its "+c.name+" was deleted", identityTimeout, func() error {
			s, err := tb.tryState()
			if err == nil && (s.Role != "stopped" || s.Problem != "storage" || s.Storage.Cause != "cleared") {
				err = fmt.Errorf("it is %s, problem %q, cause %q: %s", s.Role, s.Problem, s.Storage.Cause, s.Reason)
			}
			return err
		})
		t.Log(tb.state().Reason)
		var acked []string
		tb.eval("e2eAcked", &acked)
		for _, key := range acked {
			m.acked[key] = inFlightValue
		}
		m.waitAcked(m.tabs[inChromium])
		tb.reload()
		waitFor(t, "a new server", identityTimeout, func() error {
			s, err := tb.tryState()
			if err == nil && (s.ID == before || s.Role != "follower") {
				err = fmt.Errorf("it is %s %s, and was %s: %s", s.Role, s.ID, before, s.Reason)
			}
			return err
		})
		m.tabs[inChromium].eval(fmt.Sprintf("tabraft.remove(%q)", before), nil)
		m.wait()
		m.ids[inFirefox] = tb.state().ID
		m.waitAcked(m.tabs[:]...)
	}
}

// The leader's tab is closed: it asks one of the others to take over as it goes. Firefox
// delivers the last message of a closing page about every other time; else the others elect
// one as if it had crashed.
func TestFirefoxLeaderCloses(t *testing.T) {
	t.Parallel()
	r := startFoxRoom(t, firefoxOptions{})
	tabs := r.openTabs(3)
	leader := r.waitCluster(3, tabs...)
	left := except(tabs, leader)
	for _, tb := range left {
		tb.eval(`window.asked = [], tabraft.on("message", (m) => { if (m.type === "TimeoutNow" && m.dir === "received") asked.push(m.term); }), true`, nil)
	}
	leader.startClose()
	now, took := r.waitLeader(leadTimeout, 3, left...)
	asked := map[bool]int{} // by whether it leads now
	for _, tb := range left {
		var terms []uint64
		tb.eval("asked", &terms)
		asked[tb == now] += len(terms)
	}
	t.Logf("asked to take over: %d who leads now, %d who does not", asked[true], asked[false])
	if asked[true]+asked[false] > 1 {
		t.Error("more than one was asked")
	}
	t.Logf("a new leader %v after", took.Round(time.Millisecond))
}
