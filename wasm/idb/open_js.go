package idb

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall/js"
	"time"

	"tabraft/raft"
)

// DefaultName is the name of the database the page uses.
const DefaultName = "tabraft"

// schemaVersion is the version of the schema drawn in the package comment.
const schemaVersion = 2

// DB is an open connection to the database. Its methods wait for the browser
// and so must not be called from a JavaScript callback. They wait in vain for no longer
// than busyTimeout and slowTimeout, and then fail with ErrBusy.
type DB struct {
	value    js.Value      // the IDBDatabase
	keyRange js.Value      // the constructor IDBKeyRange
	strict   js.Value      // the options of every transaction
	bytes    js.Value      // the constructor Uint8Array
	patience time.Duration // busyTimeout

	onVersionChange, onClose js.Func

	mu       sync.Mutex
	err      error // why the connection is of no use any more
	storages map[*Storage]struct{}
}

// Open opens the database, and makes it if there is none. The caller sets a
// deadline in ctx: a browser may wait for another tab for as long as that tab
// pleases. See ErrMissing, ErrDenied, ErrBlocked, ErrBusy, ErrVersion and ErrQuota.
func Open(ctx context.Context, name string) (*DB, error) {
	db, err := open(ctx, name, schemaVersion)
	if err != nil {
		return nil, fmt.Errorf("open storage %.60q: %w", name, err)
	}
	return db, nil
}

func open(ctx context.Context, name string, version int) (*DB, error) {
	factory, err := indexedDB()
	if err != nil {
		return nil, err
	}
	o := &opening{answer: make(chan error, 1)}
	err = try(func() { o.request = factory.Call("open", name, version) })
	if err != nil {
		return nil, denied(err)
	}
	o.listen()
	select {
	case err = <-o.answer:
	case <-ctx.Done():
		err = late(ctx)
	}
	if err != nil {
		o.giveUp()
		return nil, err
	}
	defer o.release()
	return newDB(o.request.Get("result")), nil
}

// indexedDB finds the factory. The getter itself may throw, and an exception
// in js.Value.Get cannot be recovered from: so it goes through Reflect.
func indexedDB() (factory js.Value, err error) {
	err = try(func() {
		factory = js.Global().Get("Reflect").Call("get", js.Global(), "indexedDB")
	})
	switch {
	case err != nil:
		return js.Undefined(), denied(err)
	case factory.Type() != js.TypeObject:
		return js.Undefined(), ErrMissing
	}
	return factory, nil
}

// denied reads InvalidStateError as browsers mean it when they refuse to open
// a database: not "closed" but "not for you".
func denied(err error) error {
	if errors.Is(err, ErrClosed) {
		return fmt.Errorf("%w: %w", ErrDenied, err)
	}
	return err
}

// opening is a request to open the database.
type opening struct {
	request js.Value
	funcs   []js.Func
	answer  chan error // gets one error, nil for success

	mu        sync.Mutex
	abandoned bool
	over      bool // the browser has answered for good
}

func (o *opening) listen() {
	o.on("onupgradeneeded", func(event js.Value) {
		// An abandoned request that comes this far just makes the stores.
		guard(func(err error) {
			o.say(err)
			abort(o.request.Get("transaction"))
		}, func() { o.upgrade(event.Get("oldVersion").Int()) })
	})
	o.on("onblocked", func(js.Value) { o.say(ErrBlocked) })
	o.on("onerror", func(event js.Value) {
		event.Call("preventDefault") // or Firefox reports it to the window too
		o.finish()
		o.say(denied(domError(o.request.Get("error"))))
	})
	o.on("onsuccess", func(js.Value) {
		if o.finish() {
			o.request.Get("result").Call("close")
			return
		}
		o.say(nil)
	})
}

func (o *opening) on(event string, then func(event js.Value)) {
	f := js.FuncOf(func(_ js.Value, args []js.Value) any {
		guard(o.say, func() { then(args[0]) })
		return nil
	})
	o.funcs = append(o.funcs, f)
	o.request.Set(event, f)
}

// say answers Open; the first answer counts.
func (o *opening) say(err error) {
	select {
	case o.answer <- err:
	default:
	}
}

// finish notes that no event follows, and tells whether nobody waits any more.
func (o *opening) finish() (abandoned bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.over = true
	if o.abandoned {
		o.release()
	}
	return o.abandoned
}

// giveUp leaves the request to itself: a connection that still comes of it is
// closed at once, lest it block the next tab.
func (o *opening) giveUp() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.over {
		if v := o.request.Get("result"); v.Type() == js.TypeObject {
			v.Call("close")
		}
		o.release()
	}
	o.abandoned = true
}

func (o *opening) release() {
	for _, f := range o.funcs {
		f.Release()
	}
}

