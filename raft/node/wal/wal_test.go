package wal

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"tabraft/raft"
)

// quiet drops what is logged.
var quiet = slog.New(slog.DiscardHandler)

func open(t testing.TB, dir string) *Log {
	t.Helper()
	l, err := Open(dir, quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func load(t testing.TB, l *Log) raft.Stored {
	t.Helper()
	st, err := l.Load()
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// saveNow saves and waits until it is done.
func saveNow(l *Log, s raft.Save) error {
	c := make(chan error, 1)
	l.Save(&s, func(err error) { c <- err })
	return <-c
}

// nthSave is a series of saves that fit one another: term n, one entry n.
func nthSave(n uint64) raft.Save {
	return raft.Save{
		Seq:       n,
		HardState: raft.HardState{Term: n, Vote: raft.ID(n), Commit: n - 1},
		Entries:   []raft.Entry{{Index: n, Term: n, Data: fmt.Appendf(nil, "entry %d", n)}},
	}
}

// stateAfter is what n of them amount to.
func stateAfter(n uint64) (st raft.Stored) {
	for i := uint64(1); i <= n; i++ {
		s := nthSave(i)
		st.HardState, st.Entries = s.HardState, append(st.Entries, s.Entries...)
	}
	return st
}

// makeLog writes n records of one save each, and gives the log's bytes and the
// offset of each record, and behind the last one the length.
func makeLog(t *testing.T, n uint64) (log []byte, offsets []int64) {
	t.Helper()
	dir := t.TempDir()
	l := open(t, dir)
	for i := uint64(1); i <= n; i++ {
		offsets = append(offsets, l.size)
		if err := saveNow(l, nthSave(i)); err != nil {
			t.Fatal(err)
		}
	}
	l.Close()
	log, err := os.ReadFile(filepath.Join(dir, logName))
	if err != nil {
		t.Fatal(err)
	}
	return log, append(offsets, int64(len(log)))
}

// openBytes opens a new directory that has this log.
func openBytes(t *testing.T, log []byte, logger *slog.Logger) (*Log, error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, logName), log, 0o600); err != nil {
		t.Fatal(err)
	}
	return Open(dir, logger)
}

func TestReopen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b") // neither is there
	for life := range uint64(4) {
		l := open(t, dir)
		if got := load(t, l); !reflect.DeepEqual(got, stateAfter(life*10)) {
			t.Fatalf("life %d begins with %+v", life, got)
		}
		if _, err := l.Load(); err == nil || !strings.Contains(err.Error(), "already loaded") {
			t.Errorf("second Load: %v", err)
		}
		for i := life*10 + 1; i <= life*10+10; i++ {
			s := nthSave(i)
			l.Save(&s, func(err error) {
				if err != nil {
					t.Errorf("save %d: %v", i, err)
				}
			})
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTailIsReplaced(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	for i := uint64(1); i <= 3; i++ {
		if err := saveNow(l, nthSave(i)); err != nil {
			t.Fatal(err)
		}
	}
	s := raft.Save{HardState: raft.HardState{Term: 9, Commit: 2}, Entries: []raft.Entry{{Index: 3, Term: 9, Kind: raft.EntryNoop}}}
	if err := saveNow(l, s); err != nil {
		t.Fatal(err)
	}
	l.Close()
	want := stateAfter(2)
	want.HardState, want.Entries = s.HardState, append(want.Entries, s.Entries...)
	if got := load(t, open(t, dir)); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// A crash may leave any beginning of what was written.
func TestTornAtEveryOffset(t *testing.T) {
	log, offsets := makeLog(t, 4)
	whole := uint64(0)
	for n := int64(0); n <= int64(len(log)); n++ {
		if whole < 4 && n == offsets[whole+1] {
			whole++
		}
		var text bytes.Buffer
		l, err := openBytes(t, log[:n], slog.New(slog.NewTextHandler(&text, nil)))
		if n < headerSize {
			if !errors.Is(err, ErrCorrupt) {
				t.Errorf("%d bytes: %v", n, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		if got := load(t, l); !reflect.DeepEqual(got, stateAfter(whole)) {
			t.Fatalf("%d bytes: %+v", n, got)
		}
		torn := n != offsets[whole]
		if warned := strings.Contains(text.String(), fmt.Sprintf("offset=%d bytes=%d", offsets[whole], n-offsets[whole])); warned != torn {
			t.Errorf("%d bytes: logged %q", n, &text)
		}
		// It goes on where it was cut.
		if err := saveNow(l, nthSave(whole+1)); err != nil {
			t.Fatal(err)
		}
		l.Close()
		if got := load(t, open(t, l.dir)); !reflect.DeepEqual(got, stateAfter(whole+1)) {
			t.Fatalf("%d bytes, and one save more: %+v", n, got)
		}
	}
}

// A crash may leave the last write with the right length and wrong bytes; any
// other wrong byte is an error.
func TestDamageAtEveryOffset(t *testing.T) {
	log, offsets := makeLog(t, 4)
	for n := range log {
		for _, damage := range []byte{0xff, 0x01} {
			bad := bytes.Clone(log)
			bad[n] ^= damage
			l, err := openBytes(t, bad, quiet)
			if int64(n) >= offsets[3] {
				if err != nil {
					t.Fatalf("byte %d: %v", n, err)
				}
				if got := load(t, l); !reflect.DeepEqual(got, stateAfter(3)) {
					t.Fatalf("byte %d: %+v", n, got)
				}
				l.Close()
				continue
			}
			record := 0
			for int64(n) >= offsets[record] {
				record++
			}
			at := int64(0)
			if record > 0 {
				at = offsets[record-1]
			}
			if n >= 8 && n < 12 {
				if !errors.Is(err, ErrVersion) {
					t.Fatalf("byte %d: %v", n, err)
				}
			} else if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), fmt.Sprintf("%clog: offset %d:", os.PathSeparator, at)) {
				t.Fatalf("byte %d: %v, want offset %d", n, err, at)
			}
		}
	}
}

// A part of a write may be on the disk without what is before it.
func TestHoleInTheLastWrite(t *testing.T) {
	log, offsets := makeLog(t, 3)
	for from := offsets[2]; from < offsets[3]; from += 3 {
		for to := from + 1; to <= offsets[3]; to += 5 {
			bad := bytes.Clone(log)
			clear(bad[from:to])
			if bytes.Equal(bad, log) {
				continue
			}
			l, err := openBytes(t, bad, quiet)
			if err != nil {
				t.Fatalf("hole %d to %d: %v", from, to, err)
			}
			l.Close()
		}
	}
}

func TestUnsoundSaveIsDamage(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	saveNow(l, nthSave(1))
	at := l.size
	saveNow(l, nthSave(3)) // leaves a gap
	l.Close()
	_, err := Open(dir, quiet)
	if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), fmt.Sprintf("offset %d", at)) || !strings.Contains(err.Error(), "entry 3 after entry 1") {
		t.Error(err)
	}
}

func TestPayloadThatLies(t *testing.T) {
	for _, payload := range [][]byte{{0, 0, 0}, {0, 0, 0, 2, 1}, {0xff, 0xff, 0xff, 0xff}} {
		log := newHeader(headerSize)
		record := append(make([]byte, recordHeader), payload...)
		sealRecord(record, log[12:20], headerSize)
		_, err := openBytes(t, append(log, record...), quiet)
		if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "offset 32") {
			t.Errorf("% x: %v", payload, err)
		}
	}
}

func TestTwoOpeners(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	_, err := Open(dir, quiet)
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), fmt.Sprint("process ", os.Getpid())) {
		t.Errorf("second opener: %v", err)
	}
	l.Close()
	open(t, dir)
}

