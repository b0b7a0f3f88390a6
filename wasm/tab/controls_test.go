//go:build !js

package tab

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tabraft/raft"
	"tabraft/raft/kv"
	"tabraft/raft/node"
)

// filler is a value of 60 KB, different each time.
func filler(i int) string { return fmt.Sprint(i) + strings.Repeat("x", 60_000) }

// A get sees what was answered before it in any tab, and enters nothing into the
// log.
func TestGetLeavesTheLogAlone(t *testing.T) {
	virtualWorld(t, func(t *testing.T, w *world) {
		servers := w.tabs(3, "broadcast")
		servers[0].must(put("k", "v"))
		w.awaitSame(servers...)
		before := servers[0].State()
		for range 20 {
			for _, s := range servers {
				a := s.must(get("k"))
				if a.Value == nil || *a.Value != "v" || a.Index != before.LastApplied || a.Term != before.Term {
					t.Fatalf("%+v, applied were %d", a, before.LastApplied)
				}
			}
		}
		if a := servers[1].must(get("nothing")); a.Value != nil {
			t.Errorf("an absent key is %q", *a.Value)
		}
		for _, s := range servers {
			if last := s.State().LastIndex; last != before.LastIndex {
				t.Errorf("the log grew from %d to %d", before.LastIndex, last)
			}
		}
		r := w.answered(servers[1].ask(get(strings.Repeat("k", kv.MaxKey+1))))
		if r.err == nil || r.err.Code != CodeInvalid {
			t.Errorf("too long a key: %+v", r.err)
		}
	})
}

// A server that comes late gets a snapshot in the place of a log that is gone.
func TestSnapshotAndALateServer(t *testing.T) {
	w, servers := cluster(t, 2)
	for i := range 40 { // more than is kept behind a snapshot
		servers[i%2].must(put(fmt.Sprint("key", i%8), filler(i)))
	}
	w.awaitSame(servers...)
	for _, s := range servers {
		index, err := s.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		state := s.State()
		if index != state.LastApplied || state.SnapshotIndex != index || state.FirstIndex <= 1 || state.FirstIndex > index {
			t.Errorf("a snapshot of %d: %+v", index, state)
		}
		log := s.Log(1, state.LastIndex)
		if uint64(len(log)) != state.LastIndex-state.FirstIndex+1 || log[0].Index != state.FirstIndex {
			t.Errorf("the log from 1 to %d has %d entries, the first has index %d", state.LastIndex, len(log), log[0].Index)
		}
		if gone := s.Log(1, state.FirstIndex-1); len(gone) != 0 {
			t.Errorf("compacted entries: %v", gone)
		}
		if !s.heard(func(e Event) bool {
			x, ok := e.Data.(SnapshotEvent)
			return ok && x.Index == index && x.Bytes > 8*60_000 && !x.Restored
		}) {
			t.Error("its observer was not told")
		}
	}
	late := w.join()
	servers = append(servers, late)
	w.awaitVoters(servers...)
	w.awaitSame(servers...)
	if !late.heard(func(e Event) bool { x, ok := e.Data.(SnapshotEvent); return ok && x.Restored && x.Bytes > 8*60_000 }) {
		t.Error("the late server got the log and no snapshot")
	}
	// It goes on from what it stored.
	late.Crash()
	if _, err := late.Snapshot(t.Context()); err == nil || !strings.Contains(err.Error(), "is stopped") {
		t.Errorf("a snapshot by a crashed server: %v", err)
	}
	servers[0].must(put("meanwhile", "x"))
	if err := late.Restart(); err != nil {
		t.Fatal(err)
	}
	late.must(put("after", "x"))
	w.awaitSame(servers...)
}

