package idb

import (
	"bytes"
	"flag"
	"math/rand/v2"
	"strconv"
	"strings"
	"syscall/js"
	"testing"
	"time"

	"tabraft/raft"
)

func TestSaveAndLoad(t *testing.T) {
	db := created(t)
	st, stored, _ := loaded(t, db, alice)
	if stored.HardState != (raft.HardState{}) || len(stored.Entries) != 0 {
		t.Fatalf("a new server has stored %+v", stored)
	}
	hard := raft.HardState{Term: 1<<64 - 1, Vote: 1<<64 - 2, Commit: 1}
	ok(t, save(t, st, &raft.Save{HardState: raft.HardState{Term: 3}}))
	ok(t, save(t, st, &raft.Save{HardState: raft.HardState{Term: 3, Vote: 9}, Entries: []raft.Entry{
		{Index: 1, Term: 1, Kind: raft.EntryNoop}, {Index: 2, Term: 2, Data: []byte("gone")}, {Index: 3, Term: 2}}}))
	ok(t, save(t, st, &raft.Save{HardState: hard, Entries: []raft.Entry{{Index: 2, Term: 3, Data: []byte("stays")}}}))
	ok(t, st.Close())

	_, stored, _ = loaded(t, db, alice)
	if stored.HardState != hard {
		t.Errorf("hard state %+v, want %+v", stored.HardState, hard)
	}
	if len(stored.Entries) != 2 || stored.Entries[0].Kind != raft.EntryNoop || string(stored.Entries[1].Data) != "stays" {
		t.Errorf("entries %+v", stored.Entries)
	}
}

// Saves under way at once end in the order of the calls, and a reader finds
// them in that order, across more than one page and more than one life.
func TestOrderAcrossPages(t *testing.T) {
	const lives, each = 3, pageBatches + 100
	db := created(t)
	for life := range lives {
		st, stored, _ := loaded(t, db, alice)
		if len(stored.Entries) != life*each {
			t.Fatalf("life %d begins with %d entries, want %d", life, len(stored.Entries), life*each)
		}
		ends := make(chan uint64, each)
		for i := range uint64(each) {
			index := uint64(life*each) + i + 1
			st.Save(entry(index, strconv.FormatUint(index, 10)), func(err error) {
				if err != nil {
					t.Error(err)
				}
				ends <- index
			})
		}
		for i := range uint64(each) {
			if got, want := <-ends, uint64(life*each)+i+1; got != want {
				t.Fatalf("save %d ended when %d was due", got, want)
			}
		}
		ok(t, st.Close())
		if !st.retired {
			t.Error("the callbacks are not released")
		}
	}
	began := time.Now()
	_, stored, _ := loaded(t, db, alice)
	t.Logf("%d batches loaded in %v", lives*each, time.Since(began))
	for i, e := range stored.Entries {
		if string(e.Data) != strconv.Itoa(i+1) {
			t.Fatalf("entry %d holds %q", i+1, e.Data)
		}
	}
	if len(stored.Entries) != lives*each {
		t.Fatalf("%d entries, want %d", len(stored.Entries), lives*each)
	}
}

func TestBigBatch(t *testing.T) {
	db := created(t)
	st, _, _ := loaded(t, db, alice)
	data := bytes.Repeat([]byte{0, 1, 2, 255}, 2<<20)
	ok(t, save(t, st, entry(1, string(data))))
	if st.buf != nil {
		t.Errorf("a buffer of %d bytes is kept", cap(st.buf))
	}
	ok(t, save(t, st, entry(2, "small")))
	ok(t, st.Close())
	_, stored, _ := loaded(t, db, alice)
	if len(stored.Entries) != 2 || !bytes.Equal(stored.Entries[0].Data, data) {
		t.Error("what was loaded is not what was saved")
	}
}

// The second line of defence: who was fenced off writes nothing, even with
// several saves under way.
func TestFence(t *testing.T) {
	db := created(t)
	old, _, failed := loaded(t, db, alice)
	ok(t, save(t, old, entry(1, "alice")))
	ok(t, take(db, background(t), id, bob))

	done := make(chan error, 3)
	for i := range uint64(3) {
		old.Save(entry(2+i, "alice, fenced"), func(err error) { done <- err })
	}
	for range 3 {
		want(t, receive(t, done), ErrFenced)
	}
	want(t, receive(t, failed), ErrFenced)
	want(t, save(t, old, entry(5, "late")), ErrFenced)
	if len(failed) != 0 {
		t.Errorf("failed is called again: %v", <-failed)
	}
	_, err := db.Storage(id, alice, func(error) {}).Load()
	want(t, err, ErrFenced)
	want(t, db.SetCluster(background(t), id, alice, 5), ErrFenced)

	st, stored, _ := loaded(t, db, bob)
	if len(stored.Entries) != 1 {
		t.Fatalf("%d entries are stored, want 1", len(stored.Entries))
	}
	ok(t, save(t, st, entry(2, "bob")))
}

