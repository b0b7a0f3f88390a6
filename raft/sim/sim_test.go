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
	flagSeeds  = flag.Int("seeds", 120, "how many seeds of the day to run, besides the fixed ones")
	flagFirst  = flag.Uint64("first", 0, "the first seed instead of the day's")
	flagSteps  = flag.Int("steps", 6000, "how many events each run has")
	flagUpdate = flag.Bool("update", false, "write what the tests compare with into testdata")
)

// fixedSeeds are run every day.
const fixedSeeds = 80

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
	file := filepath.Join(os.TempDir(), fmt.Sprintf("sim-%d.trace", set.Seed))
	writeTrace(t, file, set, short)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Errorf("seed %d (go run ./signaling/cmd/tabraft sim -seed %d -steps %d): %v\nshrunk to %d of %d events, in %s: %v\n%s",
		set.Seed, set.Seed, set.Steps, broken, len(short), len(events), file, again, text)
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

// Every flaw is found, and shrunk to a short trace that needs the flaw. The
// traces are kept for the reader:
//
//	go test ./raft/sim -run TestFlaws -update
func TestFlaws(t *testing.T) {
	for _, flaw := range Flaws() {
		t.Run(flaw, func(t *testing.T) {
			set, short := findFlaw(t, flaw)
			if *flagUpdate {
				writeTrace(t, filepath.Join("testdata", flaw+".trace"), set, short)
			}
			set.Flaw = ""
			if r, err := Replay(set, short, nil); err != nil || r.Broken != nil {
				t.Errorf("without the flaw: %v, %v", r.Broken, err)
			}
		})
	}
}

// findFlaw looks for a seed with which a flaw shows before all is calm, and
// shrinks its events.
func findFlaw(t *testing.T, flaw string) (Settings, []Event) {
	t.Helper()
	const longest = 150 // events of a shrunk trace
	for seed := uint64(1); seed <= 1000; seed++ {
		set := Draw(seed, 4000)
		if set.Servers != 3 {
			continue // three are read most easily
		}
		set.Flaw = flaw
		set.Reads = max(set.Reads, 200)
		r, events, err := Record(set)
		if err != nil {
			t.Fatal(err)
		}
		if r.Broken == nil || r.Broken.Calm && r.Broken.Rule != ruleLinear {
			continue
		}
		short, again := Shrink(set, events, nil)
		if len(short) == 0 {
			continue
		}
		t.Logf("seed %d: %d events shrunk to %d: %v", set.Seed, len(events), len(short), again)
		if again == nil || again.Rule != r.Broken.Rule || len(short) > longest {
			t.Errorf("seed %d: %v was shrunk to %d events: %v", set.Seed, r.Broken, len(short), again)
		}
		return set, short
	}
	t.Fatal("no seed shows it")
	return Settings{}, nil
}

func writeTrace(t *testing.T, file string, set Settings, events []Event) {
	t.Helper()
	var b bytes.Buffer
	if _, err := WriteTrace(&b, set, events); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestTraces replays the files of testdata: those with a flaw break a rule,
// all others, which once did, do not any more.
func TestTraces(t *testing.T) {
	files, err := filepath.Glob("testdata/*.trace")
	if err != nil || len(files) == 0 {
		t.Fatal("no traces: ", err)
	}
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		set, events, err := ReadTrace(f)
		f.Close()
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		r, err := Replay(set, events, nil)
		if err != nil || (r.Broken != nil) != (set.Flaw != "") {
			t.Errorf("%s: broken %v, %v", file, r.Broken, err)
		}
	}
}
