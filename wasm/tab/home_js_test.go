package tab

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"syscall/js"
	"testing"
	"time"

	"tabraft/raft"
	"tabraft/signaling/client"
	"tabraft/wasm/idb"
)

// testDB opens a database of the test's own, which is deleted after it.
func testDB(t *testing.T) *idb.DB {
	t.Helper()
	db, _ := namedDB(t)
	return db
}

// namedDB is testDB with the database's name.
func namedDB(t *testing.T) (db *idb.DB, name string) {
	t.Helper()
	if js.Global().Get("document").IsUndefined() {
		t.Skip("there is no document: this test runs in a browser only")
	}
	name = fmt.Sprintf("test %s %x", t.Name(), rand.Uint64())
	db, err := idb.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		db.Close()
		js.Global().Get("indexedDB").Call("deleteDatabase", name)
	})
	return db, name
}

// home opens the home that a tab in the room gets.
func home(t *testing.T, db *idb.DB, room client.Room) *browserHome {
	t.Helper()
	h, err := openHome(t.Context(), db, room)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.hold.release)
	return h
}

// An identity that was forgotten after a tab had read of it, its own of before the
// reload too, is not taken, and not an error: the tab looks further.
func TestForgottenWhileATabOpens(t *testing.T) {
	db, room := testDB(t), client.RandomRoom()
	first := home(t, db, room)
	known, err := db.Servers(t.Context(), first.room)
	if err != nil || len(known) != 1 {
		t.Fatal(known, err)
	}
	first.hold.release()
	if err := first.Forget(); err != nil {
		t.Fatal(err)
	}
	h := &browserHome{db: db, room: first.room, incarnation: newIncarnation()}
	for _, wait := range []time.Duration{ownWait, 0} {
		rememberID(h.room, known[0].ID) // as the tab did before its reload
		if ok, err := h.adopt(t.Context(), known[0], wait); ok || err != nil {
			t.Errorf("waiting %v: %v, %v", wait, ok, err)
		}
		// It did not keep the claim.
		release, ok, err := Claim(t.Context(), h.room, known[0].ID, "someone", 5*time.Second)
		if err != nil || !ok {
			t.Fatalf("the claim was kept: %v, %v", ok, err)
		}
		release()
	}
	if again := home(t, db, room); again.id == known[0].ID || again.id == raft.None {
		t.Errorf("it came back as %v", again.id)
	}
}

// A tab whose own identity is claimed elsewhere, as a duplicated tab's is, takes
// another; so does one that finds all of them claimed.
func TestClaimedIdentitiesAreLeftAlone(t *testing.T) {
	db, room := testDB(t), client.RandomRoom()
	a, b := home(t, db, room), home(t, db, room)
	c := home(t, db, room)
	if a.id == b.id || b.id == c.id || a.id == c.id {
		t.Fatalf("%v, %v, %v", a.id, b.id, c.id)
	}
	b.hold.release()
	if free, ok, err := Claim(t.Context(), b.room, b.id, "someone", 5*time.Second); err != nil || !ok {
		t.Fatal(ok, err)
	} else {
		free()
	}
	rememberID(b.room, a.id)
	if d := home(t, db, room); d.id != b.id {
		t.Errorf("it is %v, not %v, which is free", d.id, b.id)
	}
}

// A tab that was stopped while another took its server over does not delete what is
// that one's now, whatever it is told when it goes on.
func TestForgetByATabThatLostItsServer(t *testing.T) {
	db, room := testDB(t), client.RandomRoom()
	first := home(t, db, room)
	if _, err := db.Take(t.Context(), first.id, newIncarnation()); err != nil { // by another tab
		t.Fatal(err)
	}
	if err := first.Forget(); !errors.Is(err, idb.ErrFenced) {
		t.Errorf("it forgot: %v", err)
	}
	if known, err := db.Servers(t.Context(), first.room); err != nil || len(known) != 1 {
		t.Errorf("left: %v, %v", known, err)
	}
}

