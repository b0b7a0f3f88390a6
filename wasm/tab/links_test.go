//go:build !js

package tab

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tabraft/raft/node"
	"tabraft/signaling"
)

func TestQuorumLost(t *testing.T) {
	virtualWorld(t, func(t *testing.T, w *world) {
		servers := w.tabs(3, "broadcast")
		servers[0].must(put("before", "x"))
		leader := w.awaitLeader(servers...)
		last, first := without(servers, leader)[0], without(servers, leader)[1]
		first.Crash()
		last.must(put("with two", "x"))
		leader.Crash()
		w.await("it says why nothing commits", func() bool { return last.State().Problem == "no-quorum" })
		state := last.State()
		if want := "1 of 3 servers is alive, 2 needed: nothing can commit. Open another tab to bring a server back."; state.Reason != want {
			t.Errorf("reason %q", state.Reason)
		}
		if (state.Quorum != Quorum{Alive: 1, Needed: 2, Voters: 3}) {
			t.Errorf("quorum %+v", state.Quorum)
		}
		waiting := last.ask(put("waits", "x"))
		if err := first.Restart(); err != nil {
			t.Fatal(err)
		}
		left := without(servers, leader)
		w.awaitLeader(left...)
		if r := w.answered(waiting); r.err != nil && r.err.Code != CodeNoLeader { // 5 s may have been too short
			t.Errorf("the command that waited: %+v", r.err)
		}
		last.must(put("after", "x"))
		if problem := last.State().Problem; problem != w.problem {
			t.Errorf("problem %s", problem)
		}
		if a := first.must(get("with two")); a.Value == nil {
			t.Error("acknowledged data is lost")
		}
	})
}

func TestIsolateAFollower(t *testing.T) {
	virtualWorld(t, func(t *testing.T, w *world) {
		servers := w.tabs(3, "broadcast")
		leader := w.awaitLeader(servers...)
		s := without(servers, leader)[0]
		rest := without(servers, s)
		s.Isolate(true)
		state := s.State()
		if state.Problem != "isolated" || !strings.Contains(state.Reason, "until isolate(false)") || (state.Quorum != Quorum{Alive: 1, Needed: 2, Voters: 3}) {
			t.Errorf("%s: %s, %+v", state.Problem, state.Reason, state.Quorum)
		}
		for _, m := range state.Members {
			if m.Blocked == m.Self || m.Reachable != m.Self || !m.Self && m.Link != "open" {
				t.Errorf("%+v", m)
			}
		}
		w.await("it gives the leader up", func() bool { return s.State().Leader == "" })
		for i := range 20 {
			rest[i%2].must(put(fmt.Sprint(i), "x"))
		}
		if n := len(s.Entries()); n != 0 {
			t.Errorf("%d entries came over cut links", n)
		}
		waiting := s.ask(put("waits", "x"))
		s.Isolate(false)
		if r := w.answered(waiting); r.err != nil {
			t.Errorf("the command that waited: %v", r.err)
		}
		w.awaitVoters(servers...)
		w.awaitSame(servers...)
	})
}

func TestIsolateTheLeader(t *testing.T) {
	virtualWorld(t, func(t *testing.T, w *world) {
		servers := w.tabs(3, "broadcast")
		old := w.awaitLeader(servers...)
		rest := without(servers, old)
		old.must(put("before", "x"))
		old.Isolate(true)
		w.awaitLeader(rest...)
		rest[0].must(put("meanwhile", "x"))
		w.await("the old leader steps down", func() bool { return old.State().Role != "leader" })
		old.Isolate(false)
		w.awaitVoters(servers...)
		old.must(put("after", "x"))
		w.awaitSame(servers...)
		if n := len(old.Entries()); n != 3 {
			t.Errorf("entries %v", old.Entries())
		}
	})
}

func TestBlockALink(t *testing.T) {
	virtualWorld(t, func(t *testing.T, w *world) {
		servers := w.tabs(3, "broadcast")
		leader := w.awaitLeader(servers...)
		s, other := without(servers, leader)[0], without(servers, leader)[1]
		s.Link(leader.id, node.Fault{Block: true})
		if f := s.Fault(leader.id); f != (node.Fault{Block: true}) {
			t.Errorf("fault %+v", f)
		}
		for _, m := range s.State().Members {
			if blocked := m.ID == leader.id.String(); m.Blocked != blocked || m.Reachable == blocked {
				t.Errorf("%+v", m)
			}
		}
		other.must(put("meanwhile", "x"))
		s.Link(leader.id, node.Fault{})
		w.awaitVoters(servers...)
		w.awaitSame(servers...)
		s.must(put("after", "x"))
	})
}

