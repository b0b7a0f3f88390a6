package e2e

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// soak.go: a cluster of real tabs that lives among faults of all kinds, chosen
// at random. soak_faults.go has the kinds.

const (
	// soakPause is between two faults, on average.
	soakPause = 1500 * time.Millisecond
	// soakRemoveAfter is the setting removeAfterMs of a soak: a member that is gone
	// for so long is removed.
	soakRemoveAfter = 10 * time.Second
	// healTimeout bounds how long a cluster takes to be whole when no more faults
	// come: removing who is gone takes its time.
	healTimeout = 4 * time.Minute
	// lostTimeout is how long a cluster that heals may be without a leader before
	// more tabs are opened: see heal.
	lostTimeout = 20 * time.Second
	// fewTabs and manyTabs bound how many tabs there are.
	fewTabs, manyTabs = 3, 7
	// rareBag: see fault.
	rareBag = 3
	// reckless is how often, of a hundred times, a fault is let in that may cost
	// the cluster its majority.
	reckless = 10
)

// A soak is a run. All is done by one goroutine, that of the test: a fault that
// lasts leaves its end in pending.
type soak struct {
	*fleet
	random  *rand.Rand
	began   time.Time
	pending []repair
	busy    map[*tab]bool // under a fault that lasts
	offline bool          // the server is down
	bag     []fault       // those that come before any comes again
	bags    int           // so far
	deleted []string      // ids whose saves were deleted last
	counts  map[string]int
	diary   []diaryLine
}

// A diaryLine is what was done at a time.
type diaryLine struct {
	at   time.Time
	what string
}

// A repair ends a fault at its time.
type repair struct {
	at   time.Time
	what string
	do   func()
}

// A fault is a kind of fault. do does it, or returns false if nothing is there
// that it could be done to.
type fault struct {
	name string
	do   func(s *soak) bool
	rare bool // in one bag of rareBag only
}

func newSoak(f *fleet, seed uint64) *soak {
	return &soak{fleet: f, random: rand.New(rand.NewPCG(seed, 0x50a4)), began: time.Now(), busy: map[*tab]bool{}, counts: map[string]int{}}
}

// run lets faults in for a time.
func (s *soak) run(d time.Duration) {
	end := time.Now().Add(d)
	next := time.Now()
	for {
		at := next
		if len(s.pending) > 0 && s.pending[0].at.Before(at) {
			at = s.pending[0].at
		}
		if at.After(end) {
			return
		}
		time.Sleep(time.Until(at))
		if at == next {
			s.fault()
			next = time.Now().Add(s.upTo(2 * soakPause))
		} else {
			s.repair()
		}
	}
}

// upTo is a random time.
func (s *soak) upTo(d time.Duration) time.Duration { return time.Duration(s.random.Int64N(int64(d))) }

// fault does the next fault of the bag that can be done.
func (s *soak) fault() {
	for range len(faults) {
		if len(s.bag) == 0 {
			s.bag = slices.Clone(faults)
			if s.bags++; s.bags%rareBag != 1 {
				s.bag = slices.DeleteFunc(s.bag, func(f fault) bool { return f.rare })
			}
			s.random.Shuffle(len(s.bag), func(i, k int) { s.bag[i], s.bag[k] = s.bag[k], s.bag[i] })
		}
		f := s.bag[0]
		s.bag = s.bag[1:]
		if f.do(s) {
			s.counts[f.name]++
			return
		}
	}
}

// note writes into the diary.
func (s *soak) note(format string, args ...any) {
	s.diary = append(s.diary, diaryLine{time.Now(), fmt.Sprintf(format, args...)})
}

// later has something done within a time.
func (s *soak) later(d time.Duration, what string, do func()) {
	r := repair{time.Now().Add(d), what, do}
	i, _ := slices.BinarySearchFunc(s.pending, r, func(a, b repair) int { return a.at.Compare(b.at) })
	s.pending = slices.Insert(s.pending, i, r)
}

// repair does what is due first.
func (s *soak) repair() {
	r := s.pending[0]
	s.pending = s.pending[1:]
	s.note("%s", r.what)
	r.do()
}

// lasting notes a fault of a tab that lasts, and ends it later; end is not
// called if the tab is gone by then.
func (s *soak) lasting(tb *tab, most time.Duration, what string, end func()) {
	s.busy[tb] = true
	s.later(most/10+s.upTo(most), fmt.Sprintf("%s of browser %d: %s", tb, tb.browser.number, what), func() {
		delete(s.busy, tb)
		if slices.Contains(s.live(), tb) {
			end()
		}
	})
}

