package wal

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// ErrLocked: somebody else has the directory open.
var ErrLocked = errors.New("in use by another server")

// locked makes the error for a lock file held by somebody, naming the process
// if the file does.
func locked(path, hint string) error {
	b, _ := os.ReadFile(path)
	if pid, err := strconv.Atoi(strings.TrimSpace(string(b))); err == nil {
		return fmt.Errorf("%w: process %d%s", ErrLocked, pid, hint)
	}
	return fmt.Errorf("%w%s", ErrLocked, hint)
}
