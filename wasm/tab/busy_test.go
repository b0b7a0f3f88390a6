//go:build !js

package tab

import (
	"errors"
	"testing"
	"time"

	"tabraft/signaling"
)

// waits tells whether a server is stopped and says that it waits for the storage.
func (s *testServer) waits() bool {
	state := s.State()
	return state.Role == "stopped" && state.Problem == "storage" && state.Storage.Cause == causeBusy
}

// The storage does not answer as a server is restarted, since another tab is stopped in
// the middle of using it. The server says so, also while it tries again, and comes up by
// itself. It waited without end, and could be neither crashed nor restarted.
func TestBusyStorageIsTriedAgain(t *testing.T) {
	virtualWorld(t, func(t *testing.T, w *world) {
		s := w.start(signaling.KindTab, founderHome())
		s.Crash()
		s.home.refuse(errBusy)
		if err := s.Restart(); !errors.Is(err, errBusy) || !s.waits() {
			t.Errorf("restarted: %v; it is %+v", err, s.State())
		}
		checkWords(t, s.State().Problem, s.State().Reason)
		s.home.slowDown()
		for range 3 {
			s.home.slow <- struct{}{} // it tries again
			if !s.waits() {
				t.Errorf("while it tries again it is %+v", s.State())
			}
			s.home.slow <- struct{}{}
		}
		s.home.slow <- struct{}{}
		s.home.refuse(nil)
		s.home.slow <- struct{}{}
		w.awaitLeader(s)
		if n := s.count(func(e Event) bool { d, ok := e.Data.(ErrorEvent); return ok && d.Message == errBusy.Error() }); n != 1 {
			t.Errorf("it was told %d times", n)
		}
	})
}

// Whoever crashes a server that waits for the storage does not want it back by itself,
// and can restart it later.
func TestCrashWhileStorageIsBusy(t *testing.T) {
	virtualWorld(t, func(t *testing.T, w *world) {
		s := w.start(signaling.KindTab, founderHome())
		s.Crash()
		s.home.refuse(errBusy)
		s.Restart()
		s.Crash()
		if state := s.State(); state.Problem != "crashed" {
			t.Errorf("%+v", state)
		}
		// While it is waited for.
		s.home.slowDown()
		restarted := make(chan error, 1)
		go func() { restarted <- s.Restart() }()
		s.home.slow <- struct{}{}
		s.Crash()
		if err := s.Restart(); !errors.Is(err, errStarts) {
			t.Errorf("restarted meanwhile: %v", err)
		}
		s.home.slow <- struct{}{}
		if err := <-restarted; !errors.Is(err, ErrCrashed) {
			t.Errorf("restarted: %v", err)
		}
		s.home.refuse(nil)
		select {
		case s.home.slow <- struct{}{}:
			t.Error("it comes back by itself")
		case <-time.After(10 * busyPause):
		}
		close(s.home.slow)
		if err := s.Restart(); err != nil {
			t.Fatal(err)
		}
		w.awaitLeader(s)
	})
}

// The storage does not answer as a joining server stores the id of its cluster: it begins
// again, and is let in.
func TestBusyStorageWhileJoining(t *testing.T) {
	virtualWorld(t, func(t *testing.T, w *world) {
		founder := w.start(signaling.KindTab, founderHome())
		home := newMemoryHome()
		home.deny(errBusy)
		s := w.start(signaling.KindTab, home)
		w.await("it waits for the storage", s.waits)
		home.deny(nil)
		w.awaitVoters(founder, s)
	})
}
