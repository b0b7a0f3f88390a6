package idb

import (
	"context"
	"fmt"
	"sync"
	"syscall/js"
	"testing"
	"time"

	"tabraft/raft"
	"tabraft/raft/wire"
)

func TestRooms(t *testing.T) {
	db, ctx := opened(t, database(t)), background(t)
	if _, found, err := db.LastRoom(ctx); found || err != nil {
		t.Fatalf("an empty database has a last room (%v)", err)
	}
	a := Room{Token: "a", Name: "name a", Key: "key a", Made: true, Used: 10}
	b := Room{Token: "b", Name: "name b", Key: "key b", Cluster: 1<<64 - 1, Used: 20.5}
	ok(t, db.PutRoom(ctx, b))
	ok(t, db.PutRoom(ctx, a))
	if last, found, err := db.LastRoom(ctx); !found || err != nil || last != b {
		t.Fatalf("last room %+v, %v", last, err)
	}
	a.Used = 30
	ok(t, db.PutRoom(ctx, a))
	if last, _, _ := db.LastRoom(ctx); last != a {
		t.Fatalf("last room %+v", last)
	}
	// What is known is not unlearned.
	ok(t, db.PutRoom(ctx, Room{Token: "a", Name: "new", Key: "key a", Cluster: 5, Used: 31}))
	ok(t, db.PutRoom(ctx, Room{Token: "a", Name: "newer", Key: "key a", Cluster: 6, Used: 32}))
	want := Room{Token: "a", Name: "newer", Key: "key a", Cluster: 5, Made: true, Used: 32}
	if r, found, err := db.Room(ctx, "a"); !found || err != nil || r != want {
		t.Errorf("room %+v, %v, want %+v", r, err, want)
	}
	if _, found, err := db.Room(ctx, "c"); found || err != nil {
		t.Errorf("room c: %v, %v", found, err)
	}
}

func TestServers(t *testing.T) {
	db, ctx := opened(t, database(t)), background(t)
	for i := range 5 {
		ok(t, db.Create(ctx, Server{ID: 1<<63 + raft.ID(i), Room: "r", Owner: alice, Used: float64(i * 7 % 5)}))
	}
	ok(t, db.Create(ctx, Server{ID: 77, Room: "r2", Owner: alice}))
	want(t, db.Create(ctx, Server{ID: 77, Room: "r", Owner: bob}), ErrExists)
	ok(t, db.PutRoom(ctx, Room{Token: "r"}))

	servers, err := db.Servers(ctx, "r")
	ok(t, err)
	if len(servers) != 5 {
		t.Fatalf("%d servers", len(servers))
	}
	for i, s := range servers {
		if s.Used != float64(4-i) {
			t.Errorf("server %d was used at %v", i, s.Used)
		}
	}
	oldest := servers[4].ID
	before := float64(time.Now().UnixMilli())
	ok(t, take(db, ctx, oldest, bob))
	if servers, _ = db.Servers(ctx, "r"); servers[0].ID != oldest || servers[0].Owner != bob || servers[0].Used < before {
		t.Errorf("after it was taken: %+v", servers)
	}

	const cluster = 1<<64 - 3
	ok(t, db.SetCluster(ctx, oldest, bob, cluster))
	ok(t, db.SetCluster(ctx, oldest, bob, cluster))
	want(t, db.SetCluster(ctx, oldest, bob, cluster+1), ErrCluster)
	want(t, db.SetCluster(ctx, 12345, bob, cluster), ErrUnknown)
	if err := db.SetCluster(ctx, oldest, bob, 0); err == nil {
		t.Error("cluster 0 is accepted")
	}
	ok(t, db.SetCluster(ctx, servers[1].ID, alice, 8)) // the room keeps what it knows
	if r, _, _ := db.Room(ctx, "r"); r.Cluster != cluster {
		t.Errorf("the room's cluster is %x", r.Cluster)
	}
	if servers, _ = db.Servers(ctx, "r"); servers[0].Cluster != cluster {
		t.Errorf("the server's cluster is %x", servers[0].Cluster)
	}
}

