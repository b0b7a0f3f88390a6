//go:build !js

package tab

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"tabraft/raft/kv"
	"tabraft/raft/node"
)

func TestThreeServersAnswerCommands(t *testing.T) {
	w, servers := cluster(t, 3)
	for i, s := range servers {
		key := fmt.Sprintf("key%d", i)
		first := s.must(put(key, "one"))
		if first.Value == nil || *first.Value != "one" || first.Index == 0 || first.Term != s.State().Term {
			t.Errorf("put answered %+v", first)
		}
		for j, other := range servers {
			if a := other.must(get(key)); a.Value == nil || *a.Value != "one" || a.Index < first.Index {
				t.Errorf("server %d got %+v", j, a)
			}
		}
		if a := s.must(kv.Command{Op: kv.CAS, Key: key, Old: "one", Value: "two"}); a.Value == nil || *a.Value != "two" {
			t.Errorf("cas answered %+v", a)
		}
		r := w.answered(s.ask(kv.Command{Op: kv.CAS, Key: key, Old: "one", Value: "three"}))
		if r.err == nil || r.err.Code != CodeMismatch || r.err.Error() != "the value is “two”, not the expected one; nothing was changed" {
			t.Errorf("cas of an old value: %+v", r.err)
		}
		if a := s.must(kv.Command{Op: kv.Delete, Key: key}); a.Value == nil || *a.Value != "two" {
			t.Errorf("delete answered %+v", a)
		}
		if a := s.must(get(key)); a.Value != nil {
			t.Errorf("a deleted key has the value %q", *a.Value)
		}
		r = w.answered(s.ask(kv.Command{Op: kv.CAS, Key: key, Old: "one", Value: "three"}))
		if r.err == nil || r.err.Code != CodeMismatch || !strings.HasPrefix(r.err.Message, "the key has no value, not the expected") {
			t.Errorf("cas of an absent key: %+v", r.err)
		}
		s.must(kv.Command{Op: kv.CAS, Key: key, OldAbsent: true, Value: "four"})
	}
	w.awaitSame(servers...)
	want := []kv.Entry{{Key: "key0", Value: "four"}, {Key: "key1", Value: "four"}, {Key: "key2", Value: "four"}}
	for _, s := range servers {
		if got := s.Entries(); !slices.Equal(got, want) {
			t.Errorf("entries %v", got)
		}
		checkLog(t, s)
	}
}

// checkLog tries the limits of Log on a server of at least eight entries.
func checkLog(t *testing.T, s *testServer) {
	t.Helper()
	last := s.State().LastIndex
	all := s.Log(1, last)
	if uint64(len(all)) != last {
		t.Fatalf("%d entries of %d", len(all), last)
	}
	kinds := map[string]int{}
	for i, e := range all {
		if e.Index != uint64(i)+1 || e.Text == "" || e.Term == 0 {
			t.Errorf("entry %d is %+v", i+1, e)
		}
		kinds[e.Kind]++
	}
	if kinds["command"] < 6 || kinds["noop"] < 1 || kinds["configuration"] < 3 || len(kinds) != 3 {
		t.Errorf("kinds %v", kinds)
	}
	const most = ^uint64(0)
	for _, c := range []struct {
		from, to uint64
		want     []LogEntry
	}{
		{0, most, all}, {0, 0, nil}, {1, 1, all[:1]}, {3, 5, all[2:5]}, {5, 3, nil}, {last, most, all[last-1:]},
		{last + 1, most, nil}, {most, most, nil}, {most - 1, most, nil},
	} {
		if got := s.Log(c.from, c.to); got == nil || !slices.Equal(got, c.want) {
			t.Errorf("log from %d to %d: %d entries, want %d", c.from, c.to, len(got), len(c.want))
		}
	}
}

// What is asked of a server that is in no cluster yet waits until it is in.
func TestCommandsWaitForTheSession(t *testing.T) {
	w := newWorld(t)
	founder := w.found()
	s := w.join()
	var replies []<-chan reply
	for i := range 100 {
		replies = append(replies, s.ask(put(fmt.Sprint(i), "x")))
	}
	for i, ch := range replies {
		if r := w.answered(ch); r.err != nil {
			t.Fatalf("command %d: %v", i, r.err)
		}
	}
	w.awaitSame(founder, s)
	if n := len(founder.Entries()); n != 100 {
		t.Errorf("%d keys", n)
	}
}

// Commands go into the log in the order in which they were asked for, also
// those that waited for the session and those that came when it opened.
func TestCommandsKeepTheirOrder(t *testing.T) {
	w := newWorld(t)
	s := w.found()
	replies := []<-chan reply{s.ask(put("k", "x"))}
	for len(replies) < kv.MaxOutstanding/2 && len(replies[0]) == 0 {
		replies = append(replies, s.ask(put("k", "x")))
	}
	var last uint64
	for i, ch := range replies {
		r := w.answered(ch)
		if r.err != nil || r.Index <= last {
			t.Fatalf("command %d: %+v %v, the one before has index %d", i, r.Answer, r.err, last)
		}
		last = r.Index
	}
}

