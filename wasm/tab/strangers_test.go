//go:build !js

package tab

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tabraft/raft"
	"tabraft/raft/wire"
	"tabraft/signaling"
	"tabraft/signaling/client"
	"tabraft/wasm/rtc"
)

// A stranger has a connection to the servers of a room, and no scruples. Without the
// room's key it knows the room's token only.
type stranger struct {
	w    *world
	id   raft.ID
	mesh *rtc.Mesh
	c    *client.Client

	mu       sync.Mutex
	up       map[raft.ID]bool
	downs    int
	recorded [][]byte // frames that came
	peers    []signaling.Peer
}

func (w *world) stranger(room client.Room, id raft.ID) *stranger {
	w.t.Helper()
	h := &stranger{w: w, id: id, up: map[raft.ID]bool{}}
	self := rtc.Peer{ID: id, Incarnation: newIncarnation(), Kind: rtc.KindNative}
	var err error
	ready := make(chan struct{})
	h.mesh, err = rtc.New(rtc.Config{Self: self, Clock: w.clock, Handler: h, Rand: rand.New(rand.NewPCG(1, 2)), Loopback: true,
		Signal: func(to raft.ID, payload []byte) error { <-ready; return h.c.Send(to.String(), payload) }})
	if err != nil {
		w.t.Fatal(err)
	}
	h.c = client.Start(client.Config{URL: "ws://" + w.addr + signaling.Path, Room: room, Handler: h, Logger: slog.New(slog.DiscardHandler),
		Peer: signaling.Peer{ID: id.String(), Incarnation: self.Incarnation, Kind: signaling.KindNative}})
	close(ready)
	w.t.Cleanup(func() { h.mesh.Close(); h.c.Close() })
	return h
}

func (h *stranger) Frame(_ raft.ID, frame []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.recorded) < 1000 {
		h.recorded = append(h.recorded, slices.Clone(frame))
	}
}
func (h *stranger) Datagram(raft.ID, []byte) {}
func (h *stranger) Up(p rtc.Peer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.up[p.ID] = true
}
func (h *stranger) Down(p rtc.Peer, _ string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.up, p.ID)
	h.downs++
}
func (h *stranger) Welcome(peers []signaling.Peer, _ []signaling.ICEServer) {
	h.mu.Lock()
	h.peers = peers
	h.mu.Unlock()
	var all []rtc.Peer
	for _, p := range peers {
		q, _ := meshPeer(p)
		all = append(all, q)
	}
	h.mesh.Present(all)
}
func (h *stranger) Joined(p signaling.Peer) { q, _ := meshPeer(p); h.mesh.Joined(q) }
func (h *stranger) Left(p signaling.Peer)   { q, _ := meshPeer(p); h.mesh.Left(q) }
func (h *stranger) Signal(from signaling.Peer, payload []byte) {
	q, _ := meshPeer(from)
	h.mesh.Signal(q, payload)
}
func (h *stranger) Connection(bool, error) {}

func (h *stranger) awaitUp(servers ...*testServer) {
	h.w.t.Helper()
	h.w.await("the stranger is connected", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return !slices.ContainsFunc(servers, func(s *testServer) bool { return !h.up[s.id] })
	})
}

// refusals are those of a server that have words.
func (s *testServer) refusedOf(id raft.ID, words string) uint64 {
	for _, r := range s.State().Refusals {
		if (id == raft.None && r.Peer == "" || r.Peer == id.String()) && strings.Contains(r.Reason, words) {
			return r.Count
		}
	}
	return 0
}

const strangerID = raft.ID(0xbad)

// A stranger with the room's key that forges ids and replays what it recorded is
// refused, counted, shown, and disconnected; the cluster does not notice.
func TestStrangerForgesAndReplays(t *testing.T) {
	w, servers := cluster(t, 3)
	leader := w.awaitLeader(servers...)
	term := leader.State().Term
	cluster := leader.home.cluster
	h := w.stranger(w.room, strangerID)
	h.awaitUp(servers...)
	victim := without(servers, leader)[0]
	forged := wire.AppendRaft(nil, cluster, []raft.Message{{Type: raft.RequestVote, From: victim.id, To: leader.id, Term: term + 10, Force: true, LogIndex: 1 << 40, LogTerm: term}})
	kicked := wire.AppendRemove(nil, wire.Header{Cluster: cluster, From: victim.id, To: leader.id}, victim.id)
	for range rtc.MaxOffences + 5 {
		h.mesh.Send(leader.id, slices.Clone(forged))
		h.mesh.Send(leader.id, slices.Clone(kicked))
	}
	w.await("it is refused and counted", func() bool { return leader.refusedOf(strangerID, "") >= rtc.MaxOffences })
	w.await("it is disconnected", func() bool { h.mu.Lock(); defer h.mu.Unlock(); return h.downs > 0 })
	for i := range 20 {
		victim.must(put("k", fmt.Sprint(i)))
	}
	if s := leader.State(); s.Role != "leader" || s.Term != term || len(s.Members) != 3 {
		t.Errorf("%+v", s)
	}
	if s := leader.State(); len(s.Refusals) == 0 || s.Refusals[0].Name != Name(strangerID) || s.Refusals[0].Reason == "" {
		t.Errorf("%+v", s.Refusals)
	}
	// What other servers told it, it plays to a third one.
	h.mu.Lock()
	recorded := slices.Clone(h.recorded)
	h.mu.Unlock()
	if len(recorded) == 0 {
		t.Fatal("nothing was recorded")
	}
	for _, frame := range recorded {
		h.mesh.Send(victim.id, frame)
	}
	w.await("replays are refused", func() bool { return victim.refusedOf(strangerID, "came over the connection with") > 0 })
	servers[2].must(put("k", "after"))
	if s := leader.State(); s.Role != "leader" || s.Term != term {
		t.Errorf("%+v", s)
	}
}

