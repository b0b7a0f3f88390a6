//go:build !js

package tab

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"tabraft/raft/node"
	"tabraft/signaling"
)

// The leader leaves while commands are on their way: they are answered, and
// nothing that was acknowledged is lost.
func TestLeaderLeaves(t *testing.T) {
	virtualWorld(t, func(t *testing.T, w *world) {
		servers := w.tabs(3, "broadcast")
		leader := w.awaitLeader(servers...)
		left := without(servers, leader)
		for i := range 20 {
			servers[i%3].must(put(fmt.Sprintf("key%02d", i), "kept"))
		}
		before := left[0].State().Term
		leader.Leave()
		replies := []<-chan reply{left[0].ask(put("during", "0")), left[1].ask(put("during it", "1"))}
		for _, ch := range replies {
			if r := w.answered(ch); r.err != nil {
				t.Errorf("a command during the election: %v", r.err)
			}
		}
		next := w.awaitLeader(left...)
		if term := next.State().Term; term <= before {
			t.Errorf("the next leader has term %d after %d", term, before)
		}
		w.awaitSame(left...)
		if n := len(next.Entries()); n != 22 {
			t.Errorf("%d keys of 22: %v", n, next.Entries())
		}
		state := next.State()
		if (state.Quorum != Quorum{Alive: 2, Needed: 2, Voters: 3}) || state.Problem != w.problem {
			t.Errorf("quorum %+v, problem %q", state.Quorum, state.Reason)
		}
	})
}

func TestCrashAndRestart(t *testing.T) {
	virtualWorld(t, func(t *testing.T, w *world) {
		servers := w.tabs(3, "broadcast")
		servers[0].must(put("before", "1"))
		s := without(servers, w.awaitLeader(servers...))[0]
		w.awaitSame(servers...)
		term := s.State().Term
		s.Crash()

		state := s.State()
		if state.Role != "stopped" || state.Problem != "crashed" || !strings.Contains(state.Reason, "Restart it") ||
			state.Leader != "" || state.Term < term || len(state.Members) != 3 || state.Timer.Kind != "none" || state.Signaling != "offline" {
			t.Errorf("state after the crash: %+v", state)
		}
		for _, m := range state.Members {
			if m.Reachable || m.Self && m.Role != "stopped" {
				t.Errorf("after the crash: %+v", m)
			}
		}
		if len(s.Entries()) != 0 || len(s.Log(1, 100)) != 0 {
			t.Error("the crash did not lose the memory")
		}
		r := w.answered(s.ask(put("k", "v")))
		if r.err == nil || r.err.Code != CodeStopped || !strings.Contains(r.err.Message, "crashed on purpose") {
			t.Errorf("a command to a crashed server: %+v", r.err)
		}
		if err := s.Remove(t.Context(), servers[1].id); err == nil || !strings.Contains(err.Error(), "is stopped: ") {
			t.Errorf("remove by a crashed server: %v", err)
		}
		// These have nothing to act on.
		s.Crash()
		s.Link(servers[1].id, node.Fault{Block: true})
		s.Isolate(true)
		s.Retry()
		if f := s.Fault(servers[1].id); f != (node.Fault{}) {
			t.Errorf("fault %+v", f)
		}

		without(servers, s)[0].must(put("meanwhile", "2"))
		if err := s.Restart(); err != nil {
			t.Fatal(err)
		}
		if err := s.Restart(); err == nil || !strings.Contains(err.Error(), "runs already") {
			t.Errorf("restart of a running server: %v", err)
		}
		w.awaitVoters(servers...)
		w.awaitSame(servers...)
		if n := len(s.Entries()); n != 2 {
			t.Errorf("entries %v", s.Entries())
		}
		s.must(put("after", "3"))
	})
}

// All servers crash and come back: what was acknowledged is still there.
func TestAllCrashAndRestart(t *testing.T) {
	virtualWorld(t, func(t *testing.T, w *world) {
		servers := w.tabs(3, "broadcast")
		for i, s := range servers {
			s.must(put(fmt.Sprint(i), "kept"))
		}
		for _, s := range servers {
			s.Crash()
		}
		for _, s := range servers {
			if err := s.Restart(); err != nil {
				t.Fatal(err)
			}
		}
		w.awaitVoters(servers...)
		servers[2].must(put("3", "new"))
		w.awaitSame(servers...)
		if n := len(servers[1].Entries()); n != 4 {
			t.Errorf("entries %v", servers[1].Entries())
		}
	})
}

