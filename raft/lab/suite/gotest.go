package suite

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"tabraft/raft/lab/tester"
)

// The flags of `go test` with the suite:
//
//	-seed N  the run with this seed; with -count, N, N+1, ...
//	-real    in real time
var (
	seedFlag *uint64
	realFlag *bool
)

func init() {
	if !testing.Testing() {
		return
	}
	seedFlag = flag.Uint64("seed", 0, "seed of the lab's tests; 0 is a random one")
	realFlag = flag.Bool("real", false, "run the lab's tests in real time instead of virtual time")
}

var played = struct {
	sync.Mutex
	times map[string]uint64
}{times: map[string]uint64{}}

// Test runs the test of the lab that is named as t is, with a student's
// Make. It is what a raft_test.go consists of:
//
//	func TestInitialElection2A(t *testing.T) { suite.Test(t, Make) }
//
// It prints the course's lines to the standard output.
func Test(t *testing.T, mk any) {
	t.Helper()
	name, _, _ := strings.Cut(t.Name(), "/")
	c, err := Find(name)
	if err != nil {
		t.Fatal(err)
	}
	form, err := tester.Adapt(mk)
	if err != nil {
		t.Fatal(err)
	}
	seed := RandomSeed()
	if *seedFlag != 0 {
		played.Lock()
		seed = *seedFlag + played.times[t.Name()]
		played.times[t.Name()]++
		played.Unlock()
	}
	o := Options{
		Real: *realFlag, Out: os.Stdout,
		Replay: func(_ string, seed uint64) string {
			return fmt.Sprintf("go test -run '^%s$' -seed %d%s", name, seed, map[bool]string{true: " -real"}[*realFlag])
		},
	}
	switch r := o.one(t, c, form, seed); {
	case r.Verdict == Skipped:
		t.Skip("this Raft has no Snapshot")
	case r.Verdict == Failed && r.Failure.Running:
		fmt.Println("A goroutine cannot be stopped: the tests that follow are not run.")
		fmt.Println("FAIL")
		os.Exit(1)
	case r.Verdict == Failed:
		t.Fail()
	}
}
