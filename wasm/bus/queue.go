package bus

import (
	"sync"

	"tabraft/raft"
)

// occurrenceKind is where an occurrence comes from.
type occurrenceKind uint8

const (
	ocStart   occurrenceKind = iota // New
	ocTimer                         // the mesh's timer fired
	ocHello                         // a message on the room's channel
	ocMessage                       // a message on a pair's channel
	ocEvent                         // a call of the Mesh: an event for a server's links
)

// occurrence is one thing for the mesh's goroutine to handle. Which fields
// count depends on the kind.
type occurrence struct {
	kind        occurrenceKind
	data        []byte  // ocHello, ocMessage
	member      *member // ocMessage
	id          raft.ID // ocEvent
	incarnation string  // ocEvent: of one life only, unless empty
	event       event   // ocEvent
}

// queue holds what has occurred until the mesh's goroutine takes it. Pushing
// never blocks, as a browser's event loop demands. Its length is bounded where
// others make it grow: messages by MaxUnread for each channel.
type queue struct {
	wake chan struct{} // has room for one

	mu     sync.Mutex
	list   []occurrence
	spare  []occurrence // the list before this one, to be used again
	closed bool
}

func newQueue() *queue { return &queue{wake: make(chan struct{}, 1)} }

func (q *queue) push(o occurrence) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	q.list = append(q.list, o)
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take returns all there is, in order; it is valid until the next call.
func (q *queue) take() []occurrence {
	q.mu.Lock()
	defer q.mu.Unlock()
	list := q.list
	clear(q.spare)
	q.list, q.spare = q.spare[:0], list
	return list
}

// close drops what waits, and ends the range over wake.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.closed, q.list = true, nil
		close(q.wake)
	}
}