// A tab that is stopped in the middle of a save must not hold up the other tabs
// of its browser: a save is over although its tab runs no more callbacks.
func TestStoppedTabHoldsNothingUp(t *testing.T) {
	name := database(t)
	db, other := opened(t, name), opened(t, name)
	ok(t, db.Create(background(t), Server{ID: id, Room: "r", Owner: alice}))
	st, _, _ := loaded(t, db, alice)
	// This tab never runs a callback of the save. The thread is one, so it
	// cannot stand still altogether.
	complete := make(chan struct{})
	st.onOwner.Release()
	st.onOwner = js.FuncOf(func(js.Value, []js.Value) any { return nil })
	st.onComplete.Release()
	st.onComplete = js.FuncOf(func(js.Value, []js.Value) any { close(complete); return nil })
	st.Save(entry(1, "the last thing it did"), func(error) {})
	if transaction := st.pending[0].transaction; !strings.Contains(stateOf(transaction), "TransactionInactiveError") && !strings.Contains(stateOf(transaction), "InvalidStateError") {
		t.Errorf("a save is left for its tab to end: %s", stateOf(transaction))
	}
	ok(t, take(other, background(t), id, bob))
	<-complete
}

// A tab is stopped between the first call of a save and the last: what it has begun
// stays open for as long as it sleeps. It is in the way of its own server only; once
// it was in the way of every other.
func TestStoppedInsideASave(t *testing.T) {
	name := database(t)
	db, other := opened(t, name), opened(t, name)
	ok(t, db.Create(background(t), Server{ID: id, Room: "r", Owner: alice}))
	next := id + 1
	if !Apart(id, next) {
		t.Fatal("one store for two servers")
	}
	ok(t, other.Create(background(t), Server{ID: next, Room: "r", Owner: bob}))
	begun, woken := make(chan struct{}), make(chan struct{})
	go db.run(background(t), readWrite, []any{savesOf(id)}, func(x *tx) {
		var again func(js.Value)
		again = func(js.Value) {
			select {
			case begun <- struct{}{}:
			case <-woken:
				return
			default:
			}
			x.get(savesOf(id), ownerKey(id), again) // which keeps it open
		}
		again(js.Undefined())
	})
	<-begun
	st := other.Storage(next, bob, func(error) {})
	defer st.Close()
	if _, err := st.Load(); err != nil {
		t.Fatal(err)
	}
	for i := range uint64(10) {
		ok(t, save(t, st, entry(1+i, "meanwhile")))
	}
	ok(t, take(other, background(t), next, alice))
	close(woken)
}

// stateOf tells how a transaction answers a further request.
func stateOf(transaction js.Value) string {
	err := try(func() { transaction.Call("objectStore", savesOf(id)).Call("get", 1) })
	if err == nil {
		return "it takes more requests"
	}
	return err.Error()
}

// The latest owners are fenced off, and no more of them are remembered. One that
// takes the server again may save again.
func TestFences(t *testing.T) {
	db := created(t)
	st, _, _ := loaded(t, db, alice)
	owner := func(n int) string { return strconv.FormatUint(uint64(n)+1<<60, 16) }
	const owners = maxFences + 10
	for n := range owners {
		ok(t, take(db, background(t), id, owner(n)))
	}
	var fences int
	ok(t, db.run(background(t), readOnly, []any{savesOf(id)}, func(tx *tx) {
		tx.then(tx.store(savesOf(id)).Call("count", db.fences(id)), func(v js.Value) { fences = v.Int() })
	}))
	if fences != maxFences {
		t.Errorf("%d fences are stored, want %d", fences, maxFences)
	}
	want(t, save(t, st, entry(1, "from long ago")), ErrFenced)
	ok(t, take(db, background(t), id, alice))
	again, stored, _ := loaded(t, db, alice)
	t.Logf("stored: %+v", stored)
	ok(t, save(t, again, entry(2, "x")))
	ok(t, db.Forget(background(t), id, alice))
	ok(t, db.run(background(t), readOnly, []any{savesOf(id)}, func(tx *tx) {
		tx.then(tx.store(savesOf(id)).Call("count"), func(v js.Value) { fences = v.Int() })
	}))
	if fences != 0 {
		t.Errorf("%d records are left of a forgotten server", fences)
	}
}

