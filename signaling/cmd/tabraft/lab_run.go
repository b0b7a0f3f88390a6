package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"tabraft/raft/lab/kit"
	"tabraft/raft/lab/runner"
	"tabraft/raft/lab/suite"
)

// parseFolder parses a command line with one folder. Flags may stand on both
// sides of it.
func parseFolder(flags *flag.FlagSet, args []string, stdout, stderr io.Writer) (dir string, status int, ok bool) {
	return parseFolderOr(flags, "", args, stdout, stderr)
}

// parseFolderOr is parseFolder for a command line that may leave the folder out.
func parseFolderOr(flags *flag.FlagSet, otherwise string, args []string, stdout, stderr io.Writer) (dir string, status int, ok bool) {
	var folders []string
	for {
		err := flags.Parse(args)
		if errors.Is(err, flag.ErrHelp) {
			flags.SetOutput(stdout)
			flags.Usage()
			return "", exitOK, false
		}
		if err == nil && flags.NArg() > 0 {
			folders = append(folders, flags.Arg(0))
			args = flags.Args()[1:]
			continue
		}
		if err == nil && len(folders) == 0 && otherwise != "" {
			return otherwise, exitOK, true
		}
		if err == nil && len(folders) != 1 {
			err = fmt.Errorf("it takes one folder, %d were named", len(folders))
		}
		if err != nil {
			fmt.Fprintf(stderr, "tabraft %s: %v; tabraft %s -h lists the flags\n", flags.Name(), err, flags.Name())
			return "", exitUsage, false
		}
		return folders[0], exitOK, true
	}
}

// labRun is `tabraft lab run`.
func labRun(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := newFlags("lab run", "Run the 28 tests of the lab on the Raft in a folder, in virtual time.")
	o := kit.Options{Parallel: runtime.GOMAXPROCS(0)}
	flags.StringVar(&o.Run, "run", "", "which tests, as go test's -run: 2A, Figure8, ...; empty for all")
	flags.IntVar(&o.Count, "count", 1, "how many times to run each test, each with another seed")
	flags.Uint64Var(&o.Seed, "seed", 0, "the first seed; 0 for a random one")
	flags.BoolVar(&o.Real, "real", false, "run in real time, as the course does")
	flags.IntVar(&o.Parallel, "parallel", o.Parallel, "how many programs to run at the same time")
	asJSON := flags.Bool("json", false, "print one JSON value with all results, for graders")
	dir, status, ok := parseFolder(flags, args, stdout, stderr)
	if !ok {
		return status
	}
	fail := func(err error) int {
		fmt.Fprintf(stderr, "tabraft lab run: %v\n", err)
		return exitFailed
	}
	if o.Seed == 0 {
		o.Seed = suite.RandomSeed()
	}
	p, err := kit.Find(ctx, dir)
	if err != nil {
		return fail(err)
	}
	temp, err := os.MkdirTemp("", "tabraft-lab-")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(temp)
	program := filepath.Join(temp, "lab")
	fmt.Fprintf(stderr, "building %s\n", p.Import)
	if err := p.Build(ctx, program, false); err != nil {
		return fail(err)
	}
	o.Replay = func(r suite.Result) string {
		name := "-run " + r.Test + " -seed " + fmt.Sprint(r.Seed)
		if o.Real {
			name += " -real"
		}
		return "tabraft lab run " + name + " " + dir
	}
	one := o.Count == 1 && !*asJSON
	progress := newProgress(stderr)
	o.Done = func(r suite.Result, done, of int) {
		if one {
			progress.clear()
			fmt.Fprintf(stdout, "Test (%s): %s (seed %d) ...\n%s", r.Test[len(r.Test)-2:], r.Title, r.Seed, r.Text(o.Replay(r)))
		}
		progress.show(done, of)
	}
	report, err := kit.Run(ctx, program, o)
	progress.clear()
	if err != nil {
		return fail(err)
	}
	switch {
	case *asJSON:
		out := json.NewEncoder(stdout)
		out.SetIndent("", " ")
		if err := out.Encode(report); err != nil {
			return fail(err)
		}
	case one:
		fmt.Fprintln(stdout, report.Summary())
	default:
		fmt.Fprint(stdout, report.Table(o.Replay))
	}
	if !report.Passed() {
		return runner.Failed
	}
	return exitOK
}

// progress is a bar on a terminal, and nothing elsewhere.
type progress struct {
	w     io.Writer
	tty   bool
	start time.Time
	width int
}

func newProgress(w io.Writer) *progress {
	p := &progress{w: w, start: time.Now()}
	if f, ok := w.(*os.File); ok {
		info, err := f.Stat()
		p.tty = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return p
}

func (p *progress) show(done, of int) {
	if !p.tty || of == 0 {
		return
	}
	const cells = 40
	bar := make([]byte, cells)
	for i := range bar {
		bar[i] = '.'
		if i < cells*done/of {
			bar[i] = '#'
		}
	}
	line := fmt.Sprintf("%s %d of %d", bar, done, of)
	if spent := time.Since(p.start); done > 0 && done < of && spent > 3*time.Second {
		line += fmt.Sprintf(", about %s left", (spent * time.Duration(of-done) / time.Duration(done)).Round(time.Second))
	}
	fmt.Fprintf(p.w, "\r%-*s", p.width, line)
	p.width = len(line)
}

func (p *progress) clear() {
	if p.tty && p.width > 0 {
		fmt.Fprintf(p.w, "\r%*s\r", p.width, "")
		p.width = 0
	}
}
