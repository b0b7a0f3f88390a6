package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// row is the mutant's line of the table.
func (r result) row() string {
	how := r.stage + ": " + r.by
	switch {
	case r.err != nil:
		how = "NOT TRIED: " + strings.ReplaceAll(strings.TrimSpace(r.err.Error()), "\n", "; ")
	case r.stage == "":
		how = "SURVIVES"
	}
	bugs := ""
	for _, b := range r.bugs {
		bugs += fmt.Sprintf(" %d", b)
	}
	if bugs != "" {
		bugs = " (bug" + bugs + ")"
	}
	return fmt.Sprintf("%5.1fs  %-13s %-60s %s", r.took.Seconds(), r.file[:len(r.file)-len(".go")], r.name+bugs, how)
}

// faults are what is wrong with the table or the tests.
func (r result) faults() []string {
	var out []string
	switch {
	case r.err != nil:
		out = append(out, r.err.Error())
	case r.stage == "" && r.survives == "":
		out = append(out, "survives, and nothing says why: "+r.rule)
	case r.stage != "" && r.survives != "":
		out = append(out, fmt.Sprintf("is said to survive (%s), but %s notices it", r.survives, r.by))
	}
	if r.err == nil && len(r.bugs) > 0 && r.stage != own && r.survives == "" {
		out = append(out, fmt.Sprintf("is not noticed by the tests of bug %v", r.bugs))
	}
	return out
}

// report prints what noticed how many, and what survived. It fails if a mutant
// survived without a reason.
func report(w io.Writer, results []result, took time.Duration) error {
	count := map[string]int{}
	var order []string
	noticed, faulty := 0, 0
	for _, r := range results {
		if r.stage == "" || r.err != nil {
			continue
		}
		if noticed++; count[r.stage] == 0 {
			order = append(order, r.stage)
		}
		count[r.stage]++
	}
	fmt.Fprintf(w, "\n%d mutants, %d noticed, in %s:\n", len(results), noticed, took.Round(time.Second))
	for _, stage := range order {
		what := stage
		if stage == own {
			what = "the tests of the bug that it is"
		}
		fmt.Fprintf(w, "%5d by %s\n", count[stage], what)
	}
	for _, r := range results {
		if r.err == nil && r.stage == "" && r.survives != "" {
			fmt.Fprintf(w, "%s: %s survives: %s\n", r.file, r.name, r.survives)
		}
	}
	for _, r := range results {
		faults := r.faults()
		for _, fault := range faults {
			fmt.Fprintf(w, "%s: %s %s\n", r.file, r.name, fault)
		}
		if len(faults) > 0 {
			faulty++
		}
	}
	if faulty > 0 {
		return errors.New("the tests do not show that every guard is needed")
	}
	return nil
}