// A takeover by another connection, with saves in the air on both sides of it:
// what the old owner was told is durable is what the new one finds, exactly.
func TestFenceUnderLoad(t *testing.T) {
	name := database(t)
	db, other := opened(t, name), opened(t, name)
	ok(t, db.Create(background(t), Server{ID: id, Room: "r", Owner: alice}))
	old, _, failed := loaded(t, db, alice)
	acknowledged := 0
	for i := range uint64(200) {
		old.Save(entry(i+1, "x"), func(err error) {
			if err == nil {
				acknowledged++
			}
		})
		if i == 100 {
			go func() {
				if err := take(other, background(t), id, bob); err != nil {
					t.Error(err)
				}
			}()
			time.Sleep(5 * time.Millisecond)
		}
	}
	want(t, receive(t, failed), ErrFenced)
	_, stored, _ := loaded(t, other, bob)
	if len(stored.Entries) != acknowledged {
		t.Errorf("%d saves were acknowledged, %d are stored", acknowledged, len(stored.Entries))
	}
	t.Logf("%d saves before the fence", acknowledged)
}

// A tab that was stopped for long, and lost its server to another tab meanwhile, may
// find out first that the server is to be forgotten: that it runs elsewhere, say. What
// it would delete is the other tab's by now.
func TestForgetByAFormerOwner(t *testing.T) {
	db := created(t)
	st, _, _ := loaded(t, db, alice)
	ok(t, save(t, st, entry(1, "x")))
	ok(t, take(db, background(t), id, bob))
	again, _, _ := loaded(t, db, bob)
	want(t, db.Forget(background(t), id, alice), ErrFenced)
	ok(t, save(t, again, entry(2, "y")))
	if _, stored, _ := loaded(t, db, bob); len(stored.Entries) != 2 {
		t.Errorf("stored: %+v", stored)
	}
	ok(t, db.Forget(background(t), id, bob))
	want(t, take(db, background(t), id, bob), ErrUnknown)
}

// Which fences are the oldest does not depend on the clock, which may be set back:
// the one that was put up last was taken for the oldest of many, and down again.
func TestFenceStaysThoughTheClockIsSetBack(t *testing.T) {
	db := created(t)
	st, _, _ := loaded(t, db, alice)
	const future = 1e15 // ms since 1970
	ok(t, db.run(background(t), readWrite, []any{savesOf(id)}, func(t *tx) {
		for n := range uint64(maxFences) {
			t.store(savesOf(id)).Call("put", future, fenceKey(id, strconv.FormatUint(n+1<<60, 16)))
		}
	}))
	ok(t, take(db, background(t), id, bob))
	done := make(chan error, 1)
	st.Save(entry(1, "x"), func(err error) { done <- err })
	want(t, receive(t, done), ErrFenced)
	if _, stored, _ := loaded(t, db, bob); len(stored.Entries) != 0 {
		t.Errorf("what it saved is stored: %+v", stored)
	}
}

// Holding a server is taking it, except that nobody used it.
func TestHoldIsNoUse(t *testing.T) {
	db := created(t)
	st, _, _ := loaded(t, db, alice)
	before, err := db.Servers(background(t), "r")
	ok(t, err)
	time.Sleep(2 * time.Millisecond)
	ok(t, hold(db, background(t), id, bob))
	want(t, save(t, st, entry(1, "x")), ErrFenced)
	after, err := db.Servers(background(t), "r")
	ok(t, err)
	if len(after) != 1 || after[0].Used != before[0].Used || after[0].Owner != bob {
		t.Errorf("before %+v, after %+v", before, after)
	}
	want(t, hold(db, background(t), id+1, bob), ErrUnknown)
}

