package broken

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"tabraft/raft/lab/kit"
	"tabraft/raft/lab/suite"
	"tabraft/raft/lab/suite/rules"
)

// outcome is what came of a number of runs.
type outcome struct {
	runs, caught, named int
	report              string // of the first run in which the rule was named, or that was caught
}

// judge looks at runs of a broken Raft: how often it was caught, and how often the report
// led with the right rule.
func (b Bug) judge(results []kit.Result) outcome {
	o := outcome{runs: len(results)}
	for _, r := range results {
		text := r.Text("")
		says := b.Says != "" && strings.Contains(text, b.Says)
		if r.Verdict != suite.Failed && !says {
			continue
		}
		named := says
		report := ""
		if f := r.Failure; f != nil {
			report = f.Message
			if f.Finding != nil {
				report = f.Finding.Text
				named = named || b.Rule != "" && f.Finding.Rule == b.Rule
			}
		} else if len(r.Warnings) > 0 {
			report = r.Warnings[0]
		}
		if o.caught == 0 || named && o.named == 0 {
			o.report = report
		}
		o.caught++
		if named {
			o.named++
		}
	}
	return o
}

// row is a bug's line of table.md.
type row struct {
	name, belief, test string
	rule               rules.Rule
	outcome
}

func (b Bug) row(o outcome) row {
	return row{name: b.Name, belief: b.Belief, test: b.Test, rule: b.Rule, outcome: o}
}

// isNamed tells whether the report names the rule as a rule.
func (r row) isNamed() bool { return r.rule != "" && r.caught > 0 && 2*r.named > r.caught }

// maxReport bounds what the table has of a report.
const maxReport = 260

func (r row) line() string {
	rule := "none"
	if r.rule != "" {
		rule = string(r.rule)
	}
	report, _, _ := strings.Cut(strings.TrimSpace(r.report), "\n")
	if text := []rune(report); len(text) > maxReport {
		report = string(text[:maxReport]) + "..."
	}
	cell := strings.NewReplacer("|", "\\|", "\n", " ").Replace
	return fmt.Sprintf("| %s | %s | %s | %d of %d | %s | %d | %s |", r.name, cell(r.belief), r.test, r.caught, r.runs, rule, r.named, cell(report))
}

// table is what table.md says.
type table []row

func (t table) named() int {
	n := 0
	for _, r := range t {
		if r.isNamed() {
			n++
		}
	}
	return n
}

func (t table) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Rafts with one bug each, and what the tester says

Written by "make lab-broken UPDATE=-update"; "make lab-broken" runs all of it again and
compares. The textbook and the reference pass the same tests with the same seeds, and so
do the Rafts of variants.go, which are correct in another way.

%d bugs. The report names the rule of %d of them in most of the runs that catch them. A
rule "none" stands for bugs that break no rule of Raft's: the report says what happened.
"Named" is in how many runs the right rule leads the report.

| bug | what the student thought | test | caught | rule | named | what the report said |
|---|---|---|---|---|---|---|
`, len(t), t.named())
	for _, r := range t {
		b.WriteString(r.line() + "\n")
	}
	return b.String()
}

// readTable reads what String wrote, but for what was thought and said.
func readTable(text string) (table, error) {
	var t table
	for line := range strings.SplitSeq(text, "\n") {
		cells := strings.Split(strings.ReplaceAll(line, `\|`, ""), "|")
		if len(cells) != 9 || strings.HasPrefix(cells[1], "-") || strings.TrimSpace(cells[1]) == "bug" {
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		r := row{name: cells[1], test: cells[3], rule: rules.Rule(cells[5])}
		if r.rule == "none" {
			r.rule = ""
		}
		named, err := strconv.Atoi(cells[6])
		if _, err2 := fmt.Sscanf(cells[4], "%d of %d", &r.caught, &r.runs); err != nil || err2 != nil {
			return nil, fmt.Errorf("not a row of the table: %s", line)
		}
		r.named = named
		t = append(t, r)
	}
	return t, nil
}

// tolerance is how many runs of fifty may come out otherwise: the order in which Go
// runs goroutines is not the seed's.
const tolerance = 10

// differences compares a table with one of earlier.
func (t table) differences(want table) []string {
	var out []string
	old := map[string]row{}
	for _, r := range want {
		old[r.name] = r
	}
	near := func(a, b, runs int) bool { return max(a-b, b-a)*DefaultSeeds <= tolerance*max(runs, 1) }
	for _, r := range t {
		w, ok := old[r.name]
		delete(old, r.name)
		switch {
		case !ok:
			out = append(out, r.name+" is not in table.md")
		case r.test != w.test || r.rule != w.rule || r.runs != w.runs:
			out = append(out, fmt.Sprintf("%s: test, rule and runs are %s, %s, %d; table.md says %s, %s, %d", r.name, r.test, r.rule, r.runs, w.test, w.rule, w.runs))
		case !near(r.caught, w.caught, r.runs) || !near(r.named, w.named, r.runs):
			out = append(out, fmt.Sprintf("%s: caught %d times and named %d times; table.md says %d and %d", r.name, r.caught, r.named, w.caught, w.named))
		}
	}
	for name := range old {
		out = append(out, name+" is in table.md only")
	}
	return out
}

func TestTableReadsWhatItWrites(t *testing.T) {
	want := table{
		{name: "a", belief: "x | y", test: "Backup2B", rule: rules.DoubleVote, outcome: outcome{runs: 50, caught: 40, named: 39, report: "one | two\nthree"}},
		{name: "b", belief: "z", test: "Count2B", outcome: outcome{runs: 2, caught: 2, named: 2}},
	}
	got, err := readTable(want.String())
	if err != nil || len(got) != 2 || len(want.differences(got)) > 0 {
		t.Fatalf("%v %v %v", got, err, want.differences(got))
	}
	if want.named() != 1 {
		t.Error("named", want.named())
	}
	for _, change := range []func(r *row){
		func(r *row) { r.caught = 20 }, func(r *row) { r.named = 10 }, func(r *row) { r.test = "x" }, func(r *row) { r.name = "c" },
	} {
		other := append(table{}, got...)
		change(&other[0])
		if len(want.differences(other)) == 0 {
			t.Errorf("no difference: %+v", other[0])
		}
	}
	got[0].caught += tolerance
	if d := want.differences(got); len(d) > 0 {
		t.Error(d)
	}
	if _, err := readTable("| a | b | c | many | d | 1 | e |"); err == nil {
		t.Error("a broken row was read")
	}
}