// A stranger that floods Joins, commands and noise is refused, and the cluster commits
// as before.
func TestStrangerFloods(t *testing.T) {
	w, servers := cluster(t, 3)
	leader := w.awaitLeader(servers...)
	term := leader.State().Term
	h := w.stranger(w.room, strangerID)
	h.awaitUp(servers...)
	stop := make(chan struct{})
	var flood sync.WaitGroup
	flood.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			to := servers[i%3]
			head := wire.Header{Cluster: leader.home.cluster, From: strangerID, To: to.id}
			// Asking for what it must not have: it stays a stranger.
			sent := h.mesh.Send(to.id, wire.AppendPropose(nil, head, []wire.Proposal{{Request: uint64(i), Command: make([]byte, 1000)}}))
			sent = h.mesh.Send(to.id, wire.AppendTransfer(nil, head, servers[i%3].id)) || sent
			sent = h.mesh.Send(to.id, wire.AppendRemove(nil, head, leader.id)) || sent
			sent = h.mesh.Send(to.id, []byte("noise")) || sent
			if !sent || i%32 == 0 {
				time.Sleep(10 * time.Millisecond) // other tests run beside this one
			}
		}
	})
	for i := range 30 {
		servers[i%3].must(put(fmt.Sprint("k", i), "v"))
	}
	w.await("all have refused something", func() bool {
		return !slices.ContainsFunc(servers, func(s *testServer) bool { return s.refusedOf(strangerID, "") == 0 })
	})
	close(stop)
	flood.Wait()
	if s := leader.State(); s.Role != "leader" || s.Term != term || len(s.Members) != 3 {
		t.Errorf("%+v", s)
	}
	w.awaitSame(servers...)
}

// Whoever knows the room's token, as the signaling server does, but not its key is
// connected to nobody.
func TestStrangerWithAWrongKey(t *testing.T) {
	w, servers := cluster(t, 3)
	other := client.RandomRoom()
	// Another key has another token, so it has to be made to match: it is the seal
	// that must not.
	fake := &tokenThief{addr: w.addr, token: w.room.Token(), seal: other}
	peers := fake.join(t)
	for range 100 {
		for _, p := range peers {
			fake.send(t, p)
		}
	}
	w.await("it is counted", func() bool {
		return !slices.ContainsFunc(servers, func(s *testServer) bool { return s.refusedOf(raft.None, "another key") == 0 })
	})
	servers[1].must(put("k", "v"))
	for _, s := range servers {
		if slices.ContainsFunc(s.State().Members, func(m Member) bool { return m.ID == strangerID.String() }) {
			t.Error("it is a member")
		}
		l, _ := s.current()
		if slices.ContainsFunc(l.mesh.Links(), func(k rtc.Link) bool { return k.Peer.ID == strangerID && k.Up }) {
			t.Error("it is connected")
		}
	}
}

// Somebody in the room tells the last server of a cluster that it was removed. It may be
// true, so a new server comes in its place; what it had stored was deleted.
func TestStrangerTellsRemoval(t *testing.T) {
	w, servers := cluster(t, 3)
	last := servers[1]
	for _, s := range without(servers, last) {
		s.Leave()
	}
	h := w.stranger(w.room, strangerID)
	h.awaitUp(last)
	w.await("it asks the stranger", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return slices.ContainsFunc(h.recorded, func(b []byte) bool {
			f, err := wire.Decode(b)
			return err == nil && f.Kind == wire.KindJoin
		})
	})
	head := wire.Header{Cluster: last.home.Cluster(), From: strangerID, To: last.id}
	h.mesh.Send(last.id, wire.AppendJoinReply(nil, head, wire.JoinReply{Code: wire.CodeRemoved, Leader: strangerID}))
	w.await("a new server comes in its place", func() bool { return last.rejoins.Load() == 1 })
	last.home.mu.Lock()
	defer last.home.mu.Unlock()
	if !last.home.aside || last.home.forgotten {
		t.Errorf("put aside %v, deleted %v", last.home.aside, last.home.forgotten)
	}
	if s := last.State(); s.Problem != "removed" || !strings.Contains(s.Reason, "put aside, not deleted") {
		t.Errorf("%s: %s", s.Problem, s.Reason)
	}
}
