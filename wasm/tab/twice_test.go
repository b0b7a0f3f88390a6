//go:build !js

package tab

import (
	"errors"
	"slices"
	"testing"
	"time"

	"tabraft/raft"
	"tabraft/raft/node"
	"tabraft/signaling"
	"tabraft/wasm/rtc"
)

// copied is a copy of a home, as in a copy of a browser's profile: made while the
// server runs, it has what was stored then, under the same identity.
func (h *memoryHome) copied(t *testing.T) *memoryHome {
	t.Helper()
	stored, err := h.storage.Load()
	if err != nil {
		t.Fatal(err)
	}
	c := &memoryHome{id: h.id, cluster: h.Cluster(), storage: node.NewMemoryStorage(0)}
	c.storage.Put(&raft.Save{HardState: stored.HardState, Snapshot: stored.Snapshot, Entries: stored.Entries})
	return c
}

// A second browser on a copy of the first one's profile: the copy never meets
// anybody, its state is put aside, and it may come back as a new server. Nothing is
// deleted: the signaling server, which says that there is another one, may lie, and
// as every server was restarted could have had the whole cluster deleted. The original
// stays, whether it leads or follows.
func TestCopiedProfile(t *testing.T) {
	w, servers := cluster(t, 3)
	leader := w.awaitLeader(servers...)
	for _, original := range []*testServer{leader, without(servers, leader)[0]} {
		original.must(put("before", "1"))
		second := w.start(signaling.KindTab, original.home.copied(t))
		w.await("the copy stops", func() bool { return second.State().Problem == "copied" })
		if s := second.State(); s.Role != "stopped" {
			t.Errorf("%+v", s)
		}
		checkWords(t, second.State().Problem, second.State().Reason)
		w.await("it may come back as a new one", func() bool { return second.rejoins.Load() == 1 })
		second.home.mu.Lock()
		if !second.home.aside || second.home.forgotten {
			t.Errorf("the copy: put aside %v, deleted %v", second.home.aside, second.home.forgotten)
		}
		second.home.mu.Unlock()
		if second.heard(func(e Event) bool { p, ok := e.Data.(PeerEvent); return ok && p.Up }) {
			t.Error("the copy was connected")
		}
		if err := second.Restart(); !errors.Is(err, ErrCopied) {
			t.Errorf("it restarts: %v", err)
		}
		if s := original.State(); s.Role == "stopped" || s.Leader == "" {
			t.Errorf("the original: %+v", s)
		}
		original.must(put("after", "1"))
	}
	w.awaitVoters(servers...)
}

// A copy that is told so says nothing any more while it is put aside, however long the
// storage takes: it kept its links, voted and acknowledged entries until that was over.
func TestCopyIsSilentWhileItIsPutAside(t *testing.T) {
	w, servers := cluster(t, 3)
	second := servers[1]
	second.home.heldUp = make(chan struct{})
	l, _ := second.current()
	l.met.Store(false) // as of a copy, which has met nobody
	l.runsTwice()
	w.await("the others lose it", func() bool {
		return !slices.ContainsFunc(servers[0].State().Members, func(m Member) bool { return m.ID == second.id.String() && m.Reachable })
	})
	select {
	case <-l.node.Done():
	case <-time.After(patience):
		t.Error("its node runs on")
	}
	if s := second.State(); s.Role != "stopped" || s.Problem != "copied" {
		t.Errorf("%s, %s: %s", s.Role, s.Problem, s.Reason)
	}
	if err := second.Restart(); !errors.Is(err, ErrCopied) || second.rejoins.Load() != 0 {
		t.Errorf("restarted: %v, %d new servers", err, second.rejoins.Load())
	}
	close(second.home.heldUp)
	w.await("a new one comes", func() bool { return second.rejoins.Load() == 1 })
}

