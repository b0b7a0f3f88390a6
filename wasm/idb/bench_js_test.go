package idb

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall/js"
	"testing"
	"time"

	"tabraft/raft"
	"tabraft/raft/wire"
)

// report adds the percentiles of the latencies to a benchmark's line, in ms.
func report(b *testing.B, all []time.Duration) {
	slices.Sort(all)
	at := func(p int) float64 { return float64(all[len(all)*p/100].Microseconds()) / 1000 }
	b.ReportMetric(at(50), "p50-ms")
	b.ReportMetric(at(99), "p99-ms")
}

func benchmarkDB(b *testing.B) (*DB, *Storage) {
	if _, err := indexedDB(); err != nil {
		b.Skipf("%v: this benchmark runs in a browser only", err)
	}
	name := fmt.Sprintf("bench %x", rand.Uint64())
	db, err := Open(b.Context(), name)
	if err != nil {
		b.Fatal(err)
	}
	st := db.Storage(id, alice, func(err error) { b.Error(err) })
	b.Cleanup(func() {
		st.Close()
		db.Close()
		js.Global().Get("indexedDB").Call("deleteDatabase", name)
	})
	if err := db.Create(b.Context(), Server{ID: id, Room: "r", Owner: alice}); err != nil {
		b.Fatal(err)
	}
	if _, err := st.Load(); err != nil {
		b.Fatal(err)
	}
	return db, st
}

// numbered makes the i-th save of a benchmark: entries of 100 bytes.
func numbered(i, entries int) *raft.Save {
	s := &raft.Save{HardState: raft.HardState{Term: 7, Vote: id}}
	for k := range entries {
		s.Entries = append(s.Entries, raft.Entry{Index: uint64(i*entries + k + 1), Term: 7, Data: make([]byte, 100)})
	}
	return s
}

// One save at a time, of 1, 64 and 1024 entries.
func BenchmarkSave(b *testing.B) {
	for _, entries := range []int{1, 64, 1024} {
		b.Run(fmt.Sprint(entries), func(b *testing.B) {
			_, st := benchmarkDB(b)
			done := make(chan error, 1)
			var all []time.Duration
			for b.Loop() {
				s := numbered(len(all), entries)
				began := time.Now()
				st.Save(s, func(err error) { done <- err })
				if err := <-done; err != nil {
					b.Fatal(err)
				}
				all = append(all, time.Since(began))
			}
			report(b, all)
		})
	}
}

// How long Save keeps the page's thread, with 8 saves under way.
func BenchmarkSaveCall(b *testing.B) {
	_, st := benchmarkDB(b)
	done := make(chan error, 8)
	var all []time.Duration
	for b.Loop() {
		s := numbered(len(all), 1)
		if len(all) >= cap(done) {
			<-done
		}
		began := time.Now()
		st.Save(s, func(err error) { done <- err })
		all = append(all, time.Since(began))
	}
	for range min(len(all), cap(done)) {
		<-done
	}
	report(b, all)
}

// The floor: the same put with neither fence nor Storage.
func BenchmarkBarePut(b *testing.B) {
	db, _ := benchmarkDB(b)
	done := make(chan struct{}, 1)
	f := js.FuncOf(func(js.Value, []js.Value) any { done <- struct{}{}; return nil })
	defer f.Release()
	var all []time.Duration
	for b.Loop() {
		record := wire.AppendSave(nil, numbered(len(all), 1))
		began := time.Now()
		transaction := db.value.Call("transaction", savesOf(id), readWrite, db.strict)
		transaction.Set("oncomplete", f)
		transaction.Call("objectStore", savesOf(id)).Call("put", db.toJS(record), []any{id.String(), len(all)})
		<-done
		all = append(all, time.Since(began))
	}
	report(b, all)
}

// Loading 10,000 batches of one entry.
func BenchmarkLoad(b *testing.B) {
	const batches = 10_000
	db, st := benchmarkDB(b)
	done := make(chan error, batches)
	for i := range batches {
		st.Save(numbered(i, 1), func(err error) { done <- err })
		if i%100 == 99 {
			for range 100 {
				<-done
			}
		}
	}
	for b.Loop() {
		stored, err := db.Storage(id, alice, func(error) {}).Load()
		if err != nil || len(stored.Entries) != batches {
			b.Fatalf("%d entries, %v", len(stored.Entries), err)
		}
	}
}
