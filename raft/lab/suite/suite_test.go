package suite_test

import (
	"flag"
	"os"
	"testing"

	"tabraft/raft/lab/suite"
	"tabraft/raft/lab/textbook"
)

// For long runs: go test ./raft/lab/suite -run TestTextbook -lab . -seeds 100 -v
var (
	labFlag   = flag.String("lab", "2A|BasicAgree|Count|Persist1|UnreliableAgree|SnapshotAllCrash", "which tests of the lab TestTextbook runs")
	seedsFlag = flag.Int("seeds", 1, "with how many seeds")
)

// The textbook Raft passes, and the watch finds nothing to remark on. All 28
// tests run in package textbook.
func TestTextbook(t *testing.T) {
	o := suite.Options{Make: textbook.Make, Run: *labFlag, Count: *seedsFlag, After: func(r suite.Result) {
		if r.Verdict != suite.Passed || len(r.Warnings) > 0 {
			t.Errorf("%s with seed %d:\n%s", r.Test, r.Seed, r.Text(""))
		}
	}}
	if testing.Verbose() {
		o.Out = os.Stdout
	}
	r, err := suite.Run(o)
	if err != nil {
		t.Fatal(err)
	}
	if !r.Passed() {
		t.Fail()
	}
}

// Names of tests in every form.
func TestNames(t *testing.T) {
	for pattern, want := range map[string]int{
		"": 28, "2A": 3, "3A": 3, "2B": 10, "3B": 10, "2C": 8, "2D": 7, "Election": 3,
		"TestFigure82C": 1, "^TestPersist13C$": 1, "Figure8": 2,
	} {
		if got, err := suite.Select(pattern); err != nil || len(got) != want {
			t.Errorf("%q: %d tests, %v; want %d", pattern, len(got), err, want)
		}
	}
	for _, bad := range []string{"2E", "(", "NoSuchTest"} {
		if _, err := suite.Select(bad); err == nil {
			t.Errorf("%q selects something", bad)
		}
	}
	if _, err := suite.Find("TestSnapshotInit3D"); err != nil {
		t.Error(err)
	}
	if _, err := suite.Run(suite.Options{Make: func() {}}); err == nil {
		t.Error("a function that is no Make was run")
	}
}
