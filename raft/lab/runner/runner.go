// Package runner is the program around a student's package: it runs the suite
// and writes each result as a line of JSON. `tabraft lab run` builds it with the
// student's package and starts one for each core; in a page one Worker runs one
// test with it (see Order).
package runner

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime/metrics"
	"sync/atomic"
	"time"

	"tabraft/raft/lab/suite"
)

// Exit statuses of the program. A panic gives 2.
const (
	// Passed: all tests that ran passed.
	Passed = 0
	// Failed: some did not.
	Failed = 1
	// Misused: nothing was run.
	Misused = 10
	// Aborted: a test left a goroutine running that cannot be stopped, so that the
	// rest was not run.
	Aborted = 11
	// OutOfMemory: the program held more than MaxMemory.
	OutOfMemory = 12
)

// MaxMemory is how many bytes the program may hold before it is ended.
const MaxMemory = 2 << 30

// memoryInterval is how often that is looked at.
const memoryInterval = 100 * time.Millisecond

// Main runs what the command line asks for, with a student's Make in the form of
// any year, and does not return.
//
//	-run PATTERN   which tests, as go test's -run
//	-seed N        of the first run
//	-count N       runs of each test, with seeds N, N+1, ...
//	-real          in real time
//	-results FD    where to write the results; 1, the standard output, is also the
//	               student's
//
// Under GOOS=js, a host that has set tabraftLab is served instead: see Order.
func Main(makeRaft any) {
	if served(makeRaft) {
		os.Exit(Passed)
	}
	o := suite.Options{Make: makeRaft}
	flag.StringVar(&o.Run, "run", "", "which tests, as go test's -run")
	flag.Uint64Var(&o.Seed, "seed", 0, "seed of the first run")
	flag.IntVar(&o.Count, "count", 1, "runs of each test")
	flag.BoolVar(&o.Real, "real", false, "in real time")
	results := flag.Uint("results", 1, "file descriptor for the results")
	flag.Parse()

	var running atomic.Pointer[string]
	go watchMemory(&running)
	out := json.NewEncoder(os.NewFile(uintptr(*results), "results"))
	o.Before = func(c suite.Case, seed uint64) {
		what := fmt.Sprintf("test %s with seed %d", c.ID(), seed)
		running.Store(&what)
	}
	o.After = func(r suite.Result) {
		if err := out.Encode(r); err != nil {
			end(Misused, err.Error())
		}
	}
	report, err := suite.Run(o)
	switch {
	case err != nil:
		end(Misused, err.Error())
	case report.Aborted != "":
		end(Aborted, report.Aborted)
	case !report.Passed():
		os.Exit(Failed)
	}
	os.Exit(Passed)
}

func end(status int, why string) {
	fmt.Fprintln(os.Stderr, why)
	os.Exit(status)
}

// watchMemory ends the program before it takes the machine down. A goroutine that
// never yields cannot keep it from running, except under GOOS=js, where the page
// has the same watch.
func watchMemory(running *atomic.Pointer[string]) {
	held := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	for {
		time.Sleep(memoryInterval)
		if metrics.Read(held); held[0].Value.Uint64() > MaxMemory {
			what := "the program"
			if p := running.Load(); p != nil {
				what = *p
			}
			end(OutOfMemory, fmt.Sprintf("%s holds more than %d MiB of memory", what, MaxMemory>>20))
		}
	}
}