// A command whose entry a snapshot has swallowed takes effect once.
func TestSnapshotSwallowsACommand(t *testing.T) {
	virtualWorld(t, func(t *testing.T, w *world) {
		servers := w.tabs(3, "broadcast")
		old := w.awaitLeader(servers...)
		others := without(servers, old)
		old.must(put("k", "0"))
		w.awaitSame(servers...)
		// The old leader's entries go out, and no answers come back.
		l, _ := old.current()
		before := l.node.Status().LastIndex
		old.Isolate(true)
		replies := old.ask(kv.Command{Op: kv.CAS, Key: "k", Old: "0", Value: "1"})
		w.await("it is in the old leader's log", func() bool { return l.node.Status().LastIndex > before })
		w.awaitLeader(others...)
		for i := range 40 {
			others[i%2].must(put(fmt.Sprint("key", i%8), filler(i)))
		}
		for _, s := range others {
			if _, err := s.Snapshot(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		old.Isolate(false)
		if r := w.answered(replies); r.err != nil {
			// All this took longer than a command waits.
			if r.err.Code != CodeUncertain {
				t.Errorf("%+v", r.err)
			}
			t.Skipf("the machine was too slow to show anything: %v", r.err)
		}
		w.awaitSame(servers...)
		if !old.heard(func(e Event) bool { x, ok := e.Data.(SnapshotEvent); return ok && x.Restored }) {
			t.Error("the old leader got no snapshot: this test shows nothing")
		}
		if a := others[0].must(get("k")); a.Value == nil || *a.Value != "1" {
			t.Errorf("the command took no effect: %+v", a)
		}
	})
}

func TestTransferLeadership(t *testing.T) {
	virtualWorld(t, func(t *testing.T, w *world) {
		servers := w.tabs(3, "broadcast")
		leader := w.awaitLeader(servers...)
		others := without(servers, leader)
		for _, c := range []struct{ by, to *testServer }{{leader, others[0]}, {others[1], others[1]}, {others[0], leader}} {
			replies := []<-chan reply{}
			for i, s := range servers {
				replies = append(replies, s.ask(put(fmt.Sprint("key", i), "x")))
			}
			if err := c.by.Transfer(t.Context(), c.to.id); err != nil {
				t.Fatalf("from %s to %s: %v", c.by.id, c.to.id, err)
			}
			w.await("it leads", func() bool { return c.to.State().Role == "leader" })
			for _, ch := range replies {
				if r := w.answered(ch); r.err != nil {
					t.Errorf("a command meanwhile: %v", r.err)
				}
			}
			w.awaitLeader(servers...)
		}
		if err := leader.Transfer(t.Context(), raft.ID(7)); !errors.Is(err, node.ErrNotMember) {
			t.Errorf("to a stranger: %v", err)
		}
		others[0].Crash()
		if err := leader.Transfer(t.Context(), others[0].id); !errors.Is(err, node.ErrNotTransferred) {
			t.Errorf("to a crashed server: %v", err)
		}
		if err := others[0].Transfer(t.Context(), leader.id); err == nil || !strings.Contains(err.Error(), "is stopped") {
			t.Errorf("by a crashed server: %v", err)
		}
		leader.must(put("k", "v"))
		var refusal *CommandError
		others[1].Crash()
		w.await("nobody leads", func() bool { return leader.State().Leader == "" })
		if err := leader.Transfer(t.Context(), others[1].id); !errors.As(err, &refusal) || refusal.Code != CodeNoLeader {
			t.Errorf("without a leader: %v", err)
		}
	})
}

// A leader that leaves asks another to take over, if it is told to, over whatever
// connects them: what it asks is under way when Leave closes the connections.
func TestLeaderHandsOver(t *testing.T) {
	overWebRTC := func(t *testing.T) (*world, []*testServer) { return cluster(t, 3) }
	overBus := func(t *testing.T) (*world, []*testServer) {
		w := inFlight(t)
		return w, w.tabs(3, "broadcast")
	}
	for _, test := range []struct {
		name  string
		start func(*testing.T) (*world, []*testServer)
		on    bool
	}{{"WebRTC", overWebRTC, true}, {"bus", overBus, true}, {"off", overWebRTC, false}} {
		t.Run(test.name, func(t *testing.T) {
			w, servers := test.start(t)
			leader := w.awaitLeader(servers...)
			left := without(servers, leader)
			left[0].must(put("before", "x"))
			w.awaitSame(servers...)
			leader.SetSettings(Settings{HandOver: test.on})
			leader.Leave()
			w.awaitLeader(left...)
			asked := 0
			for _, s := range left {
				asked += s.count(func(e Event) bool {
					m, ok := e.Data.(node.Event)
					return ok && m.Kind == node.EventReceived && m.Message.Type == raft.TimeoutNow && m.Message.From == leader.id
				})
			}
			if want := map[bool]int{true: 1}[test.on]; asked != want {
				t.Errorf("%d were asked to take over, want %d", asked, want)
			}
			left[1].must(put("after", "x"))
			w.awaitSame(left...)
		})
	}
}

// Who is silent for long is removed, and may come back as a new server.
func TestSilentServerIsRemoved(t *testing.T) {
	virtualWorld(t, func(t *testing.T, w *world) {
		servers := w.tabs(3, "broadcast")
		leader := w.awaitLeader(servers...)
		gone, left := without(servers, leader)[0], without(servers, without(servers, leader)[0])
		for _, s := range servers {
			s.SetSettings(Settings{RemoveAfterMs: 3000})
		}
		gone.Crash()
		w.await("the countdown", func() bool {
			i := slices.IndexFunc(leader.State().Members, func(m Member) bool { return m.RemovalMs != nil })
			if i < 0 {
				return false
			}
			m := leader.State().Members[i]
			if m.ID != gone.id.String() || *m.RemovalMs > 3000 {
				t.Errorf("the countdown: %+v", m)
			}
			return true
		})
		w.awaitVoters(left...)
		if !leader.heard(func(e Event) bool {
			p, ok := e.Data.(PeerEvent)
			return ok && p.Peer == gone.id.String() && strings.Contains(p.Reason, "silent")
		}) {
			t.Error("the leader's observer was not told")
		}
		if gone.rejoins.Load() != 0 {
			t.Error("it is to come back before it knows")
		}
		if err := gone.Restart(); err != nil {
			t.Fatal(err)
		}
		w.await("it is over", func() bool { return gone.State().Problem == "removed" && gone.rejoins.Load() == 1 })
		if reason := gone.State().Reason; !strings.Contains(reason, "while it was away") {
			t.Errorf("reason %q", reason)
		}
		w.awaitVoters(append(left, w.join())...)
	})
}

func TestSettings(t *testing.T) {
	w := newWorld(t)
	s := w.found()
	if got := s.State().Settings; got != DefaultSettings || got.RemoveAfterMs != 60_000 || !got.HandOver {
		t.Errorf("the first settings are %+v", got)
	}
	s.SetSettings(Settings{RemoveAfterMs: -5})
	if got := s.Settings(); got != (Settings{}) {
		t.Errorf("%+v", got)
	}
	s.SetSettings(Settings{RemoveAfterMs: 1 << 60, HandOver: true})
	if got := s.Settings().removeAfter(); got != maxRemoveAfter {
		t.Errorf("%v", got)
	}
	s.Crash()
	s.SetSettings(Settings{RemoveAfterMs: 5000})
	if err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	l, _ := s.current()
	w.await("the new life has them", func() bool { return l.node.Status().RemoveAfter == 5*time.Second })
}

func TestVotesAndConfigurationInState(t *testing.T) {
	st := node.Status{Status: raft.Status{View: raft.View{Role: raft.Candidate, ConfigurationIndex: 8, CommitIndex: 7},
		Configuration: raft.Configuration{Voters: []raft.ID{1, 2, 3}, Outgoing: []raft.ID{1, 2}, Learners: []raft.ID{4}},
		Votes:         map[raft.ID]bool{1: true, 2: false}}}
	if v := votes(st); v == nil || !slices.Equal(v.Granted, []string{raft.ID(1).String()}) || !slices.Equal(v.Refused, []string{raft.ID(2).String()}) {
		t.Errorf("%+v", v)
	}
	c := configurationState(st)
	want := fmt.Sprintf("joint: to commit or to lead takes 2 of %s, %s and 2 of %s, %s, %s; learning the log: %s",
		Name(1), Name(2), Name(1), Name(2), Name(3), Name(4))
	if c.Index != 8 || c.Committed || c.Text != want || len(c.Voters) != 3 || len(c.Outgoing) != 2 || len(c.Learners) != 1 {
		t.Errorf("%+v", c)
	}
	if c := configurationState(node.Status{}); c.Text != "" || c.Voters == nil || c.Outgoing == nil {
		t.Errorf("of nothing: %+v", c)
	}
	st.Role = raft.Follower
	if votes(st) != nil {
		t.Error("a follower has votes")
	}
}
