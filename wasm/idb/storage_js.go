package idb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"syscall/js"

	"tabraft/raft"
	"tabraft/raft/wire"
)

const (
	// firstBatch is the n of a server's first batch.
	firstBatch = 1
	// pageBatches is how many batches Load reads at a time.
	pageBatches = 256
	// keepBuffer is the largest encoding buffer, in bytes, kept for the next
	// save.
	keepBuffer = 1 << 20
)

// Storage is one server's node.Storage. A Save is one transaction; any number
// may be under way, and they become durable in order. One with a snapshot deletes
// all earlier batches in the same transaction.
type Storage struct {
	db     *DB
	id     raft.ID
	store  string   // see savesOf
	key    js.Value // the id
	owner  js.Value
	fence  js.Value // key of what Take puts up against this owner
	said   js.Value // key of the note of who owns the server
	last   js.Value // key of the number of its last batch
	failed func(error)

	// Shared by all saves: an event tells which transaction it belongs to.
	onOwner, onComplete, onAbort js.Func

	mu      sync.Mutex
	next    uint64 // n of the next batch, 0 before Load
	err     error  // why nothing is saved any more
	closed  bool
	retired bool      // the callbacks are released
	pending []pending // oldest first
	buf     []byte
}

// pending is a transaction that has not ended. done is nil once it is told.
type pending struct {
	transaction js.Value
	done        func(error)
}

// Storage gives the node.Storage of a server that owner has taken. When it
// becomes useless, by a failed save or because the connection ends or another
// incarnation takes over, failed is called once with the reason, after the
// done of every save under way; not after Close. Both are called from
// JavaScript callbacks and must not wait for anything.
func (db *DB) Storage(id raft.ID, owner string, failed func(error)) *Storage {
	st := &Storage{db: db, id: id, store: savesOf(id), key: js.ValueOf(id.String()), owner: js.ValueOf(owner), fence: fenceKey(id, owner), said: ownerKey(id), last: lastKey(id), failed: failed}
	st.onOwner = st.event(func(this js.Value) { st.checkOwner(this.Get("result")) })
	st.onComplete = st.event(func(this js.Value) { st.end(this, nil) })
	st.onAbort = st.event(func(this js.Value) { st.end(this, domError(this.Get("error"))) })
	db.mu.Lock()
	defer db.mu.Unlock()
	st.err = db.err
	db.storages[st] = struct{}{}
	return st
}

func (st *Storage) event(then func(this js.Value)) js.Func {
	return js.FuncOf(func(this js.Value, _ []js.Value) any {
		guard(st.fail, func() { then(this) })
		return nil
	})
}

