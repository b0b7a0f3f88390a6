package suite

import (
	"fmt"
	"strings"

	"tabraft/raft/lab/suite/rules"
)

// A Verdict is how a test ended.
type Verdict string

const (
	Passed  Verdict = "passed"
	Failed  Verdict = "failed"
	Skipped Verdict = "skipped" // the Raft has no Snapshot, and the test needs it
)

// A Result is one run of one test.
type Result struct {
	Test    string  `json:"test"` // "InitialElection2A"
	Title   string  `json:"title"`
	Seed    uint64  `json:"seed"`
	Verdict Verdict `json:"verdict"`
	// The line of the course: how long it took (virtual time, unless the run was
	// in real time), the number of servers, of RPCs, of bytes in them, and of
	// indexes that were applied.
	Seconds float64 `json:"seconds"`
	Peers   int     `json:"peers"`
	RPCs    int     `json:"rpcs"`
	Bytes   int64   `json:"bytes"`
	Commits int     `json:"commits"`

	RealSeconds float64  `json:"realSeconds"`
	Gauges      []Gauge  `json:"gauges,omitempty"`
	Warnings    []string `json:"warnings,omitempty"`
	Failure     *Failure `json:"failure,omitempty"`
	// Digest stands for everything that was seen of the run: two runs with the
	// same digest went the same way.
	Digest string `json:"digest"`
}

// A Gauge tells how near a run came to a limit.
type Gauge struct {
	What  string  `json:"what"`
	Unit  string  `json:"unit"`
	Value float64 `json:"value"`
	Limit float64 `json:"limit"`
}

func (g Gauge) String() string {
	if g.Unit == "s" {
		return fmt.Sprintf("%.1f of %.0f s %s", g.Value, g.Limit, g.What)
	}
	return fmt.Sprintf("%.0f of %.0f %s %s", g.Value, g.Limit, g.Unit, g.What)
}

// A Failure says why a test failed.
type Failure struct {
	Kind    rules.Kind `json:"kind"`
	Message string     `json:"message"` // what the test missed
	At      float64    `json:"at"`      // seconds since the test began
	// Finding is the rule that was broken first, as far as it can be told, and
	// Also what else was noticed.
	Finding *rules.Finding  `json:"finding,omitempty"`
	Also    []rules.Finding `json:"also,omitempty"`
	// Trace is the end of the story, one column per server; Events is the same
	// for programs.
	Trace  string        `json:"trace,omitempty"`
	Events []rules.Event `json:"events,omitempty"`
	// Stacks is where the student's code stands, if that matters.
	Stacks string `json:"stacks,omitempty"`
	// Running is set when a goroutine of the student's goes on running and
	// cannot be stopped: the process should end.
	Running bool `json:"running,omitempty"`
}

// Line returns the course's line for a passed test, with limits behind it.
func (r Result) Line() string {
	line := fmt.Sprintf("  ... Passed --  %4.1f  %d %5d %8d %5d", r.Seconds, r.Peers, r.RPCs, r.Bytes, r.Commits)
	if len(r.Gauges) > 0 {
		line += "   "
		for i, g := range r.Gauges {
			if i > 0 {
				line += "; "
			}
			line += g.String()
		}
	}
	return line
}

// Text returns the result as lines to print: one for a passed test, a report for
// a failed one. replay is the command that runs it again, or empty.
func (r Result) Text(replay string) string {
	var b strings.Builder
	switch r.Verdict {
	case Passed:
		b.WriteString(r.Line() + "\n")
	case Skipped:
		b.WriteString("  ... skipped: this Raft has no Snapshot\n")
	case Failed:
		r.Failure.write(&b, r)
		if replay != "" {
			fmt.Fprintf(&b, "  Again:    %s\n", replay)
		}
	}
	for _, w := range r.Warnings {
		b.WriteString("  Warning:  " + indent(w) + "\n")
	}
	return b.String()
}

func (f *Failure) write(b *strings.Builder, r Result) {
	fmt.Fprintf(b, "  ... FAILED after %.3f s: %s\n", f.At, indent(f.Message))
	if f.Finding != nil {
		b.WriteString(f.Finding.Report())
	}
	for _, a := range f.Also {
		fmt.Fprintf(b, "  Also:     %s\n", indent(a.Line()))
	}
	if f.Stacks != "" {
		fmt.Fprintf(b, "  Where it stands:\n    %s\n", strings.ReplaceAll(strings.TrimSpace(f.Stacks), "\n", "\n    "))
	}
	if f.Trace != "" {
		b.WriteString(f.Trace)
	}
}

// indent fits lines after the first under the first.
func indent(s string) string {
	return strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n            ")
}

// result gathers what a run came to. stuck is set if it was left behind, in its bubble; then
// only what is safe from outside is looked at.
func (l *lab) result(stuck *Failure) Result {
	r := Result{Test: l.ID(), Title: l.Title, Seed: l.seed, Peers: l.n, Verdict: Passed}
	f := stuck
	if stuck == nil {
		l.mu.Lock()
		f = l.failure
		r.Seconds, r.RPCs, r.Bytes = l.seconds.Seconds(), l.rpcs, l.bytes
		r.Commits = len(l.chosen) - 1
		r.Gauges, r.Warnings = l.gauges, l.warnings
		l.mu.Unlock()
		if f == nil {
			if left := l.leftover(); left != "" {
				r.Warnings = append(r.Warnings, left)
			}
		}
	} else {
		r.Seconds = l.ticked().Seconds()
	}
	if l.opened.Load() {
		r.Digest = l.watch.Digest()
	}
	if f != nil {
		r.Verdict, r.Failure = Failed, f
		if l.opened.Load() {
			d := l.watch.Explain(f.Kind)
			if f.Finding == nil {
				f.Finding = d.Finding
			}
			f.Also, f.Trace, f.Events = d.Also, d.Trace, d.Events
		}
	}
	return r
}
