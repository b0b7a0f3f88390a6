package idb

import (
	"context"
	"fmt"
	"syscall/js"
)

// Room is a room this browser knows.
type Room struct {
	Token string // what the signaling server knows it by; the key
	Name  string
	Key   string // as in the link
	// Cluster is the id of the room's cluster, 0 as long as this browser has
	// not heard of one.
	Cluster uint64
	// Made marks the browser that made the key, which alone may found the
	// room's cluster: see DB.Found.
	Made bool
	// Used is when this browser was last in the room, in ms since 1970.
	Used float64
}

func (r Room) value() map[string]any {
	return map[string]any{"token": r.Token, "name": r.Name, "key": r.Key,
		"cluster": formatHex(r.Cluster), "made": r.Made, "used": r.Used}
}

func readRoom(v js.Value) (Room, error) {
	f := record{v: v, name: "a room"}
	r := Room{Token: f.text("token")}
	f.name = "room " + r.Token
	r.Name, r.Key, r.Cluster = f.text("name"), f.text("key"), f.hex("cluster")
	r.Made, r.Used = f.flag("made"), f.number("used")
	return r, f.err
}

// LastRoom gives the room used last, or false if there is none.
func (db *DB) LastRoom(ctx context.Context) (room Room, ok bool, err error) {
	err = db.run(ctx, readOnly, []any{storeRooms}, func(t *tx) {
		t.newest(storeRooms, "used", js.Null(), 1, func(v js.Value) {
			r, err := readRoom(v)
			if err != nil {
				t.fail(err)
			}
			room, ok = r, true
		}, func() {})
	})
	if err != nil {
		return Room{}, false, fmt.Errorf("last room: %w", err)
	}
	return room, ok, nil
}

// LastRoomOr gives the room used last. If this browser knows none, it stores
// fresh and gives that: of any number of tabs that open at once, one decides.
func (db *DB) LastRoomOr(ctx context.Context, fresh Room) (room Room, err error) {
	err = db.run(ctx, readWrite, []any{storeRooms}, func(t *tx) {
		found := false
		t.newest(storeRooms, "used", js.Null(), 1, func(v js.Value) {
			r, err := readRoom(v)
			if err != nil {
				t.fail(err)
			}
			room, found = r, true
		}, func() {
			if !found {
				room = fresh
				t.put(storeRooms, js.ValueOf(fresh.value()))
			}
		})
	})
	if err != nil {
		return Room{}, fmt.Errorf("last room: %w", err)
	}
	return room, nil
}

// Room gives a room by its token, or false if this browser does not know it.
func (db *DB) Room(ctx context.Context, token string) (room Room, ok bool, err error) {
	err = db.run(ctx, readOnly, []any{storeRooms}, func(t *tx) {
		t.room(token, func(r Room, found bool) { room, ok = r, found })
	})
	if err != nil {
		return Room{}, false, fmt.Errorf("room %.40s: %w", token, err)
	}
	return room, ok, nil
}

// PutRoom stores what is known of a room. What is known already is not
// unlearned: a stored Made stays, and so does a stored Cluster, whatever room
// has in their place.
func (db *DB) PutRoom(ctx context.Context, room Room) error {
	err := db.run(ctx, readWrite, []any{storeRooms}, func(t *tx) {
		t.room(room.Token, func(old Room, found bool) {
			if found {
				room.Made = room.Made || old.Made
				if old.Cluster != 0 {
					room.Cluster = old.Cluster
				}
			}
			t.put(storeRooms, js.ValueOf(room.value()))
		})
	})
	if err != nil {
		return fmt.Errorf("store room %.40s: %w", room.Token, err)
	}
	return nil
}

func (t *tx) room(token string, then func(r Room, found bool)) {
	t.get(storeRooms, js.ValueOf(token), func(v js.Value) {
		if v.IsUndefined() {
			then(Room{}, false)
			return
		}
		r, err := readRoom(v)
		if err != nil {
			t.fail(err)
			return
		}
		then(r, true)
	})
}