// Ten tabs found at once, on two connections: one succeeds.
func TestFoundRace(t *testing.T) {
	name := database(t)
	dbs := []*DB{opened(t, name), opened(t, name)}
	ctx := background(t)
	ok(t, dbs[0].PutRoom(ctx, Room{Token: "r", Name: "n", Made: true}))
	var all sync.WaitGroup
	var founders []uint64
	for i := range uint64(10) {
		all.Go(func() {
			s := Server{ID: raft.ID(i + 1), Owner: alice, Used: 5}
			founded, err := dbs[i%2].Found(ctx, "r", s, i+100, entry(1, fmt.Sprint(i)))
			if err != nil {
				t.Error(err)
			}
			if founded {
				founders = append(founders, i)
			}
		})
	}
	all.Wait()
	if len(founders) != 1 {
		t.Fatalf("founders: %v", founders)
	}
	i := founders[0]
	if r, _, _ := dbs[0].Room(ctx, "r"); r.Cluster != i+100 {
		t.Errorf("the room's cluster is %d", r.Cluster)
	}
	servers, err := dbs[0].Servers(ctx, "r")
	ok(t, err)
	if len(servers) != 1 || servers[0] != (Server{ID: raft.ID(i + 1), Room: "r", Owner: alice, Used: 5, Cluster: i + 100}) {
		t.Fatalf("servers %+v", servers)
	}
	st := dbs[1].Storage(servers[0].ID, alice, func(err error) { t.Error(err) })
	stored, err := st.Load()
	ok(t, err)
	if len(stored.Entries) != 1 || string(stored.Entries[0].Data) != fmt.Sprint(i) {
		t.Errorf("stored %+v", stored)
	}
	ok(t, save(t, st, entry(2, "next")))
	ok(t, st.Close())
}

func TestWhoMayNotFound(t *testing.T) {
	db, ctx := opened(t, database(t)), background(t)
	s := Server{ID: id, Owner: alice}
	try := func(token string) (bool, error) { return db.Found(ctx, token, s, 9, entry(1, "")) }
	ok(t, db.PutRoom(ctx, Room{Token: "joined"}))
	ok(t, db.PutRoom(ctx, Room{Token: "made", Made: true}))
	for _, token := range []string{"unknown", "joined"} {
		if founded, err := try(token); founded || err != nil {
			t.Errorf("room %s: founded %v, %v", token, founded, err)
		}
	}
	if servers, err := db.Servers(ctx, "joined"); len(servers) != 0 || err != nil {
		t.Errorf("a refused founder is stored: %v, %v", servers, err)
	}
	ok(t, db.Create(ctx, Server{ID: id, Room: "made", Owner: bob}))
	if _, err := try("made"); err == nil {
		t.Error("founded with another's server")
	}
	ok(t, take(db, ctx, id, alice))
	st, _, _ := loaded(t, db, alice)
	ok(t, save(t, st, entry(1, "x")))
	ok(t, save(t, st, snapshot(1, "state")))
	_, err := try("made")
	want(t, err, ErrExists)
	ok(t, db.Forget(ctx, id, alice))
	if founded, err := try("made"); !founded || err != nil {
		t.Errorf("a created server cannot found: %v, %v", founded, err)
	}
	if founded, err := try("made"); founded || err != nil {
		t.Errorf("founded twice: %v", err)
	}
	ok(t, db.PutRoom(ctx, Room{Token: "made 2", Made: true}))
	_, err = try("made 2")
	want(t, err, ErrCluster)
}

func TestNewerVersion(t *testing.T) {
	name := database(t)
	request := js.Global().Get("indexedDB").Call("open", name, schemaVersion+1)
	if await(t, request, "onsuccess", "onerror") == "onsuccess" {
		request.Get("result").Call("close")
	}
	_, err := Open(background(t), name)
	want(t, err, ErrVersion)
	t.Log(err)
}

// A tab that ignores the request to make way for an upgrade.
func TestBlocked(t *testing.T) {
	name := database(t)
	request := js.Global().Get("indexedDB").Call("open", name, schemaVersion)
	await(t, request, "onsuccess")
	_, err := open(background(t), name, schemaVersion+1)
	want(t, err, ErrBlocked)
	t.Log(err)
	// When that tab goes, the request given up does not stand in the way.
	request.Get("result").Call("close")
	again := js.Global().Get("indexedDB").Call("open", name, schemaVersion+2)
	if event := await(t, again, "onsuccess", "onblocked", "onerror"); event != "onsuccess" {
		t.Errorf("the next open ended with %s", event)
	}
	again.Get("result").Call("close")
}