// Load implements node.Storage. The batches that are there begin with the first
// of all or one with a snapshot, and none is missing after that.
func (st *Storage) Load() (raft.Stored, error) {
	var stored raft.Stored
	var last uint64
	next := uint64(firstBatch)
	for more, first := true, true; more; {
		batches, said, err := st.page(next)
		if err != nil {
			return raft.Stored{}, onServer("load", st.id, err)
		}
		for _, b := range batches {
			switch err = wire.ReplaySave(&stored, b.record); {
			case first && b.n != firstBatch && err == nil && stored.Snapshot == nil:
				err = fmt.Errorf("%w: batch %d is missing", ErrDamaged, b.n-1)
			case !first && b.n != next:
				err = fmt.Errorf("%w: batch %d is missing", ErrDamaged, next)
			case err != nil:
				err = fmt.Errorf("%w: batch %d: %w", ErrDamaged, b.n, err)
			}
			if err != nil {
				return raft.Stored{}, onServer("load", st.id, err)
			}
			next, first = b.n+1, false
		}
		more, last = len(batches) == pageBatches, said
	}
	if next <= last {
		return raft.Stored{}, onServer("load", st.id, fmt.Errorf("%w: batch %d is missing", ErrDamaged, last))
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	st.next = next
	return stored, nil
}

type batch struct {
	n      uint64
	record []byte
}

// page reads the batches from n on, at most pageBatches, and the number of the last one
// of all, 0 if that is not known. It sees all that any earlier owner saved, and fails if
// this one is not the owner.
func (st *Storage) page(from uint64) (batches []batch, last uint64, err error) {
	failure := errors.New("the browser ended a transaction without an answer")
	err = st.db.run(context.Background(), readOnly, []any{st.store}, func(t *tx) {
		// All at once, so that a tab that is stopped meanwhile is in nobody's way
		// for long. It is not committed, as a save is: in Chromium large values
		// would come after the end, which is to say never.
		keys := st.db.keyRange.Call("bound", saveKey(st.key, from), saveKey(st.key, 1<<53))
		saves := t.store(st.store)
		var owner, ns js.Value
		t.then(saves.Call("get", st.said), func(v js.Value) { owner = v })
		t.then(saves.Call("get", st.last), func(v js.Value) {
			if v.Type() == js.TypeNumber {
				last = uint64(v.Float())
			}
		})
		t.then(saves.Call("getAllKeys", keys, pageBatches), func(v js.Value) { ns = v })
		t.then(saves.Call("getAll", keys, pageBatches), func(v js.Value) {
			switch {
			case owner.IsUndefined():
				failure = ErrUnknown
			case !owner.Equal(st.owner):
				failure = ErrFenced
			default:
				batches, failure = st.read(ns, v)
			}
		})
	})
	if err == nil {
		err = failure
	}
	return batches, last, err
}

// read copies what getAllKeys and getAll gave.
func (st *Storage) read(keys, values js.Value) ([]batch, error) {
	batches := make([]batch, keys.Length())
	for i := range batches {
		n := keys.Index(i).Index(1)
		if n.Type() != js.TypeNumber || n.Float() != float64(uint64(n.Float())) {
			return nil, fmt.Errorf("%w: a batch is numbered %v", ErrDamaged, n)
		}
		batches[i].n = uint64(n.Float())
		v := values.Index(i)
		if !v.InstanceOf(st.db.bytes) {
			return nil, fmt.Errorf("%w: batch %d is of type %v, not bytes", ErrDamaged, batches[i].n, v.Type())
		}
		batches[i].record = make([]byte, v.Length())
		js.CopyBytesToGo(batches[i].record, v)
	}
	return batches, nil
}

// Save implements node.Storage. The errors given to done wrap those of the
// package: ErrFenced, ErrQuota, ErrCleared, ErrClosed, ErrUnknown.
func (st *Storage) Save(s *raft.Save, done func(error)) {
	st.mu.Lock()
	defer st.mu.Unlock()
	err := st.refusal()
	var transaction js.Value
	if err == nil {
		transaction, err = st.begin(s)
	}
	st.pending = append(st.pending, pending{transaction, done})
	if err == nil {
		st.next++
		return
	}
	if st.err == nil {
		st.err = err // from now on: a save after a lost one would leave a gap
	}
	go st.fail(err) // done must not be called before Save has returned
}

func (st *Storage) refusal() error {
	switch {
	case st.err != nil:
		return st.err
	case st.closed:
		return ErrClosed
	case st.next == 0:
		return errors.New("save before load")
	}
	return nil
}

// begin starts a save. It is told to the browser as a whole, in one task, and
// committed at once: nothing is left for this tab to do. Otherwise a tab that is
// stopped in the middle would hold up others that use the same store, and whoever
// takes the server over. Saves use no other store, so that nothing that is done with
// the other stores is in their way.
//
// So a save cannot read first whether it may be. It adds the fence that Take
// puts up against the owner before, and removes it again: with the fence up that
// fails, and the transaction with it. Who owns the server is read only to tell why.
//
// A save behind another under way is not committed but left to itself, so that
// it can be aborted if the other one fails. A node asks for one at a time.
//
// The batch is added, not put: a number that is taken is an error, so that even
// a mistake in fencing cannot overwrite what another saved.
func (st *Storage) begin(s *raft.Save) (transaction js.Value, err error) {
	db := st.db
	st.buf = wire.AppendSave(st.buf[:0], s)
	behind := len(st.pending) > 0
	err = try(func() {
		record, number := db.toJS(st.buf), saveKey(st.key, st.next)
		transaction = db.value.Call("transaction", st.store, readWrite, db.strict)
		transaction.Set("oncomplete", st.onComplete)
		transaction.Set("onabort", st.onAbort)
		saves := transaction.Call("objectStore", st.store)
		saves.Call("add", 0, st.fence)
		saves.Call("delete", st.fence)
		if s.Snapshot != nil {
			saves.Call("delete", db.keyRange.Call("bound", saveKey(st.key, 0), number, false, true))
		}
		saves.Call("add", record, number)
		saves.Call("put", float64(st.next), st.last)
		saves.Call("get", st.said).Set("onsuccess", st.onOwner)
		if !behind {
			transaction.Call("commit")
		}
	})
	if cap(st.buf) > keepBuffer {
		st.buf = nil
	}
	return transaction, err
}

// checkOwner looks at whom a save found to own its server. A batch of a server
// that was forgotten is deleted again: the save may be complete already.
func (st *Storage) checkOwner(owner js.Value) {
	switch {
	case owner.IsUndefined():
		err := try(func() {
			transaction := st.db.value.Call("transaction", st.store, readWrite, st.db.strict)
			transaction.Call("objectStore", st.store).Call("delete", st.db.allOf(st.id))
		})
		if err != nil {
			warn(onServer("delete what is left of", st.id, err))
		}
		st.fail(ErrUnknown)
	case !owner.Equal(st.owner):
		st.fail(ErrFenced)
	}
}

// end takes note that a save's transaction is over.
func (st *Storage) end(transaction js.Value, err error) {
	st.mu.Lock()
	i := slices.IndexFunc(st.pending, func(p pending) bool { return p.transaction.Equal(transaction) })
	if i < 0 {
		st.mu.Unlock()
		return
	}
	done := st.pending[i].done
	if err == nil || done == nil {
		st.pending = slices.Delete(st.pending, i, i+1)
	} else {
		st.pending[i].transaction = js.Undefined()
	}
	st.mu.Unlock()
	switch {
	case done == nil:
		st.retire()
	case err != nil:
		st.fail(err)
	default:
		done(nil)
		st.retire()
	}
}

// fail ends the storage: every save under way is aborted and told, in order,
// then failed. Only the first reason counts.
func (st *Storage) fail(reason error) {
	st.mu.Lock()
	if st.err == nil {
		st.err = reason
	}
	reason = fmt.Errorf("save server %v: %w", st.id, st.err)
	var open []js.Value
	var tell []func(error)
	for _, p := range st.pending {
		if p.done != nil {
			tell = append(tell, p.done)
		}
		if !p.transaction.IsUndefined() {
			open = append(open, p.transaction)
		}
	}
	// Those that were open are kept until the browser says that they ended.
	st.pending = st.pending[:0]
	for _, transaction := range open {
		st.pending = append(st.pending, pending{transaction: transaction})
	}
	if st.failed != nil && !st.closed {
		tell = append(tell, st.failed)
	}
	st.failed = nil
	st.mu.Unlock()
	for _, transaction := range slices.Backward(open) {
		abort(transaction)
	}
	for _, done := range tell {
		done(reason)
	}
	st.retire()
}

// Close implements node.Storage. Saves under way still end, and are told; then
// the storage lets go of its callbacks.
func (st *Storage) Close() error {
	st.mu.Lock()
	st.closed = true
	st.mu.Unlock()
	st.retire()
	return nil
}

// retire releases the callbacks once no event can come any more.
func (st *Storage) retire() {
	st.mu.Lock()
	over := (st.closed || st.err != nil) && len(st.pending) == 0 && !st.retired
	st.retired = st.retired || over
	st.mu.Unlock()
	if !over {
		return
	}
	st.db.mu.Lock()
	delete(st.db.storages, st)
	st.db.mu.Unlock()
	st.onOwner.Release()
	st.onComplete.Release()
	st.onAbort.Release()
}

// saveKey is the key of batch n of the server with this id.
func saveKey(id js.Value, n uint64) js.Value { return js.ValueOf([]any{id, float64(n)}) }

// fenceKey is the key, among the batches, of the fence against an owner of the
// server. Load and Forget find batches by their numbers, and texts come after all
// numbers.
func fenceKey(id raft.ID, owner string) js.Value {
	return js.ValueOf([]any{id.String(), "fence", owner})
}

// ownerKey is the key, among the batches, of the note of who owns the server.
func ownerKey(id raft.ID) js.Value { return js.ValueOf([]any{id.String(), "owner"}) }

// lastKey is the key, among the batches, of the number of the last one.
func lastKey(id raft.ID) js.Value { return js.ValueOf([]any{id.String(), "last"}) }

// allOf is the key range of all that is stored among the saves for a server.
func (db *DB) allOf(id raft.ID) js.Value {
	return db.keyRange.Call("bound", []any{id.String()}, []any{id.String(), []any{}})
}

// toJS copies bytes into an array of exactly their length: the browser stores
// the whole buffer behind an array, so a larger one cannot be reused.
func (db *DB) toJS(b []byte) js.Value {
	array := db.bytes.New(len(b))
	js.CopyBytesToJS(array, b)
	return array
}
