package kit

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"tabraft/raft/lab/suite"
)

// A Report is what a call of Run came to.
type Report struct {
	Seed    uint64   `json:"seed"`
	Real    bool     `json:"real"`
	Results []Result `json:"results"`

	of    int
	cases []suite.Case
}

// sort puts results in the order of the course, those of one test by seed.
func (r *Report) sort() {
	place := map[string]int{}
	for i, c := range r.cases {
		place[c.ID()] = i
	}
	slices.SortFunc(r.Results, func(a, b Result) int {
		return cmp.Or(place[a.Test]-place[b.Test], cmp.Compare(a.Seed, b.Seed))
	})
}

// Passed tells whether all tests passed every time.
func (r *Report) Passed() bool {
	return !slices.ContainsFunc(r.Results, func(x Result) bool { return x.Verdict != suite.Passed })
}

func (r *Report) failed() []Result {
	var all []Result
	for _, x := range r.Results {
		if x.Verdict != suite.Passed {
			all = append(all, x)
		}
	}
	return all
}

// Summary is one line about everything.
func (r *Report) Summary() string {
	failed := len(r.failed())
	if failed == 0 {
		return fmt.Sprintf("All %d runs passed (seed %d).", len(r.Results), r.Seed)
	}
	return fmt.Sprintf("%d of %d runs failed (seed %d).", failed, len(r.Results), r.Seed)
}

// Table has a line for each test: how often it passed, how long it took at
// most, and the shortest failing run, whose report follows.
func (r *Report) Table(replay func(suite.Result) string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-28s %13s  %12s  %s\n", "test", "passed", "slowest", "shortest failing run")
	var shortest *Result
	for _, c := range r.cases {
		passed, runs, slowest := 0, 0, 0.0
		var worst *Result
		for i := range r.Results {
			x := &r.Results[i]
			if x.Test != c.ID() {
				continue
			}
			runs++
			slowest = max(slowest, x.RealSeconds)
			if x.Verdict == suite.Passed {
				passed++
			} else if worst == nil || x.Seconds < worst.Seconds {
				worst = x
			}
		}
		fmt.Fprintf(&b, "%-28s %5d of %-5d %11.2fs", c.ID(), passed, runs, slowest)
		if worst != nil {
			fmt.Fprintf(&b, "  seed %d: %s", worst.Seed, worst.Failure.Message)
			if shortest == nil || worst.Seconds < shortest.Seconds {
				shortest = worst
			}
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "\n%s\n", r.Summary())
	if shortest != nil {
		fmt.Fprintf(&b, "\nThe shortest failing run:\n\n%s", shortest.Text(replay(shortest.Result)))
		if shortest.Output != "" {
			fmt.Fprintf(&b, "  Printed by the Raft:\n%s\n", shortest.Output)
		}
	}
	return b.String()
}
