//go:build !js

package tab

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"tabraft/raft"
	"tabraft/signaling"
)

// memoryShelf is a Home beside others, the twin of a browser's storage.
type memoryShelf struct {
	*memoryHome
	mu     sync.Mutex
	others []raft.ID
	open   map[raft.ID]bool // a tab has it
	asked  chan raft.ID     // gets those that were claimed, and gone was asked
}

func newMemoryShelf(h *memoryHome) *memoryShelf {
	return &memoryShelf{memoryHome: h, open: map[raft.ID]bool{}, asked: make(chan raft.ID, 100)}
}

func (h *memoryShelf) Others() ([]raft.ID, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.others), nil
}

func (h *memoryShelf) ForgetOther(id raft.ID, gone func() bool) (free bool, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.open[id] {
		return false, nil
	}
	if gone() {
		h.others = slices.DeleteFunc(h.others, func(o raft.ID) bool { return o == id })
	}
	h.asked <- id
	return true, nil
}

func (h *memoryShelf) put(open bool, id raft.ID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.others = append(h.others, id)
	h.open[id] = open
}

// A closed tab's server is removed: another tab of its browser deletes what it
// stored. What belongs to a member, to a server that a tab runs, or to one of
// which that is not known, stays.
func TestRemovedIdentitiesAreSweptUp(t *testing.T) {
	w := newWorld(t)
	shelf := newMemoryShelf(founderHome())
	founder := w.start(signaling.KindTab, shelf)
	member, removed := w.join(), w.join()
	w.awaitVoters(founder, member, removed)
	const elsewhere = raft.ID(77) // a stranger to the cluster, run by a tab
	shelf.put(false, member.id)
	shelf.put(false, removed.id)
	shelf.put(true, elsewhere)

	removed.Leave()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := founder.Remove(ctx, removed.id); err != nil {
		t.Fatal(err)
	}
	select {
	case id := <-shelf.asked:
		if id != removed.id {
			t.Errorf("server %v was claimed, not the removed %v", id, removed.id)
		}
	case <-ctx.Done():
		t.Fatal("what the removed server stored was not looked at")
	}
	w.await("it is deleted, and nothing else", func() bool {
		left, _ := shelf.Others()
		return slices.Equal(left, []raft.ID{member.id, elsewhere})
	})
}

// Without a majority nobody can know who is a member: nothing is deleted, though
// the configuration that this server has says that it may.
func TestNothingIsSweptUpWithoutAMajority(t *testing.T) {
	w := newWorld(t)
	shelf := newMemoryShelf(founderHome())
	founder := w.start(signaling.KindTab, shelf)
	other := w.join()
	w.awaitVoters(founder, other)
	l, _ := founder.current()
	shelf.put(false, 77)
	other.Leave()
	if l.sweep(shelf) {
		t.Error("the look was finished without a majority")
	}
	if left, _ := shelf.Others(); len(left) != 1 {
		t.Errorf("it deleted what may belong to a member: %v are left", left)
	}
}

// A tab that is stopped still has the server that the cluster removed, or has not let in
// yet: it is looked at again until that tab has gone, with no other change of members.
func TestSweepWaitsForAClaim(t *testing.T) {
	virtualWorld(t, func(t *testing.T, w *world) {
		shelf := newMemoryShelf(founderHome())
		shelf.put(true, 77)
		founder := w.start(signaling.KindTab, shelf)
		w.awaitLeader(founder)
		time.Sleep(10 * sweepAgain)
		if left, _ := shelf.Others(); len(left) != 1 {
			t.Errorf("what a tab has was deleted: %v are left", left)
		}
		shelf.mu.Lock()
		shelf.open[77] = false
		shelf.mu.Unlock()
		w.await("it is deleted", func() bool {
			left, _ := shelf.Others()
			return len(left) == 0
		})
	})
}

// A tab is closed before the cluster has let its server in, which changes no members: what
// it stored is looked for all the same.
func TestSweepAfterATabHasGone(t *testing.T) {
	virtualWorld(t, func(t *testing.T, w *world) {
		shelf := newMemoryShelf(founderHome())
		founder := w.start(signaling.KindTab, shelf)
		w.awaitLeader(founder)
		time.Sleep(10 * sweepAgain)
		home := newMemoryHome()
		home.deny(errBusy) // it never gets so far as to be a member
		s := w.start(signaling.KindTab, home)
		w.await("it tries", s.waits)
		shelf.put(false, home.id)
		s.Leave()
		w.await("it is deleted", func() bool {
			left, _ := shelf.Others()
			return len(left) == 0
		})
	})
}