// A server's lives follow one another quickly, while calls come from elsewhere.
func TestManyLives(t *testing.T) {
	virtualWorld(t, func(t *testing.T, w *world) {
		servers := w.tabs(2, "broadcast")
		s := servers[1]
		stop := make(chan struct{})
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for {
				select {
				case <-stop:
					return
				default:
					s.State()
					s.Entries()
					s.Log(1, 10)
					<-s.ask(put("k", "v"))
				}
			}
		}()
		for range 10 {
			s.Crash()
			if err := s.Restart(); err != nil {
				t.Fatal(err)
			}
		}
		w.awaitVoters(servers...)
		close(stop)
		<-ended
		s.must(put("k", "w"))
		w.awaitSame(servers...)
	})
}

// Leave ends a server at once and for good.
func TestLeave(t *testing.T) {
	virtualWorld(t, func(t *testing.T, w *world) {
		servers := w.tabs(3, "broadcast")
		s := servers[1]
		l, _ := s.current()
		s.Leave()
		if links := l.mesh.Links(); len(links) > 0 && l.mesh.Send(servers[0].id, []byte("x")) {
			t.Error("the mesh still sends")
		}
		s.Leave()
		s.Crash()
		if state := s.State(); state.Problem != "left" || state.Role != "stopped" {
			t.Errorf("%+v", state)
		}
		if err := s.Restart(); !errors.Is(err, ErrLeft) {
			t.Errorf("restart: %v", err)
		}
		// The others see it by the closed connection, long before one that is
		// merely silent would be given up.
		w.await("the others see it go", func() bool {
			return without(servers, s)[0].State().Quorum.Alive == 2 && without(servers, s)[1].State().Quorum.Alive == 2
		})
		for _, other := range without(servers, s) {
			if !other.heard(func(e Event) bool {
				p, ok := e.Data.(PeerEvent)
				return ok && p.Peer == s.id.String() && !p.Up && strings.Contains(p.Reason, "clos")
			}) {
				t.Errorf("%s was not told of a closed connection", other.id)
			}
		}
		if n := s.count(func(e Event) bool { return e == Event{"role", RoleEvent{Role: "stopped", Term: s.State().Term}} }); n != 1 {
			t.Errorf("told %d times that it stopped", n)
		}
	})
}

// A crashed tab that is closed does not come back either.
func TestLeaveAfterCrash(t *testing.T) {
	w := newWorld(t)
	s := w.found()
	s.Crash()
	s.Leave()
	if err := s.Restart(); !errors.Is(err, ErrLeft) {
		t.Errorf("restart: %v", err)
	}
	if state := s.State(); state.Problem != "left" {
		t.Errorf("%+v", state)
	}
}

// A tab that is closed while its server starts leaves no server behind.
func TestLeaveWhileStarting(t *testing.T) {
	w := newWorld(t)
	home := founderHome()
	s := w.start(signaling.KindTab, home)
	s.Crash()
	home.slow = make(chan struct{})
	restarted := make(chan error)
	go func() { restarted <- s.Restart() }()
	home.slow <- struct{}{} // it waits for storage
	s.Leave()
	s.Crash()
	home.slow <- struct{}{}
	if err := <-restarted; !errors.Is(err, ErrLeft) {
		t.Errorf("restart: %v", err)
	}
	if state := s.State(); state.Problem != "left" || state.Role != "stopped" {
		t.Errorf("%+v", state)
	}
}

