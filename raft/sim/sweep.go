package sim

import (
	"cmp"
	"context"
	"slices"
	"sync"
)

// sweep.go: many runs, on all cores. Each run is on one core and owes nothing
// to the others, so what is found does not depend on how many there are.

// maxBroken ends a Sweep: so many broken runs are enough to look at.
const maxBroken = 20

// Sweep is a range of seeds to run.
type Sweep struct {
	First, Seeds uint64
	Steps        int    // of each run, before the calm phase
	Workers      int    // runs at a time, at least 1
	Flaw         string // see Flaws; none if empty
}

// Summary is what a Sweep found.
type Summary struct {
	Runs   uint64
	Stats  Stats
	Broken []BrokenRun // ordered by seed
}

// BrokenRun is a run that broke a rule.
type BrokenRun struct {
	Settings Settings
	Broken   *Broken
}

// Run makes the runs, until all are made, too many were broken, or ctx ends.
// After each, progress gets what there is so far; it is called by one
// goroutine at a time and must not keep what it gets.
func (s Sweep) Run(ctx context.Context, progress func(*Summary)) (Summary, error) {
	first := s.settings(s.First)
	if err := first.validate(); err != nil {
		return Summary{}, err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var (
		mu   sync.Mutex
		sum  Summary
		next = s.First
		wg   sync.WaitGroup
	)
	take := func() (uint64, bool) {
		mu.Lock()
		defer mu.Unlock()
		seed := next
		next++
		return seed, seed-s.First < s.Seeds && ctx.Err() == nil
	}
	for range max(1, s.Workers) {
		wg.Go(func() {
			for seed, more := take(); more; seed, more = take() {
				set := s.settings(seed)
				r, _ := Run(set, nil) // all seeds' settings are valid
				mu.Lock()
				sum.Runs++
				sum.Stats.Add(&r.Stats)
				if r.Broken != nil {
					sum.Broken = append(sum.Broken, BrokenRun{set, r.Broken})
				}
				if len(sum.Broken) >= maxBroken {
					stop()
				}
				if progress != nil {
					progress(&sum)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	slices.SortFunc(sum.Broken, func(a, b BrokenRun) int { return cmp.Compare(a.Settings.Seed, b.Settings.Seed) })
	return sum, nil
}

func (s Sweep) settings(seed uint64) Settings {
	set := Draw(seed, s.Steps)
	set.Flaw = s.Flaw
	return set
}
