package wal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"tabraft/raft"
)

// nthSnapshot is nthSave(n) with a snapshot up to entry at and all that follows.
func nthSnapshot(n, at uint64) raft.Save {
	s := nthSave(n)
	s.Snapshot = &raft.Snapshot{Index: at, Term: at, ConfigurationIndex: 1, Data: fmt.Appendf(nil, "state at %d", at),
		Configuration: raft.Configuration{Voters: []raft.ID{1, 2}}}
	s.Entries = stateAfter(n).Entries[at:]
	return s
}

// stateOf is what a save with a snapshot amounts to.
func stateOf(s raft.Save) raft.Stored {
	return raft.Stored{HardState: s.HardState, Snapshot: s.Snapshot, Entries: s.Entries}
}

func lastIndex(st raft.Stored) uint64 {
	if st.Snapshot == nil {
		return uint64(len(st.Entries))
	}
	return st.Snapshot.Index + uint64(len(st.Entries))
}

func TestSnapshotReplacesTheLog(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	for n := uint64(1); n <= 9; n++ {
		s := nthSave(n)
		if n == 5 {
			s = nthSnapshot(5, 3)
		}
		if err := saveNow(l, s); err != nil {
			t.Fatal(err)
		}
	}
	l.Close()
	want := stateOf(nthSnapshot(9, 3))
	want.Snapshot = nthSnapshot(5, 3).Snapshot
	l = open(t, dir)
	if got := load(t, l); !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v, want %+v", got, want)
	}
	// A leader's snapshot, of more than is here.
	installed := nthSnapshot(20, 20)
	if err := saveNow(l, installed); err != nil {
		t.Fatal(err)
	}
	l.Close()
	if got := load(t, open(t, dir)); !reflect.DeepEqual(got, raft.Stored{HardState: installed.HardState, Snapshot: installed.Snapshot}) {
		t.Fatalf("got %+v, want %+v", got, installed)
	}
}

func TestLogStaysShort(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	var longest int64
	for n := uint64(1); n <= 300; n++ {
		s := nthSave(n)
		if n%10 == 0 {
			s = nthSnapshot(n, n-2)
		}
		if err := saveNow(l, s); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(l.path)
		if err != nil {
			t.Fatal(err)
		}
		longest = max(longest, info.Size())
	}
	if longest > 1000 {
		t.Errorf("it grew to %d bytes", longest)
	}
	names, _ := os.ReadDir(dir)
	if len(names) != 2 { // lock and log
		t.Errorf("left behind: %v", names)
	}
}

// What waits for the disk when a snapshot comes is reported done with it, in
// order, and not written before it.
func TestSnapshotOvertakesWhatWaits(t *testing.T) {
	dir := t.TempDir()
	l, f := openSlow(t, dir)
	var r reports
	save(l, 1, r.done(1))
	<-f.syncing
	save(l, 2, r.done(2))
	s := nthSnapshot(3, 2)
	l.Save(&s, r.done(3))
	save(l, 4, r.done(4))
	f.proceed <- nil
	l.Close()
	if want := []string{"1 <nil>", "2 <nil>", "3 <nil>", "4 <nil>"}; !slices.Equal(r.list, want) || f.writes != 1 {
		t.Errorf("reported %v, %d writes to the old log", r.list, f.writes)
	}
	want := stateOf(nthSnapshot(4, 2))
	if got := load(t, open(t, dir)); !reflect.DeepEqual(got, want) {
		t.Errorf("stored %+v", got)
	}
}

