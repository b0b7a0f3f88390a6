package wal

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"tabraft/raft"
)

var errFull = errors.New("no space left on device")

// slowFile is a file whose Sync waits for the test, and may fail.
type slowFile struct {
	file
	syncing chan struct{} // gets one at the beginning of each Sync
	proceed chan error    // what Sync returns
	writes  int
}

func (f *slowFile) WriteAt(b []byte, offset int64) (int, error) {
	f.writes++
	return f.file.WriteAt(b, offset)
}

func (f *slowFile) Sync() error {
	f.syncing <- struct{}{}
	if err := <-f.proceed; err != nil {
		return err
	}
	return f.file.Sync()
}

// openSlow opens a log with a slowFile. The writer has not touched the file
// yet: nothing was saved.
func openSlow(t *testing.T, dir string) (*Log, *slowFile) {
	l := open(t, dir)
	f := &slowFile{file: l.file, syncing: make(chan struct{}), proceed: make(chan error)}
	l.file = f
	return l, f
}

// reports collects what done functions are told, in order.
type reports struct {
	sync.Mutex
	list []string
}

func (r *reports) done(n uint64) func(error) {
	return func(err error) {
		r.Lock()
		defer r.Unlock()
		r.list = append(r.list, fmt.Sprint(n, " ", err))
	}
}

func save(l *Log, n uint64, done func(error)) {
	s := nthSave(n)
	l.Save(&s, done)
	clear(s.Entries) // Save must not need them any more
}

func TestSavesShareAWrite(t *testing.T) {
	dir := t.TempDir()
	l, f := openSlow(t, dir)
	var r reports
	save(l, 1, r.done(1))
	<-f.syncing
	for n := uint64(2); n <= 10; n++ {
		save(l, n, r.done(n))
	}
	r.Lock()
	if len(r.list) != 0 {
		t.Errorf("done before the fsync: %v", r.list)
	}
	r.Unlock()
	f.proceed <- nil
	<-f.syncing
	f.proceed <- nil
	l.Close()
	if f.writes != 2 {
		t.Errorf("%d writes", f.writes)
	}
	var want []string
	for n := 1; n <= 10; n++ {
		want = append(want, fmt.Sprint(n, " <nil>"))
	}
	if !slices.Equal(r.list, want) {
		t.Errorf("reported %v", r.list)
	}
	if got := load(t, open(t, dir)); !reflect.DeepEqual(got, stateAfter(10)) {
		t.Errorf("stored %+v", got)
	}
}

func TestCloseWhileSaving(t *testing.T) {
	dir := t.TempDir()
	l, f := openSlow(t, dir)
	var r reports
	save(l, 1, r.done(1))
	<-f.syncing
	save(l, 2, r.done(2))
	closed := make(chan error)
	go func() { closed <- l.Close() }()
	f.proceed <- nil
	<-f.syncing
	f.proceed <- nil
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if want := []string{"1 <nil>", "2 <nil>"}; !slices.Equal(r.list, want) {
		t.Errorf("reported %v", r.list)
	}
	if err := saveNow(l, nthSave(3)); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	if got := load(t, open(t, dir)); !reflect.DeepEqual(got, stateAfter(2)) {
		t.Errorf("stored %+v", got)
	}
}

func TestErrorIsKept(t *testing.T) {
	dir := t.TempDir()
	l, f := openSlow(t, dir)
	var r reports
	save(l, 1, r.done(1))
	<-f.syncing
	save(l, 2, r.done(2))
	f.proceed <- errFull
	for n := uint64(3); n < 5; n++ {
		err := saveNow(l, nthSave(n))
		if !errors.Is(err, errFull) || !strings.Contains(err.Error(), l.path) {
			t.Errorf("save %d: %v", n, err)
		}
	}
	l.Close()
	if len(r.list) != 2 || !strings.Contains(r.list[0], "no space left") || !strings.Contains(r.list[1], "no space left") {
		t.Errorf("reported %v", r.list)
	}
	if f.writes != 1 {
		t.Errorf("%d writes, after an error there must be none", f.writes)
	}
}

// fullFile takes some bytes and then is full.
type fullFile struct {
	file
	left int
}

