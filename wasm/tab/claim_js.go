package tab

import (
	"context"
	"time"

	"tabraft/raft"
	"tabraft/raft/node"
)

// Claim makes the id of a room this tab's own until release, or the end of the tab,
// for servers that are not this package's; false means that another tab of this browser has
// it, for as long as it is waited for, d. room is any text that tells rooms apart. It waits for the browser, so it must not be
// called from a JavaScript callback.
func Claim(ctx context.Context, room string, id raft.ID, incarnation string, d time.Duration) (release func(), ok bool, err error) {
	h, ok, err := claimFor(ctx, room, id, incarnation, d)
	if !ok || err != nil {
		return nil, false, err
	}
	return h.release, true, nil
}

// claimFor is claim or, if there is a time to wait, claimWait.
func claimFor(ctx context.Context, room string, id raft.ID, incarnation string, d time.Duration) (h *hold, ok bool, err error) {
	if d > 0 {
		return claimWait(ctx, room, id, incarnation, d)
	}
	return claim(ctx, room, id, incarnation)
}

// NewClock starts a clock that keeps time also in a hidden tab. worker is the
// address of the timer Worker's script; slow is called once, from a callback, if the
// Worker does not start.
func NewClock(worker string, slow func(error)) node.Clock { return newWorkerClock(worker, slow) }
