package tab

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"syscall/js"
	"time"

	"tabraft/raft"
	"tabraft/raft/node"
	"tabraft/signaling/client"
	"tabraft/wasm/idb"
)

const (
	// openTimeout bounds the wait for the browser to open its storage. What is done in it
	// package idb bounds.
	openTimeout = 10 * time.Second
	// ownWait is how long a tab waits for the identity that it had before a
	// reload: the lock is handed over within about 60 ms, and a duplicated
	// tab, which remembers the same identity, waits in vain.
	ownWait = time.Second
)

// browserHome is a Home in IndexedDB, claimed for this tab.
type browserHome struct {
	db      *idb.DB
	id      raft.ID
	cluster uint64
	room    string // token
	hold    *hold

	mu          sync.Mutex
	incarnation string      // of the life that owns it
	failed      func(error) // of that life; nil before the first
}

// openStorage opens the browser's storage.
func openStorage(ctx context.Context) (*idb.DB, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	return idb.Open(ctx, idb.DefaultName)
}

// newRoom is the fragment that asks for a new room.
const newRoom = "#new"

// chooseRoom gives the room that the page's fragment names or, without one, the
// room this browser used last; a browser that knows none makes one.
func chooseRoom(ctx context.Context, db *idb.DB, fragment string) (client.Room, error) {
	if fragment == newRoom {
		room := client.RandomRoom()
		return room, db.PutRoom(ctx, idb.Room{Token: room.Token(), Name: room.Name, Key: room.Fragment(), Made: true, Used: nowMs()})
	}
	if len(fragment) > 1 {
		room, err := client.ParseFragment(fragment)
		if err != nil {
			return client.Room{}, err
		}
		return room, db.PutRoom(ctx, idb.Room{Token: room.Token(), Name: room.Name, Key: room.Fragment(), Used: nowMs()})
	}
	fresh := client.RandomRoom()
	known, err := db.LastRoomOr(ctx, idb.Room{Token: fresh.Token(), Name: fresh.Name, Key: fresh.Fragment(), Made: true, Used: nowMs()})
	if err != nil {
		return client.Room{}, err
	}
	return client.ParseFragment(known.Key)
}

func nowMs() float64 { return float64(time.Now().UnixMilli()) }

// openHome finds the identity that this tab is to be: the one it had before a
// reload, else one of this browser whose tab is gone, else a new one. In the
// browser that made the room the first new one founds the room's cluster.
func openHome(ctx context.Context, db *idb.DB, room client.Room) (*browserHome, error) {
	h := &browserHome{db: db, room: room.Token(), incarnation: newIncarnation()}
	known, err := db.Servers(ctx, h.room)
	if err != nil {
		return nil, err
	}
	if own := sessionID(h.room); own != raft.None {
		for _, s := range known {
			if s.ID != own {
				continue
			}
			if ok, err := h.adopt(ctx, s, ownWait); ok || err != nil {
				return h, err
			}
		}
	}
	for _, s := range known {
		if ok, err := h.adopt(ctx, s, 0); ok || err != nil {
			return h, err
		}
	}
	return h, h.create(ctx, known)
}

// adopt claims an identity and takes it. It gives false if another tab has it, for
// as long as it is waited for, or if there is no such identity any more: known may
// be out of date, since another tab may have been removed and forgotten.
func (h *browserHome) adopt(ctx context.Context, known idb.Server, wait time.Duration) (ok bool, err error) {
	hold, ok, err := claimFor(ctx, h.room, known.ID, h.incarnation, wait)
	if err != nil || !ok {
		return false, err
	}
	now, err := h.db.Take(ctx, known.ID, h.incarnation)
	if err != nil {
		hold.release()
		if errors.Is(err, idb.ErrUnknown) {
			return false, nil
		}
		return false, err
	}
	h.id, h.cluster = now.ID, now.Cluster
	h.have(hold)
	hold.took()
	rememberID(h.room, h.id)
	return true, nil
}

// apartTries is how often a new id is tried that is apart from all others; there may
// be none.
const apartTries = 200

func (h *browserHome) create(ctx context.Context, known []idb.Server) error {
	near := func(s idb.Server) bool { return !idb.Apart(s.ID, h.id) }
	h.id = newID()
	for n := 0; n < apartTries && slices.ContainsFunc(known, near); n++ {
		h.id = newID()
	}
	hold, ok, err := claim(ctx, h.room, h.id, h.incarnation)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("the new server %s is claimed already", h.id)
	}
	h.have(hold)
	self := idb.Server{ID: h.id, Room: h.room, Owner: h.incarnation, Used: nowMs()}
	cluster := uint64(newID())
	founded, err := h.db.Found(ctx, h.room, self, cluster, raft.Bootstrap(h.id))
	switch {
	case err != nil:
	case founded:
		h.cluster = cluster
	default:
		err = h.db.Create(ctx, self)
	}
	if err != nil {
		hold.release()
		return err
	}
	rememberID(h.room, h.id)
	return nil
}

