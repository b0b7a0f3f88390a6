package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// errTooMuch: a mutant's tests took more time or memory than they may.
var errTooMuch = errors.New("too much")

// maxOutput is what is kept of a run's output, in bytes.
const maxOutput = 1 << 20

// runLimited runs a command for at most patience and, where the system tells
// how much memory a process has, within maxMemory.
func runLimited(ctx context.Context, cmd *exec.Cmd, patience time.Duration) (string, error) {
	out := &head{limit: maxOutput}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		return "", err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	deadline := time.Now().Add(patience)
	for {
		var why error
		select {
		case err := <-done:
			return out.String(), err
		case <-ctx.Done():
			why = ctx.Err()
		case <-look.C:
			if memory := memoryOf(cmd.Process.Pid); memory > maxMemory {
				why = fmt.Errorf("%w memory", errTooMuch)
			} else if time.Now().After(deadline) {
				why = fmt.Errorf("%w time", errTooMuch)
			}
		}
		if why != nil {
			cmd.Process.Kill()
			<-done
			return out.String(), why
		}
	}
}

// memoryOf gives the memory of a process in bytes; 0 where that is not known.
func memoryOf(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	var size, resident int64
	if _, err := fmt.Sscan(string(text), &size, &resident); err != nil {
		return 0
	}
	return resident * int64(os.Getpagesize())
}

// head keeps the beginning of what is written to it.
type head struct {
	bytes.Buffer
	limit int
}

func (h *head) Write(p []byte) (int, error) {
	if room := h.limit - h.Len(); room > 0 {
		h.Buffer.Write(p[:min(len(p), room)])
	}
	return len(p), nil
}
