//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd)

package wal

import (
	"errors"
	"os"
	"strconv"
)

// dirLock is a lock file that exists as long as the directory is open. A process
// that is killed leaves it behind.
type dirLock struct{ path string }

func lockDir(path string) (*dirLock, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil, locked(path, "; if that does not run any more, delete "+path)
	}
	if err != nil {
		return nil, err
	}
	_, err = f.WriteString(strconv.Itoa(os.Getpid()) + "\n")
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(path)
		return nil, err
	}
	return &dirLock{path}, nil
}

func (l *dirLock) release() error { return os.Remove(l.path) }

// syncDir does nothing: a directory cannot be opened for that here.
func syncDir(string) error { return nil }