// Logs of version 1 are read and written on; the next snapshot makes one of
// today's version.
func TestVersion1(t *testing.T) {
	old, err := os.ReadFile(filepath.Join("testdata", "version1.log"))
	if err != nil {
		t.Fatal(err)
	}
	for n := headerSize1; n <= len(old); n++ {
		l, err := openBytes(t, old[:n], quiet)
		if err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		st := load(t, l)
		if !reflect.DeepEqual(st, stateAfter(lastIndex(st))) || n == len(old) && lastIndex(st) != 3 {
			t.Fatalf("%d bytes: %+v", n, st)
		}
		if err := saveNow(l, nthSave(lastIndex(st)+1)); err != nil {
			t.Fatal(err)
		}
		l.Close()
		l = open(t, l.dir)
		if got := load(t, l); !reflect.DeepEqual(got, stateAfter(lastIndex(st)+1)) {
			t.Fatalf("%d bytes and one save more: %+v", n, got)
		}
		s := nthSnapshot(9, 8)
		if err := saveNow(l, s); err != nil {
			t.Fatal(err)
		}
		l.Close()
		if b, _ := os.ReadFile(l.path); b[11] != Version {
			t.Errorf("version %d after a snapshot", b[11])
		}
		if got := load(t, open(t, l.dir)); !reflect.DeepEqual(got, stateOf(s)) {
			t.Fatalf("%d bytes and a snapshot: %+v", n, got)
		}
	}
	for _, n := range []int{0, 1, 9, 23} {
		if _, err := openBytes(t, old[:n], quiet); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

// What was on the disk before the file became the log cannot be torn: damage
// there must not make the server forget all it knew.
func TestDamagedSnapshotIsNotCutOff(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	saveNow(l, nthSnapshot(5, 3))
	whole := int(l.size)
	saveNow(l, nthSave(6))
	l.Close()
	log, err := os.ReadFile(l.path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range log {
		bad := bytes.Clone(log)
		bad[n] ^= 0xff
		_, err := openBytes(t, bad, quiet)
		switch inVersion := n >= 8 && n < 12; {
		case n >= whole:
			if err != nil {
				t.Fatalf("byte %d: %v", n, err)
			}
		case inVersion && !errors.Is(err, ErrVersion), !inVersion && !errors.Is(err, ErrCorrupt):
			t.Fatalf("byte %d: %v", n, err)
		}
		_, err = openBytes(t, log[:n], quiet)
		if n < whole && !errors.Is(err, ErrCorrupt) || n >= whole && err != nil {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
}

// lossyDisk loses power at a certain step of replacing a file. What was not
// synced is then gone in part or whole; a rename whose directory was not
// synced may be undone.
type lossyDisk struct {
	disk
	steps  int // left until power is lost
	undo   bool
	synced map[string]int64 // how much of a file is
	before []byte           // of the file last renamed over, until its directory is synced
	over   string
}

var errPower = errors.New("power lost")

func (d *lossyDisk) step() error {
	if d.steps--; d.steps < 0 {
		return errPower
	}
	return nil
}

func (d *lossyDisk) create(path string) (file, error) {
	if err := d.step(); err != nil {
		return nil, err
	}
	f, err := d.disk.create(path)
	d.synced[path] = 0
	return &lossyFile{f, d, path}, err
}

func (d *lossyDisk) open(path string) (file, error) {
	if err := d.step(); err != nil {
		return nil, err
	}
	f, err := d.disk.open(path)
	return &lossyFile{f, d, path}, err
}

func (d *lossyDisk) rename(from, to string) error {
	if err := d.step(); err != nil {
		return err
	}
	d.before, _ = os.ReadFile(to)
	d.over = to
	d.synced[to] = d.synced[from]
	return d.disk.rename(from, to)
}

func (d *lossyDisk) syncDir(dir string) error {
	if err := d.step(); err != nil {
		return err
	}
	d.before = nil
	return d.disk.syncDir(dir)
}

// lose leaves on the disk what a power failure may: of every file not synced
// the given share.
func (d *lossyDisk) lose(share float64) {
	for path, synced := range d.synced {
		if info, err := os.Stat(path); err == nil {
			os.Truncate(path, synced+int64(float64(info.Size()-synced)*share))
		}
	}
	if d.undo && d.before != nil {
		os.WriteFile(d.over, d.before, 0o600)
	}
}

type lossyFile struct {
	file
	disk *lossyDisk
	path string
}

func (f *lossyFile) WriteAt(b []byte, offset int64) (int, error) {
	if err := f.disk.step(); err != nil {
		n, _ := f.file.WriteAt(b[:len(b)/2], offset)
		return n, err
	}
	return f.file.WriteAt(b, offset)
}

func (f *lossyFile) Sync() error {
	if err := f.disk.step(); err != nil {
		return err
	}
	info, err := os.Stat(f.path)
	if err == nil {
		f.disk.synced[f.path] = info.Size()
	}
	return errors.Join(err, f.file.Sync())
}

// Power may be lost at any moment while a snapshot takes the log's place.
func TestPowerLostWhileReplacing(t *testing.T) {
	for _, undo := range []bool{false, true} {
		for _, share := range []float64{0, 0.3, 0.7, 1} {
			ended := false
			for steps := 0; !ended; steps++ {
				name := fmt.Sprintf("after %d steps, undo %v, share %v", steps, undo, share)
				dir := t.TempDir()
				l := open(t, dir)
				saveNow(l, nthSave(1))
				saveNow(l, nthSave(2))
				d := &lossyDisk{disk: l.disk, steps: steps, undo: undo, synced: map[string]int64{}}
				l.disk = d
				states := []raft.Stored{stateAfter(2), stateOf(nthSnapshot(3, 2)), stateOf(nthSnapshot(4, 4)), stateOf(nthSnapshot(4, 4))}
				states[2].Entries = nil
				states[3] = raft.Stored{HardState: nthSave(5).HardState, Snapshot: states[2].Snapshot, Entries: nthSave(5).Entries}
				stored := 0
				for i, s := range []raft.Save{nthSnapshot(3, 2), nthSnapshot(4, 4), nthSave(5)} {
					err := saveNow(l, s)
					if err == nil {
						stored = i + 1
					} else if !errors.Is(err, errPower) {
						t.Fatalf("%s: %v", name, err)
					}
				}
				ended = stored == 3
				l.Close()
				d.lose(share)

				l = open(t, dir)
				got := load(t, l)
				at := slices.IndexFunc(states, func(st raft.Stored) bool {
					return len(st.Entries) == 0 && len(got.Entries) == 0 && st.HardState == got.HardState || reflect.DeepEqual(st, got)
				})
				if at < stored || at > stored+1 {
					t.Fatalf("%s: %d saves acknowledged, found %+v", name, stored, got)
				}
				if _, err := os.Stat(fresh(l.path)); err == nil {
					t.Errorf("%s: the new log lies about", name)
				}
				next := nthSnapshot(9, 7)
				if err := saveNow(l, next); err != nil {
					t.Fatal(err)
				}
				l.Close()
				if got := load(t, open(t, dir)); !reflect.DeepEqual(got, stateOf(next)) {
					t.Fatalf("%s: it goes on with %+v", name, got)
				}
			}
		}
	}
}

// A disk without room for the new log leaves the old one.
func TestDiskFullWhileReplacing(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	saveNow(l, nthSave(1))
	l.disk = fullDisk{l.disk}
	err := saveNow(l, nthSnapshot(3, 2))
	if !errors.Is(err, errFull) || !strings.Contains(err.Error(), l.path) {
		t.Errorf("reported %v", err)
	}
	if err := saveNow(l, nthSave(2)); !errors.Is(err, errFull) {
		t.Errorf("the next save: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(fresh(l.path)); err == nil {
		t.Error("a part of the new log lies about")
	}
	if got := load(t, open(t, dir)); !reflect.DeepEqual(got, stateAfter(1)) {
		t.Errorf("stored %+v", got)
	}
}

type fullDisk struct{ disk }

func (d fullDisk) create(path string) (file, error) {
	f, err := d.disk.create(path)
	return &fullFile{f, 50}, err
}