func TestDelayALink(t *testing.T) {
	virtualWorld(t, func(t *testing.T, w *world) {
		servers := w.tabs(2, "broadcast")
		leader := w.awaitLeader(servers...)
		s := without(servers, leader)[0]
		s.must(put("k", "0"))
		const delay = 100 * time.Millisecond
		s.Link(leader.id, node.Fault{Delay: delay})
		start := time.Now()
		s.must(put("k", "1"))
		if took := time.Since(start); took < 2*delay {
			t.Errorf("a command took %v over a link that is %v late each way", took, delay)
		}
		s.Link(leader.id, node.Fault{Delay: 2 * node.MaxDelay, Drop: 7})
		if f := s.Fault(leader.id); f != (node.Fault{Delay: node.MaxDelay, Drop: 1}) {
			t.Errorf("fault beyond the limits: %+v", f)
		}
		s.Link(leader.id, node.Fault{})
		s.must(put("k", "2"))
	})
}

func TestDropOnALink(t *testing.T) {
	virtualWorld(t, func(t *testing.T, w *world) {
		servers := w.tabs(3, "broadcast")
		s := without(servers, w.awaitLeader(servers...))[0]
		for _, other := range without(servers, s) {
			s.Link(other.id, node.Fault{Drop: 0.2})
		}
		for i := range 20 {
			servers[i%3].must(put(fmt.Sprint(i), "x"))
		}
		for _, other := range without(servers, s) {
			s.Link(other.id, node.Fault{})
		}
		w.awaitVoters(servers...)
		w.awaitSame(servers...)
	})
}

// The signaling server only introduces: a cluster goes on without it.
func TestSignalingServerGone(t *testing.T) {
	w, servers := cluster(t, 3)
	w.closeSignaling()
	w.await("they notice", func() bool {
		for _, s := range servers {
			if s.State().Signaling != "offline" {
				return false
			}
		}
		return true
	})
	for _, s := range servers {
		state := s.State()
		if state.Problem != "signaling" || !strings.HasPrefix(state.Reason, "The signaling server cannot be reached. The cluster goes on") || state.Quorum.Alive != 3 {
			t.Errorf("%s: %s", state.Problem, state.Reason)
		}
		s.must(put("by "+state.Name, "x"))
	}
	leader := w.awaitLeader(servers...)
	leader.Crash()
	left := without(servers, leader)
	w.awaitLeader(left...)
	left[0].must(put("after an election", "x"))

	late := w.join()
	w.await("the newcomer says why it is alone", func() bool { return late.State().Problem == "signaling" })
	if state := late.State(); state.Role != "joining" || !strings.Contains(state.Reason, "so this server cannot meet the others") || !strings.Contains(state.Reason, "make run") {
		t.Errorf("%s: %s", state.Role, state.Reason)
	}

	w.openSignaling(w.addr)
	late.Retry()
	if err := leader.Restart(); err != nil {
		t.Fatal(err)
	}
	servers = append(servers, late)
	w.await("all are connected again", func() bool {
		for _, s := range servers {
			if s.State().Signaling != "connected" {
				return false
			}
		}
		return true
	})
	w.awaitVoters(servers...)
	late.must(put("by the newcomer", "x"))
	w.awaitSame(servers...)
}

func TestSignalingServerRefuses(t *testing.T) {
	w := newWorld(t)
	s := w.found()
	w.await("it is in the room", func() bool { return s.State().Signaling == "connected" })
	w.closeSignaling()
	w.limits = signaling.Limits{PeersPerRoom: 1}
	w.openSignaling(w.addr)
	late := w.join()
	w.await("one of them is refused", func() bool { return s.State().Problem == "signaling" || late.State().Problem == "signaling" })
	w.await("and it says why", func() bool {
		return strings.Contains(late.State().Reason, "The signaling server refuses this server, which keeps asking: ") ||
			strings.Contains(s.State().Reason, "The cluster works, but the signaling server refuses this server, which keeps asking: ")
	})
}

func TestAlone(t *testing.T) {
	w := newWorld(t)
	s := w.join()
	w.await("it is in the room", func() bool { return s.State().Signaling == "connected" })
	w.await("it says that nobody is there", func() bool { return s.State().Problem == "alone" })
	state := s.State()
	if state.Role != "joining" || state.Cluster != "" || len(state.Members) != 1 || state.Members[0].Role != "joining" ||
		!strings.Contains(state.Reason, "joins by itself") || (state.Quorum != Quorum{}) || state.Timer != (TimerState{Kind: "none"}) {
		t.Errorf("%+v", state)
	}
	other := w.join()
	w.await("it sees the other", func() bool { return s.State().Problem == "joining" && other.State().Problem == "joining" })
	other.Leave()
	w.await("it sees the other go", func() bool { return s.State().Problem == "alone" })
	w.found()
	w.await("it is let in", func() bool { return s.State().Quorum.Voters == 2 && s.State().Problem == "" })
}