// calm are the tabs that are up and under no fault.
func (s *soak) calm() []*tab {
	return slices.DeleteFunc(s.live(), func(tb *tab) bool {
		if s.busy[tb] {
			return true
		}
		state, err := tb.tryState()
		return err != nil || state.Role == "stopped"
	})
}

// pick is one of the calm tabs for which ok holds, or nil.
func (s *soak) pick(ok func(*tab) bool) *tab {
	tabs := s.calm()
	if ok != nil {
		tabs = slices.DeleteFunc(tabs, func(tb *tab) bool { return !ok(tb) })
	}
	if len(tabs) == 0 {
		return nil
	}
	return tabs[s.random.IntN(len(tabs))]
}

// alone tells whether a tab has a renderer of its own, which is known: a
// duplicated tab shares its original's.
func (s *soak) alone(tb *tab) bool {
	return tb.renderer != 0 && !slices.ContainsFunc(tb.browser.live(), func(other *tab) bool { return other != tb && other.renderer == tb.renderer })
}

// mayLose tells whether the cluster can do without n more servers; now and then
// it does not matter.
func (s *soak) mayLose(n int) bool {
	if s.random.IntN(100) < reckless {
		return true
	}
	calm := s.calm()
	for _, tb := range calm {
		state, err := tb.tryState()
		if err == nil && state.Leader != "" {
			return min(state.Quorum.Alive, len(calm))-n >= state.Quorum.Needed
		}
	}
	return false
}

// openIn opens a tab in a browser and sees to the browser's settings.
func (s *soak) openIn(b *browser) *tab {
	tb := s.open(b)
	s.note("%v of browser %d is opened", tb, b.number)
	waitFor(s.t, fmt.Sprintf("%v to be up", tb), loadTimeout, func() error {
		return tb.tryEval(fmt.Sprintf("tabraft.settings({removeAfterMs: %d}), true", soakRemoveAfter.Milliseconds()), nil)
	})
	return tb
}

// heal ends all faults and waits until all tabs, and they alone, are one
// cluster.
func (s *soak) heal() {
	s.t.Helper()
	s.note("no more faults")
	for len(s.pending) > 0 {
		s.repair()
	}
	for len(s.live()) < fewTabs {
		s.openIn(s.browsers[0])
	}
	lost := time.Now()
	waitFor(s.t, "the cluster to be whole", healTimeout, func() error {
		tabs := s.live()
		_, err := clusterOf(len(tabs), tabs)
		if err == nil {
			return linked(tabs, s.transport)
		}
		// Without a majority nobody is removed, and the servers that make one may
		// be stored in browsers that have no tab for them.
		if state, stateErr := tabs[0].tryState(); stateErr == nil && state.Leader != "" {
			lost = time.Now()
		} else if time.Since(lost) > lostTimeout {
			lost = time.Now()
			for _, b := range s.browsers {
				s.openIn(b)
			}
		}
		return err
	})
	s.note("the cluster is whole, of %d", len(s.live()))
}

// written is the diary from one moment to another, with what pages said of themselves.
func (s *soak) written(from, until time.Time) string {
	lines := append(slices.Clone(s.diary), s.witness.turns()...)
	slices.SortStableFunc(lines, func(a, b diaryLine) int { return a.at.Compare(b.at) })
	var out strings.Builder
	for _, line := range lines {
		if !line.at.Before(from) && !line.at.After(until) {
			fmt.Fprintf(&out, "%8.3f  %s\n", line.at.Sub(s.began).Seconds(), line.what)
		}
	}
	return out.String()
}

// report tells what happened.
func (s *soak) report(history *history) string {
	operations := history.seen()
	var out strings.Builder
	fmt.Fprintf(&out, "%v with %d browsers\n", time.Since(s.began).Round(time.Second), len(s.browsers))
	total := 0
	for _, n := range s.counts {
		total += n
	}
	fmt.Fprintf(&out, "%d faults\n", total)
	for _, f := range faults {
		fmt.Fprintf(&out, "  %3d %s\n", s.counts[f.name], f.name)
	}
	out.WriteString(summarise(operations))
	a := measure(operations)
	from := history.began.Add(a.from)
	fmt.Fprintf(&out, "\nwhat happened in the longest outage, and in the second before:\n%s", s.written(from.Add(-time.Second), from.Add(a.longest)))
	return out.String()
}