// The identity of a removed server is deleted, but not before its tab, which is
// stopped and does not object, cannot save any more.
func TestForgetOtherFencesItOff(t *testing.T) {
	db, room := testDB(t), client.RandomRoom()
	first, other := home(t, db, room), home(t, db, room)
	storage, err := other.Begin(newIncarnation(), func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := storage.Load(); err != nil {
		t.Fatal(err)
	}
	other.hold.release()
	asked := 0
	// The browser gives the lock back in its own time.
	for end := time.Now().Add(10 * time.Second); asked == 0 && err == nil && time.Now().Before(end); {
		_, err = first.ForgetOther(other.id, func() bool {
			if asked++; asked == 2 {
				saved := make(chan error, 1)
				storage.Save(&raft.Save{Seq: 1, HardState: raft.HardState{Term: 1}}, func(err error) { saved <- err })
				if err := <-saved; !errors.Is(err, idb.ErrFenced) {
					t.Errorf("its save: %v", err)
				}
			}
			return true
		})
	}
	if known, e := db.Servers(t.Context(), first.room); err != nil || e != nil || len(known) != 1 || asked != 2 {
		t.Errorf("left: %v, %v, asked %d times, %v", known, e, asked, err)
	}
}

// A copy is put aside: no tab takes it, and it goes once the cluster has no such
// member any more. One that no cluster knows is deleted.
func TestSetAsideIsTakenByNobody(t *testing.T) {
	db, room := testDB(t), client.RandomRoom()
	keeper := home(t, db, room)
	if err := db.PutRoom(t.Context(), idb.Room{Token: room.Token(), Name: room.Name, Key: room.Fragment()}); err != nil {
		t.Fatal(err)
	}
	copied, unknown := home(t, db, room), home(t, db, room)
	for _, h := range []*browserHome{keeper, copied} {
		if err := h.SetCluster(7); err != nil {
			t.Fatal(err)
		}
	}
	for _, h := range []*browserHome{copied, unknown} {
		if err := h.SetAside(); err != nil {
			t.Fatal(err)
		}
		h.hold.release()
	}
	if others, err := keeper.Others(); err != nil || len(others) != 1 || others[0] != copied.id {
		t.Errorf("others: %v, %v", others, err)
	}
	h := home(t, db, room)
	if h.id == copied.id || h.id == unknown.id {
		t.Errorf("a tab took %v", h.id)
	}
	for range 2 { // as two tabs of the browser do
		forgetOther(t, keeper, copied.id)
	}
	if others, err := keeper.Others(); err != nil || len(others) != 1 || others[0] != h.id {
		t.Errorf("others: %v, %v", others, err)
	}
}

// forgetOther is ForgetOther once the browser has given the lock back, in its own time.
func forgetOther(t *testing.T, h *browserHome, id raft.ID) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if free, err := h.ForgetOther(id, func() bool { return true }); err != nil {
			t.Fatal(err)
		} else if free {
			return
		}
	}
	t.Fatal("a tab has it still")
}

// A tab that was closed before a cluster let it in leaves nothing; while it is there, it is
// left alone, and so is what belongs to another cluster by the time that it is looked at.
func TestIdentityWithoutAClusterIsSwept(t *testing.T) {
	db, room := testDB(t), client.RandomRoom()
	keeper, young, elsewhere := home(t, db, room), home(t, db, room), home(t, db, room)
	if err := keeper.SetCluster(7); err != nil {
		t.Fatal(err)
	}
	if others, err := keeper.Others(); err != nil || len(others) != 2 {
		t.Errorf("others: %v, %v", others, err)
	}
	for _, h := range []*browserHome{young, elsewhere} {
		if free, err := keeper.ForgetOther(h.id, func() bool { return true }); err != nil || free {
			t.Errorf("a tab has it, and it is free: %v, %v", free, err)
		}
	}
	if err := elsewhere.SetCluster(8); err != nil {
		t.Fatal(err)
	}
	for _, h := range []*browserHome{young, elsewhere} {
		h.hold.release()
		forgetOther(t, keeper, h.id)
	}
	if known, err := db.Servers(t.Context(), keeper.room); err != nil || len(known) != 2 || known[0].ID == young.id || known[1].ID == young.id {
		t.Errorf("left: %v, %v", known, err)
	}
	if others, err := keeper.Others(); err != nil || len(others) != 0 {
		t.Errorf("others: %v, %v", others, err)
	}
}

// A server whose saves were deleted, but not its identity, as by "clear object store" in
// the developer tools, comes back as a new one, and leaves nothing behind. Another tab
// that would delete it is content.
func TestServerWithoutItsSavesIsANewOne(t *testing.T) {
	for _, swept := range []bool{false, true} {
		db, name := namedDB(t)
		room := client.RandomRoom()
		keeper, h := home(t, db, room), home(t, db, room)
		for _, h := range []*browserHome{keeper, h} {
			if err := h.SetCluster(7); err != nil {
				t.Fatal(err)
			}
		}
		emptyStores(t, name, fmt.Sprintf("saves %02d", h.id%32))
		h.hold.release()
		if swept {
			forgetOther(t, keeper, h.id)
		}
		rememberID(h.room, h.id) // as the tab did before its reload
		again := home(t, db, room)
		if again.id == h.id || again.id == keeper.id || again.cluster != 0 {
			t.Errorf("swept %v: it came back as %v of cluster %v", swept, again.id, again.cluster)
		}
		if known, err := db.Servers(t.Context(), h.room); err != nil || len(known) != 2 {
			t.Errorf("swept %v: left: %v, %v", swept, known, err)
		}
	}
}

// emptyStores empties stores of a database over a connection of its own.
func emptyStores(t *testing.T, name string, stores ...any) {
	t.Helper()
	done := make(chan struct{}, 1)
	request := js.Global().Get("indexedDB").Call("open", name)
	opened := callback(func(js.Value) any {
		transaction := request.Get("result").Call("transaction", stores, "readwrite")
		for _, store := range stores {
			transaction.Call("objectStore", store).Call("clear")
		}
		complete := callback(func(js.Value) any {
			request.Get("result").Call("close")
			close(done)
			return nil
		})
		t.Cleanup(complete.Release)
		transaction.Set("oncomplete", complete)
		return nil
	})
	t.Cleanup(opened.Release)
	request.Set("onsuccess", opened)
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("the stores were not emptied")
	}
}
