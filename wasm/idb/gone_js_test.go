package idb

import (
	"syscall/js"
	"testing"

	"tabraft/raft"
)

// What a server saved is deleted, all of it or in part, as in a browser's developer
// tools: it does not come back with a vote forgotten. It was taken again after "clear
// object store", and began with nothing.
func TestVoteIsNeverForgotten(t *testing.T) {
	key := func(n any) []any { return []any{id.String(), n} }
	remove := func(keys ...any) func(*tx) {
		return func(t *tx) {
			for _, k := range keys {
				t.store(savesOf(id)).Call("delete", key(k))
			}
		}
	}
	for name, c := range map[string]struct {
		lose    func(*tx)
		damaged bool // it is still known, and does not start; else it is gone
	}{
		"the store is emptied":              {lose: func(t *tx) { t.store(savesOf(id)).Call("clear") }},
		"the note of the owner":             {lose: remove("owner")},
		"batches, and the note of the last": {lose: remove(1, 2, 3, "last")},
		"all batches":                       {lose: remove(1, 2, 3), damaged: true},
		"the first":                         {lose: remove(1), damaged: true},
		"one in the middle":                 {lose: remove(2), damaged: true},
		"the last":                          {lose: remove(3), damaged: true},
		"the last two":                      {lose: remove(2, 3), damaged: true},
		"its record":                        {lose: func(t *tx) { t.store(storeServers).Call("delete", id.String()) }},
		"its record, and all that it saved": {lose: func(t *tx) { t.store(storeServers).Call("clear"); t.store(savesOf(id)).Call("clear") }},
	} {
		for how, again := range map[string]func(db *DB) error{
			"taken": func(db *DB) error { return take(db, background(t), id, bob) },
			"held":  func(db *DB) error { return hold(db, background(t), id, bob) },
		} {
			t.Run(name+", "+how, func(t *testing.T) {
				db := created(t)
				ok(t, db.SetCluster(background(t), id, alice, 5))
				ok(t, db.Create(background(t), Server{ID: id + savesStores, Room: "r", Owner: alice})) // in the same store
				st, _, _ := loaded(t, db, alice)
				for n := range uint64(3) {
					ok(t, save(t, st, entry(1+n, "x")))
				}
				ok(t, take(db, background(t), id, bob)) // which puts up a fence
				ok(t, db.run(background(t), readWrite, []any{storeServers, savesOf(id)}, c.lose))
				err := again(db)
				if c.damaged {
					ok(t, err)
					_, err := db.Storage(id, bob, func(error) {}).Load()
					want(t, err, ErrDamaged)
					return
				}
				want(t, err, ErrUnknown)
				want(t, again(db), ErrUnknown)
				ok(t, db.run(background(t), readOnly, []any{storeServers, savesOf(id)}, func(x *tx) {
					x.find(id, func(s Server, found bool) {
						if found {
							t.Errorf("it is known still: %+v", s)
						}
					})
					x.then(x.store(savesOf(id)).Call("count", db.allOf(id)), func(v js.Value) {
						if v.Int() != 0 {
							t.Errorf("%v records are left of it", v)
						}
					})
				}))
				_, err = db.Storage(id, bob, func(error) {}).Load()
				want(t, err, ErrUnknown)
			})
		}
	}
}

// The same under a running server: it stops at its next save, and does not come back.
func TestSavesClearedUnderAServer(t *testing.T) {
	db := created(t)
	ok(t, db.SetCluster(background(t), id, alice, 5))
	st, _, failed := loaded(t, db, alice)
	ok(t, save(t, st, entry(1, "x")))
	ok(t, db.run(background(t), readWrite, []any{savesOf(id)}, func(x *tx) { x.store(savesOf(id)).Call("clear") }))
	want(t, save(t, st, entry(2, "y")), ErrUnknown)
	want(t, receive(t, failed), ErrUnknown)
	want(t, take(db, background(t), id, bob), ErrUnknown)
	if servers, err := db.Servers(background(t), "r"); err != nil || len(servers) != 0 {
		t.Errorf("servers left: %+v, %v", servers, err)
	}
}

// A server whose last batch nobody noted, since an earlier version saved it, starts; and
// so does one that has saved nothing yet.
func TestServersWithoutALastBatch(t *testing.T) {
	db := created(t)
	ok(t, take(db, background(t), id, alice))
	st, _, _ := loaded(t, db, alice)
	ok(t, save(t, st, entry(1, "x")))
	ok(t, db.run(background(t), readWrite, []any{savesOf(id)}, func(x *tx) { x.store(savesOf(id)).Call("delete", lastKey(id)) }))
	ok(t, take(db, background(t), id, bob))
	if _, stored, _ := loaded(t, db, bob); len(stored.Entries) != 1 {
		t.Errorf("stored: %+v", stored)
	}
}

// A room whose record is gone comes back by its link; its servers know their cluster,
// and no second one is founded.
func TestRoomIsGone(t *testing.T) {
	db, ctx := opened(t, database(t)), background(t)
	ok(t, db.PutRoom(ctx, Room{Token: "r", Name: "n", Key: "k", Made: true}))
	if founded, err := db.Found(ctx, "r", Server{ID: id, Owner: alice}, 9, raft.Bootstrap(id)); !founded || err != nil {
		t.Fatal(founded, err)
	}
	ok(t, db.run(ctx, readWrite, []any{storeRooms}, func(x *tx) { x.store(storeRooms).Call("clear") }))
	ok(t, db.PutRoom(ctx, Room{Token: "r", Name: "n", Key: "k"}))
	if founded, err := db.Found(ctx, "r", Server{ID: id + 1, Owner: alice}, 10, raft.Bootstrap(id+1)); founded || err != nil {
		t.Errorf("founded again: %v, %v", founded, err)
	}
	s, err := db.Take(ctx, id, bob)
	ok(t, err)
	if s.Cluster != 9 {
		t.Errorf("taken: %+v", s)
	}
	if _, stored, _ := loaded(t, db, bob); len(stored.Entries) != 1 {
		t.Errorf("stored: %+v", stored)
	}
}
