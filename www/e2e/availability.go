package e2e

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// availability is what clients met.
type availability struct {
	answered, mismatched, refused, unknown int

	why     map[string]int // of those refused and unknown
	windows int            // of 1 s, from the first call to the last
	served  int            // of them those with an answered command that writes
	longest time.Duration  // between two such answers
	from    time.Duration  // when the longest began
	p50     time.Duration  // of answered commands, gets too
	p99     time.Duration
}

// measure tells how available the cluster was to its clients.
func measure(operations []operation) availability {
	a := availability{why: map[string]int{}}
	var times, acked []time.Duration
	var last time.Duration
	for i := range operations {
		o := &operations[i]
		last = max(last, o.call)
		switch o.outcome {
		case answered:
			a.answered++
			times = append(times, o.ret-o.call)
			if o.writes() {
				acked = append(acked, o.ret)
			}
			continue
		case mismatched:
			a.mismatched++
			continue
		case refused:
			a.refused++
		default:
			a.unknown++
		}
		a.why[string(o.outcome)+", "+cmp.Or(o.why, "under way")]++
	}
	if len(times) == 0 {
		return a
	}
	slices.Sort(times)
	slices.Sort(acked)
	a.p50, a.p99 = times[len(times)/2], times[len(times)*99/100]
	first := operations[0].call
	windows := map[int64]bool{}
	previous := first
	outage := func(until time.Duration) {
		if d := until - previous; d > a.longest {
			a.longest, a.from = d, previous
		}
	}
	for _, at := range acked {
		outage(at)
		previous = at
		if at <= last {
			windows[int64((at-first)/time.Second)] = true
		}
	}
	outage(last)
	a.windows = int((last-first)/time.Second) + 1
	a.served = len(windows)
	return a
}

// summarise tells in words what clients met.
func summarise(operations []operation) string {
	a := measure(operations)
	var out strings.Builder
	fmt.Fprintf(&out, "%d operations: %d answered, %d cas mismatched, %d refused, %d unknown\n", len(operations), a.answered, a.mismatched, a.refused, a.unknown)
	for _, why := range sortedKeys(a.why) {
		fmt.Fprintf(&out, "  %d %s\n", a.why[why], why)
	}
	fmt.Fprintf(&out, "  answered after %v (p50), %v (p99)\n", a.p50.Round(100*time.Microsecond), a.p99.Round(100*time.Microsecond))
	fmt.Fprintf(&out, "  %d of %d windows of 1 s with an acknowledged command, longest outage %v", a.served, a.windows, a.longest.Round(time.Millisecond))
	return out.String()
}
