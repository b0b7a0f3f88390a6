package broken

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"sort"
	"strings"
	"testing"

	"tabraft/raft/lab/kit"
	"tabraft/raft/lab/suite"
)

var (
	allFlag    = flag.Bool("all", false, "run every broken Raft with all its seeds and compare with table.md")
	updateFlag = flag.Bool("update", false, "with -all, write table.md")
	bugFlag    = flag.String("bug", "", "run these only, a pattern, and print what the reports say")
	inFlag     = flag.String("in", "", "with -bug, in these tests of the lab instead, a pattern as for its -run")
	seedsFlag  = flag.Int("seeds", 5, "with -bug, with how many seeds")
)

const (
	// wanted and wantedNamed are how many bugs there have to be, and of how many the
	// report has to name the rule.
	wanted, wantedNamed = 40, 30
	// variantSeeds is how many seeds the whole run takes for a Raft that is correct in another way.
	variantSeeds = 10
	// sampleSeeds is how many seeds the short run takes.
	sampleSeeds = 3
	// slow is a test that takes too long for fifty seeds; none of the bugs needs it.
	slow = "ReliableChurn2C"
)

// sample is what the short run takes: bugs of each kind that are found with nearly every
// seed, quickly.
var sample = []string{
	"vote-checked-before-term", "votes-counted-twice", "no-up-to-date-check", "timer-not-reset-by-append", "log-not-compared",
	"old-term-committed-by-counting", "never-backs-up", "log-not-saved", "lastapplied-set-afterwards", "snapshot-rolls-back", "lock-taken-twice",
}

// build compiles everything, and skips the test where there is no go command.
func build(t *testing.T) map[string]string {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("there is no go command")
	}
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	programs, err := Build(t.Context(), root, t.TempDir(), append(All(), Variants()...))
	if err != nil {
		t.Fatal(err)
	}
	return programs
}

// run runs a Raft in the tests that a pattern means.
func run(t *testing.T, program, in string, seeds int) []kit.Result {
	t.Helper()
	// Rafts that stand still wait in real time: more programs than cores.
	report, err := kit.Run(t.Context(), program, kit.Options{Run: in, Seed: 1, Count: seeds, Parallel: 2 * runtime.NumCPU()})
	if err != nil {
		t.Fatal(err)
	}
	return report.Results
}

func only(test string) string { return "^Test" + test + "$" }

// The table is in order, and its patches fit the textbook as it is.
func TestTable(t *testing.T) {
	textbook, err := Sources("../../..")
	if err != nil {
		t.Fatal(err)
	}
	names, ruled := map[string]bool{Textbook: true, Reference: true}, 0
	for _, b := range append(All(), Variants()...) {
		if _, err := b.Patch(textbook); err != nil {
			t.Error(err)
		}
		if names[b.Name] || b.Belief == "" || !regexp.MustCompile(`^[a-z][a-z-]*$`).MatchString(b.Name) {
			t.Errorf("%q is there twice, or is no name, or nobody believes it", b.Name)
		}
		names[b.Name] = true
	}
	for _, b := range All() {
		if _, err := suite.Find(b.Test); err != nil || b.Test == slow {
			t.Errorf("%s: no test for it: %s, %v", b.Name, b.Test, err)
		}
		if sentence, _ := b.Rule.About(); (b.Rule == "") == (b.Says == "") || b.Rule != "" && sentence == "" {
			t.Errorf("%s: rule %q, says %q", b.Name, b.Rule, b.Says)
		}
		if b.Rule != "" {
			ruled++
		}
	}
	if len(All()) < wanted || ruled < wantedNamed {
		t.Errorf("%d bugs, %d of them with a rule", len(All()), ruled)
	}
	for _, name := range sample {
		if !names[name] {
			t.Errorf("no bug is called %s", name)
		}
	}
}

func TestPatchesFitOnce(t *testing.T) {
	textbook := map[string]string{"a.go": "one two two"}
	for _, p := range []Patch{{"a.go", "two", "x"}, {"a.go", "three", "x"}, {"a.go", "one", "one"}, {"b.go", "one", "x"}} {
		if _, err := (Bug{Patches: []Patch{p}}).Patch(textbook); err == nil {
			t.Errorf("%+v", p)
		}
	}
	files, err := Bug{Patches: []Patch{{"a.go", "one", "two"}, {"a.go", "two two two", "x"}}}.Patch(textbook)
	if err != nil || files["a.go"] != "x" || textbook["a.go"] != "one two two" {
		t.Errorf("%v %v", files, err)
	}
}

