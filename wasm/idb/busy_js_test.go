package idb

import (
	"context"
	"syscall/js"
	"testing"
	"time"

	"tabraft/raft"
)

// stopped begins a transaction that does not end, like that of a tab that is stopped in
// the middle of it, until the function it gives is called.
func stopped(t *testing.T, db *DB, store string) (wake func()) {
	t.Helper()
	woken, begun, over := false, make(chan struct{}, 1), make(chan error, 1)
	go func() {
		over <- db.run(background(t), readWrite, []any{store}, func(x *tx) {
			var again func(js.Value)
			again = func(js.Value) {
				select {
				case begun <- struct{}{}:
				default:
				}
				if !woken {
					x.get(store, js.ValueOf("nothing"), again) // which keeps it open
				}
			}
			x.get(store, js.ValueOf("nothing"), again)
		})
	}()
	<-begun
	return func() {
		t.Helper()
		woken = true
		ok(t, receive(t, over))
	}
}

// A tab is stopped in the middle of a transaction that others wait for: they give up,
// with the reason, leave nothing behind that is in somebody's way, and succeed once it goes
// on. They waited for ever.
func TestBusy(t *testing.T) {
	const next = id + 1
	for name, c := range map[string]struct {
		store string // which is held up
		call  func(db *DB, ctx context.Context) error
	}{
		"put room": {storeRooms, func(db *DB, ctx context.Context) error { return db.PutRoom(ctx, Room{Token: "r"}) }},
		"last room": {storeRooms, func(db *DB, ctx context.Context) error {
			_, err := db.LastRoomOr(ctx, Room{Token: "r"})
			return err
		}},
		"servers": {storeServers, func(db *DB, ctx context.Context) error {
			_, err := db.Servers(ctx, "r")
			return err
		}},
		"create": {storeServers, func(db *DB, ctx context.Context) error {
			return db.Create(ctx, Server{ID: next, Room: "r", Owner: alice})
		}},
		"found": {storeServers, func(db *DB, ctx context.Context) error {
			founded, err := db.Found(ctx, "r", Server{ID: next, Owner: alice}, 9, raft.Bootstrap(next))
			if !founded && err == nil {
				t.Error("it is not founded")
			}
			return err
		}},
		"take":               {storeServers, func(db *DB, ctx context.Context) error { return take(db, ctx, id, bob) }},
		"take, stuck saving": {savesOf(id), func(db *DB, ctx context.Context) error { return take(db, ctx, id, bob) }},
		"load": {savesOf(id), func(db *DB, _ context.Context) error {
			st := db.Storage(id, alice, func(error) {})
			defer st.Close()
			_, err := st.Load()
			return err
		}},
		"set cluster": {storeRooms, func(db *DB, ctx context.Context) error { return db.SetCluster(ctx, id, alice, 9) }},
		"set aside":   {storeServers, func(db *DB, ctx context.Context) error { return db.SetAside(ctx, id, alice) }},
		"forget":      {savesOf(id), func(db *DB, ctx context.Context) error { return db.Forget(ctx, id, alice) }},
		"answers":     {storeServers, func(db *DB, ctx context.Context) error { return db.Answers(ctx) }},
	} {
		t.Run(name, func(t *testing.T) {
			name, ctx := database(t), background(t)
			db, other, third := opened(t, name), opened(t, name), opened(t, name)
			ok(t, db.PutRoom(ctx, Room{Token: "r", Made: true}))
			ok(t, db.Create(ctx, Server{ID: id, Room: "r", Owner: alice}))
			wake := stopped(t, other, c.store)
			db.patience = 20 * time.Millisecond
			want(t, c.call(db, ctx), ErrBusy)
			for _, store := range []string{storeRooms, storeServers, savesOf(id)} {
				if store != c.store {
					ok(t, third.run(ctx, readWrite, []any{store}, func(*tx) {}))
				}
			}
			wake()
			db.patience = busyTimeout
			ok(t, c.call(db, ctx))
		})
	}
}

// One that has begun is given more time than one that waits: what it reads may be large.
func TestSlowIsNotBusy(t *testing.T) {
	db := created(t)
	db.patience = 50 * time.Millisecond
	again := 0
	err := db.run(background(t), readOnly, []any{storeServers}, func(x *tx) {
		began := time.Now()
		var more func(js.Value)
		more = func(js.Value) {
			if again++; time.Since(began) < 5*db.patience {
				x.get(storeServers, js.ValueOf(id.String()), more)
			}
		}
		more(js.Undefined())
	})
	if err != nil || again < 2 {
		t.Errorf("after %d requests: %v", again, err)
	}
}

// A time that is set from outside is over: that is no other error.
func TestDeadlineIsBusy(t *testing.T) {
	db := created(t)
	ctx, cancel := context.WithDeadline(context.Background(), time.Now())
	defer cancel()
	want(t, take(db, ctx, id, bob), ErrBusy)
	_, err := Open(ctx, database(t))
	want(t, err, ErrBusy)
}
