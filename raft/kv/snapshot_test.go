package kv

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// busy is a map with a little of everything: entries, a session with results
// remembered and forgotten, one without.
func busy(t testing.TB) *world {
	w := newWorld(t)
	s := w.open()
	w.do(s, Command{Op: Put, Key: "colour", Value: "red"})
	w.do(s, Command{Op: Put, Key: "a", Value: ""})
	lost := Command{Op: Put, Key: "lost", Value: "x"}
	s.Stamp(&lost)
	w.do(s, Command{Op: CAS, Key: "colour", Old: "blue", Value: "green"})
	w.open()
	w.do(s, Command{Op: Delete, Key: "nothing"})
	return w
}

func TestSnapshotBytes(t *testing.T) {
	want := "\x01" +
		"\x02\x01a\x00\x06colour\x03red" +
		"\x02" +
		"\x05\x01\x00" + // session 5, never used
		"\x01\x03\x02\x01\x01\x01\x03red\x00\x00\x00\x00" // session 1: done 3, results of 4 and 5
	w := busy(t)
	if got := w.m.Snapshot(); string(got) != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := NewMap().Snapshot(); string(got) != "\x01\x00\x00" {
		t.Errorf("empty: %q", got)
	}
}

func TestRestore(t *testing.T) {
	w := busy(t)
	snapshot := w.m.Snapshot()
	m := NewMap()
	m.Apply(1, encode(t, Command{Op: OpenSession}))
	m.Apply(2, encode(t, Command{Op: Put, Session: 1, Seq: 1, Done: 1, Key: "gone", Value: "x"}))
	if err := m.Restore(snapshot); err != nil {
		t.Fatal(err)
	}
	clear(snapshot) // nothing of it may be kept
	if m.Sum() != w.m.Sum() || m.bytes != w.m.bytes || m.sessions.bytes != w.m.sessions.bytes {
		t.Errorf("restored %q, want %q", m.Snapshot(), w.m.Snapshot())
	}
	if v, found := m.Get("colour"); v != "red" || !found || m.Len() != 2 {
		t.Errorf("colour is %q, of %d entries", v, m.Len())
	}
}

