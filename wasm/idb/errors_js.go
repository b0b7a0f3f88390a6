package idb

import (
	"errors"
	"fmt"
	"syscall/js"
)

// What can go wrong, for errors.Is. The texts are meant for the page.
var (
	// ErrMissing: there is no IndexedDB at all.
	ErrMissing = errors.New("this browser has no IndexedDB")
	// ErrDenied: there is one, but not for this page.
	ErrDenied = errors.New("this browser lets the page store nothing (a private window, or site data is blocked)")
	// ErrBlocked: a tab that keeps an older version open stands in the way.
	ErrBlocked = errors.New("another tab holds an older version of the storage open: close the other tabs of this page")
	// ErrVersion: the storage was written by a newer tabraft.
	ErrVersion = errors.New("the storage was written by a newer version of this page: reload it")
	// ErrQuota: the disk, or this site's share of it, is full.
	ErrQuota = errors.New("the browser's storage is full")
	// ErrClosed: the connection is gone, by Close or by the browser.
	ErrClosed = errors.New("the storage is closed")
	// ErrCleared: somebody deletes the database, or needs a newer version.
	ErrCleared = errors.New("the storage was cleared or is being upgraded by another tab: reload the page")
	// ErrFenced: this incarnation does not own the server any more.
	ErrFenced = errors.New("another tab took over this server")
	// ErrUnknown: the storage has no such server.
	ErrUnknown = errors.New("the storage does not know this server")
	// ErrExists: the storage has this server already.
	ErrExists = errors.New("the storage has this server already")
	// ErrCluster: the server belongs to another cluster.
	ErrCluster = errors.New("the server belongs to another cluster")
	// ErrDamaged: a stored value is not what this package writes.
	ErrDamaged = errors.New("stored data is damaged")
)

// byName gives the sentinel for a DOMException.
var byName = map[string]error{
	"QuotaExceededError": ErrQuota,
	"VersionError":       ErrVersion,
	"SecurityError":      ErrDenied,
	"NotAllowedError":    ErrDenied,
	"InvalidStateError":  ErrClosed,
	// A fence is up, or the number of a batch is taken: by another owner.
	"ConstraintError": ErrFenced,
}

// domError makes a Go error of a DOMException, or of null, which is what a
// transaction gives that was aborted without a reason.
func domError(v js.Value) error {
	if v.Type() != js.TypeObject {
		return errors.New("the browser aborted it without a reason")
	}
	name, message := v.Get("name"), v.Get("message")
	if name.Type() != js.TypeString || message.Type() != js.TypeString {
		return errors.New("the browser reported something that is not an error")
	}
	if err, ok := byName[name.String()]; ok {
		return fmt.Errorf("%w (%s: %.200s)", err, name.String(), message.String())
	}
	return fmt.Errorf("%s: %.200s", name.String(), message.String())
}

// try runs f, which calls JavaScript, and gives what it throws as an error.
func try(f func()) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case js.Error:
			err = domError(p.Value)
		default:
			panic(p)
		}
	}()
	f()
	return nil
}

// guard runs f inside a callback, where nobody above could recover: whatever
// it panics with goes to fail.
func guard(fail func(error), f func()) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case js.Error:
			fail(domError(p.Value))
		case error:
			fail(fmt.Errorf("in a callback: %w", p))
		default:
			fail(fmt.Errorf("in a callback: %v", p))
		}
	}()
	f()
}

// warn writes an error that nobody waits for to the console.
func warn(err error) {
	js.Global().Get("console").Call("warn", "idb: "+err.Error())
}
