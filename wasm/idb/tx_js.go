package idb

import (
	"context"
	"errors"
	"fmt"
	"math"
	"syscall/js"
	"time"

	"tabraft/raft"
)

// The stores, and their sets as transaction scopes.
const (
	storeRooms   = "rooms"
	storeServers = "servers"
	oldSaves     = "saves" // of schema version 1: the saves of all servers
)

// savesStores is how many stores the saves of all servers are spread over.
const savesStores = 32

// savesOf is the store that a server saves into.
func savesOf(id raft.ID) string { return savesStore(int(id % savesStores)) }

func savesStore(n int) string { return fmt.Sprintf("saves %02d", n) }

// Apart tells whether two servers save into different stores, so that neither can be in
// the other's way.
func Apart(a, b raft.ID) bool { return savesOf(a) != savesOf(b) }

const (
	readOnly  = "readonly"
	readWrite = "readwrite"
)

const (
	// busyTimeout bounds the wait for a transaction to begin: for those of other tabs
	// on the same stores, which end soon unless their tab is stopped.
	busyTimeout = 10 * time.Second
	// slowTimeout bounds the wait for the end of one that has begun.
	slowTimeout = time.Minute
	// abortTimeout bounds the wait for a transaction that was aborted.
	abortTimeout = 5 * time.Second
)

// tx is one transaction under way. Its methods may be called from the body
// given to run and from the callbacks they take, nowhere else: in between the
// browser counts it as finished.
type tx struct {
	db    *DB
	value js.Value
	funcs []js.Func
	begun bool  // a request was answered
	err   error // why we aborted it
}

// run opens a transaction over stores, an array of their names, lets body issue its first requests, and waits until
// the browser reports that it is durable or aborted. If ctx ends first, or the browser takes too long, the
// transaction is aborted; the outcome is known unless the browser does not even report that.
func (db *DB) run(ctx context.Context, mode string, stores any, body func(t *tx)) error {
	if err := db.broken(); err != nil {
		return err
	}
	t := &tx{db: db}
	outcome := make(chan error, 1)
	err := try(func() {
		t.value = db.value.Call("transaction", stores, mode, db.strict)
		t.on(t.value, "oncomplete", func(js.Value) { outcome <- nil })
		t.on(t.value, "onabort", func(v js.Value) { outcome <- domError(v.Get("error")) })
	})
	if err != nil {
		t.release()
		return err
	}
	guard(t.fail, func() { body(t) })
	err = t.wait(ctx, outcome)
	if err != nil && t.err != nil {
		err = t.err
	}
	if broken := db.broken(); err != nil && broken != nil && t.err == nil {
		err = fmt.Errorf("%w: %w", broken, err)
	}
	return err
}

// wait waits for the outcome, and releases the transaction.
func (t *tx) wait(ctx context.Context, outcome <-chan error) error {
	limit := time.NewTimer(t.db.patience)
	defer limit.Stop()
	for begun, given := false, true; given; {
		select {
		case err := <-outcome:
			t.release()
			return err
		case <-ctx.Done():
			t.fail(late(ctx))
			given = false
		case <-limit.C:
			if given = t.begun && !begun; given {
				begun = true
				limit.Reset(slowTimeout)
			} else {
				t.fail(ErrBusy)
			}
		}
	}
	select {
	case err := <-outcome:
		t.release()
		return err
	case <-time.After(abortTimeout):
		go func() {
			<-outcome
			t.release()
		}()
		return ErrBusy
	}
}

// late is why ctx has ended: time that is over is the browser's, which did not answer.
func late(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return ErrBusy
	}
	return ctx.Err()
}

// on sets an event handler; then gets the event's target.
func (t *tx) on(target js.Value, event string, then func(target js.Value)) {
	f := js.FuncOf(func(this js.Value, _ []js.Value) any {
		guard(t.fail, func() { then(this) })
		return nil
	})
	t.funcs = append(t.funcs, f)
	target.Set(event, f)
}

// fail aborts the transaction for a reason of our own; the first one counts.
func (t *tx) fail(err error) {
	if t.err == nil {
		t.err = err
	}
	abort(t.value)
}

// abort aborts a transaction, if it is not over already.
func abort(transaction js.Value) {
	err := try(func() { transaction.Call("abort") })
	if err != nil && !errors.Is(err, ErrClosed) { // InvalidStateError: it is over
		warn(fmt.Errorf("abort: %w", err))
	}
}

func (t *tx) release() {
	for _, f := range t.funcs {
		f.Release()
	}
}

func (t *tx) store(name string) js.Value { return t.value.Call("objectStore", name) }

// get reads one value, undefined if there is none.
func (t *tx) get(store string, key js.Value, then func(v js.Value)) {
	t.then(t.store(store).Call("get", key), then)
}

// then runs a callback with a request's result. A request that fails aborts
// its transaction; nothing needs to listen for that.
func (t *tx) then(request js.Value, then func(result js.Value)) {
	t.on(request, "onsuccess", func(r js.Value) {
		t.begun = true
		then(r.Get("result"))
	})
}

// put writes a value that carries its own key.
func (t *tx) put(store string, v js.Value) { t.store(store).Call("put", v) }

// newest hands out up to limit values of an index's range, the largest key
// first, and then calls end.
func (t *tx) newest(store, index string, keys js.Value, limit int, each func(v js.Value), end func()) {
	n := 0
	t.then(t.store(store).Call("index", index).Call("openCursor", keys, "prev"), func(cursor js.Value) {
		if cursor.IsNull() || n == limit {
			end()
			return
		}
		n++
		each(cursor.Get("value"))
		cursor.Call("continue")
	})
}

// between is the key range of the arrays that start with first.
func (db *DB) between(first string) js.Value {
	return db.keyRange.Call("bound", []any{first, math.Inf(-1)}, []any{first, math.Inf(1)})
}
