package idb

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"syscall/js"
	"time"

	"tabraft/raft"
	"tabraft/raft/wire"
)

// MaxServers is how many of a room's identities Servers looks at: the ones
// used last. More of them stay stored.
const MaxServers = 256

// maxFences is how many of a server's former owners are fenced off, the latest
// ones.
const maxFences = 64

// Server is an identity: a server that this browser was, is, or will be.
type Server struct {
	ID   raft.ID
	Room string // token
	// Cluster is the cluster the server is a member of, 0 before it is known.
	Cluster uint64
	// Owner is the incarnation that may save, see the package comment.
	Owner string
	// Used is when an incarnation last took it, in ms since 1970.
	Used float64
}

func (s Server) value() map[string]any {
	return map[string]any{"id": s.ID.String(), "room": s.Room,
		"cluster": formatHex(s.Cluster), "owner": s.Owner, "used": s.Used}
}

func readServer(v js.Value) (Server, error) {
	f := record{v: v, name: "a server"}
	s := Server{ID: raft.ID(f.hex("id"))}
	f.name = "server " + s.ID.String()
	s.Room, s.Cluster, s.Owner, s.Used = f.text("room"), f.hex("cluster"), f.text("owner"), f.number("used")
	return s, f.err
}

// Servers gives the room's identities, the one used last first, at most
// MaxServers of them.
func (db *DB) Servers(ctx context.Context, token string) ([]Server, error) {
	var all []Server
	err := db.run(ctx, readOnly, []any{storeServers}, func(t *tx) {
		t.newest(storeServers, "room", db.between(token), MaxServers, func(v js.Value) {
			s, err := readServer(v)
			if err != nil {
				t.fail(err)
			}
			all = append(all, s)
		}, func() {})
	})
	if err != nil {
		return nil, fmt.Errorf("servers of room %.40s: %w", token, err)
	}
	return all, nil
}

// Create stores a new identity. ErrExists if its id is taken.
func (db *DB) Create(ctx context.Context, s Server) error {
	err := db.run(ctx, readWrite, []any{storeServers, savesOf(s.ID)}, func(t *tx) {
		t.find(s.ID, func(_ Server, found bool) {
			if found {
				t.fail(ErrExists)
				return
			}
			t.put(storeServers, js.ValueOf(s.value()))
			t.owns(s.ID, s.Owner)
			t.store(savesOf(s.ID)).Call("put", firstBatch-1, lastKey(s.ID))
		})
	})
	return onServer("create", s.ID, err)
}

// Found founds the cluster of a room: in one transaction it sets the room's
// cluster and stores the server, as a member of it, with the first batch of
// what it saves. Of any number of tabs that try at once, one succeeds.
//
// It gives false, and stores nothing, if the room is not known, not Made here,
// or has a cluster already. A server that was created before is founded with
// by its owner only (ErrFenced), and must not have saved anything (ErrExists).
func (db *DB) Found(ctx context.Context, token string, s Server, cluster uint64, first *raft.Save) (founded bool, err error) {
	if cluster == 0 {
		return false, onServer("found with", s.ID, fmt.Errorf("0 is not a cluster id"))
	}
	batch := wire.AppendSave(nil, first)
	s.Room, s.Cluster = token, cluster
	err = db.run(ctx, readWrite, []any{storeRooms, storeServers, savesOf(s.ID)}, func(t *tx) {
		t.room(token, func(r Room, found bool) {
			if !found || !r.Made || r.Cluster != 0 {
				return
			}
			t.find(s.ID, func(old Server, found bool) {
				switch {
				case found && old.Owner != s.Owner:
					t.fail(ErrFenced)
				case found && old.Cluster != 0:
					t.fail(fmt.Errorf("%w: %016x", ErrCluster, old.Cluster))
				default:
					t.then(t.store(savesOf(s.ID)).Call("count", db.between(s.ID.String())), func(saved js.Value) {
						if saved.Int() > 0 {
							t.fail(ErrExists)
							return
						}
						r.Cluster = cluster
						t.put(storeRooms, js.ValueOf(r.value()))
						t.put(storeServers, js.ValueOf(s.value()))
						t.owns(s.ID, s.Owner)
						t.store(savesOf(s.ID)).Call("add", db.toJS(batch), saveKey(js.ValueOf(s.ID.String()), firstBatch))
						t.store(savesOf(s.ID)).Call("put", firstBatch, lastKey(s.ID))
						founded = true
					})
				}
			})
		})
	})
	return founded && err == nil, onServer("found with", s.ID, err)
}

