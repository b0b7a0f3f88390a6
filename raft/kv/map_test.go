package kv

import (
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
)

// world applies commands to a map as a log would, with rising indexes.
type world struct {
	t     testing.TB
	m     *Map
	index uint64
}

func newWorld(t testing.TB) *world { return &world{t: t, m: NewMap()} }

func (w *world) apply(c Command) Result {
	w.t.Helper()
	w.index++
	return decodeResult(w.t, w.m.Apply(w.index, encode(w.t, c)))
}

// open opens a session.
func (w *world) open() *Session {
	w.t.Helper()
	if r := w.apply(Command{Op: OpenSession}); r != (Result{}) {
		w.t.Fatalf("open: %+v", r)
	}
	return NewSession(w.index)
}

// do stamps, applies and answers a command.
func (w *world) do(s *Session, c Command) Result {
	w.t.Helper()
	if err := s.Stamp(&c); err != nil {
		w.t.Fatal(err)
	}
	r := w.apply(c)
	s.Answered(c.Seq)
	return r
}

func TestEachCommand(t *testing.T) {
	w := newWorld(t)
	s := w.open()
	for i, step := range []struct {
		c    Command
		want Result
	}{
		{Command{Op: Get, Key: "k"}, Result{}},
		{Command{Op: Delete, Key: "k"}, Result{}},
		{Command{Op: CAS, Key: "k", Old: "", Value: "x"}, Result{Code: Mismatch}},
		{Command{Op: CAS, Key: "k", OldAbsent: true, Value: "1"}, Result{Found: true, Value: "1"}},
		{Command{Op: CAS, Key: "k", OldAbsent: true, Value: "2"}, Result{Code: Mismatch, Found: true, Value: "1"}},
		{Command{Op: CAS, Key: "k", Old: "0", Value: "2"}, Result{Code: Mismatch, Found: true, Value: "1"}},
		{Command{Op: CAS, Key: "k", Old: "1", Value: "2"}, Result{Found: true, Value: "2"}},
		{Command{Op: Get, Key: "k"}, Result{Found: true, Value: "2"}},
		{Command{Op: Put, Key: "k", Value: ""}, Result{Found: true}},
		{Command{Op: CAS, Key: "k", Old: "", Value: "3"}, Result{Found: true, Value: "3"}},
		{Command{Op: Put, Key: "j", Value: "new"}, Result{Found: true, Value: "new"}},
		{Command{Op: Delete, Key: "k"}, Result{Found: true, Value: "3"}},
		{Command{Op: Get, Key: "k"}, Result{}},
	} {
		if got := w.do(s, step.c); got != step.want {
			t.Errorf("step %d, %v: %+v, want %+v", i, step.c.Op, got, step.want)
		}
	}
	w.do(s, Command{Op: Put, Key: "a", Value: "1"})
	if got, want := w.m.Entries(), []Entry{{"a", "1"}, {"j", "new"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("entries %v", got)
	}
	if v, ok := w.m.Get("a"); v != "1" || !ok || w.m.Len() != 2 {
		t.Errorf("Get: %q, %v; Len %d", v, ok, w.m.Len())
	}
}

func TestRepeatedCommandIsAppliedOnce(t *testing.T) {
	w := newWorld(t)
	s := w.open()
	first := Command{Op: CAS, Key: "n", OldAbsent: true, Value: "1"}
	second := Command{Op: CAS, Key: "n", Old: "1", Value: "2"}
	s.Stamp(&first)
	s.Stamp(&second)
	for _, step := range []struct {
		c    Command
		want string
	}{{first, "1"}, {second, "2"}, {first, "1"}, {second, "2"}} {
		if r := w.apply(step.c); r != (Result{Found: true, Value: step.want}) {
			t.Fatalf("%+v: %+v", step.c, r)
		}
	}
	if v, _ := w.m.Get("n"); v != "2" {
		t.Errorf("n = %q", v)
	}
	// The client has both answers; a copy that comes later still does nothing.
	s.Answered(first.Seq)
	s.Answered(second.Seq)
	w.do(s, Command{Op: Delete, Key: "n"})
	if r := w.apply(first); r.Code != Refused {
		t.Errorf("a copy of an answered command: %+v", r)
	}
	if _, found := w.m.Get("n"); found {
		t.Error("it was applied")
	}
}

func TestRefusalIsRememberedToo(t *testing.T) {
	w := newWorld(t)
	s := w.open()
	value := strings.Repeat("v", MaxValue)
	last := Command{}
	for range MaxSessionResults/MaxValue + 1 {
		last = Command{Op: Put, Key: "k", Value: value}
		s.Stamp(&last)
		if r := w.apply(last); (r.Code == Refused) != (last.Seq == MaxSessionResults/MaxValue+1) {
			t.Fatalf("command %d: %v", last.Seq, r.Code)
		}
	}
	for seq := uint64(1); seq < 10; seq++ {
		s.Answered(seq)
	}
	if r := w.do(s, Command{Op: Put, Key: "j", Value: value}); r.Code != OK {
		t.Errorf("after some were answered: %v %s", r.Code, r.Value)
	}
	if r := w.apply(last); r.Code != Refused {
		t.Errorf("the refused command again: %v", r.Code)
	}
}

func TestUnknownSession(t *testing.T) {
	w := newWorld(t)
	for _, id := range []uint64{0, 5} {
		if r := w.apply(Command{Op: Put, Session: id, Seq: 1, Done: 1, Key: "k"}); r != (Result{Code: SessionExpired}) {
			t.Errorf("session %d: %+v", id, r)
		}
	}
	if w.m.Len() != 0 {
		t.Error("it was applied")
	}
}

func TestUnreadableCommandIsRefused(t *testing.T) {
	m := NewMap()
	sum := m.Sum()
	for _, b := range [][]byte{nil, {0}, []byte("\x02\x01"), make([]byte, 1<<20)} {
		if r := decodeResult(t, m.Apply(1, b)); r.Code != Refused || r.Value == "" {
			t.Errorf("%+v", r)
		}
	}
	if m.Sum() != sum {
		t.Error("the map changed")
	}
}

func TestSessionsExpireInLogOrder(t *testing.T) {
	w := newWorld(t)
	var all []*Session
	for range MaxSessions {
		all = append(all, w.open())
	}
	w.do(all[0], Command{Op: Put, Key: "k", Value: "0"}) // now all[1] is the oldest
	w.open()
	if r := w.do(all[1], Command{Op: Get, Key: "k"}); r.Code != SessionExpired {
		t.Errorf("the least recently used session: %v", r.Code)
	}
	for _, i := range []int{0, 2, MaxSessions - 1} {
		if r := w.do(all[i], Command{Op: Get, Key: "k"}); r.Code != OK {
			t.Errorf("session %d: %v", i, r.Code)
		}
	}
}

func TestSessionsExpireByResultBytes(t *testing.T) {
	w := newWorld(t)
	put := Command{Op: Put, Key: "k", Value: strings.Repeat("v", MaxValue)}
	const each = MaxValue + resultOverhead
	var all []*Session
	for room := MaxResults; room >= each; room -= each {
		if n := len(all); n == 0 || w.m.sessions.bytes/each >= n*(MaxSessionResults/each) {
			all = append(all, w.open())
		}
		c := put
		all[len(all)-1].Stamp(&c)
		w.apply(c)
	}
	if r := w.do(all[0], Command{Op: Get, Key: "j"}); r.Code != OK || w.m.sessions.order.Len() != len(all) {
		t.Fatalf("at the limit: %v, %d sessions of %d", r.Code, w.m.sessions.order.Len(), len(all))
	}
	if r := w.do(w.open(), put); r.Code != OK {
		t.Errorf("beyond the limit: %v", r.Code)
	}
	if r := w.do(all[1], Command{Op: Get, Key: "j"}); r.Code != SessionExpired {
		t.Errorf("the least recently used session: %v", r.Code)
	}
	if r := w.do(all[0], Command{Op: Get, Key: "j"}); r.Code != OK {
		t.Errorf("one that was used: %v", r.Code)
	}
	if got := w.m.sessions; got.bytes > MaxResults || len(got.byID) != got.order.Len() || got.order.Len() != len(all) {
		t.Errorf("%d bytes in %d sessions", got.bytes, got.order.Len())
	}
}

func TestWindow(t *testing.T) {
	w := newWorld(t)
	s := w.open()
	var last Command
	for range MaxOutstanding {
		last = Command{Op: Put, Key: "k", Value: "v"}
		if err := s.Stamp(&last); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Stamp(&Command{}); err == nil || !strings.Contains(err.Error(), "at most 4096") {
		t.Errorf("Stamp beyond the window: %v", err)
	}
	if r := w.apply(last); r.Code != OK {
		t.Errorf("the last one of the window: %+v", r)
	}
	last.Seq++
	if r := w.apply(last); r.Code != Refused {
		t.Errorf("beyond the window: %+v", r)
	}
	last.Seq, last.Done = 1<<63+5, 1<<63
	if r := w.apply(last); r.Code != OK {
		t.Errorf("after a leap of Done: %+v", r)
	}
}

func TestMapIsBounded(t *testing.T) {
	m := NewMap()
	const free = 2*entryOverhead + 10
	m.bytes = MaxMap - free
	for _, c := range []struct {
		key, value string
		want       Code
	}{
		{"key", strings.Repeat("v", entryOverhead+8), Refused}, {"key", strings.Repeat("v", entryOverhead+7), OK}, {"k", "", Refused},
		{"key", "123", OK}, {"k", "1234", Refused}, {"k", "123", OK}, {"key", "1234", Refused}} {
		if r := m.run(&Command{Op: Put, Key: c.key, Value: c.value}); r.Code != c.want {
			t.Errorf("%s = %s: %+v", c.key, c.value, r)
		}
	}
	m.run(&Command{Op: Delete, Key: "key"})
	m.run(&Command{Op: Delete, Key: "k"})
	if m.bytes != MaxMap-free {
		t.Errorf("%d bytes left over", m.bytes-(MaxMap-free))
	}
}

func TestSessionKnowsTheLowestUnanswered(t *testing.T) {
	s := NewSession(9)
	var c Command
	for range 4 {
		s.Stamp(&c)
	}
	for _, step := range []struct {
		seq, done   uint64
		outstanding int
	}{{2, 1, 3}, {2, 1, 3}, {4, 1, 2}, {1, 3, 1}, {7, 3, 1}, {0, 3, 1}, {3, 5, 0}} {
		s.Answered(step.seq)
		if s.done != step.done || s.Outstanding() != step.outstanding {
			t.Errorf("after %d: done %d, %d outstanding", step.seq, s.done, s.Outstanding())
		}
	}
	s.Stamp(&c)
	if c.Session != 9 || c.Seq != 5 || c.Done != 5 || s.ID() != 9 {
		t.Errorf("%+v", c)
	}
}

func TestReadsWhileApplying(t *testing.T) {
	w := newWorld(t)
	s := w.open()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				w.m.Get("k1")
				w.m.Entries()
				w.m.Len()
				w.m.Sum()
			}
		})
	}
	for i := range 200 {
		w.do(s, Command{Op: Put, Key: fmt.Sprintf("k%d", i%10), Value: "v"})
	}
	wg.Wait()
}

func BenchmarkApply(b *testing.B) {
	w := newWorld(b)
	s := w.open()
	value := strings.Repeat("v", 100)
	b.ReportAllocs()
	for b.Loop() {
		c := Command{Op: Put, Key: "colour", Value: value}
		s.Stamp(&c)
		w.index++
		w.m.Apply(w.index, encode(b, c))
		s.Answered(c.Seq)
	}
}
