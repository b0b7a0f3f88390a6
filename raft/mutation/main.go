// Mutation takes the guards out of the core one by one and shows that the
// tests notice. Each row of its tables (of_core.go for core.go, and so on) is a
// patch of text that breaks one rule: a clause of Figure 2 or Figure 13 of the
// paper, a promise of doc.go, or the guard against one of the bugs that
// raft/bugs_doc_test.go lists.
//
//	go run ./raft/mutation                     all of them: make mutate
//	go run ./raft/mutation -run 'lease|round'  those whose name matches
//
// A mutant is built by go's -overlay, so no source file is touched, and the
// sources are read once at the start, so that they may change meanwhile. It
// has to be noticed, first of all, by the tests that the bugs' table names for
// it, if it is one of these bugs; then by any test of one server; by random
// histories, which know only what Raft promises; by the transcripts, which
// know every message. What survives all that is run through many more
// histories, the simulator and whole nodes. A mutant that survives is printed,
// and is a failure unless the table says why nothing can notice it.
//
// The unit tests check that every patch still fits, since the core moves on.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"sync"
	"syscall"
	"time"
)

func main() {
	pattern := flag.String("run", "", "only mutants whose name, rule or file matches")
	workers := flag.Int("j", 2, "mutants at a time")
	seeds := flag.Int("seeds", 300, "random histories for each mutant")
	wide := flag.Int("wide", 2000, "random histories for each mutant that survives those")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *pattern, *workers, *seeds, *wide); err != nil {
		fmt.Fprintln(os.Stderr, "mutation:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, pattern string, workers, seeds, wide int) error {
	wanted, err := regexp.Compile(pattern)
	if err != nil {
		return err
	}
	tree, err := readTree()
	if err != nil {
		return err
	}
	bugs, err := tree.bugTests()
	if err != nil {
		return err
	}
	lab, err := newLab(tree, bugs, seeds, wide)
	if err != nil {
		return err
	}
	defer lab.close()
	var chosen []mutant
	for _, m := range mutants() {
		if wanted.MatchString(m.name) || wanted.MatchString(m.rule) || wanted.MatchString(m.file) {
			chosen = append(chosen, m)
		}
	}
	began := time.Now()
	if err := lab.baseline(ctx); err != nil {
		return fmt.Errorf("without a mutation: %w", err)
	}
	results := lab.tryAll(ctx, chosen, max(1, workers))
	if err := ctx.Err(); err != nil {
		return err
	}
	return report(os.Stdout, results, time.Since(began))
}

// tryAll tries mutants, some at a time, and prints each row of the table once
// all rows before it are known.
func (l *lab) tryAll(ctx context.Context, ms []mutant, workers int) []result {
	results := make([]result, len(ms))
	done := make([]chan struct{}, len(ms))
	for i := range done {
		done[i] = make(chan struct{})
	}
	next := make(chan int)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := range next {
				results[i] = l.try(ctx, i, ms[i])
				close(done[i])
			}
		})
	}
	wg.Go(func() {
		defer close(next)
		for i := range ms {
			next <- i
		}
	})
	for i := range ms {
		<-done[i]
		if ctx.Err() == nil {
			fmt.Println(results[i].row())
		}
	}
	wg.Wait()
	return results
}
