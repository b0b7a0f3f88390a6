//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package wal

import (
	"errors"
	"os"
	"strconv"
	"syscall"
)

// dirLock is an flock on the lock file. It ends with the process, however that
// ends, so the file itself means nothing and stays.
type dirLock struct{ file *os.File }

func lockDir(path string) (*dirLock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, locked(path, "")
		}
		return nil, err
	}
	// The process id is for people who wonder who has it.
	err = f.Truncate(0)
	if err == nil {
		_, err = f.WriteString(strconv.Itoa(os.Getpid()) + "\n")
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &dirLock{f}, nil
}

func (l *dirLock) release() error { return l.file.Close() }

// syncDir makes a change of a directory's names durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