func (f *fullFile) WriteAt(b []byte, offset int64) (int, error) {
	n, err := f.file.WriteAt(b[:min(len(b), f.left)], offset)
	if f.left -= n; n < len(b) && err == nil {
		err = errFull
	}
	return n, err
}

func TestDiskFull(t *testing.T) {
	for left := range 80 {
		dir := t.TempDir()
		l := open(t, dir)
		l.file = &fullFile{l.file, left}
		stored := uint64(0)
		for n := uint64(1); n <= 4; n++ {
			err := saveNow(l, nthSave(n))
			if err == nil {
				stored = n
			} else if !errors.Is(err, errFull) {
				t.Fatal(err)
			}
		}
		l.Close()
		if got := load(t, open(t, dir)); stored == 4 || !reflect.DeepEqual(got, stateAfter(stored)) {
			t.Fatalf("room for %d bytes: %d saves acknowledged, %+v stored", left, stored, got)
		}
	}
}

func TestTooMuchPending(t *testing.T) {
	l, f := openSlow(t, t.TempDir())
	var r reports
	save(l, 1, r.done(1))
	<-f.syncing
	big := raft.Save{HardState: raft.HardState{Term: 2}, Entries: []raft.Entry{{Index: 2, Term: 2, Data: make([]byte, MaxPending)}}}
	l.Save(&big, r.done(2))
	f.proceed <- nil
	l.Close()
	if len(r.list) != 2 || r.list[0] != "1 <nil>" || !strings.Contains(r.list[1], "268435456 bytes wait for the disk") {
		t.Errorf("reported %v", r.list)
	}
}

const killedDir = "TABRAFT_WAL_TEST_DIR"

// TestKilled kills a process that saves without pause, every twentieth time with
// a snapshot, and looks whether all is there that it was told was stored.
func TestKilled(t *testing.T) {
	if dir := os.Getenv(killedDir); dir != "" {
		l := open(t, dir)
		slots := make(chan struct{}, 16)
		for n := lastIndex(load(t, l)) + 1; ; n++ {
			slots <- struct{}{}
			done := func(err error) {
				fmt.Println("stored", n, err)
				<-slots
			}
			if n%20 == 0 {
				s := nthSnapshot(n, n-7)
				l.Save(&s, done)
			} else {
				save(l, n, done)
			}
		}
	}
	dir := t.TempDir()
	stored := uint64(0)
	for range 3 {
		child := exec.Command(os.Args[0], "-test.run=^TestKilled$")
		child.Env = append(os.Environ(), killedDir+"="+dir)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Skip(err) // no processes here
		}
		defer child.Process.Kill() // if the test ends early
		lines, seen := bufio.NewScanner(out), 0
		for lines.Scan() {
			var n uint64
			if _, err := fmt.Sscanf(lines.Text(), "stored %d <nil>", &n); err != nil {
				t.Fatal(lines.Text())
			}
			stored = n
			if seen++; seen == 200 {
				child.Process.Kill()
			}
		}
		child.Wait()
		if seen < 200 {
			t.Fatalf("the child ended after %d saves", seen)
		}
		os.Remove(filepath.Join(dir, lockName)) // where locks outlive their process
		l := open(t, dir)
		st := load(t, l)
		n := lastIndex(st)
		want := nthSnapshot(n/20*20, n/20*20-7)
		state := raft.Stored{HardState: nthSave(n).HardState, Snapshot: want.Snapshot, Entries: stateAfter(n).Entries[n/20*20-7:]}
		if n < stored || !reflect.DeepEqual(st, state) {
			t.Fatalf("entries up to %d, %d were stored: %+v", n, stored, st)
		}
		l.Close()
	}
}

func BenchmarkSave(b *testing.B) {
	for _, outstanding := range []int{1, 64} {
		b.Run(fmt.Sprintf("outstanding=%d", outstanding), func(b *testing.B) {
			l := open(b, b.TempDir())
			slots := make(chan struct{}, outstanding)
			s := raft.Save{HardState: raft.HardState{Term: 1}, Entries: []raft.Entry{{Term: 1, Data: make([]byte, 100)}}}
			b.ReportAllocs()
			for b.Loop() {
				slots <- struct{}{}
				s.Entries[0].Index++
				l.Save(&s, func(err error) {
					if err != nil {
						b.Error(err)
					}
					<-slots
				})
			}
		})
	}
}
