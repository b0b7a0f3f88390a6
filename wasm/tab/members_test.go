//go:build !js

package tab

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"tabraft/raft"
	"tabraft/raft/node"
	"tabraft/signaling"
)

func TestThreeServersBecomeACluster(t *testing.T) {
	w, servers := cluster(t, 3)
	leader := w.awaitLeader(servers...)
	for _, s := range servers {
		w.await("it heard the others", func() bool {
			for _, m := range s.State().Members {
				if !m.Self && (m.LastSeenMs == nil || m.AgeMs == nil || m.RTTMs == nil || m.Link != "open") {
					return false
				}
			}
			return true
		})
		state := s.State()
		if state.ID != s.id.String() || state.Name != Name(s.id) || state.Colour != Colour(s.id) ||
			state.Cluster != fmt.Sprintf("%016x", servers[0].home.cluster) || state.Cluster != fmt.Sprintf("%016x", s.home.Cluster()) ||
			state.Room.Name != w.room.Name || !strings.HasSuffix(state.Room.Link, "#"+w.room.Fragment()) ||
			state.Leader != leader.id.String() || state.Signaling != "connected" || state.Storage.Kind != "memory" || state.Storage.Error != nil ||
			(state.Quorum != Quorum{Alive: 3, Needed: 2, Voters: 3}) || state.Problem != "" || state.Reason != "" {
			t.Errorf("%+v", state)
		}
		if kind := map[bool]string{true: "heartbeat", false: "election"}[s == leader]; state.Timer.Kind != kind || state.Timer.TotalMs <= 0 {
			t.Errorf("timer of a %s: %+v", state.Role, state.Timer)
		}
		checkMembers(t, state, s == leader)
	}
	for kind, such := range map[string]func(Event) bool{
		"leads": func(e Event) bool {
			r, ok := e.Data.(RoleEvent)
			return ok && r.Leader == leader.id.String() && r.Role == "leader"
		},
		"commits": func(e Event) bool { i, ok := e.Data.(IndexEvent); return ok && e.Kind == "commit" && i.Index > 0 },
		"applies": func(e Event) bool {
			a, ok := e.Data.(AppliedEvent)
			return ok && e.Kind == "apply" && a.From > 0 && a.Index >= a.From && a.Term > 0
		},
		"members": func(e Event) bool { return e == Event{"peer", PeerEvent{Reason: "members"}} },
		"met":     func(e Event) bool { p, ok := e.Data.(PeerEvent); return ok && p.Up && p.Peer != leader.id.String() },
	} {
		if !leader.heard(such) {
			t.Errorf("the leader's observer was not told that it %s", kind)
		}
	}
}

// checkMembers looks at the members of a healthy cluster as one of them, or its
// leader, sees them.
func checkMembers(t *testing.T, state State, leads bool) {
	t.Helper()
	if !slices.IsSortedFunc(state.Members, func(a, b Member) int { return strings.Compare(a.ID, b.ID) }) {
		t.Error("the members are not ordered by id")
	}
	for _, m := range state.Members {
		self := m.ID == state.ID
		role := map[bool]string{true: "leader", false: "follower"}[m.ID == state.Leader]
		if m.Self != self || !m.Voter || !m.Reachable || m.Blocked || m.Role != role ||
			(m.Link == "self") != self || (m.LastSeenMs == nil) != self || m.AgeMs == nil || m.Stale {
			t.Errorf("member %+v", m)
		}
		if known := leads && !self; (m.MatchIndex != nil) != known || (m.NextIndex != nil) != known {
			t.Errorf("replication of %+v, on a leader: %v", m, leads)
		}
	}
}

// Two more join while three are at work.
func TestFourthAndFifthServer(t *testing.T) {
	w, servers := cluster(t, 3)
	servers = append(servers, w.join(), w.start(signaling.KindNative, newMemoryHome()))
	for i := range 50 {
		servers[i%5].must(put(fmt.Sprintf("key%02d", i), "x"))
	}
	leader := w.awaitVoters(servers...)
	w.awaitSame(servers...)
	texts := ""
	for _, e := range leader.Log(1, leader.State().LastIndex) {
		if e.Kind == "configuration" {
			texts += e.Text + "\n"
		}
	}
	for _, s := range servers[1:] {
		if n := strings.Count(texts, Name(s.id)); n == 0 {
			t.Errorf("%s is in no configuration:\n%s", Name(s.id), texts)
		}
	}
	if !strings.Contains(texts, "; learners: ") || !strings.Contains(texts, "joint, from ") {
		t.Errorf("configurations:\n%s", texts)
	}
	gone := without(servers, leader)[0]
	leader.Crash()
	gone.Crash()
	left := without(servers, leader, gone)
	w.awaitLeader(left...)
	for _, s := range left {
		s.must(put("two are gone", "x"))
	}
	w.awaitSame(left...)
	if n := len(left[0].Entries()); n != 51 {
		t.Errorf("%d keys of 51", n)
	}
}

