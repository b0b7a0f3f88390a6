package node

import (
	"fmt"
	"sync"
)

// reports are what storage has said of saves and the loop has not looked at.
// While the loop carries things out it looks by itself, so that a storage that is
// quick costs no further round.
type reports struct {
	mu      sync.Mutex
	list    []report
	watched bool
}

type report struct {
	seq uint64
	err error
}

// put tells whether the loop must be woken.
func (r *reports) put(x report) (wake bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, x)
	return !r.watched
}

// watch says whether the loop looks by itself from now on. It cannot stop to while
// there is something to look at: then the result is false.
func (r *reports) watch(on bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !on && len(r.list) > 0 {
		return false
	}
	r.watched = on
	return true
}

// take gives the reports, in spare's room or its own.
func (r *reports) take(spare []report) []report {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.list
	r.list = spare[:0]
	return all
}

// takeReports tells the core what has been stored.
func (n *Node) takeReports() {
	n.reported = n.reports.take(n.reported)
	for _, x := range n.reported {
		n.saving.end(x.seq)
		if x.err != nil {
			n.end(fmt.Errorf("storage failed: %w", x.err))
			return
		}
		if err := n.saved(x.seq); err != nil {
			n.end(err)
			return
		}
		n.snapshotSaved(x.seq)
	}
}

func (n *Node) saved(seq uint64) error {
	n.mu.Lock()
	defer n.mu.Unlock() // also if an invariant is found broken
	return n.core.Saved(n.now(), seq)
}
