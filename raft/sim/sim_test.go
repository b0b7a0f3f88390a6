package sim

import (
	"bytes"
	"flag"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	flagSeeds = flag.Int("seeds", 60, "how many seeds of the day to run, besides the fixed ones")
	flagFirst = flag.Uint64("first", 0, "the first seed instead of the day's")
	flagSteps = flag.Int("steps", 6000, "how many events each run has")
)

// fixedSeeds are run every day.
const fixedSeeds = 100

// TestShort runs fixed seeds and the day's.
func TestShort(t *testing.T) {
	first := *flagFirst
	if first == 0 {
		y, m, d := time.Now().UTC().Date()
		first = uint64(y)*1e8 + uint64(m)*1e6 + uint64(d)*1e4
	}
	t.Logf("seeds 1 to %d and, for today, %d to %d (-first %d)", fixedSeeds, first, first+uint64(*flagSeeds)-1, first)
	var seeds []uint64
	for i := range uint64(fixedSeeds) {
		seeds = append(seeds, i+1)
	}
	for i := range uint64(*flagSeeds) {
		seeds = append(seeds, first+i)
	}
	var sum Stats
	for _, seed := range seeds {
		r, err := Run(Draw(seed, *flagSteps), nil)
		if err != nil {
			t.Fatal(err)
		}
		sum.Add(&r.Stats)
		if r.Broken != nil {
			report(t, Draw(seed, *flagSteps), r.Broken)
		}
	}
	t.Logf("in %d runs:\n%s", len(seeds), sum.String())
	for _, s := range sum.Missing() {
		t.Errorf("there were no %s: the runs test too little", s)
	}
}

// report shrinks what broke a rule and keeps it where the test leaves its
// files.
func report(t *testing.T, set Settings, broken *Broken) {
	t.Helper()
	_, events, err := Record(set)
	if err != nil {
		t.Fatal(err)
	}
	short, again := Shrink(set, events, nil)
	if again == nil {
		again = broken
	}
	var b bytes.Buffer
	if _, err := WriteTrace(&b, set, short); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(os.TempDir(), fmt.Sprintf("sim-%d.trace", set.Seed))
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Errorf("seed %d (go run ./signaling/cmd/tabraft sim -seed %d -steps %d): %v\nshrunk to %d of %d events, in %s: %v\n%s",
		set.Seed, set.Seed, set.Steps, broken, len(short), len(events), file, again, b.String())
}

// A recorded run, replayed, is the same run: every byte of its transcript.
func TestReplayIsTheSame(t *testing.T) {
	for seed := uint64(1); seed <= 20; seed++ {
		set := Draw(seed, 2000)
		_, events, err := Record(set)
		if err != nil {
			t.Fatal(err)
		}
		var ran, replayed bytes.Buffer
		if _, err := Run(set, &ran); err != nil {
			t.Fatal(err)
		}
		if _, err := Replay(set, events, &replayed); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(ran.Bytes(), replayed.Bytes()) {
			t.Fatalf("seed %d: the replay differs in line %d", seed, firstDifference(ran.String(), replayed.String()))
		}
	}
}

func firstDifference(a, b string) int {
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range as {
		if i >= len(bs) || as[i] != bs[i] {
			return i + 1
		}
	}
	return len(as)
}

// A trace file gives back its settings and events.
func TestTraceFile(t *testing.T) {
	set := Draw(7, 3000)
	_, events, err := Record(set)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := WriteTrace(&b, set, events); err != nil {
		t.Fatal(err)
	}
	set2, events2, err := ReadTrace(&b)
	if err != nil || set2 != set || !slices.Equal(events, events2) {
		t.Errorf("%v, settings %v, %d of %d events", err, set2, len(events2), len(events))
	}
}

var flagUpdate = flag.Bool("update", false, "write testdata/golden.txt")

// The same bytes on every machine, natively and under GOOS=js. A change of the
// core's behaviour changes them:
//
//	go test ./raft/sim -run TestGolden -update
func TestGolden(t *testing.T) {
	var b strings.Builder
	for seed := uint64(1); seed <= 12; seed++ {
		h := fnv.New64a()
		r, err := Run(Draw(seed, 1000), h)
		if err != nil {
			t.Fatal(err)
		}
		if r.Broken != nil {
			t.Errorf("seed %d: %v", seed, r.Broken)
		}
		fmt.Fprintf(&b, "seed %d: %d deliveries, transcript %016x\n", seed, r.Stats[Delivered], h.Sum64())
	}
	const file = "testdata/golden.txt"
	if *flagUpdate {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("the runs are not the recorded ones. If the core was changed on purpose: go test ./raft/sim -run TestGolden -update\n%s", b.String())
	}
}

// Every flaw is found, and shrunk to a short trace that needs the flaw.
func TestFlawsAreFound(t *testing.T) {
	for _, flaw := range Flaws() {
		t.Run(flaw, func(t *testing.T) {
			for seed := uint64(1); seed <= 400; seed++ {
				set := Draw(seed, 6000)
				set.Flaw = flaw
				r, err := Run(set, nil)
				if err != nil {
					t.Fatal(err)
				}
				if r.Broken == nil {
					continue
				}
				_, events, _ := Record(set)
				short, broken := Shrink(set, events, nil)
				t.Logf("seed %d: %d events shrunk to %d: %v", seed, len(events), len(short), broken)
				if broken == nil || broken.Rule != r.Broken.Rule || len(short) > 150 {
					t.Errorf("seed %d: %v was shrunk to %d events: %v", seed, r.Broken, len(short), broken)
				}
				set.Flaw = ""
				if again, _ := Replay(set, short, nil); again.Broken != nil {
					t.Errorf("without the flaw: %v", again.Broken)
				}
				return
			}
			t.Error("no seed finds it")
		})
	}
}