func TestDamagedSnapshotChangesNothing(t *testing.T) {
	w := busy(t)
	whole := w.m.Snapshot()
	m := NewMap()
	if err := m.Restore(whole); err != nil {
		t.Fatal(err)
	}
	sum := m.Sum()
	uv := func(parts ...any) string {
		var b []byte
		for _, p := range parts {
			switch p := p.(type) {
			case int:
				b = binary.AppendUvarint(b, uint64(p))
			case string:
				b = append(b, p...)
			}
		}
		return string(b)
	}
	long := strings.Repeat("v", MaxValue+1)
	for name, c := range map[string]struct {
		bytes string
		want  error
		text  string
	}{
		"version":             {"\x02\x00\x00", ErrSnapshotVersion, "unknown version 2, this server reads 1"},
		"trailing":            {string(whole) + "x", ErrMalformed, "1 bytes after the end"},
		"entries to come":     {uv(1, 9, 1, "a", 0), ErrMalformed, "9 entries"},
		"many entries":        {uv(1, MaxMap/entryOverhead+1, strings.Repeat("x", 4<<20)), ErrMalformed, "1048577 entries"},
		"empty key":           {uv(1, 1, 0, 0, 0), ErrMalformed, "key"},
		"key twice":           {uv(1, 2, 1, "a", 0, 1, "a", 0, 0), ErrMalformed, "out of order"},
		"keys out of order":   {uv(1, 2, 1, "b", 0, 1, "a", 0, 0), ErrMalformed, "out of order"},
		"long key":            {uv(1, 1, MaxKey+1, long), ErrKeyTooLarge, ""},
		"long value":          {uv(1, 1, 1, "a", MaxValue+1, long, 0), ErrValueTooLarge, ""},
		"not UTF-8":           {uv(1, 1, 1, "\xff", 0, 0), ErrNotUTF8, ""},
		"sessions to come":    {uv(1, 0, 2, 1, 1, 0), ErrMalformed, "2 sessions"},
		"many sessions":       {uv(1, 0, MaxSessions+1, strings.Repeat("x", 1<<20)), ErrMalformed, "4097 sessions"},
		"session twice":       {uv(1, 0, 2, 7, 1, 0, 7, 1, 0), ErrMalformed, "twice"},
		"many results":        {uv(1, 0, 1, 7, 1, MaxOutstanding+1, strings.Repeat("x", 1<<20)), ErrMalformed, "4097 results"},
		"result too far":      {uv(1, 0, 1, 7, 1, 1, MaxOutstanding, 0, 0, 0), ErrMalformed, "seq"},
		"result beyond 2^64":  {uv(1, 0, 1, 7, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 1, 1, 0, 0, 0), ErrMalformed, "seq"},
		"result of code 4":    {uv(1, 0, 1, 7, 1, 1, 0, 4, 0, 0), ErrMalformed, "Code(4)"},
		"result of long text": {uv(1, 0, 1, 7, 1, 1, 0, 0, 1, MaxValue+1, long), ErrValueTooLarge, ""},
	} {
		if err := m.Restore([]byte(c.bytes)); !errors.Is(err, c.want) || !strings.Contains(fmt.Sprint(err), c.text) {
			t.Errorf("%s: %v, want %v with %q", name, err, c.want, c.text)
		}
	}
	if err := m.Restore(make([]byte, MaxSnapshot+1)); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("a huge one: %v", err)
	}
	for n := range whole {
		if err := m.Restore(whole[:n]); !errors.Is(err, ErrMalformed) {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
	if m.Sum() != sum {
		t.Error("the map changed")
	}
}

// A client that hears no answer sends its command again, to a server that knows
// of the first one only by a snapshot.
func TestRetryAcrossSnapshotTakesEffectOnce(t *testing.T) {
	w := newWorld(t)
	s := w.open()
	w.do(s, Command{Op: Put, Key: "n", Value: "1"})
	lost := Command{Op: CAS, Key: "n", Old: "1", Value: "2"}
	s.Stamp(&lost)
	first := w.apply(lost)

	snapshot := w.m.Snapshot()
	w.m = NewMap()
	if err := w.m.Restore(snapshot); err != nil {
		t.Fatal(err)
	}
	w.do(s, Command{Op: Put, Key: "n", Value: "1"}) // a second time would show
	if again := w.apply(lost); again != first || first.Code != OK {
		t.Errorf("%+v, then %+v", first, again)
	}
	if v, _ := w.m.Get("n"); v != "1" {
		t.Errorf("n = %q: it took effect again", v)
	}
	s.Answered(lost.Seq)
	w.do(s, Command{Op: Get, Key: "n"})
	if r := w.apply(lost); r.Code != Refused {
		t.Errorf("a copy of an answered command: %+v", r)
	}
}

// Which session expires is decided by the order of their last use in the log,
// and a snapshot has that order.
func TestExpiryAfterRestoreIsTheSame(t *testing.T) {
	w := newWorld(t)
	var all []*Session
	for range MaxSessions {
		all = append(all, w.open())
	}
	for i := range 50 {
		w.do(all[i*37], Command{Op: Put, Key: "k", Value: fmt.Sprint(i)})
	}
	restored := &world{t: t, m: NewMap(), index: w.index}
	if err := restored.m.Restore(w.m.Snapshot()); err != nil {
		t.Fatal(err)
	}
	for range 200 {
		w.open()
		restored.open()
		if w.m.Sum() != restored.m.Sum() {
			t.Fatal("another session expired")
		}
	}
	c := Command{Op: Get, Key: "k"}
	for i, s := range all[:300] {
		stamp := *s
		c := c
		if err := stamp.Stamp(&c); err != nil {
			t.Fatal(err)
		}
		a, b := w.apply(c), restored.apply(c)
		if a != b || (a.Code == SessionExpired) != (i%37 != 0 && i < 206) {
			t.Fatalf("session %d: %v without a snapshot, %v with one", i, a.Code, b.Code)
		}
	}
}

// The fullest map there can be still has a snapshot that a server takes.
func TestSnapshotsStayWithinTheirLimit(t *testing.T) {
	if limit := 256 << 20; MaxSnapshot > limit {
		t.Errorf("MaxSnapshot is %d, servers take %d", MaxSnapshot, limit)
	}
	for name, value := range map[string]string{"short": "", "long": strings.Repeat("v", 20<<10)} {
		w := newWorld(t)
		s := NewSession(0)
		r := Result{Found: true}
		for i := 0; r.Code == OK && i < 20000; i++ {
			if i%2000 == 0 {
				s = w.open()
			}
			r = w.do(s, Command{Op: Put, Key: fmt.Sprintf("k%06d", i), Value: value})
		}
		got := w.m.Snapshot()
		if len(got) > w.m.bytes+w.m.sessions.bytes+1+2*maxCount+MaxSessions*sessionOverhead || cap(got) > 2*len(got)+1<<20 && value != "" {
			t.Errorf("%s values: %d bytes (room for %d) of %d and %d counted", name, len(got), cap(got), w.m.bytes, w.m.sessions.bytes)
		}
		m := NewMap()
		if err := m.Restore(got); err != nil || m.Sum() != w.m.Sum() {
			t.Errorf("%s values: %v", name, err)
		}
	}
}

func FuzzRestore(f *testing.F) {
	f.Add(NewMap().Snapshot())
	f.Add(busy(f).m.Snapshot())
	f.Fuzz(func(t *testing.T, b []byte) {
		m := busy(t).m
		sum := m.Sum()
		err := m.Restore(b)
		if err != nil && m.Sum() != sum {
			t.Fatalf("%v, but the map changed", err)
		}
		if err == nil && !bytes.Equal(m.Snapshot(), b) {
			t.Fatalf("%q is restored as %q", b, m.Snapshot())
		}
		if bound := uint64(len(b))*128 + 1<<16; allocates(func() { NewMap().Restore(b) }, bound) {
			t.Fatalf("more than %d bytes allocated for %d", bound, len(b))
		}
	})
}

// allocates reports whether f allocates more than bound bytes. The counter is
// the whole process's, and the fuzzer runs beside: the lowest of a few
// measurements counts.
func allocates(f func(), bound uint64) bool {
	for range 20 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		if after.TotalAlloc-before.TotalAlloc <= bound {
			return false
		}
	}
	return true
}

func BenchmarkSnapshot(b *testing.B) {
	w := newWorld(b)
	s := w.open()
	for i := range 100_000 {
		w.do(s, Command{Op: Put, Key: fmt.Sprintf("key-%d", i), Value: strings.Repeat("v", 100)})
	}
	snapshot := w.m.Snapshot()
	b.Run("take", func(b *testing.B) {
		b.SetBytes(int64(len(snapshot)))
		b.ReportAllocs()
		for b.Loop() {
			w.m.Snapshot()
		}
	})
	b.Run("restore", func(b *testing.B) {
		b.SetBytes(int64(len(snapshot)))
		b.ReportAllocs()
		for b.Loop() {
			if err := w.m.Restore(snapshot); err != nil {
				b.Fatal(err)
			}
		}
	})
}
