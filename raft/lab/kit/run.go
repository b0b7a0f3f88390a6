package kit

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"

	"tabraft/raft/lab/runner"
	"tabraft/raft/lab/suite"
)

const (
	// chunk is how many seeds of a test one program runs.
	chunk = 10
	// maxOutput is how much of what a student's code prints is kept: the end.
	maxOutput = 64 << 10
	// maxResult is how long a line with a result may be.
	maxResult = 64 << 20
)

// Options say what Run runs.
type Options struct {
	Run      string
	Seed     uint64
	Count    int
	Real     bool
	Parallel int
	// Done, if not nil, is called after each run of a test, in no particular order
	// but one at a time, with the numbers of those done and of all.
	Done func(r suite.Result, done, of int)
	// Replay gives the command that repeats a run.
	Replay func(suite.Result) string
}

// A Run's result, with what the student's code printed.
type Result struct {
	suite.Result
	// Output is the end of what was printed while the program ran that this test
	// was part of, kept if the test failed.
	Output string `json:"output,omitempty"`
}

// task is one start of the program.
type task struct {
	test  string
	seed  uint64
	count int
}

// Run runs the tests in as many programs as Options.Parallel.
func Run(ctx context.Context, program string, o Options) (*Report, error) {
	cases, err := suite.Select(o.Run)
	if err != nil {
		return nil, err
	}
	if o.Count < 1 || o.Parallel < 1 {
		return nil, fmt.Errorf("%d runs by %d programs are too few", o.Count, o.Parallel)
	}
	var tasks []task
	for at := 0; at < o.Count; at += chunk {
		for _, c := range cases {
			tasks = append(tasks, task{c.ID(), o.Seed + uint64(at), min(chunk, o.Count-at)})
		}
	}
	report := &Report{Seed: o.Seed, Real: o.Real, of: len(cases) * o.Count, cases: cases}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	queue := make(chan task)
	var wg sync.WaitGroup
	var mu sync.Mutex
	for range o.Parallel {
		wg.Go(func() {
			for t := range queue {
				err := runTask(ctx, program, o.Real, t, func(r Result) {
					mu.Lock()
					defer mu.Unlock()
					report.Results = append(report.Results, r)
					if o.Done != nil {
						o.Done(r.Result, len(report.Results), report.of)
					}
				})
				if err != nil {
					cancel(err)
				}
			}
		})
	}
	for _, t := range tasks {
		select {
		case queue <- t:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(queue)
	wg.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	report.sort()
	return report, nil
}

// runTask runs one test with some seeds. A program that dies is started again for
// the seeds that are left.
func runTask(ctx context.Context, program string, real bool, t task, done func(Result)) error {
	for t.count > 0 {
		ran, err := runProgram(ctx, program, real, t, done)
		if err != nil {
			return err
		}
		t.seed += uint64(ran)
		t.count -= ran
	}
	return nil
}

// runProgram starts the program once and gives the number of runs that it made,
// at least one.
func runProgram(ctx context.Context, program string, real bool, t task, done func(Result)) (ran int, err error) {
	results, w, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer results.Close()
	args := []string{"-results", "3", "-run", "^Test" + t.test + "$", "-seed", strconv.FormatUint(t.seed, 10), "-count", strconv.Itoa(t.count)}
	if real {
		args = append(args, "-real")
	}
	c := exec.CommandContext(ctx, program, args...)
	var printed, said tail
	c.Stdout, c.Stderr, c.ExtraFiles = &printed, &said, []*os.File{w}
	if err := c.Start(); err != nil {
		w.Close()
		return 0, err
	}
	w.Close()
	lines := bufio.NewScanner(results)
	lines.Buffer(nil, maxResult)
	for lines.Scan() {
		var r Result
		if err := json.Unmarshal(lines.Bytes(), &r.Result); err != nil {
			return 0, fmt.Errorf("the program gave a result that cannot be read: %w", err)
		}
		if r.Verdict != suite.Passed {
			r.Output = lastLines(printed.String() + said.String())
		}
		ran++
		done(r)
	}
	io.Copy(io.Discard, results)
	err = c.Wait()
	if ctx.Err() != nil {
		return ran, ctx.Err()
	}
	var exit *exec.ExitError
	switch {
	case err != nil && !errors.As(err, &exit):
		return ran, err
	case err == nil || exit.ExitCode() == runner.Failed:
		if ran == 0 {
			return 0, fmt.Errorf("the program ran no test: %s", said.String())
		}
		return ran, nil
	case exit.ExitCode() == runner.Misused:
		return ran, errors.New(said.String())
	case exit.ExitCode() == runner.Aborted && ran > 0:
		return ran, nil // the result says why
	}
	// It died in the run after the last reported one.
	if ran < t.count {
		done(died(t, t.seed+uint64(ran), said.String(), printed.String()))
		ran++
	}
	return ran, nil
}

// died is the result of a run in which the program ended.
func died(t task, seed uint64, said, printed string) Result {
	r := Result{Result: suite.Result{Test: t.test, Seed: seed, Verdict: suite.Failed}, Output: printed}
	if c, err := suite.Find(t.test); err == nil {
		r.Title, r.Peers = c.Title, c.Servers
	}
	// A student's println goes to the standard error too.
	for _, begin := range []string{"\npanic: ", "\nfatal error: "} {
		if i := strings.Index(said, begin); i >= 0 {
			printed += said[:i+1]
			said = said[i+1:]
		}
	}
	r.Output = lastLines(printed)
	r.Failure = &suite.Failure{Message: "the program ended: " + strings.TrimSpace(lastLines(said))}
	if crash, ok := suite.ExplainCrash(said); ok {
		r.Failure.Message, r.Failure.Stacks = crash.String(), crash.Stack
	}
	return r
}

// shownLines is how many lines of a student's output a report shows.
const shownLines = 40

func lastLines(s string) string {
	lines := strings.SplitAfter(s, "\n")
	if n := len(lines) - shownLines; n > 0 {
		return fmt.Sprintf("(%d lines before these are left out)\n%s", n, strings.Join(lines[n:], ""))
	}
	return s
}

// tail keeps the end of what is written to it, and counts the lines of the rest.
type tail struct {
	mu      sync.Mutex
	buf     []byte
	dropped int // lines
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if len(t.buf) > 2*maxOutput {
		cut := len(t.buf) - maxOutput
		if i := bytes.IndexByte(t.buf[cut:], '\n'); i >= 0 {
			cut += i + 1
		}
		t.dropped += bytes.Count(t.buf[:cut], []byte("\n"))
		t.buf = slices.Clone(t.buf[cut:])
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.dropped == 0 {
		return string(t.buf)
	}
	return fmt.Sprintf("(%d lines before these are left out)\n%s", t.dropped, t.buf)
}
