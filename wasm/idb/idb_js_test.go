package idb

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"syscall/js"
	"testing"
	"time"

	"tabraft/raft"
	"tabraft/raft/node"
)

var _ node.Storage = (*Storage)(nil)

// limit is how long any one call may take in these tests.
const limit = 20 * time.Second

func background(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	return ctx
}

// database gives the name of a database that does not exist yet and is deleted
// after the test.
func database(t *testing.T) string {
	if _, err := indexedDB(); err != nil {
		t.Skipf("%v: this test runs in a browser only", err)
	}
	name := fmt.Sprintf("test %s %x", t.Name(), rand.Uint64())
	t.Cleanup(func() { js.Global().Get("indexedDB").Call("deleteDatabase", name) })
	return name
}

func opened(t *testing.T, name string) *DB {
	t.Helper()
	db, err := Open(background(t), name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

// await waits for one of the events of an IDBRequest made by a test just now.
func await(t *testing.T, request js.Value, events ...string) string {
	t.Helper()
	return listen(t, request, events...)()
}

// listen is await in two steps: it hears the events from now on, and what it
// gives waits for the first. An event does not wait for who comes late.
func listen(t *testing.T, request js.Value, events ...string) func() string {
	t.Helper()
	got := make(chan string, 10)
	for _, event := range events {
		f := js.FuncOf(func(js.Value, []js.Value) any { got <- event; return nil })
		t.Cleanup(func() { request.Set(event, js.Null()); f.Release() })
		request.Set(event, f)
	}
	return func() string {
		t.Helper()
		select {
		case event := <-got:
			return event
		case <-time.After(limit):
			t.Fatalf("none of %v came", events)
			return ""
		}
	}
}

const (
	alice = "00000000000000aa"
	bob   = "00000000000000bb"
	id    = raft.ID(0xfeedfacecafebeef)
)

// created gives an open database with one server, owned by alice.
func created(t *testing.T) *DB {
	t.Helper()
	db := opened(t, database(t))
	if err := db.Create(background(t), Server{ID: id, Room: "r", Owner: alice}); err != nil {
		t.Fatal(err)
	}
	return db
}

// loaded gives a storage that has been loaded, and the channel its failure
// comes on.
func loaded(t *testing.T, db *DB, owner string) (*Storage, raft.Stored, chan error) {
	t.Helper()
	failed := make(chan error, 10)
	st := db.Storage(id, owner, func(err error) { failed <- err })
	t.Cleanup(func() { st.Close() })
	stored, err := st.Load()
	if err != nil {
		t.Fatal(err)
	}
	return st, stored, failed
}

// entry makes a save with one entry.
func entry(index uint64, data string) *raft.Save {
	return &raft.Save{Seq: index, HardState: raft.HardState{Term: 7, Vote: id},
		Entries: []raft.Entry{{Index: index, Term: 7, Data: []byte(data)}}}
}

// snapshot makes a save with a snapshot up to index, and these entries after it.
func snapshot(index uint64, data string, entries ...string) *raft.Save {
	s := &raft.Save{HardState: raft.HardState{Term: 7, Vote: id, Commit: index}, Snapshot: &raft.Snapshot{
		Index: index, Term: 7, ConfigurationIndex: 1, Configuration: raft.Configuration{Voters: []raft.ID{id}}, Data: []byte(data)}}
	for i, e := range entries {
		s.Entries = append(s.Entries, raft.Entry{Index: index + uint64(i) + 1, Term: 7, Data: []byte(e)})
	}
	return s
}

// save saves and waits.
func save(t *testing.T, st *Storage, s *raft.Save) error {
	t.Helper()
	done := make(chan error, 10)
	st.Save(s, func(err error) { done <- err })
	return receive(t, done)
}

func receive(t *testing.T, c chan error) error {
	t.Helper()
	select {
	case err := <-c:
		return err
	case <-time.After(limit):
		t.Fatal("done was not called")
		return nil
	}
}

func want(t *testing.T, err, sentinel error) {
	t.Helper()
	if !errors.Is(err, sentinel) {
		t.Fatalf("got %v, want %v", err, sentinel)
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// hold is DB.Hold likewise.
func hold(db *DB, ctx context.Context, id raft.ID, owner string) error {
	_, err := db.Hold(ctx, id, owner)
	return err
}

// take is DB.Take for tests that want to know only whether it can be done.
func take(db *DB, ctx context.Context, id raft.ID, owner string) error {
	_, err := db.Take(ctx, id, owner)
	return err
}
