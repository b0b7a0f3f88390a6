package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Limits of one run of a mutant's tests; beyond either it counts as noticed.
const (
	// maxSlowdown is how much longer than without a mutation it may take;
	// minPatience and maxPatience bound that.
	maxSlowdown = 6
	minPatience = 20 * time.Second
	maxPatience = 3 * time.Minute
	// maxMemory is what the tests may take, in bytes.
	maxMemory = 1 << 30
	// buildPatience is for compiling.
	buildPatience = 3 * time.Minute
)

// lab builds and tries mutants in a directory of its own.
type lab struct {
	tree   *tree
	bugs   map[int][]string
	dir    string
	stages []stage
}

// stage is a run of tests, of a mutant that all stages before did not notice.
type stage struct {
	name     string
	args     []string // of the test binary of raft
	packages []string // or other packages that are tested with the mutant
	patience time.Duration
}

// own is the name of the first stage, which picks the tests of a bug.
const own = "its own"

func newLab(t *tree, bugs map[int][]string, seeds, wide int) (*lab, error) {
	dir, err := os.MkdirTemp("", "mutation")
	if err != nil {
		return nil, err
	}
	l := &lab{tree: t, bugs: bugs, dir: dir}
	for name, source := range t.files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(source), 0o644); err != nil {
			return nil, err
		}
	}
	histories := func(first, n int) []string {
		return []string{"-test.run=^TestRandomHistories$", "-first=" + strconv.Itoa(first), "-seeds=" + strconv.Itoa(n)}
	}
	l.stages = []stage{
		{name: "one server", args: []string{"-test.skip=^(TestTranscripts$|TestRandomHistories$|TestModel)"}},
		{name: "histories", args: histories(1, seeds)},
		{name: "transcripts", args: []string{"-test.run=^TestTranscripts$"}},
		{name: "model", args: []string{"-test.run=^TestModel"}},
		{name: "more histories", args: histories(1_000_000, wide)},
		{name: "nodes", packages: []string{"./raft/node"}},
	}
	if _, err := os.Stat(filepath.Join(t.dir(), "sim")); err == nil {
		l.stages = append(l.stages, stage{name: "simulator", packages: []string{"./raft/sim"}})
	}
	return l, nil
}

func (l *lab) close() { os.RemoveAll(l.dir) }

// result is what became of a mutant.
type result struct {
	mutant
	stage string // that noticed it; "" for a survivor
	by    string // the test that failed
	took  time.Duration
	err   error // it could not be tried
}

// baseline runs everything without a mutation: it must pass, and shows how long
// it takes.
func (l *lab) baseline(ctx context.Context) error {
	bin, overlay, err := l.build(ctx, -1, mutant{})
	if err != nil {
		return err
	}
	for i := range l.stages {
		s := &l.stages[i]
		s.patience = buildPatience
		began := time.Now()
		if by, err := l.runStage(ctx, *s, bin, overlay); err != nil {
			return err
		} else if by != "" {
			return fmt.Errorf("%s: %s fails", s.name, by)
		}
		s.patience = min(max(minPatience, maxSlowdown*time.Since(began)), maxPatience)
	}
	return nil
}

// try runs a mutant through the stages until one notices it.
func (l *lab) try(ctx context.Context, i int, m mutant) result {
	r := result{mutant: m}
	began := time.Now()
	defer func() { r.took = time.Since(began) }()
	bin, overlay, err := l.build(ctx, i, m)
	if err != nil {
		r.err = err
		return r
	}
	defer os.Remove(bin)
	stages := l.stages
	if len(m.bugs) > 0 {
		var names []string
		for _, bug := range m.bugs {
			names = append(names, l.bugs[bug]...)
		}
		stages = append([]stage{{name: own, args: []string{"-test.run=" + testPattern(names)}, patience: minPatience}}, stages...)
	}
	for _, s := range stages {
		by, err := l.runStage(ctx, s, bin, overlay)
		if err != nil {
			r.err = err
			return r
		}
		if by != "" {
			r.stage, r.by, r.took = s.name, by, time.Since(began)
			return r
		}
	}
	r.took = time.Since(began)
	return r
}

// build compiles raft's tests with a mutant, or without one if i is negative.
func (l *lab) build(ctx context.Context, i int, m mutant) (bin, overlay string, err error) {
	replace := map[string]string{}
	for name := range l.tree.files {
		replace[filepath.Join(l.tree.dir(), name)] = filepath.Join(l.dir, name)
	}
	if i >= 0 {
		source, err := l.tree.mutated(m)
		if err != nil {
			return "", "", err
		}
		file := filepath.Join(l.dir, fmt.Sprintf("mutant%d_%s", i, m.file))
		if err := os.WriteFile(file, []byte(source), 0o644); err != nil {
			return "", "", err
		}
		replace[filepath.Join(l.tree.dir(), m.file)] = file
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", "", err
	}
	overlay = filepath.Join(l.dir, fmt.Sprintf("overlay%d.json", i))
	if err := os.WriteFile(overlay, text, 0o644); err != nil {
		return "", "", err
	}
	bin = filepath.Join(l.dir, fmt.Sprintf("mutant%d.test", i))
	ctx, cancel := context.WithTimeout(ctx, buildPatience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "test", "-c", "-p=1", "-ldflags=-s -w", "-overlay="+overlay, "-o="+bin, "./raft")
	cmd.Dir = l.tree.root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", "", fmt.Errorf("%q does not compile: %w\n%s", m.name, err, out)
	}
	return bin, overlay, nil
}

// runStage gives the test that failed, "" if none did.
func (l *lab) runStage(ctx context.Context, s stage, bin, overlay string) (string, error) {
	var cmd *exec.Cmd
	if s.packages != nil {
		args := append([]string{"test", "-p=1", "-failfast", "-count=1", "-timeout=" + s.patience.String(), "-overlay=" + overlay}, s.packages...)
		cmd = exec.Command("go", args...)
		cmd.Dir = l.tree.root
	} else {
		args := append([]string{"-test.failfast", "-test.timeout=" + s.patience.String(), "-datadriven-quiet"}, s.args...)
		cmd = exec.Command(bin, args...)
		cmd.Dir = l.tree.dir()
	}
	out, err := runLimited(ctx, cmd, s.patience+buildPatience)
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err == nil:
		return "", nil
	case errors.Is(err, errTooMuch):
		return firstFailure(out, err.Error()), nil
	case errors.As(err, &exit):
		return firstFailure(out, exit.String()), nil
	}
	return "", fmt.Errorf("%s: %w", cmd, err)
}

var (
	failLine    = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)
	seedLine    = regexp.MustCompile(`seed (\d+)`)
	runningLine = regexp.MustCompile(`running tests:\s+(\S+)`)
)

// firstFailure names the test that failed first, from go test's output: of
// subtests, the innermost one.
func firstFailure(out, otherwise string) string {
	if m := runningLine.FindStringSubmatch(out); m != nil {
		return m[1] + " does not end"
	}
	name := ""
	for _, m := range failLine.FindAllStringSubmatch(out, -1) {
		if name == "" || strings.HasPrefix(m[1], name+"/") {
			name = m[1]
		}
	}
	switch seed := seedLine.FindStringSubmatch(out); {
	case name == "":
		return otherwise
	case name == "TestRandomHistories" && seed != nil:
		return name + " -first " + seed[1]
	}
	return name
}
