package suite

import (
	"flag"
	"os"
	"testing"

	"tabraft/raft/lab/textbook"
)

var (
	runFlag  = flag.String("lab", "", "which tests of the lab to run")
	seedsFor = flag.Int("seeds", 1, "with how many seeds")
)

func TestTextbook(t *testing.T) {
	failures := 0
	r, err := Run(Options{Make: textbook.Make, Run: *runFlag, Seed: *seedFlag, Count: *seedsFor, Real: *realFlag, Out: os.Stdout,
		KeepGoing: func(Result) bool { failures++; return failures < 3 }})
	if err != nil {
		t.Fatal(err)
	}
	if !r.Passed() {
		t.Fail()
	}
}