// What is put aside is kept, and taken by nobody.
func TestSetAside(t *testing.T) {
	db := created(t)
	st, _, _ := loaded(t, db, alice)
	ok(t, save(t, st, entry(1, "x")))
	want(t, db.SetAside(background(t), id, bob), ErrFenced)
	for range 2 {
		ok(t, db.SetAside(background(t), id, alice))
		want(t, take(db, background(t), id, bob), ErrUnknown)
		if servers, err := db.Servers(background(t), "r"); len(servers) != 0 || err != nil {
			t.Errorf("servers left: %+v, %v", servers, err)
		}
		if aside, err := db.Aside(background(t), "r"); len(aside) != 1 || aside[0].ID != id || err != nil {
			t.Errorf("put aside: %+v, %v", aside, err)
		}
	}
	if _, stored, _ := loaded(t, db, alice); len(stored.Entries) != 1 {
		t.Errorf("stored: %+v", stored)
	}
	ok(t, hold(db, background(t), id, bob))
	ok(t, db.Forget(background(t), id, bob))
	if aside, err := db.Aside(background(t), "r"); len(aside) != 0 || err != nil {
		t.Errorf("put aside: %+v, %v", aside, err)
	}
	want(t, db.SetAside(background(t), id, alice), ErrUnknown)
}

func TestForget(t *testing.T) {
	db := created(t)
	neighbour := Server{ID: id + 1, Room: "r", Owner: alice}
	ok(t, db.Create(background(t), neighbour))
	st, _, failed := loaded(t, db, alice)
	ok(t, save(t, st, entry(1, "x")))
	ok(t, save(t, st, entry(2, "y")))
	ok(t, db.Forget(background(t), id, alice))
	ok(t, db.Forget(background(t), id, alice))
	want(t, save(t, st, entry(3, "z")), ErrUnknown)
	want(t, receive(t, failed), ErrUnknown)
	_, err := db.Storage(id, alice, func(error) {}).Load()
	want(t, err, ErrUnknown)
	want(t, take(db, background(t), id, bob), ErrUnknown)

	servers, err := db.Servers(background(t), "r")
	ok(t, err)
	if len(servers) != 1 || servers[0] != neighbour {
		t.Errorf("servers left: %+v", servers)
	}
	ok(t, db.Create(background(t), Server{ID: id, Room: "r", Owner: alice}))
	if _, stored, _ := loaded(t, db, alice); len(stored.Entries) != 0 {
		t.Errorf("a batch came back: %+v", stored)
	}
}

// The user deletes the site's data: a save is never told to have succeeded
// from then on.
func TestCleared(t *testing.T) {
	name := database(t)
	db := opened(t, name)
	ok(t, db.Create(background(t), Server{ID: id, Room: "r", Owner: alice}))
	st, _, failed := loaded(t, db, alice)
	ok(t, save(t, st, entry(1, "x")))
	deleted := listen(t, js.Global().Get("indexedDB").Call("deleteDatabase", name), "onsuccess", "onblocked", "onerror")
	done := make(chan error, 100)
	saves := 0
	for ; len(failed) == 0 && saves < 100; saves++ {
		st.Save(entry(uint64(saves)+2, "y"), func(err error) { done <- err })
		time.Sleep(time.Millisecond)
	}
	want(t, receive(t, failed), ErrCleared)
	var last error
	for range saves {
		err := receive(t, done)
		if err == nil && last != nil {
			t.Error("a save succeeded after one that failed")
		}
		last = err
	}
	want(t, save(t, st, entry(1000, "z")), ErrCleared)
	want(t, db.Create(background(t), Server{ID: 1}), ErrCleared)
	if event := deleted(); event != "onsuccess" {
		t.Errorf("the deletion ended with %s", event)
	}
}

var clearData = flag.Bool("clear", false, "run TestClosedByTheBrowser")

// The browser closes the database by itself. It does so when the site's data is deleted,
// as here, but also when the disk fails it, and does not say which: who heard that
// everything was deleted threw away a server that had lost nothing.
//
// Run it with -clear in a page whose function e2eClearData deletes the site's data, and
// alone: for a moment after that the browser opens no database.
func TestClosedByTheBrowser(t *testing.T) {
	if !*clearData {
		t.Skip("no -clear is given")
	}
	db := created(t)
	st, _, failed := loaded(t, db, alice)
	ok(t, save(t, st, entry(1, "x")))
	js.Global().Call("e2eClearData", "")
	want(t, receive(t, failed), ErrClosed)
	want(t, save(t, st, entry(2, "y")), ErrClosed)
	want(t, take(db, background(t), id, bob), ErrClosed)
}