// A failed Open leaves the directory free.
func TestFailedOpenUnlocks(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, logName)
	os.WriteFile(path, []byte("something else altogether"), 0o600)
	if _, err := Open(dir, quiet); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a file that is no log: %v", err)
	}
	os.Remove(path)
	open(t, dir)
}

func TestOpenInAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	os.WriteFile(path, nil, 0o600)
	for _, dir := range []string{path, filepath.Join(path, "below")} {
		if _, err := Open(dir, quiet); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%v", err)
		}
	}
}

func TestMeta(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	if m, ok := l.Meta(); ok {
		t.Errorf("a new directory has %+v", m)
	}
	m := Meta{Room: "00112233445566778899aabbccddeeff", Name: "lecture-7", ID: 0xa1}
	for _, cluster := range []uint64{0, 0xfedc} {
		m.Cluster = cluster
		if err := l.SetMeta(m); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.SetMeta(Meta{ID: 7}); err == nil || !strings.Contains(err.Error(), "00000000000000a1") {
		t.Errorf("another server's: %v", err)
	}
	if err := l.SetMeta(Meta{}); err == nil {
		t.Error("a server without id is accepted")
	}
	l.Close()
	if err := l.SetMeta(m); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	l = open(t, dir)
	if got, ok := l.Meta(); !ok || got != m {
		t.Errorf("%+v, want %+v", got, m)
	}
	b, _ := os.ReadFile(filepath.Join(dir, metaName))
	want := `{
  "version": 1,
  "room": "00112233445566778899aabbccddeeff",
  "name": "lecture-7",
  "id": "00000000000000a1",
  "cluster": "000000000000fedc"
}
`
	if string(b) != want {
		t.Errorf("%s", b)
	}
}

func TestBadMeta(t *testing.T) {
	for _, c := range []struct {
		text string
		want error
		says string
	}{
		{`{"version":2,"id":"x"}`, ErrVersion, "unknown version 2, this program reads version 1"},
		{`{"version":1,"id":"x","cluster":"0000000000000000"}`, ErrCorrupt, "server id"},
		{`{"version":1,"id":"00000000000000a1","cluster":"1"}`, ErrCorrupt, "cluster id"},
		{`{"version":1`, ErrCorrupt, "JSON"},
		{strings.Repeat(" ", maxMeta+1), ErrCorrupt, "65537 bytes, at most 65536"},
	} {
		dir := t.TempDir()
		os.WriteFile(filepath.Join(dir, metaName), []byte(c.text), 0o600)
		_, err := Open(dir, quiet)
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), metaName) {
			t.Errorf("%.40s: %v", c.text, err)
		}
	}
}
