package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"time"
)

// A process is a program that the harness started, with all that it wrote.
type process struct {
	cmd    *exec.Cmd
	output *transcript
	ended  chan struct{}
	err    error // of Wait; valid once ended is closed
}

// startProcess starts the program, which ends at the latest when the test
// process ends.
func startProcess(name string, args ...string) (*process, error) {
	return startProcessWith(processOptions{}, name, args...)
}

// processOptions say what is special about a process.
type processOptions struct {
	// file, if there is one, is its descriptor 3.
	file *os.File
	// env is its environment; nil for that of the tests.
	env []string
}

func startProcessWith(options processOptions, name string, args ...string) (*process, error) {
	p := &process{cmd: exec.Command(name, args...), output: &transcript{}, ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	p.cmd.Env = options.env
	if options.file != nil {
		p.cmd.ExtraFiles = []*os.File{options.file}
	}
	p.cmd.WaitDelay = outputGrace
	dieWithParent(p.cmd)
	started := make(chan error, 1)
	go func() {
		// The kernel ends a child with the thread that started it, so this
		// goroutine keeps its thread until the child is gone.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.err = p.cmd.Wait()
			close(p.ended)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return p, nil
}

// kill ends the process at once, as a crash would.
func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.ended
}

// interrupt asks the process to end, as Ctrl-C would, and waits for it.
func (p *process) interrupt(limit time.Duration) error {
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.ended:
		return p.err
	case <-time.After(limit):
		p.kill()
		return fmt.Errorf("did not end within %v of an interrupt", limit)
	}
}

// line waits for a line that holds part and returns it.
func (p *process) line(part string, limit time.Duration) (string, error) {
	for deadline := time.Now().Add(limit); ; time.Sleep(10 * time.Millisecond) {
		for line := range strings.Lines(p.output.String()) {
			if strings.Contains(line, part) && strings.HasSuffix(line, "\n") {
				return strings.TrimSpace(line), nil
			}
		}
		select {
		case <-p.ended:
			return "", fmt.Errorf("ended (%v) before it said %q:\n%s", p.err, part, p.output)
		default:
		}
		if time.Now().After(deadline) {
			return "", fmt.Errorf("did not say %q within %v:\n%s", part, limit, p.output)
		}
	}
}

// outputGrace is how long a program that ended may leave its output open.
const outputGrace = 2 * time.Second

// transcriptKept bounds what is kept of a program's output, in bytes.
const transcriptKept = 4 << 20

// A transcript keeps what is written to it, for several goroutines.
type transcript struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

var _ io.Writer = (*transcript)(nil)

func (t *transcript) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if room := transcriptKept - t.buf.Len(); room > 0 {
		t.buf.Write(p[:min(len(p), room)])
	}
	return len(p), nil
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buf.String()
}
