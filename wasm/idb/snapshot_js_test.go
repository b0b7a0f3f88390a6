package idb

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"syscall/js"
	"testing"
	"time"

	"tabraft/raft"
	"tabraft/raft/wire"
)

// batchesOf lists the numbers of a server's batches and their bytes together.
func batchesOf(t *testing.T, db *DB, server raft.ID) (ns []int, bytes int) {
	t.Helper()
	ok(t, db.run(background(t), readOnly, []any{savesOf(server)}, func(x *tx) {
		keys := db.between(server.String())
		x.then(x.store(savesOf(server)).Call("getAllKeys", keys), func(v js.Value) {
			for i := range v.Length() {
				ns = append(ns, v.Index(i).Index(1).Int())
			}
		})
		x.then(x.store(savesOf(server)).Call("getAll", keys), func(v js.Value) {
			for i := range v.Length() {
				bytes += v.Index(i).Length()
			}
		})
	}))
	return ns, bytes
}

func TestSnapshotReplacesBatches(t *testing.T) {
	db := created(t)
	neighbours := []raft.ID{id - 1, id + 1}
	for _, n := range neighbours {
		ok(t, db.Create(background(t), Server{ID: n, Room: "r", Owner: alice}))
		st := db.Storage(n, alice, func(err error) { t.Error(err) })
		_, err := st.Load()
		ok(t, err)
		ok(t, save(t, st, entry(1, "neighbour")))
		ok(t, st.Close())
	}
	st, _, _ := loaded(t, db, alice)
	// All under way at once: those before the snapshot are there when it comes.
	done := make(chan error, 10)
	for _, s := range []*raft.Save{entry(1, "a"), entry(2, "b"), entry(3, "c"), snapshot(2, "ab", "c"), entry(4, "d")} {
		st.Save(s, func(err error) { done <- err })
	}
	for range 5 {
		ok(t, receive(t, done))
	}
	if ns, _ := batchesOf(t, db, id); !slices.Equal(ns, []int{4, 5}) {
		t.Errorf("batches %v are left", ns)
	}
	ok(t, st.Close())

	st, stored, _ := loaded(t, db, alice)
	if want := snapshot(2, "ab", "c", "d"); !reflect.DeepEqual(stored.Snapshot, want.Snapshot) || !reflect.DeepEqual(stored.Entries, want.Entries) {
		t.Errorf("loaded %+v", stored)
	}
	ok(t, save(t, st, entry(5, "e")))
	ok(t, save(t, st, snapshot(9, "a leader's")))
	ok(t, st.Close())
	if ns, _ := batchesOf(t, db, id); !slices.Equal(ns, []int{7}) {
		t.Errorf("batches %v are left", ns)
	}
	st, stored, _ = loaded(t, db, alice)
	if string(stored.Snapshot.Data) != "a leader's" || len(stored.Entries) != 0 || stored.HardState.Commit != 9 {
		t.Errorf("loaded %+v", stored)
	}
	ok(t, save(t, st, entry(10, "j")))
	for _, n := range neighbours {
		if ns, _ := batchesOf(t, db, n); !slices.Equal(ns, []int{1}) {
			t.Errorf("a neighbour has batches %v", ns)
		}
	}
}

// A server that lives long holds the latest snapshot and a little more.
func TestStorageStaysSmall(t *testing.T) {
	db := created(t)
	data := strings.Repeat("0123456789abcdef", 1<<12)
	for life := range uint64(3) {
		st, _, _ := loaded(t, db, alice)
		done := make(chan error, 400)
		for i := life*400 + 1; i <= life*400+400; i++ {
			s := entry(i, "x")
			if i%20 == 0 {
				s = snapshot(i-2, data, "y", "z")
			}
			st.Save(s, func(err error) { done <- err })
		}
		for range 400 {
			ok(t, receive(t, done))
		}
		ok(t, st.Close())
		if ns, bytes := batchesOf(t, db, id); len(ns) > 20 || bytes > len(data)+4000 {
			t.Errorf("life %d: %d batches, %d bytes", life, len(ns), bytes)
		}
	}
}

// Tens of megabytes are one value.
func TestLargeSnapshot(t *testing.T) {
	db := created(t)
	st, _, _ := loaded(t, db, alice)
	ok(t, save(t, st, entry(1, "x")))
	data := noise(48 << 20)
	for range 2 {
		began := time.Now()
		ok(t, save(t, st, snapshot(1, data, "y")))
		t.Logf("saved in %v", time.Since(began))
	}
	if st.buf != nil {
		t.Errorf("a buffer of %d bytes is kept", cap(st.buf))
	}
	ok(t, st.Close())
	began := time.Now()
	_, stored, _ := loaded(t, db, alice)
	t.Logf("loaded in %v", time.Since(began))
	if stored.Snapshot == nil || string(stored.Snapshot.Data) != data || len(stored.Entries) != 1 {
		t.Error("what was loaded is not what was saved")
	}
}