// Take makes owner the one incarnation that may save as this server, fences off
// the one before, and gives the server as it is then. ErrUnknown if there is no
// such server, if it was put aside, or if what it saved is gone: see the package
// comment.
func (db *DB) Take(ctx context.Context, id raft.ID, owner string) (taken Server, err error) {
	err = db.whole(ctx, id, func(t *tx, s Server) {
		if strings.HasPrefix(s.Room, asidePrefix) {
			t.fail(ErrUnknown)
			return
		}
		s.Used = float64(time.Now().UnixMilli())
		taken = t.take(s, owner)
	})
	return taken, onServer("take", id, err)
}

// Hold is Take by somebody who will not run the server: it does not count as used,
// and may be put aside.
func (db *DB) Hold(ctx context.Context, id raft.ID, owner string) (held Server, err error) {
	err = db.whole(ctx, id, func(t *tx, s Server) { held = t.take(s, owner) })
	return held, onServer("hold", id, err)
}

// whole runs a transaction over a server and what it saved. Where the server is not
// known, or its saves are not, it must never come back: what is left of it is deleted,
// and ErrUnknown told.
func (db *DB) whole(ctx context.Context, id raft.ID, then func(t *tx, s Server)) error {
	gone := false
	err := db.run(ctx, readWrite, []any{storeServers, savesOf(id)}, func(t *tx) {
		saves := t.store(savesOf(id))
		t.find(id, func(s Server, found bool) {
			var owner, last js.Value
			t.then(saves.Call("get", ownerKey(id)), func(v js.Value) { owner = v })
			t.then(saves.Call("get", lastKey(id)), func(v js.Value) { last = v })
			t.then(saves.Call("count", db.between(id.String())), func(batches js.Value) {
				// Earlier versions did not note the last one.
				if gone = !found || owner.IsUndefined() || last.IsUndefined() && batches.Int() == 0; gone {
					t.erase(id)
					return
				}
				then(t, s)
			})
		})
	})
	if err == nil && gone {
		err = ErrUnknown
	}
	return err
}

// take stores a server with another owner, and gives it.
func (t *tx) take(s Server, owner string) Server {
	before := s.Owner
	s.Owner = owner
	t.put(storeServers, js.ValueOf(s.value()))
	t.owns(s.ID, owner)
	if before != owner {
		t.store(savesOf(s.ID)).Call("delete", fenceKey(s.ID, owner))
		t.fence(s.ID, before)
	}
	return s
}

// owns notes among the saves who owns a server.
func (t *tx) owns(id raft.ID, owner string) { t.store(savesOf(id)).Call("put", owner, ownerKey(id)) }

// fence fences off an owner of a server, and forgets the oldest fences if there
// are many. A fence's value is the time in ms since 1970, but later than that of any
// other: clocks are set back.
func (t *tx) fence(id raft.ID, owner string) {
	saves := t.store(savesOf(id))
	all := t.db.fences(id)
	var keys js.Value
	t.then(saves.Call("getAllKeys", all), func(v js.Value) { keys = v })
	t.then(saves.Call("getAll", all), func(v js.Value) {
		times := make([]float64, v.Length())
		for i := range times {
			times[i] = v.Index(i).Float()
		}
		latest := float64(time.Now().UnixMilli())
		for _, at := range times {
			latest = max(latest, at+1)
		}
		saves.Call("put", latest, fenceKey(id, owner))
		for range len(times) + 1 - maxFences {
			oldest := slices.Index(times, slices.Min(times))
			times[oldest] = math.Inf(1)
			saves.Call("delete", keys.Index(oldest))
		}
	})
}

