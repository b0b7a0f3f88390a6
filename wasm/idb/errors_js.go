package idb

import (
	"errors"
	"fmt"
	"syscall/js"
)

// What can go wrong, for errors.Is. The texts are meant for the page.
var (
	// ErrMissing: there is no IndexedDB at all.
	ErrMissing error = &storageError{"denied", "this browser has no IndexedDB"}
	// ErrDenied: there is one, but not for this page.
	ErrDenied error = &storageError{"denied", "this browser lets the page store nothing (a private window, or site data is blocked)"}
	// ErrBlocked: a tab that keeps an older version open stands in the way.
	ErrBlocked error = &storageError{"blocked", "another tab holds an older version of the storage open: close the other tabs of this page"}
	// ErrVersion: the storage was written by a newer tabraft.
	ErrVersion error = &storageError{"newer", "the storage was written by a newer version of this page: reload it"}
	// ErrBusy: the browser does not answer in time, as when another tab is stopped in the
	// middle of a transaction that others have to wait for.
	ErrBusy error = &storageError{"busy", "the browser's storage does not answer"}
	// ErrQuota: the disk, or this site's share of it, is full.
	ErrQuota error = &storageError{"full", "the browser's storage is full"}
	// ErrClosed: the connection is gone, by Close or by the browser.
	ErrClosed error = &storageError{"closed", "the storage is closed"}
	// ErrCleared: somebody deleted the database, or is about to.
	ErrCleared error = &storageError{"cleared", "the site's data was deleted in this browser"}
	// ErrUpgraded: a tab with a newer version of the page needs the storage.
	ErrUpgraded error = &storageError{"newer", "another tab upgrades the storage: reload the page"}
	// ErrFenced: this incarnation does not own the server any more.
	ErrFenced error = &storageError{"taken", "another tab took over this server"}
	// ErrUnknown: the storage has no such server.
	ErrUnknown error = &storageError{"cleared", "the storage does not know this server"}
	// ErrExists: the storage has this server already.
	ErrExists error = &storageError{"other", "the storage has this server already"}
	// ErrCluster: the server belongs to another cluster.
	ErrCluster error = &storageError{"other", "the server belongs to another cluster"}
	// ErrDamaged: a stored value is not what this package writes.
	ErrDamaged error = &storageError{"damaged", "stored data is damaged"}
)

// storageError is a reason for which package tab has words: causes are listed
// there.
type storageError struct{ cause, text string }

func (e *storageError) Error() string { return e.text }

// StorageCause names the cause.
func (e *storageError) StorageCause() string { return e.cause }

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
