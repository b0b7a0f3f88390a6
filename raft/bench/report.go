package main

import (
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"
)

// line is one comparison, for other programs.
type line struct {
	name         string
	ours, theirs float64
}

// goal is what is to be reached, and what was.
type goal struct {
	text string
	met  bool
}

// ratio notes a comparison of two figures.
func (s *session) ratio(name string, ours, theirs float64) {
	s.lines = append(s.lines, line{name, ours, theirs})
}

// want notes whether a goal was reached.
func (s *session) want(met bool, format string, args ...any) {
	s.goals = append(s.goals, goal{fmt.Sprintf(format, args...), met})
}

// report prints what other programs read, the goals, and what went wrong.
func (s *session) report() {
	fmt.Printf("\nname ours theirs ratio\n")
	for _, l := range s.lines {
		fmt.Printf("%s %.4g %.4g %.3g\n", l.name, l.ours, l.theirs, l.ours/l.theirs)
	}
	fmt.Println("\nGoals:")
	for _, g := range s.goals {
		word := "MISSED"
		if g.met {
			word = "met   "
		}
		fmt.Println(" ", word, g.text)
	}
	if len(s.failures) > 0 {
		fmt.Println("\nWhat failed:")
	}
	for _, f := range s.failures {
		fmt.Println(" ", f)
	}
}

// table prints rows of cells in columns; the first row is the head.
func table(title string, rows [][]string) {
	fmt.Printf("\n%s\n", title)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(w, "  "+strings.Join(row, "\t"))
	}
	w.Flush()
}

// count prints a number of operations a second to three digits.
func count(v float64) string {
	switch {
	case v >= 999.5e3:
		return fmt.Sprintf("%.2fM", v/1e6)
	case v >= 999.5:
		return fmt.Sprintf("%.0fk", v/1e3)
	}
	return fmt.Sprintf("%.0f", v)
}

// duration prints nanoseconds to three digits.
func duration(nanos int64) string {
	d := time.Duration(nanos)
	switch {
	case d >= time.Millisecond:
		return fmt.Sprintf("%.2f ms", float64(d)/1e6)
	case d >= time.Microsecond:
		return fmt.Sprintf("%.1f us", float64(d)/1e3)
	}
	return fmt.Sprintf("%d ns", nanos)
}
