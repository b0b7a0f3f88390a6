package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"tabraft/raft/bench/load"
)

// answerTimeout is how long a program may take for one request, beyond the time
// to be measured.
const answerTimeout = 90 * time.Second

// session is one run of the benchmark.
type session struct {
	options
	dir      string // for the programs that are built
	running  map[string]*program
	lines    []line
	goals    []goal
	failures []string
}

func newSession(o options) (*session, error) {
	if _, err := os.Stat(filepath.Join("etcd36", "go.mod")); err != nil {
		return nil, errors.New("it is to be run in its own folder, as `make bench-core` does")
	}
	dir, err := os.MkdirTemp("", "tabraft-bench-")
	if err != nil {
		return nil, err
	}
	fmt.Printf("%s, %d CPUs, GOGC=100\n", runtime.Version(), runtime.NumCPU())
	return &session{options: o, dir: dir, running: map[string]*program{}}, nil
}

func (s *session) close() {
	for _, p := range s.running {
		p.stop()
	}
	os.RemoveAll(s.dir)
}

// program is one contender's process.
type program struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	answers chan load.Result
	failed  error // it cannot be asked any more
}

// ask has a program, named by its folder, carry out a request; wasm tells
// whether the program is one for GOOS=js. It is built and started if need be.
func (s *session) ask(name string, wasm bool, req load.Request) (load.Result, error) {
	key := name
	if wasm {
		key += ".wasm"
	}
	p := s.running[key]
	if p == nil {
		var err error
		if p, err = s.start(name, wasm); err != nil {
			p = &program{failed: fmt.Errorf("%s: %w", key, err)}
			s.failures = append(s.failures, p.failed.Error())
		}
		s.running[key] = p
	}
	return p.ask(req)
}

func (s *session) start(name string, wasm bool) (*program, error) {
	out := filepath.Join(s.dir, name)
	build := exec.Command("go", "build", "-o", out, ".")
	build.Dir = name
	build.Env = os.Environ()
	run := []string{out}
	if wasm {
		out += ".wasm"
		build.Args[3] = out
		build.Env = append(build.Env, "GOOS=js", "GOARCH=wasm")
		wrapper, err := wasmWrapper()
		if err != nil {
			return nil, err
		}
		run = []string{wrapper, out}
	}
	if b, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building: %w\n%s", err, b)
	}
	cmd := exec.Command(run[0], run[1:]...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	answers, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &program{cmd: cmd, in: in, answers: make(chan load.Result, 1)}
	go p.read(answers)
	return p, nil
}

// wasmWrapper is the script that runs a program for GOOS=js in Node.
func wasmWrapper() (string, error) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	return filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", "go_js_wasm_exec"), err
}

func (p *program) read(r io.Reader) {
	defer close(p.answers)
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		var res load.Result
		if err := json.Unmarshal(lines.Bytes(), &res); err != nil {
			res = load.Result{Error: "an answer that is none: " + err.Error()}
		}
		p.answers <- res
	}
}

func (p *program) ask(req load.Request) (load.Result, error) {
	if p.failed != nil {
		return load.Result{}, p.failed
	}
	if err := json.NewEncoder(p.in).Encode(req); err != nil {
		return load.Result{}, err
	}
	select {
	case res, ok := <-p.answers:
		if !ok {
			p.failed = errors.New("the program has ended")
			return res, p.failed
		}
		if res.Error != "" {
			return res, errors.New(res.Error)
		}
		return res, nil
	case <-time.After(answerTimeout + time.Duration(req.Millis)*time.Millisecond):
		p.failed = fmt.Errorf("no answer after %v", answerTimeout)
		p.stop()
		return load.Result{}, p.failed
	}
}

func (p *program) stop() {
	if p.cmd == nil {
		return
	}
	p.in.Close()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		p.cmd.Wait()
	}()
	select {
	case <-ended:
	case <-time.After(time.Second):
		p.cmd.Process.Kill()
		<-ended
	}
}