// fences is the key range of a server's fences.
func (db *DB) fences(id raft.ID) js.Value {
	return db.keyRange.Call("bound", []any{id.String(), "fence"}, []any{id.String(), "fence", []any{}})
}

// SetCluster makes it durable that a server belongs to a cluster, and tells
// the room of the cluster if it knows none. A server calls it before it answers
// anybody of that cluster. ErrFenced if owner does not own the server,
// ErrCluster if it belongs to another cluster.
func (db *DB) SetCluster(ctx context.Context, id raft.ID, owner string, cluster uint64) error {
	if cluster == 0 {
		return onServer("set cluster of", id, fmt.Errorf("0 is not a cluster id"))
	}
	err := db.run(ctx, readWrite, []any{storeRooms, storeServers}, func(t *tx) {
		t.known(id, func(s Server) {
			switch {
			case s.Owner != owner:
				t.fail(ErrFenced)
				return
			case s.Cluster != 0 && s.Cluster != cluster:
				t.fail(fmt.Errorf("%w: %016x, not %016x", ErrCluster, s.Cluster, cluster))
				return
			}
			s.Cluster = cluster
			t.put(storeServers, js.ValueOf(s.value()))
			t.room(s.Room, func(r Room, found bool) {
				if found && r.Cluster == 0 {
					r.Cluster = cluster
					t.put(storeRooms, js.ValueOf(r.value()))
				}
			})
		})
	})
	return onServer("set cluster of", id, err)
}

// asidePrefix before its room marks a server that was put aside.
const asidePrefix = "aside/"

// SetAside keeps a server and what it saved, and has nobody take it any more. Its
// owner may, and nobody else (ErrFenced).
func (db *DB) SetAside(ctx context.Context, id raft.ID, owner string) error {
	err := db.run(ctx, readWrite, []any{storeServers}, func(t *tx) {
		t.known(id, func(s Server) {
			if s.Owner != owner {
				t.fail(ErrFenced)
				return
			}
			s.Room = asidePrefix + strings.TrimPrefix(s.Room, asidePrefix)
			t.put(storeServers, js.ValueOf(s.value()))
		})
	})
	return onServer("put aside", id, err)
}

// Aside is Servers for those that were put aside.
func (db *DB) Aside(ctx context.Context, token string) ([]Server, error) {
	return db.Servers(ctx, asidePrefix+token)
}

// Forget deletes an identity and all it saved: the server was removed from its
// cluster and must never come back. Its owner may, and nobody else (ErrFenced):
// whoever took it over meanwhile may be a live server. It is no error if there is
// none.
func (db *DB) Forget(ctx context.Context, id raft.ID, owner string) error {
	err := db.run(ctx, readWrite, []any{storeServers, savesOf(id)}, func(t *tx) {
		t.find(id, func(s Server, found bool) {
			if found && s.Owner != owner {
				t.fail(ErrFenced)
				return
			}
			t.erase(id)
		})
	})
	return onServer("forget", id, err)
}

// erase deletes an identity and all it saved.
func (t *tx) erase(id raft.ID) {
	t.store(storeServers).Call("delete", id.String())
	t.store(savesOf(id)).Call("delete", t.db.allOf(id))
}

func (t *tx) find(id raft.ID, then func(s Server, found bool)) {
	t.get(storeServers, js.ValueOf(id.String()), func(v js.Value) {
		if v.IsUndefined() {
			then(Server{}, false)
			return
		}
		s, err := readServer(v)
		if err != nil {
			t.fail(err)
			return
		}
		then(s, true)
	})
}

func (t *tx) known(id raft.ID, then func(s Server)) {
	t.find(id, func(s Server, found bool) {
		if !found {
			t.fail(ErrUnknown)
			return
		}
		then(s)
	})
}

func onServer(what string, id raft.ID, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s server %v: %w", what, id, err)
}
