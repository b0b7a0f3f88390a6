package tab

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"tabraft/signaling"
)

// storage.go: why a server's storage failed it, and what its user can do. Whatever
// the cause, the server has stopped as if it had crashed: what it did not store it
// did not acknowledge. A storage that does not answer has not failed: a server that
// runs waits, and one that begins tries again (busy).

// Causes of a failed storage, as State tells them.
const (
	causeFull    = "full"    // the disk or the site's share of it
	causeCleared = "cleared" // deleted under the running page, or gone when it was asked for
	causeTaken   = "taken"   // another tab took the server over
	causeClosed  = "closed"  // the browser closed it, perhaps since it was deleted
	causeDenied  = "denied"  // the browser lets the page store nothing
	causeNewer   = "newer"   // written by a newer version of the page
	causeBusy    = "busy"    // the browser does not answer: another tab is in the way
	causeBlocked = "blocked" // another tab holds an older version open
	causeDamaged = "damaged" // what is stored cannot be what was written
	causeOther   = "other"
)

// busy tells whether what failed may work soon, when another tab of this browser goes on or is
// closed.
func busy(err error) bool { return err != nil && storageCause(err) == causeBusy }

// busyPause is the wait before it is tried again.
const busyPause = 2 * time.Second

// storageCause finds the cause. Storages say it by a method of their errors, as those
// of package idb do.
func storageCause(why error) string {
	var told interface{ StorageCause() string }
	switch {
	case errors.As(why, &told):
		return told.StorageCause()
	case errors.Is(why, syscall.ENOSPC):
		return causeFull
	}
	return causeOther
}

// slowWords says that the storage has not answered for so long, and what to do. The
// server runs on, and goes on by itself as soon as it does.
func slowWords(silent time.Duration, kind signaling.Kind) string {
	seconds := int(silent.Seconds())
	if kind == signaling.KindNative {
		return fmt.Sprintf("The disk has not answered for %d s. Until it does this server stores nothing, so it neither acknowledges anything nor votes. "+
			"Check the disk that has its directory. It goes on by itself when the disk answers.", seconds)
	}
	return fmt.Sprintf("The browser's storage has not answered for %d s. Until it does this server stores nothing, so it neither acknowledges anything nor votes. "+
		"Perhaps another tab of this page is stopped, as by a debugger: close it or let it go on. Or the disk is busy. "+
		"This server goes on by itself when the storage answers; if that lasts, close all tabs of this page in this browser and open one again.", seconds)
}

// storageWords says what happened and what to do; again is how to try again.
func storageWords(why error, again string) string {
	stopped := "This server stopped as if it had crashed: "
	switch storageCause(why) {
	case causeFull:
		return stopped + "its storage is full. What it could not store it did not acknowledge; what was stored before is safe. " +
			"Make room: free disk space, or delete other sites' data. " + again + " (" + why.Error() + ")"
	case causeCleared:
		return stopped + "what it had stored was deleted in this browser, for example by \"clear site data\". Its votes and its log are gone, so this server never comes back; " +
			"the others carry on if they are a majority. Reload the tab to join as a new server. (" + why.Error() + ")"
	case causeTaken:
		return stopped + "another tab of this browser runs it now. Reload the tab to join as another server. (" + why.Error() + ")"
	case causeClosed:
		return stopped + "the browser closed its storage, as it does when the site's data is deleted or the disk fails it. " + again +
			" It then is the server it was; if the site's data was deleted, it is a new one. (" + why.Error() + ")"
	case causeBusy:
		return "This server waits for the browser's storage, which does not answer. Most likely another tab of this browser is stopped in the middle of using it: " +
			"by a debugger, a page that hangs, or the browser itself. Close that tab or wake it; this one tries again by itself. (" + why.Error() + ")"
	case causeDenied:
		return "This server cannot run: the browser lets this page store nothing. Open it in a window that is not private, and allow the site to store data. (" + why.Error() + ")"
	case causeNewer:
		return "This server cannot run: what is stored was written by a newer version of this page. Reload the tab; if that does not help, clear the browser's cache. (" + why.Error() + ")"
	case causeBlocked:
		return "This server cannot run: another tab has an older version of this page open. Close the other tabs of this page, then reload this one. (" + why.Error() + ")"
	case causeDamaged:
		return "This server cannot run: what is stored of it is damaged, and a server that has forgotten votes is a danger to the cluster. " +
			"Remove it in another tab, delete this site's data here, and reload the tab to join as a new server. (" + why.Error() + ")"
	}
	return "This server stopped: " + why.Error() + ". What was stored before is safe. " + again
}