// upgrade makes the stores, or those that came with version 2.
func (o *opening) upgrade(from int) {
	database := o.request.Get("result")
	if from < 1 {
		database.Call("createObjectStore", storeRooms, map[string]any{"keyPath": "token"}).
			Call("createIndex", "used", "used")
		database.Call("createObjectStore", storeServers, map[string]any{"keyPath": "id"}).
			Call("createIndex", "room", []any{"room", "used"})
	}
	if from < 2 {
		for n := range savesStores {
			database.Call("createObjectStore", savesStore(n))
		}
	}
	if from == 1 {
		o.spread(database)
	}
}

// spread moves the saves of version 1 from their one store. At first they had no notes
// of owners: who has batches gets one.
func (o *opening) spread(database js.Value) {
	transaction := o.request.Get("transaction")
	each := func(store string, then func(cursor js.Value), end func()) {
		request := transaction.Call("objectStore", store).Call("openCursor")
		f := js.FuncOf(func(js.Value, []js.Value) any {
			guard(func(err error) {
				o.say(err)
				abort(transaction)
			}, func() {
				cursor := request.Get("result")
				if cursor.IsNull() {
					end()
					return
				}
				then(cursor)
				cursor.Call("continue")
			})
			return nil
		})
		o.funcs = append(o.funcs, f)
		request.Set("onsuccess", f)
	}
	noted := map[raft.ID]bool{} // of those that have saves
	each(oldSaves, func(cursor js.Value) {
		key := cursor.Get("key")
		id, err := raft.ParseID(key.Index(0).String())
		if err != nil {
			panic(fmt.Errorf("%w: saves of server %v", ErrDamaged, key.Index(0)))
		}
		noted[id] = noted[id] || key.Index(1).Equal(ownerKey(id).Index(1))
		transaction.Call("objectStore", savesOf(id)).Call("add", cursor.Get("value"), key)
	}, func() {
		database.Call("deleteObjectStore", oldSaves)
		each(storeServers, func(cursor js.Value) {
			s, err := readServer(cursor.Get("value"))
			if has, ok := noted[s.ID]; err == nil && ok && !has {
				transaction.Call("objectStore", savesOf(s.ID)).Call("put", s.Owner, ownerKey(s.ID))
			}
		}, func() {})
	})
}

func newDB(value js.Value) *DB {
	db := &DB{
		value:    value,
		keyRange: js.Global().Get("IDBKeyRange"),
		strict:   js.ValueOf(map[string]any{"durability": "strict"}),
		bytes:    js.Global().Get("Uint8Array"),
		patience: busyTimeout,
		storages: map[*Storage]struct{}{},
	}
	// Somebody deletes the database or opens a newer version; it waits until
	// this connection is closed, so nothing may be promised from here on.
	db.onVersionChange = db.event(func(event js.Value) error {
		if event.Get("newVersion").IsNull() {
			return ErrCleared
		}
		return ErrUpgraded
	})
	// The browser closed the connection: because the site's data was deleted or since it
	// cannot use the disk, which it does not tell.
	db.onClose = db.event(func(js.Value) error { return ErrClosed })
	value.Set("onversionchange", db.onVersionChange)
	value.Set("onclose", db.onClose)
	return db
}

// event makes a handler that ends the connection for a reason.
func (db *DB) event(reason func(event js.Value) error) js.Func {
	return js.FuncOf(func(_ js.Value, args []js.Value) any {
		guard(warn, func() { db.shut(reason(args[0])) })
		return nil
	})
}

// Answers tells whether the browser lets this page write what all its tabs share:
// ErrBusy while another tab is in the way.
func (db *DB) Answers(ctx context.Context) error {
	// One after the other: who waits for one store may hold another meanwhile.
	for _, store := range []string{storeRooms, storeServers} {
		err := db.run(ctx, readWrite, []any{store}, func(t *tx) {
			t.get(store, js.ValueOf("nothing"), func(js.Value) {})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Close closes the connection. Storages on it fail with ErrClosed.
func (db *DB) Close() {
	db.shut(ErrClosed)
	db.value.Set("onversionchange", js.Null())
	db.value.Set("onclose", js.Null())
	db.onVersionChange.Release()
	db.onClose.Release()
}

// shut fails every storage, which aborts what they have under way, and closes
// the connection. The first reason counts.
func (db *DB) shut(reason error) {
	db.mu.Lock()
	if db.err != nil {
		db.mu.Unlock()
		return
	}
	db.err = reason
	all := make([]*Storage, 0, len(db.storages))
	for st := range db.storages {
		all = append(all, st)
	}
	db.mu.Unlock()
	for _, st := range all {
		st.fail(reason)
	}
	db.value.Call("close")
}

// broken tells why the connection is of no use any more, nil if it is.
func (db *DB) broken() error {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.err
}
