package wal

import (
	"errors"
	"os"
	"path/filepath"
)

// makeDir makes a directory and those above it, durably. It is content with one
// that is there.
func makeDir(dir string) error {
	err := os.Mkdir(dir, 0o700)
	parent := filepath.Dir(dir)
	if errors.Is(err, os.ErrNotExist) && parent != dir {
		if err := makeDir(parent); err != nil {
			return err
		}
		err = os.Mkdir(dir, 0o700)
	}
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return syncDir(parent)
}

// writeFile puts a file with these bytes in place of what is there, all or
// nothing, and durably. What a crash leaves of an earlier attempt is overwritten.
func writeFile(path string, b []byte) (err error) {
	fresh := path + ".new"
	f, err := os.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(fresh, path)
	}
	if err != nil {
		os.Remove(fresh)
		return err
	}
	return syncDir(filepath.Dir(path))
}