func TestRemove(t *testing.T) {
	for _, who := range []string{"follower", "leader", "itself", "dead"} {
		t.Run(who, func(t *testing.T) {
			w, servers := cluster(t, 3)
			leader := w.awaitLeader(servers...)
			followers := without(servers, leader)
			by, gone := leader, followers[0]
			switch who {
			case "leader":
				by, gone = followers[0], leader
			case "itself":
				by, gone = followers[0], followers[0]
			case "dead":
				gone.Crash()
			}
			left := without(servers, gone)
			left[0].must(put("before", "x"))
			if err := by.Remove(t.Context(), gone.id); err != nil {
				t.Fatal(err)
			}
			if who == "dead" {
				if err := gone.Restart(); err != nil {
					t.Fatal(err)
				}
			}
			w.await("it stops", func() bool { return gone.State().Problem == "removed" })
			state := gone.State()
			if state.Role != "stopped" || !strings.HasPrefix(state.Reason, map[bool]string{false: "The cluster removed this server. ",
				true: "The cluster removed this server while it was away. "}[who == "dead"]) {
				t.Errorf("%+v", state)
			}
			gone.home.mu.Lock()
			forgotten := gone.home.forgotten
			gone.home.mu.Unlock()
			if !forgotten {
				t.Error("its identity was not deleted")
			}
			if err := gone.Restart(); !errors.Is(err, node.ErrRemoved) {
				t.Errorf("restart: %v", err)
			}
			gone.Leave()
			if problem := gone.State().Problem; problem != "removed" {
				t.Errorf("after it left as well: %s", problem)
			}
			w.awaitVoters(left...)
			left[1].must(put("after", "x"))
			if err := left[0].Remove(t.Context(), gone.id); !errors.Is(err, node.ErrNotMember) {
				t.Errorf("a second time: %v", err)
			}
		})
	}
}

func TestRemoveTheLast(t *testing.T) {
	w := newWorld(t)
	s := w.found()
	s.must(put("k", "v"))
	if err := s.Remove(t.Context(), s.id); !errors.Is(err, node.ErrLastVoter) {
		t.Errorf("the last one: %v", err)
	}
	if err := s.Remove(t.Context(), raft.ID(7)); !errors.Is(err, node.ErrNotMember) {
		t.Errorf("a stranger: %v", err)
	}
	s.must(put("k", "w"))
}

// A removed server that crashed, or whose state cannot be deleted, is removed
// all the same.
func TestRemovedStateStays(t *testing.T) {
	virtualWorld(t, func(t *testing.T, w *world) {
		servers := w.tabs(2, "broadcast")
		leader := w.awaitLeader(servers...)
		gone := without(servers, leader)[0]
		gone.home.mu.Lock()
		gone.home.keeps = errors.New("the disk is read-only")
		gone.home.mu.Unlock()
		if err := leader.Remove(t.Context(), gone.id); err != nil {
			t.Fatal(err)
		}
		w.await("it stops", func() bool { return gone.State().Problem == "removed" })
		w.await("it tells that its state could not be deleted", func() bool {
			return gone.heard(func(e Event) bool {
				m, ok := e.Data.(ErrorEvent)
				return ok && strings.Contains(m.Message, "could not be deleted: the disk is read-only")
			})
		})
	})
}

// A server that belongs to another cluster than the room's is not let in, and
// says so.
func TestServerOfAnotherCluster(t *testing.T) {
	virtualWorld(t, func(t *testing.T, w *world) {
		servers := w.tabs(2, "broadcast")
		home := newMemoryHome()
		home.cluster = servers[0].home.cluster + 1
		s := w.start(signaling.KindTab, home)
		w.await("it is refused", func() bool { return s.State().Problem == "other-cluster" })
		state := s.State()
		if state.Role != "joining" || !strings.Contains(state.Reason, "open the link in another browser") ||
			!strings.Contains(state.Reason, fmt.Sprintf("this is cluster %016x, you belong to %016x", servers[0].home.cluster, home.cluster)) {
			t.Errorf("%s: %s", state.Role, state.Reason)
		}
		if !s.heard(func(e Event) bool {
			m, ok := e.Data.(ErrorEvent)
			return ok && m.Peer != "" && strings.Contains(m.Message, node.ErrOtherCluster.Error())
		}) {
			t.Error("its observer was not told")
		}
		servers[1].must(put("k", "v"))
		w.awaitVoters(servers...)
		if home.Cluster() == servers[0].home.cluster {
			t.Error("it changed its cluster")
		}
	})
}

// Two clusters in one room, as after a fault of a browser's storage, leave each
// other alone, and say so.
func TestTwoClustersInOneRoom(t *testing.T) {
	w := newWorld(t)
	a, b := w.found(), w.found()
	up := func(s, other *testServer) bool {
		return s.heard(func(e Event) bool { p, ok := e.Data.(PeerEvent); return ok && p.Up && p.Peer == other.id.String() })
	}
	w.await("they are connected", func() bool { return up(a, b) && up(b, a) })
	c := w.join() // it takes the one or the other
	w.await("a third is let in", func() bool { return c.State().Leader != "" })
	for _, s := range []*testServer{a, b, c} {
		w.await("everybody is told", func() bool {
			state := s.State()
			return state.Problem == "two-clusters" && len(state.Clusters) == 1 && strings.Contains(state.Reason, state.Cluster) &&
				strings.Contains(state.Reason, state.Clusters[0].ID) && strings.Contains(state.Reason, "open the invitation link again")
		})
		checkWords(t, s.State().Problem, s.State().Reason)
	}
	a.must(put("k", "a"))
	b.must(put("k", "b"))
	w.problem = "two-clusters"
	for s, want := range map[*testServer]string{a: "a", b: "b"} {
		if got := s.must(get("k")); *got.Value != want {
			t.Errorf("%s has %q", s.id, *got.Value)
		}
		if s.State().Cluster == c.State().Cluster {
			w.awaitVoters(s, c)
		} else {
			w.awaitVoters(s)
		}
	}
}