func TestCloseOfDatabase(t *testing.T) {
	db := created(t)
	_, _, failed := loaded(t, db, alice)
	closed, _, quiet := loaded(t, db, alice)
	ok(t, closed.Close())
	db.Close()
	want(t, receive(t, failed), ErrClosed)
	if len(quiet) > 0 {
		t.Errorf("a closed storage fails: %v", <-quiet)
	}
	_, _, err := db.LastRoom(background(t))
	want(t, err, ErrClosed)
}

func TestCloseWithSaveUnderWay(t *testing.T) {
	db := created(t)
	st, _, _ := loaded(t, db, alice)
	done := make(chan error, 1)
	st.Save(entry(1, "x"), func(err error) { done <- err })
	ok(t, st.Close())
	if st.retired {
		t.Fatal("the callbacks are released while a save needs them")
	}
	ok(t, receive(t, done))
	if !st.retired {
		t.Error("the callbacks are not released")
	}
	want(t, save(t, st, entry(2, "y")), ErrClosed)
}

func TestSaveBeforeLoad(t *testing.T) {
	db := created(t)
	failed := make(chan error, 1)
	st := db.Storage(id, alice, func(err error) { failed <- err })
	if err := save(t, st, entry(1, "x")); err == nil {
		t.Error("a save before Load succeeded")
	}
	if receive(t, failed) == nil {
		t.Error("no reason")
	}
}

// What another program wrote into our stores is an error that names the place,
// not a panic.
func TestDamagedBatches(t *testing.T) {
	key := func(n any) []any { return []any{id.String(), n} }
	array := func(b ...byte) js.Value {
		a := js.Global().Get("Uint8Array").New(len(b))
		js.CopyBytesToJS(a, b)
		return a
	}
	for name, put := range map[string]func(store js.Value){
		"no bytes":         func(s js.Value) { s.Call("put", "text", key(2)) },
		"empty":            func(s js.Value) { s.Call("put", array(), key(2)) },
		"other version":    func(s js.Value) { s.Call("put", array(255, 0, 0), key(2)) },
		"null":             func(s js.Value) { s.Call("put", js.Null(), key(2)) },
		"missing":          func(s js.Value) { s.Call("put", array(1), key(3)) },
		"fraction":         func(s js.Value) { s.Call("put", array(1), key(2.5)) },
		"missing at start": func(s js.Value) { s.Call("delete", key(1)) },
	} {
		t.Run(name, func(t *testing.T) {
			db := created(t)
			st, _, _ := loaded(t, db, alice)
			ok(t, save(t, st, entry(1, "x")))
			ok(t, save(t, st, entry(2, "y")))
			ok(t, db.run(background(t), readWrite, []any{savesOf(id)}, func(tx *tx) {
				s := tx.store(savesOf(id))
				s.Call("delete", key(2))
				put(s)
				if name == "missing at start" {
					s.Call("put", array(1), key(2))
				}
			}))
			_, err := db.Storage(id, alice, func(error) {}).Load()
			want(t, err, ErrDamaged)
			t.Log(err)
		})
	}
}

// The disk is full: run with -quota N in a browser in which the DevTools command
// Storage.overrideQuotaForOrigin has lowered the page's quota to N bytes. (The
// page itself cannot ask: browsers tell it a made-up number.)
var quota = flag.Int("quota", 0, "quota of the page in bytes, for TestFull")

func TestFull(t *testing.T) {
	if *quota == 0 {
		t.Skip("no -quota is given")
	}
	db := created(t)
	st, _, failed := loaded(t, db, alice)
	data := make([]byte, 1<<20)
	done := make(chan error, 2**quota/len(data)+2)
	for i := range cap(done) {
		// Incompressible, and two under way, of which the second one must not
		// survive the first.
		for k := range data {
			data[k] = byte(rand.Uint32())
		}
		st.Save(entry(uint64(i)+1, string(data)), func(err error) { done <- err })
		if i > 0 {
			if err := receive(t, done); err != nil {
				want(t, err, ErrQuota)
				want(t, receive(t, done), ErrQuota)
				want(t, receive(t, failed), ErrQuota)
				if _, stored, _ := loaded(t, db, alice); len(stored.Entries) != i-1 {
					t.Errorf("%d entries are stored, %d were acknowledged", len(stored.Entries), i-1)
				}
				t.Log(err)
				return
			}
		}
	}
	t.Error("it never became full")
}
