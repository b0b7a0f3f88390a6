//go:build !js

package tab

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"tabraft/signaling"
	"tabraft/wasm/bus"
)

// inFlight opens a room of one browser without signaling, and so without WebRTC.
func inFlight(t *testing.T) *world {
	w := newWorld(t)
	w.air, w.problem = bus.NewAir(), "signaling"
	w.closeSignaling()
	return w
}

// tabs starts n servers in tabs of one browser and waits until they are a
// cluster, linked by one transport.
func (w *world) tabs(n int, via string) []*testServer {
	w.t.Helper()
	servers := []*testServer{w.found()}
	for len(servers) < n {
		servers = append(servers, w.join())
	}
	w.awaitVia(via, servers...)
	return servers
}

// awaitVia waits until servers are a cluster whose links all use a transport.
func (w *world) awaitVia(via string, servers ...*testServer) (leader *testServer) {
	w.t.Helper()
	leader = w.awaitVoters(servers...)
	w.await("links by "+via, func() bool {
		for _, s := range servers {
			for _, m := range s.State().Members {
				if !m.Self && m.Transport != via {
					return false
				}
			}
		}
		return true
	})
	return leader
}

// Without signaling and network tabs of one browser find one another, elect,
// commit, and lose their leader as any others do.
func TestClusterOverTheBus(t *testing.T) {
	virtualWorld(t, func(t *testing.T, w *world) {
		servers := w.tabs(3, "broadcast")
		for i := range 30 {
			servers[i%3].must(put(fmt.Sprintf("key%02d", i), "kept"))
		}
		leader := w.awaitLeader(servers...)
		leader.Leave()
		left := without(servers, leader)
		left[0].must(put("after", "1"))
		next := w.awaitLeader(left...)
		w.awaitSame(left...)
		if n := len(next.Entries()); n != 31 {
			t.Errorf("%d keys of 31", n)
		}
		// A new tab joins, and a crashed one comes back.
		third := w.join()
		w.await("the new tab is let in", func() bool { return third.State().Role == "follower" })
		next.Crash()
		if err := next.Restart(); err != nil {
			t.Fatal(err)
		}
		w.awaitLeader(left[0], left[1], third)
		third.must(put("restarted", "1"))
		w.awaitSame(left[0], left[1], third)
	})
}

// A tab that is killed says nothing; it is found out by its silence.
func TestKilledTabOverTheBus(t *testing.T) {
	virtualWorld(t, func(t *testing.T, w *world) {
		servers := w.tabs(3, "broadcast")
		leader := w.awaitLeader(servers...)
		leader.radio.Kill()
		left := without(servers, leader)
		left[0].must(put("after", "1"))
		next := w.awaitLeader(left...)
		w.await("the killed one is not reachable", func() bool { return next.State().Quorum.Alive == 2 })
	})
}

// A tab that goes on after it was stopped asks the other tabs at once who is there: they
// may have forgotten it.
func TestRetryAsksTheOtherTabs(t *testing.T) {
	virtualWorld(t, func(t *testing.T, w *world) {
		founder := w.tabs(2, "broadcast")[0]
		var hellos atomic.Int32
		listening, err := w.air.Tab().Open(founder.busName(), func([]byte) { hellos.Add(1) })
		if err != nil {
			t.Fatal(err)
		}
		defer listening.Close()
		founder.Retry()
		synctest.Wait()
		if n := hellos.Load(); n != 2 {
			t.Errorf("%d hellos, expected the question and its answer", n)
		}
	})
}

// isolate and link cut whatever carries the frames.
func TestIsolateOverTheBus(t *testing.T) {
	virtualWorld(t, func(t *testing.T, w *world) {
		servers := w.tabs(3, "broadcast")
		leader := w.awaitLeader(servers...)
		leader.Isolate(true)
		left := without(servers, leader)
		next := w.awaitLeader(left...)
		next.must(put("without the old leader", "1"))
		leader.Isolate(false)
		w.awaitLeader(servers...)
		w.awaitSame(servers...)
	})
}

// The network comes: links move to WebRTC, nobody goes down by that, and the
// leader leads on.
func TestMoveToWebRTC(t *testing.T) {
	w := inFlight(t)
	servers := w.tabs(3, "broadcast")
	leader := w.awaitLeader(servers...)
	term := leader.State().Term
	w.openSignaling(w.addr)
	for _, s := range servers {
		s.Retry()
	}
	w.awaitVia("webrtc", servers...)
	servers[0].must(put("over WebRTC", "1"))
	w.awaitSame(servers...)
	for _, s := range servers {
		if n := s.count(func(e Event) bool { p, ok := e.Data.(PeerEvent); return ok && p.Peer != "" && !p.Up }); n != 0 {
			t.Errorf("%d peers went down", n)
		}
	}
	if state := leader.State(); state.Role != "leader" || state.Term != term {
		t.Errorf("the leader of term %d is %s in term %d", term, state.Role, state.Term)
	}
	leader.Leave()
	w.awaitLeader(without(servers, leader)...)
}

// One server without a tab among two tabs: each pair has the best it can have.
func TestTabsAndANativeServer(t *testing.T) {
	w := newWorld(t)
	w.air = bus.NewAir()
	servers := []*testServer{w.found(), w.join()}
	native := w.start(signaling.KindNative, newMemoryHome())
	w.awaitVia("webrtc", append(servers, native)...)
	if native.radio != nil {
		t.Error("a native server has a radio")
	}
	servers[1].must(put("k", "v"))
}
