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

// file is what is needed of an *os.File.
type file interface {
	WriteAt(b []byte, offset int64) (int, error)
	Sync() error
	Close() error
}

// disk is where files are replaced: the system's, but in tests of crashes.
type disk interface {
	// create makes an empty file, or empties the one that is there.
	create(path string) (file, error)
	// open opens a file that is there, to write on.
	open(path string) (file, error)
	rename(from, to string) error
	// syncDir makes a change of a directory's names durable.
	syncDir(dir string) error
}

type systemDisk struct{}

func (systemDisk) create(path string) (file, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
}

func (systemDisk) open(path string) (file, error) { return os.OpenFile(path, os.O_RDWR, 0) }
func (systemDisk) rename(from, to string) error   { return os.Rename(from, to) }
func (systemDisk) syncDir(dir string) error       { return syncDir(dir) }

// fresh is the name of a file that is to take path's place.
func fresh(path string) string { return path + ".new" }

// writeFile puts a file with these bytes in place of what is there, all or
// nothing, and durably. What a crash leaves of an earlier attempt is overwritten.
func writeFile(d disk, path string, b []byte) error {
	f, err := d.create(fresh(path))
	if err != nil {
		return err
	}
	_, err = f.WriteAt(b, 0)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = d.rename(fresh(path), path)
	}
	if err != nil {
		os.Remove(fresh(path))
		return err
	}
	return d.syncDir(filepath.Dir(path))
}