// A tab of ours makes way for an upgrade, and its storage says why it stopped.
func TestUpgradeElsewhere(t *testing.T) {
	name := database(t)
	db := opened(t, name)
	ok(t, db.Create(background(t), Server{ID: id, Owner: alice}))
	_, _, failed := loaded(t, db, alice)
	request := js.Global().Get("indexedDB").Call("open", name, schemaVersion+1)
	if event := await(t, request, "onsuccess", "onblocked", "onerror"); event != "onsuccess" {
		t.Errorf("the upgrade ended with %s", event)
	}
	request.Get("result").Call("close")
	want(t, receive(t, failed), ErrUpgraded)
}

// A database of schema version 1 is taken over, with what servers have saved in it. At
// first, as of the last one here, nobody noted who owns them; and a server whose saves
// are gone does not come back by it.
func TestVersion1(t *testing.T) {
	name := database(t)
	fresh := opened(t, database(t))
	request := js.Global().Get("indexedDB").Call("open", name, 1)
	await(t, request, "onupgradeneeded")
	old := request.Get("result")
	old.Call("createObjectStore", storeRooms, map[string]any{"keyPath": "token"}).Call("createIndex", "used", "used")
	servers := old.Call("createObjectStore", storeServers, map[string]any{"keyPath": "id"})
	servers.Call("createIndex", "room", []any{"room", "used"})
	saves := old.Call("createObjectStore", oldSaves)
	for i := range uint64(3) {
		own := id + raft.ID(i)
		servers.Call("put", Server{ID: own, Room: "r", Owner: alice, Cluster: 5}.value())
		if i < 2 {
			saves.Call("put", alice, ownerKey(own))
		}
		for n := range uint64(2) {
			saves.Call("put", fresh.toJS(wire.AppendSave(nil, entry(1+n, fmt.Sprint(own)))), saveKey(js.ValueOf(own.String()), firstBatch+n))
		}
	}
	servers.Call("put", Server{ID: id + 3, Room: "r", Owner: alice, Cluster: 5}.value())
	await(t, request, "onsuccess")
	old.Call("close")

	db := opened(t, name)
	want(t, take(db, background(t), id+3, bob), ErrUnknown)
	for i := range uint64(3) {
		own := id + raft.ID(i)
		st := db.Storage(own, alice, func(error) {})
		defer st.Close()
		stored, err := st.Load()
		if err != nil || len(stored.Entries) != 2 || string(stored.Entries[1].Data) != fmt.Sprint(own) {
			t.Errorf("server %v has %+v, %v", own, stored, err)
		}
		ok(t, save(t, st, entry(3, "more")))
		ok(t, take(db, background(t), own, bob))
	}
	if list := db.value.Get("objectStoreNames"); list.Call("contains", oldSaves).Bool() {
		t.Error("the old store is there still")
	}
}

func TestOpenDeadline(t *testing.T) {
	name := database(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for range 20 {
		if db, err := Open(ctx, name); err == nil {
			db.Close() // the answer was there before the deadline was looked at
		} else {
			want(t, err, context.Canceled)
		}
	}
	// The connections given up were closed: nothing blocks a deletion.
	request := js.Global().Get("indexedDB").Call("deleteDatabase", name)
	if event := await(t, request, "onsuccess", "onblocked", "onerror"); event != "onsuccess" {
		t.Errorf("the deletion ended with %s", event)
	}
}

func TestCancelledTransaction(t *testing.T) {
	db := created(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	want(t, take(db, ctx, id, bob), context.Canceled)
	servers, err := db.Servers(background(t), "r")
	ok(t, err)
	if servers[0].Owner != alice {
		t.Error("a cancelled Take took it")
	}
}

// What another program wrote is an error, not a panic.
func TestDamagedRecords(t *testing.T) {
	db, ctx := opened(t, database(t)), background(t)
	ok(t, db.run(ctx, readWrite, []any{storeRooms, storeServers}, func(t *tx) {
		t.put(storeRooms, js.ValueOf(map[string]any{"token": "a", "used": 1, "name": 5}))
		t.put(storeServers, js.ValueOf(map[string]any{"id": id.String(), "room": "r", "used": 1, "cluster": "xyz", "owner": alice}))
	}))
	_, _, err := db.LastRoom(ctx)
	want(t, err, ErrDamaged)
	_, _, err = db.Room(ctx, "a")
	want(t, err, ErrDamaged)
	_, err = db.Servers(ctx, "r")
	want(t, err, ErrDamaged)
	want(t, take(db, ctx, id, bob), ErrDamaged)
	t.Log(take(db, ctx, id, bob))
}
