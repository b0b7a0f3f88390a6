package suite

import (
	"cmp"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"tabraft/raft/lab/tester"
)

// Options say what to run.
type Options struct {
	// Make is the student's function Make, in the form of any year: see
	// tester.Adapt.
	Make any
	// Run chooses tests as `go test -run` would: "2B", "Figure8$", "" for all.
	Run string
	// Seed decides a run as far as the tester does; 0 means a random one. Each test mixes
	// its own name in. Natively and in virtual time, three of four seeds run on one
	// core, where a seed mostly is the same run; those that OnAllCores names run on
	// all, where servers run at the same time in no certain order.
	Seed uint64
	// Count is how many times to run each test, with seeds Seed, Seed+1, ...; 0
	// means once.
	Count int
	// Real runs in real time. The default is virtual time.
	Real bool
	// RealLimit ends a test after so much real time; 0 means the constant RealLimit.
	RealLimit time.Duration
	// SpinLimit is how long, in real time, a goroutine may run without letting
	// virtual time pass; 0 means the constant SpinLimit.
	SpinLimit time.Duration
	// Out, if not nil, gets the course's lines and reports as text.
	Out io.Writer
	// Replay, if not nil, returns the command that runs a test again; it is printed with a
	// failure.
	Replay func(test string, seed uint64) string
	// Before and After, if not nil, are called around each run of a test.
	Before func(c Case, seed uint64)
	After  func(Result)
	// KeepGoing tells whether to go on after a failed test, nil means always.
	KeepGoing func(Result) bool
}

// A Report is what a call of Run came to.
type Report struct {
	Seed    uint64   `json:"seed"`
	Real    bool     `json:"real"`
	Results []Result `json:"results"`
	// Aborted says why the rest was not run. After a test with a goroutine that
	// never stops running, the process should end.
	Aborted string `json:"aborted,omitempty"`
}

// Passed tells whether every test that ran has passed.
func (r Report) Passed() bool {
	for _, res := range r.Results {
		if res.Verdict == Failed {
			return false
		}
	}
	return r.Aborted == ""
}

// RandomSeed returns a seed that is short enough to type.
func RandomSeed() uint64 { return 1 + rand.Uint64N(999_999_999) }

// Run runs tests one after another. It works in any program, natively and under
// GOOS=js, and must not be called from several goroutines at the same time. An error
// means that nothing was run.
func Run(o Options) (Report, error) {
	form, err := tester.Adapt(o.Make)
	if err != nil {
		return Report{}, err
	}
	cases, err := Select(o.Run)
	if err != nil {
		return Report{}, err
	}
	if o.Seed == 0 {
		o.Seed = RandomSeed()
	}
	report := Report{Seed: o.Seed, Real: o.Real}
	for k := range max(o.Count, 1) {
		for _, c := range cases {
			r := o.one(nil, c, form, o.Seed+uint64(k))
			report.Results = append(report.Results, r)
			switch {
			case r.Verdict != Failed:
			case r.Failure.Running:
				report.Aborted = fmt.Sprintf("%s did not stop running", r.Test)
				return report, nil
			case o.KeepGoing != nil && !o.KeepGoing(r):
				report.Aborted = fmt.Sprintf("%s failed", r.Test)
				return report, nil
			}
		}
	}
	return report, nil
}

// OnAllCores tells whether a seed's run uses all cores also in virtual time.
func OnAllCores(seed uint64) bool { return seed%4 == 0 }

// one runs one test once.
func (o *Options) one(t *testing.T, c Case, form tester.Form, seed uint64) Result {
	prepare()
	if !o.Real && !OnAllCores(seed) && runtime.GOMAXPROCS(0) > 1 {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	}
	seedGlobal(fold(seed, c.Name))
	if o.Before != nil {
		o.Before(c, seed)
	}
	if o.Out != nil {
		fmt.Fprintf(o.Out, "Test (2%c): %s (seed %d) ...\n", c.Part, c.Title, seed)
	}
	r := Result{Test: c.ID(), Title: c.Title, Seed: seed, Peers: c.Servers, Verdict: Skipped}
	if !c.snapshots || form.Snapshots {
		r = newLab(c, form, seed, o.Real).run(t, cmp.Or(o.RealLimit, RealLimit), cmp.Or(o.SpinLimit, SpinLimit))
	}
	if o.Out != nil {
		replay := ""
		if o.Replay != nil {
			replay = o.Replay(c.ID(), seed)
		}
		io.WriteString(o.Out, r.Text(replay))
	}
	if o.After != nil {
		o.After(r)
	}
	return r
}