func TestManyCommandsOnAFollower(t *testing.T) {
	const many = 500
	w, servers := cluster(t, 3)
	follower := without(servers, w.awaitLeader(servers...))[0]
	var replies []<-chan reply
	for i := range many {
		// A second execution would find the key and fail.
		replies = append(replies, follower.ask(kv.Command{Op: kv.CAS, Key: fmt.Sprintf("key%03d", i), OldAbsent: true, Value: fmt.Sprint(i)}))
	}
	places := map[uint64]int{}
	for i, ch := range replies {
		r := w.answered(ch)
		if r.err != nil {
			t.Fatalf("command %d: %v", i, r.err)
		}
		places[r.Index]++
	}
	if len(places) != many {
		t.Errorf("%d commands are answered as at %d places of the log", many, len(places))
	}
	for _, ch := range replies {
		if len(ch) > 0 {
			t.Error("a command was answered twice")
		}
	}
	w.awaitSame(servers...)
	for _, s := range servers {
		entries := s.Entries()
		if len(entries) != many {
			t.Errorf("%d keys", len(entries))
		}
		for i, e := range entries {
			if (e != kv.Entry{Key: fmt.Sprintf("key%03d", i), Value: fmt.Sprint(i)}) {
				t.Errorf("entry %d is %v", i, e)
			}
		}
	}
}

func TestCommandsBeyondALimit(t *testing.T) {
	w := newWorld(t)
	s := w.found()
	for name, c := range map[string]kv.Command{
		"no key":          put("", "x"),
		"a long key":      put(strings.Repeat("k", kv.MaxKey+1), "x"),
		"a long value":    put("k", strings.Repeat("v", kv.MaxValue+1)),
		"no text":         put("k", "\xff"),
		"no such command": {Op: 77, Key: "k"},
	} {
		if r := w.answered(s.ask(c)); r.err == nil || r.err.Code != CodeInvalid || r.err.Message == "" {
			t.Errorf("%s: %+v, %+v", name, r.Answer, r.err)
		}
	}
	if last := s.State().LastIndex; last > 2 {
		t.Errorf("the log grew to %d", last)
	}
	s.must(put(strings.Repeat("k", kv.MaxKey), strings.Repeat("v", kv.MaxValue)))
}

// A server without a leader does not keep commands without end.
func TestTooManyCommandsWait(t *testing.T) {
	w := newWorld(t)
	s := w.join() // there is nobody to let it in
	var replies []<-chan reply
	for i := range kv.MaxOutstanding {
		replies = append(replies, s.ask(put(fmt.Sprint(i), "x")))
	}
	r := w.answered(s.ask(put("one more", "x")))
	if r.err == nil || r.err.Code != CodeOverloaded || !strings.Contains(r.err.Message, "try again") {
		t.Fatalf("one command too many: %+v", r.err)
	}
	s.Crash()
	for _, ch := range replies {
		if r := w.answered(ch); r.err == nil || r.err.Code != CodeStopped {
			t.Fatalf("a command that waited when the server crashed: %+v, %+v", r.Answer, r.err)
		}
	}
}

func TestCommandWithoutALeaderFails(t *testing.T) {
	virtualWorld(t, func(t *testing.T, w *world) {
		s := w.join()
		r := w.answered(s.ask(put("k", "v")))
		if r.err == nil || r.err.Code != CodeNoLeader || !strings.Contains(r.err.Message, "not executed") {
			t.Errorf("%+v, %+v", r.Answer, r.err)
		}
		w.start("tab", founderHome())
		w.await("it is let in", func() bool { return s.State().Leader != "" })
		if a := s.must(get("k")); a.Value != nil {
			t.Errorf("the command was executed after it had failed: %q", *a.Value)
		}
	})
}

// A session that the map has forgotten is replaced, without a restart.
func TestSessionExpires(t *testing.T) {
	w := newWorld(t)
	s := w.found()
	s.must(put("k", "1"))
	l, _ := s.current()
	l.commands.mu.Lock()
	l.commands.session = kv.NewSession(1 << 40)
	l.commands.mu.Unlock()
	r := w.answered(s.ask(put("k", "2")))
	if r.err == nil || r.err.Code != CodeUncertain || !strings.Contains(r.err.Message, "session expired") {
		t.Errorf("%+v, %+v", r.Answer, r.err)
	}
	if a := s.must(get("k")); *a.Value != "1" {
		t.Errorf("the value is %q", *a.Value)
	}
	s.must(put("k", "3"))
}

// What the map says for people is passed on, and so is an answer that cannot be
// read.
func TestRefusedAnswers(t *testing.T) {
	var q commands
	refused := kv.Result{Code: kv.Refused, Value: "the map is full"}.AppendTo(nil)
	if _, err := q.answer(nil, node.Result{Index: 5, Value: refused}); err == nil || *err != (CommandError{CodeRefused, "the map is full"}) {
		t.Errorf("%+v", err)
	}
	if _, err := q.answer(nil, node.Result{Index: 5, Value: []byte{99}}); err == nil || err.Code != CodeRefused || err.Message == "" {
		t.Errorf("%+v", err)
	}
}