// Who was fenced off neither writes a snapshot nor deletes what it replaces.
func TestFencedSnapshot(t *testing.T) {
	db := created(t)
	old, _, failed := loaded(t, db, alice)
	ok(t, save(t, old, entry(1, "a")))
	ok(t, save(t, old, entry(2, "b")))
	ok(t, take(db, background(t), id, bob))
	want(t, save(t, old, snapshot(2, "ab")), ErrFenced)
	want(t, receive(t, failed), ErrFenced)
	_, stored, _ := loaded(t, db, bob)
	if stored.Snapshot != nil || len(stored.Entries) != 2 {
		t.Errorf("stored %+v", stored)
	}
}

// The transaction of a snapshot aborts: all that it was to delete stays.
func TestAbortedSnapshotDeletesNothing(t *testing.T) {
	db := created(t)
	st, _, failed := loaded(t, db, alice)
	ok(t, save(t, st, entry(1, "a")))
	ok(t, save(t, st, entry(2, "b")))
	// Its number is taken, so that the batch cannot be added.
	ok(t, db.run(background(t), readWrite, []any{savesOf(id)}, func(x *tx) {
		x.store(savesOf(id)).Call("put", db.toJS(wire.AppendSave(nil, entry(3, "c"))), saveKey(st.key, 3))
	}))
	if err := save(t, st, snapshot(2, "ab")); err == nil {
		t.Error("a batch was overwritten")
	}
	receive(t, failed)
	_, stored, _ := loaded(t, db, alice)
	if stored.Snapshot != nil || len(stored.Entries) != 3 {
		t.Errorf("stored %+v", stored)
	}
}

func TestFirstBatchMustBeAStart(t *testing.T) {
	for name, c := range map[string]struct {
		batches map[int]*raft.Save
		says    string
	}{
		"neither the first nor a snapshot": {map[int]*raft.Save{2: entry(1, "x")}, "batch 1 is missing"},
		"state alone":                      {map[int]*raft.Save{5: {HardState: raft.HardState{Term: 3}}}, "batch 4 is missing"},
		"gap":                              {map[int]*raft.Save{5: snapshot(3, "abc"), 7: entry(4, "d")}, "batch 6 is missing"},
		"older snapshot":                   {map[int]*raft.Save{5: snapshot(3, "abc"), 6: snapshot(2, "ab")}, "batch 6"},
		"sound":                            {map[int]*raft.Save{5: snapshot(3, "abc"), 6: entry(4, "d")}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			db := created(t)
			ok(t, db.run(background(t), readWrite, []any{savesOf(id)}, func(x *tx) {
				for n, s := range c.batches {
					x.store(savesOf(id)).Call("put", db.toJS(wire.AppendSave(nil, s)), []any{id.String(), n})
				}
			}))
			_, err := db.Storage(id, alice, func(error) {}).Load()
			if c.says == "" {
				ok(t, err)
				return
			}
			want(t, err, ErrDamaged)
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %q", err, c.says)
			}
		})
	}
}

// usage is what the browser says that this site stores, in bytes.
func usage(ctx context.Context) (bytes int, err error) {
	answer := make(chan js.Value, 1)
	f := js.FuncOf(func(_ js.Value, args []js.Value) any { answer <- args[0]; return nil })
	defer f.Release()
	js.Global().Get("navigator").Get("storage").Call("estimate").Call("then", f)
	select {
	case v := <-answer:
		return int(v.Get("usage").Float()), nil
	case <-ctx.Done():
		return 0, fmt.Errorf("estimate: %w", ctx.Err())
	}
}

// What a snapshot replaces is given back to the site's share of the disk, soon:
// large values, which the browser keeps in files of their own, and small ones,
// of which it clears away some megabytes at a time.
func TestSpaceIsGivenBack(t *testing.T) {
	const enough = 24 << 20
	for _, c := range []struct {
		name                          string
		entry, snapshot, each, rounds int
	}{
		{"large snapshots", 10, 2 << 20, 1, 30},
		{"small entries", 16 << 10, 32 << 10, 64, 36},
	} {
		t.Run(c.name, func(t *testing.T) {
			db := created(t)
			st, _, _ := loaded(t, db, alice)
			most, written, index := 0, 0, uint64(0)
			for range c.rounds {
				done := make(chan error, c.each+1)
				tell := func(err error) { done <- err }
				for range c.each {
					index++
					st.Save(entry(index, noise(c.entry)), tell)
				}
				st.Save(snapshot(index, noise(c.snapshot)), tell)
				for range c.each + 1 {
					ok(t, receive(t, done))
				}
				written += c.each*c.entry + c.snapshot
				now, err := usage(background(t))
				ok(t, err)
				most = max(most, now)
			}
			t.Logf("%d KiB written, at most %d KiB stored", written>>10, most>>10)
			if most > enough || written < enough*3/2 {
				t.Errorf("%d bytes stored of %d written, at most %d should be", most, written, enough)
			}
		})
	}
}

var random = rand.NewChaCha8([32]byte{})

// noise is text that cannot be compressed.
func noise(length int) string {
	b := make([]byte, length)
	random.Read(b) // never fails
	return string(b)
}