// A whole browser copied, with the signaling server down meanwhile: the copies may
// come first and be a cluster of their own. Then the originals stop, for there must
// not be two. Once it is seen, one of each pair lives.
func TestCopiedProfileWhileSignalingIsDown(t *testing.T) {
	w := newWorld(t)
	a := w.found()
	servers := []*testServer{a, w.join(), w.join()}
	w.awaitVoters(servers...)
	w.closeSignaling()
	var copies []*testServer
	for _, s := range servers {
		w.await("it lost signaling", func() bool { return s.State().Signaling != "connected" })
	}
	for _, s := range servers {
		copies = append(copies, w.start(signaling.KindTab, s.home.copied(t)))
	}
	w.openSignaling(w.addr)
	w.await("one of each pair has stopped", func() bool {
		for i, s := range servers {
			if s.State().Role != "stopped" && copies[i].State().Role != "stopped" {
				return false
			}
		}
		return true
	})
	for _, s := range slices.Concat(servers, copies) {
		if state := s.State(); state.Role == "stopped" && state.Problem != "copied" && state.Problem != "runs-twice" {
			t.Errorf("%s stopped: %s", state.Name, state.Reason)
		}
	}
}

// A copy that got into the room while the original's signaling was down meets the
// servers to which the original is connected, and is sent away.
func TestCopyComesBeforeTheOriginalIsBack(t *testing.T) {
	w, servers := cluster(t, 3)
	original := servers[1]
	l, _ := original.current()
	l.client.Close() // it loses signaling for good, and its links stand
	w.await("the others have seen it leave the room", func() bool {
		l, _ := servers[0].current()
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.present == 1
	})
	second := w.start(signaling.KindTab, original.home.copied(t))
	w.await("the copy stops", func() bool { return second.State().Problem == "copied" })
	for range 5 {
		original.must(put("k", "v"))
	}
	if n := servers[0].refusedOf(original.id, "runs twice") + servers[2].refusedOf(original.id, "runs twice"); n == 0 {
		t.Error("nobody told of it")
	}
	w.awaitVoters(servers...)
}

// A tab without locks took over the server of a tab that was stopped, and met others; then
// that one woke, answered a peer, and found that it could not save. The peer's word on that
// stopped the heir too, and nobody was left.
func TestHeirOutlivesTheLastWordsOfWhomItSucceeded(t *testing.T) {
	w, servers := cluster(t, 3)
	heir, peer := servers[1], servers[0]
	l, _ := heir.current()
	says := func() {
		l.taken(rtc.Peer{ID: peer.id, Incarnation: newIncarnation(), Kind: string(signaling.KindTab)})
	}
	says()
	says()
	heir.must(put("k", "v"))
	w.awaitVoters(servers...)
	if heir.State().Role == "stopped" {
		t.Fatalf("it stopped at once: %s", heir.State().Reason)
	}
	now := l.s.cfg.Clock.Now()
	if !l.takenForLong(now + rivalPatience) {
		t.Error("it does not believe a peer that says so again and again")
	}
	if l.takenForLong(now + rivalPatience + 2*takenMemory) {
		t.Error("it believes at once what was said long ago")
	}
}

// The word of a server that is not in the cluster counts for nothing.
func TestStrangerCannotSayThatAServerRunsTwice(t *testing.T) {
	w, servers := cluster(t, 3)
	l, _ := servers[0].current()
	q, _ := meshPeer(signaling.Peer{ID: strangerID.String(), Incarnation: newIncarnation(), Kind: signaling.KindTab})
	l.taken(q)
	w.await("it is counted", func() bool { return servers[0].refusedOf(strangerID, "runs twice") == 1 })
	servers[0].must(put("k", "v"))
	w.awaitVoters(servers...)
}

// A server that is closed and opened at once, or crashes and comes back at once, is
// not taken for a copy of itself.
func TestReopenedAtOnceIsNoCopy(t *testing.T) {
	w, servers := cluster(t, 3)
	for range 10 {
		for _, s := range servers[:2] {
			s.Crash()
			if err := s.Restart(); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.awaitVoters(servers...)
	for _, s := range servers {
		if s.State().Role == "stopped" {
			t.Errorf("%+v", s.State())
		}
	}
}
