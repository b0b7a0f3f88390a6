package tab

import (
	"context"
	"fmt"
	"time"

	"tabraft/raft"
)

// sweep.go: identities that this browser still keeps though the cluster has
// removed them. A removed server deletes its own identity when it hears of it, but
// one whose tab was closed hears nothing until another tab takes it over, which
// may be never. So a server whose Home is a Shelf does it for them.
//
// To delete the state of a server that is a member would make it forget votes. The
// identity is therefore claimed first, so that no tab runs it or takes it over;
// then a read makes sure that this server knows the configuration in force; and
// if that is committed and has no such member, none can become one of it any more. The same
// goes for the identity of a tab that was closed before any cluster let it in, which has
// promised nothing. A tab may still have the identity, one that joins or one that is stopped: then
// the server looks again.

const (
	// sweepDelay is how long after a change of members, the end of a connection, or the
	// start a server looks: they often come together.
	sweepDelay = 2 * time.Second
	// sweepAgain is the wait after a look that could not be finished: for want of a
	// leader, or since a tab still has what may have to be deleted.
	sweepAgain = 15 * time.Second
	// sweepTimeout bounds one read.
	sweepTimeout = 5 * time.Second
)

// Shelf is a Home in a storage that keeps more identities than its own: those of
// the browser's other tabs, and of tabs that are gone. Its methods may wait for
// storage.
type Shelf interface {
	Home
	// Others are the identities of the Home's room and cluster, and those of the room that
	// have no cluster yet, without its own.
	Others() ([]raft.ID, error)
	// ForgetOther claims an identity and asks gone, perhaps twice; if that is true it
	// deletes the identity. It does neither, and says that it is not free, if a tab has it.
	ForgetOther(id raft.ID, gone func() bool) (free bool, err error)
}

// sweepLater has the life look again, soon.
func (l *life) sweepLater() {
	select {
	case l.sweeps <- struct{}{}:
	default: // it will
	}
}

// sweepAlways looks when asked to, until the life ends.
func (l *life) sweepAlways(shelf Shelf) {
	wait := func(d time.Duration) bool {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			return true
		case <-l.node.Done():
			return false
		}
	}
	for {
		select {
		case <-l.sweeps:
		case <-l.node.Done():
			return
		}
		if !wait(sweepDelay) {
			return
		}
		for !l.sweep(shelf) {
			if !wait(sweepAgain) {
				return
			}
		}
	}
}

// sweep deletes the identities of removed servers, and tells whether it could
// make up its mind about all.
func (l *life) sweep(shelf Shelf) (done bool) {
	if st := l.node.Status(); st.ConfigurationIndex > st.CommitIndex {
		return false // members are being changed
	}
	others, err := shelf.Others()
	done = err == nil // a storage that has failed ends the life, and that is told elsewhere
	for _, id := range others {
		if !l.outside(id) {
			continue
		}
		free, err := shelf.ForgetOther(id, func() bool {
			ctx, cancel := context.WithTimeout(context.Background(), sweepTimeout)
			defer cancel()
			_, err := l.node.Read(ctx)
			done = done && err == nil
			return err == nil && l.outside(id)
		})
		done = done && (free || err != nil && !busy(err))
		if err != nil {
			l.s.cfg.Logger.Warn("the identity of a removed server could not be deleted", "server", id, "error", fmt.Sprint(err))
		}
	}
	return done
}

// outside tells whether a committed configuration is in force, of which this
// server is a member and the other is not.
func (l *life) outside(id raft.ID) bool {
	st := l.node.Status()
	return st.ConfigurationIndex <= st.CommitIndex && st.Configuration.IsMember(l.s.id) && !st.Configuration.IsMember(id)
}
