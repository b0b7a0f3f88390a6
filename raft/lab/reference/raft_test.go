package reference

import (
	"flag"
	"os"
	"testing"

	"tabraft/raft/lab/suite"
)

var (
	flagSeeds = flag.Int("seeds", 1, "how many times to run each test of the lab")
	flagFirst = flag.Uint64("first", 1, "the first seed")
	flagTests = flag.String("tests", "", "which tests of the lab, as go test's -run")
)

// The reference passes the course's suite.
//
//	go test ./raft/lab/reference -seeds 1000
//	go test ./raft/lab/reference -tests Figure8 -first 17 -seeds 1
func TestSuite(t *testing.T) {
	o := suite.Options{Make: Make, Run: *flagTests, Seed: *flagFirst, Count: *flagSeeds}
	if testing.Verbose() {
		o.Out = os.Stdout
	}
	report, err := suite.Run(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range report.Results {
		if r.Verdict != suite.Passed {
			t.Errorf("%s with seed %d: %s: %s\n%s", r.Test, r.Seed, r.Verdict, r.Failure.Message, r.Failure.Trace)
		}
	}
	if report.Aborted != "" {
		t.Error(report.Aborted)
	}
}