func (h *browserHome) ID() raft.ID     { return h.id }
func (h *browserHome) Cluster() uint64 { return h.cluster }
func (h *browserHome) Kind() string    { return "IndexedDB" }
func (h *browserHome) Close()          { h.hold.release(); h.db.Close() }

// Begin implements Home: the new life fences off the one before.
func (h *browserHome) Begin(incarnation string, failed func(error)) (node.Storage, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, err := h.db.Take(context.Background(), h.id, incarnation); err != nil {
		return nil, err
	}
	h.incarnation, h.failed = incarnation, failed
	h.hold.took()
	return h.db.Storage(h.id, incarnation, failed), nil
}

// have keeps the claim of the identity.
func (h *browserHome) have(hold *hold) {
	h.hold = hold
	hold.watch(h.checkFence)
}

// checkFence ends the life if another tab has taken the identity over. That tab
// says so; it need not be right.
func (h *browserHome) checkFence() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.failed == nil {
		return // there is no life yet, and Begin will fence the other tab off
	}
	known, err := h.db.Servers(context.Background(), h.room)
	if err != nil {
		return // saves fail as well, and say why
	}
	for _, s := range known {
		if s.ID == h.id && s.Owner != h.incarnation {
			h.failed(idb.ErrFenced)
		}
	}
}

func (h *browserHome) SetCluster(cluster uint64) error {
	if err := h.db.SetCluster(context.Background(), h.id, h.incarnation, cluster); err != nil {
		return err
	}
	h.cluster = cluster
	return nil
}

func (h *browserHome) Forget() error {
	rememberID(h.room, raft.None)
	return h.db.Forget(context.Background(), h.id, h.owner())
}

// SetAside implements Home. What no cluster has let in has promised nothing.
func (h *browserHome) SetAside() error {
	if h.cluster == 0 {
		return h.Forget()
	}
	rememberID(h.room, raft.None)
	return h.db.SetAside(context.Background(), h.id, h.owner())
}

// Others implements Shelf.
func (h *browserHome) Others() (ids []raft.ID, err error) {
	known, err := h.db.Servers(context.Background(), h.room)
	if err != nil {
		return nil, err
	}
	aside, err := h.db.Aside(context.Background(), h.room)
	for _, s := range append(known, aside...) {
		if s.ID != h.id && h.sweeps(s) {
			ids = append(ids, s.ID)
		}
	}
	return ids, err
}

// sweeps tells whether this server can judge whether another is a member of its cluster:
// one of that, or of none. What belongs to another cluster is that one's affair.
func (h *browserHome) sweeps(s idb.Server) bool { return s.Cluster == h.cluster || s.Cluster == 0 }

// ForgetOther implements Shelf. Where there are no locks a claim may be wrong, of a
// server whose tab is stopped: that one is fenced off before gone is asked for the
// last time, so that it cannot become a member after that.
func (h *browserHome) ForgetOther(id raft.ID, gone func() bool) (free bool, err error) {
	ctx, owner := context.Background(), h.owner()
	hold, ok, err := claim(ctx, h.room, id, owner)
	if err != nil || !ok {
		return false, err
	}
	defer hold.release()
	if !gone() {
		return true, nil
	}
	// By now it may belong to another cluster.
	switch s, err := h.db.Hold(ctx, id, owner); {
	case errors.Is(err, idb.ErrUnknown):
		return true, nil // another tab of this browser deleted it first
	case err != nil || !h.sweeps(s) || !gone():
		return true, err
	}
	return true, h.db.Forget(ctx, id, owner)
}

// owner is the incarnation that owns the server.
func (h *browserHome) owner() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.incarnation
}

// A tab remembers its identity over a reload in its session storage, which a
// duplicated tab starts with a copy of.

func sessionKey(room string) string { return "tabraft/" + room }

func sessionID(room string) (id raft.ID) {
	throws(func() {
		if v := js.Global().Get("sessionStorage").Call("getItem", sessionKey(room)); v.Type() == js.TypeString {
			id, _ = raft.ParseID(v.String())
		}
	})
	return id
}

func rememberID(room string, id raft.ID) {
	throws(func() {
		storage := js.Global().Get("sessionStorage")
		if id == raft.None {
			storage.Call("removeItem", sessionKey(room))
		} else {
			storage.Call("setItem", sessionKey(room), id.String())
		}
	})
}
