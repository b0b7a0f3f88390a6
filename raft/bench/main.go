// The program bench compares tabraft's core and servers with etcd's raft and
// hashicorp/raft, side by side in one run. `make bench-core` runs it.
//
// Each contender is a program of its own in a folder of this one, rivals with a
// module of their own, so that the product depends on none of them and two
// versions of one can be there. They are built, started once, and then asked in
// turn, round by round, for a fraction of a second each: what disturbs the
// machine hits all alike. See package load for what is measured and checked.
//
// It prints tables and, for other programs, lines `name ours theirs ratio`.
package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
)

// options are what the command line says.
type options struct {
	short        bool
	only         []string
	cpuprofile   string
	allocprofile string
}

// part is one part of the benchmark.
type part struct {
	name string
	run  func(*session) error
}

// parts are all of them, in the order of the run.
var parts = []part{
	{"core", benchCore},
	{"node", benchNode},
	{"growth", benchGrowth},
	{"wasm", benchWasm},
}

func main() {
	var o options
	var only string
	flag.BoolVar(&o.short, "short", false, "a rough run of about 20 seconds")
	flag.StringVar(&only, "only", "", "only these parts: core, node, growth, wasm, separated by commas")
	flag.StringVar(&o.cpuprofile, "cpuprofile", "", "also write CPU profiles of our part: `prefix` is continued with the case and .prof")
	flag.StringVar(&o.allocprofile, "allocprofile", "", "the same for allocations")
	flag.Parse()
	if only != "" {
		o.only = strings.Split(only, ",")
	}
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	for _, name := range o.only {
		if !slices.ContainsFunc(parts, func(p part) bool { return p.name == name }) {
			return fmt.Errorf("there is no part %q", name)
		}
	}
	s, err := newSession(o)
	if err != nil {
		return err
	}
	defer s.close()
	for _, p := range parts {
		if len(o.only) > 0 && !slices.Contains(o.only, p.name) {
			continue
		}
		if err := p.run(s); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	s.report()
	return nil
}
