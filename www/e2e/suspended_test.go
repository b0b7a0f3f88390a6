package e2e

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"
)

// napTimes are how long tabs are suspended; the long form adds a minute.
func napTimes() []time.Duration {
	if longForm() {
		return []time.Duration{5 * time.Second, time.Minute}
	}
	return []time.Duration{5 * time.Second}
}

// longForm tells whether tests run as long as a person would want once.
func longForm() bool { return os.Getenv("TABRAFT_LONG") != "" }

// A tab is suspended and wakes, as follower and as leader, while clients use all
// tabs. Nothing acknowledged is lost, no term has two leaders, who wakes deposes
// nobody, and what the suspended tab was asked is answered.
func TestSuspended(t *testing.T) {
	t.Parallel()
	for _, way := range suspensions {
		for _, nap := range napTimes() {
			t.Run(fmt.Sprintf("%s, %v", way.name, nap), func(t *testing.T) {
				r := startRoom(t, browserOptions{})
				tabs := r.openTabs(3)
				w := newWitness(t)
				l := startLoad(t, "", 1, 20*time.Millisecond)
				for _, tb := range tabs {
					w.follow(tb)
					l.use(tb, 1)
				}
				for _, leads := range []bool{false, true} {
					for round := 1; !suspendOne(r, tabs, way, nap, leads, l, w); round++ {
						if round == restless {
							t.Fatalf("leaders changed by themselves %d times while a follower slept: this machine is too busy", round)
						}
					}
				}
				r.waitCluster(3, tabs...)
				l.finish(gatherTimeout, tabs...)
				t.Log(summarise(l.seen()))
				w.check()
			})
		}
	}
}

// restless is how often, on a machine too busy for its tabs, leaders may change by
// themselves while a follower sleeps, before the test gives up.
const restless = 5

// suspendOne suspends the leader or a follower once, and tells whether the others were
// calm meanwhile, so that it could be seen whether who wakes disturbs them.
func suspendOne(r *room, tabs []*tab, way suspension, nap time.Duration, leads bool, l *load, w *witness) (calm bool) {
	t := r.t
	t.Helper()
	leader := r.waitCluster(3, tabs...)
	asleep := leader
	if !leads {
		asleep = except(tabs, leader)[0]
	}
	awake := except(tabs, asleep)
	before, id := awake[0].state(), asleep.state().ID
	// It is under way when the tab falls asleep: without links nobody answers it.
	asleep.eval("tabraft.isolate(true)", nil)
	key := fmt.Sprintf("asked before a sleep, leader %v, term %d", leads, before.Term)
	answer := l.ask(asleep, key)
	var settled bool
	asleep.eval(fmt.Sprintf("tabraft.isolate(false), e2eSettled.has(%q)", l.prefix+key), &settled)
	way.begin(asleep)
	if settled {
		t.Error("a command was answered without a majority")
	}
	began := time.Now()
	served := l.answeredBy(awake)
	if leads {
		_, took := r.waitLeader(gatherTimeout, 3, awake...)
		t.Logf("a new leader %v after the old one fell asleep", took.Round(time.Millisecond))
	}
	waitFor(t, "answers while a tab sleeps", commandTimeout, func() error {
		if now := l.answeredBy(awake); now < served+10 {
			return fmt.Errorf("%d commands were answered in %v", now-served, time.Since(began).Round(time.Millisecond))
		}
		return nil
	})
	time.Sleep(time.Until(began.Add(nap))) // the test's subject, not a wait for something
	between := awake[0].state()
	// On a machine too busy for its tabs leaders change by themselves.
	calm = leads || between.Leader == before.Leader && between.Term == before.Term
	heard := len(w.all())
	way.wake(asleep)
	t.Logf("a command asked before the tab slept for %v: %s", nap, answer(commandTimeout))
	now := r.waitCluster(3, tabs...).state()
	campaigned := slices.ContainsFunc(w.all()[heard:], func(s testimony) bool {
		return s.ID == id && s.Term > between.Term && (s.Role == "candidate" || s.Role == "leader")
	})
	if calm && campaigned {
		t.Errorf("the woken server campaigned: leader %s of term %d became %s of %d", between.Leader, between.Term, now.ID, now.Term)
	}
	if how := l.ask(asleep, fmt.Sprintf("asked after a sleep, leader %v, term %d", leads, before.Term))(commandTimeout); how != string(answered) {
		t.Errorf("a command of the woken tab: %s", how)
	}
	return calm
}

// answeredBy counts the commands that clients of these tabs had answered.
func (l *load) answeredBy(tabs []*tab) int {
	of := map[user]bool{}
	for _, tb := range tabs {
		of[tb] = true
	}
	n := 0
	for _, o := range l.seen() {
		if o.outcome == answered && of[o.tab] {
			n++
		}
	}
	return n
}

// A leader that is stopped in the middle of its work, wherever that is, holds up
// nobody: another leads, and commits. One stop in a hundred met a save that had begun,
// and all tabs of the browser waited for it.
func TestStoppedLeaders(t *testing.T) {
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(3)
	rounds := 5
	if longForm() {
		rounds = 40
	}
	var times []float64
	for range rounds {
		leader := r.waitCluster(3, tabs...)
		stop := suspensions[0]
		times = append(times, r.timeFailover(except(tabs, leader)[0], "the leader is stopped", func() { stop.begin(leader) }))
		stop.wake(leader)
	}
	t.Logf("%d times, commands answered again after %s (median), %s (max)", rounds, millis(median(times)), millis(slices.Max(times)))
}