func TestStorageFails(t *testing.T) {
	virtualWorld(t, func(t *testing.T, w *world) {
		servers := w.tabs(3, "broadcast")
		s := w.awaitLeader(servers...)
		left := without(servers, s)
		s.must(put("before", "1"))
		full := errors.New("the disk is full")
		s.home.storage.Fail(full)
		s.ask(put("k", "v"))
		w.await("the server stops", func() bool { return s.State().Role == "stopped" })
		state := s.State()
		if state.Problem != "storage" || !strings.Contains(state.Reason, full.Error()) || !strings.Contains(state.Reason, "Reload the tab") ||
			state.Storage.Error == nil || !strings.Contains(*state.Storage.Error, full.Error()) {
			t.Errorf("%+v", state)
		}
		w.awaitLeader(left...)
		if a := left[0].must(get("before")); a.Value == nil {
			t.Error("acknowledged data is lost")
		}
		if err := s.Restart(); !errors.Is(err, full) {
			t.Errorf("restart with the disk still full: %v", err)
		}
		if state := s.State(); state.Problem != "storage" {
			t.Errorf("%+v", state)
		}
		s.home.storage.Fail(nil)
		if err := s.Restart(); err != nil {
			t.Fatal(err)
		}
		w.awaitVoters(servers...)
	})
}

// Storage that becomes useless between two saves stops the server too.
func TestStorageUseless(t *testing.T) {
	w := newWorld(t)
	s := w.found()
	gone := errors.New("the browser closed the database")
	s.home.useless(gone)
	w.await("the server stops", func() bool { return s.State().Role == "stopped" })
	if state := s.State(); state.Problem != "storage" || !strings.Contains(state.Reason, gone.Error()) {
		t.Errorf("%+v", state)
	}
	old := s.home.failed
	if err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	old(gone) // of the life before: it is over
	s.must(put("k", "v"))
	if state := s.State(); state.Problem != "" {
		t.Errorf("%+v", state)
	}
}

// Storage that becomes useless while the server still starts is not forgotten.
func TestStorageUselessAtOnce(t *testing.T) {
	w := newWorld(t)
	s := w.found()
	s.Crash()
	s.home.stillborn = errors.New("the browser closed the database")
	s.home.slow = make(chan struct{})
	go func() {
		s.home.slow <- struct{}{}
		for range 1000 {
			runtime.Gosched() // the news has time to come before there is a life
		}
		s.home.slow <- struct{}{}
	}()
	s.Restart()
	w.await("the server stops", func() bool { return s.State().Problem == "storage" })
}

func TestStorageRefuses(t *testing.T) {
	w := newWorld(t)
	s := w.found()
	s.Crash()
	taken := errors.New("another tab took this server over")
	s.home.refuse(taken)
	if err := s.Restart(); !errors.Is(err, taken) {
		t.Errorf("restart: %v", err)
	}
	if state := s.State(); state.Problem != "storage" || !strings.Contains(state.Reason, taken.Error()) {
		t.Errorf("%+v", state)
	}
	if !s.heard(func(e Event) bool { return e == Event{"error", ErrorEvent{Message: taken.Error()}} }) {
		t.Error("the observer was not told")
	}
	s.home.refuse(nil)
	if err := s.Restart(); err != nil {
		t.Error(err)
	}
}

func TestWarn(t *testing.T) {
	w := newWorld(t)
	s := w.found()
	w.await("it leads and is connected", func() bool { return s.State().Role == "leader" && s.State().Signaling == "connected" })
	s.Warn(errors.New("the timer Worker did not start"))
	if state := s.State(); state.Problem != "warning" || state.Reason != "the timer Worker did not start" || state.Role != "leader" {
		t.Errorf("%+v", state)
	}
}

// Remove gives up when its caller does.
func TestRemoveIsCancelled(t *testing.T) {
	virtualWorld(t, func(t *testing.T, w *world) {
		servers := w.tabs(3, "broadcast")
		s := w.awaitLeader(servers...)
		s.Isolate(true)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Remove(ctx, without(servers, s)[0].id); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	})
}

// A new life's connections may come up before its making has ended.
func TestUnobservedStart(t *testing.T) {
	w := newWorld(t)
	founder := w.found()
	s := &testServer{world: w, home: newMemoryHome()}
	cfg := founder.cfg
	cfg.Home, cfg.Observer = s.home, nil
	var err error
	if s.Server, err = NewServer(cfg); err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	w.servers = append(w.servers, s)
	w.mu.Unlock()
	w.await("it is let in", func() bool { return founder.State().Quorum.Voters == 2 })
}