// All compile; a sample is caught and named with a few seeds, and the same tests and seeds
// find nothing in the textbook.
func TestSample(t *testing.T) {
	if *allFlag || *bugFlag != "" {
		t.Skip("the other tests have it")
	}
	programs := build(t)
	for _, b := range All() {
		if !slices.Contains(sample, b.Name) {
			continue
		}
		seeds := sampleSeeds
		if b.Seeds > 0 {
			seeds = 1
		}
		o := b.judge(run(t, programs[b.Name], only(b.Test), seeds))
		if o.caught == 0 || o.named == 0 {
			t.Errorf("%s: caught %d times of %d, named %d times: %s", b.Name, o.caught, o.runs, o.named, o.report)
		}
		pass(t, Textbook, run(t, programs[Textbook], only(b.Test), seeds))
	}
}

// pass checks that a Raft without a bug has passed.
func pass(t *testing.T, name string, results []kit.Result) {
	t.Helper()
	for _, r := range results {
		if r.Verdict != suite.Passed {
			t.Errorf("%s is accused:\n%s", name, r.Text(""))
			return
		}
	}
}

// Every broken Raft is caught within its seeds, as table.md says; and Rafts without a
// bug pass everything with the same seeds.
func TestAll(t *testing.T) {
	if !*allFlag || *bugFlag != "" {
		t.Skip("it takes a quarter of an hour: -all")
	}
	programs := build(t)
	var rows []row
	used := map[string]bool{}
	for _, b := range All() {
		seeds := DefaultSeeds
		if b.Seeds > 0 {
			seeds = b.Seeds
		}
		r := b.row(b.judge(run(t, programs[b.Name], only(b.Test), seeds)))
		t.Log(r.line())
		if r.caught == 0 {
			t.Errorf("%s is not caught by %s with %d seeds", b.Name, b.Test, seeds)
		}
		rows = append(rows, r)
		used[b.Test] = true
	}
	var tests, rest []string
	for _, c := range suite.Cases() {
		switch {
		case used[c.ID()]:
			tests = append(tests, only(c.ID()))
		case c.ID() != slow:
			rest = append(rest, only(c.ID()))
		}
	}
	sort.Strings(tests)
	for _, name := range []string{Textbook, Reference} {
		pass(t, name, run(t, programs[name], strings.Join(tests, "|"), DefaultSeeds))
		pass(t, name, run(t, programs[name], strings.Join(rest, "|"), variantSeeds))
	}
	for _, v := range Variants() {
		pass(t, v.Name, run(t, programs[v.Name], strings.Join(append(tests, rest...), "|"), variantSeeds))
	}
	got := table(rows)
	if named := got.named(); named < wantedNamed {
		t.Errorf("the reports name the rule of %d bugs only", named)
	}
	if *updateFlag {
		if err := os.WriteFile("table.md", []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	text, err := os.ReadFile("table.md")
	if err != nil {
		t.Fatal(err)
	}
	want, err := readTable(string(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, difference := range got.differences(want) {
		t.Error(difference)
	}
}

// What the reports say of some Rafts, for those who work on the table.
func TestSome(t *testing.T) {
	if *bugFlag == "" {
		t.Skip("it needs -bug")
	}
	pattern, err := regexp.Compile(*bugFlag)
	if err != nil {
		t.Fatal(err)
	}
	programs := build(t)
	for _, b := range append(append(All(), Variants()...), Bug{Name: Textbook}, Bug{Name: Reference}) {
		if !pattern.MatchString(b.Name) {
			continue
		}
		in := *inFlag
		if in == "" {
			in = only(b.Test)
		}
		byTest := map[string][]kit.Result{}
		for _, r := range run(t, programs[b.Name], in, *seedsFlag) {
			byTest[r.Test] = append(byTest[r.Test], r)
		}
		for test, results := range byTest {
			o := b.judge(results)
			t.Logf("%s in %s: caught %d of %d, named %d: %s", b.Name, test, o.caught, o.runs, o.named, o.report)
		}
	}
}
