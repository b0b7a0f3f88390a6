package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"tabraft/raft/sim"
)

const simAbout = `Try to break the core: run seeded worlds of servers, disks, clocks and a network in which everything goes wrong,
and check every rule of Raft after every event. A world that breaks a rule is shrunk to a short trace.`

const (
	defaultSimSeeds = 2000
	defaultSimSteps = 20_000
	// simShrinks is how many broken worlds are shrunk.
	simShrinks = 3
	// simProgress is how often progress is shown.
	simProgress = 2 * time.Second
	// simGC lets the heap of small, short-lived worlds grow further than usual
	// before it is collected: a tenth faster.
	simGC = 800
)

type simOptions struct {
	seed, first, seeds uint64
	steps, workers     int
	replay, out, flaw  string
}

// simulate is `tabraft sim`.
func simulate(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var o simOptions
	flags := newFlags("sim", simAbout)
	flags.Uint64Var(&o.seed, "seed", 0, "run this `seed` only, and show the settings of its world")
	flags.Uint64Var(&o.first, "first", 1, "the first `seed`")
	flags.Uint64Var(&o.seeds, "seeds", defaultSimSeeds, "how many seeds")
	flags.IntVar(&o.steps, "steps", defaultSimSteps, "how many `events` each world has before all is calm")
	flags.IntVar(&o.workers, "workers", runtime.GOMAXPROCS(0), "how many worlds at a time")
	flags.StringVar(&o.replay, "replay", "", "replay a trace `file`, and show what happens in it")
	flags.StringVar(&o.out, "o", ".", "`directory` for the traces of broken worlds, sim-SEED.trace")
	flags.StringVar(&o.flaw, "flaw", "", "break the core's contract in this `way`, to see it found: "+strings.Join(sim.Flaws(), ", "))
	if status, ok := parseFlags(flags, args, stdout, stderr); !ok {
		return status
	}
	err := runSim(ctx, o, stdout, stderr)
	if err != nil && !errors.Is(err, errBroken) {
		fmt.Fprintf(stderr, "tabraft sim: %v\n", err)
	}
	if err != nil {
		return exitFailed
	}
	return exitOK
}

// errBroken: a world broke a rule, and it was told.
var errBroken = errors.New("a rule does not hold")

func runSim(ctx context.Context, o simOptions, stdout, stderr io.Writer) error {
	if o.replay != "" {
		return replaySim(o.replay, stdout)
	}
	s := sim.Sweep{First: o.first, Seeds: o.seeds, Steps: o.steps, Workers: o.workers, Flaw: o.flaw}
	if o.seed != 0 {
		s.First, s.Seeds = o.seed, 1
		set := sim.Draw(o.seed, o.steps)
		set.Flaw = o.flaw
		fmt.Fprintln(stdout, set)
	}
	defer debug.SetGCPercent(debug.SetGCPercent(simGC))
	begin, shown := time.Now(), time.Now()
	sum, err := s.Run(ctx, func(sum *sim.Summary) {
		if time.Since(shown) > simProgress {
			shown = time.Now()
			fmt.Fprintf(stderr, "%d of %d worlds, %s, %d broken\n", sum.Runs, s.Seeds, speed(sum, time.Since(begin)), len(sum.Broken))
		}
	})
	if err != nil {
		return err
	}
	took := time.Since(begin)
	fmt.Fprint(stdout, sum.Stats.String())
	fmt.Fprintf(stdout, "%d worlds, %s\n", sum.Runs, speed(&sum, took))
	if o.seed == 0 {
		if missing := sum.Stats.Missing(); len(missing) > 0 {
			fmt.Fprintf(stdout, "never happened: %v\n", missing)
		}
	}
	for i, b := range sum.Broken {
		fmt.Fprintf(stdout, "\nseed %d breaks a rule: %v\nagain: %s\n", b.Settings.Seed, b.Broken, again(o, b.Settings.Seed))
		if i < simShrinks {
			if err := shrinkSim(o, b, stdout, stderr); err != nil {
				return err
			}
		}
	}
	if len(sum.Broken) > 0 {
		return errBroken
	}
	return ctx.Err()
}

func speed(sum *sim.Summary, took time.Duration) string {
	s := took.Seconds()
	return fmt.Sprintf("%.1f worlds/s, %.0f events/s, %.0f deliveries/s", float64(sum.Runs)/s,
		float64(sum.Stats[sim.Steps])/s, float64(sum.Stats[sim.Delivered])/s)
}

// again is the command that runs one world again.
func again(o simOptions, seed uint64) string {
	cmd := fmt.Sprintf("go run ./signaling/cmd/tabraft sim -seed %d -steps %d", seed, o.steps)
	if o.flaw != "" {
		cmd += " -flaw " + o.flaw
	}
	return cmd
}

func shrinkSim(o simOptions, b sim.BrokenRun, stdout, stderr io.Writer) error {
	_, events, err := sim.Record(b.Settings)
	if err != nil {
		return err
	}
	shown := time.Now()
	short, broken := sim.Shrink(b.Settings, events, func(left int) {
		if time.Since(shown) > simProgress {
			shown = time.Now()
			fmt.Fprintf(stderr, "shrinking: %d events\n", left)
		}
	})
	if broken == nil {
		return fmt.Errorf("seed %d does not break a rule when its %d events are replayed", b.Settings.Seed, len(events))
	}
	name := filepath.Join(o.out, fmt.Sprintf("sim-%d.trace", b.Settings.Seed))
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	_, err = sim.WriteTrace(f, b.Settings, short)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	fmt.Fprintf(stdout, "shrunk from %d to %d events, in %s: %v\nto see it: go run ./signaling/cmd/tabraft sim -replay %s\n", len(events), len(short), name, broken, name)
	return nil
}

// replaySim shows what happens in a trace file.
func replaySim(name string, stdout io.Writer) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	set, events, err := sim.ReadTrace(f)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	r, err := sim.WriteTrace(stdout, set, events)
	if err != nil {
		return err
	}
	if r.Broken != nil {
		fmt.Fprintf(stdout, "broken: %v\n", r.Broken)
		return errBroken
	}
	return nil
}
