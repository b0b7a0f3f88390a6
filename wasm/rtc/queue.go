package rtc

import "sync"

// occurrenceKind is where an occurrence comes from.
type occurrenceKind uint8

const (
	ocPresent  occurrenceKind = iota // Mesh.Present
	ocJoined                         // Mesh.Joined
	ocLeft                           // Mesh.Left
	ocSignal                         // Mesh.Signal
	ocOffence                        // Mesh.Offence
	ocTimer                          // the mesh's timer fired
	ocEvent                          // a connection: an event for its link
	ocMessage                        // a connection: a message has come
	ocDatagram                       // a connection: a datagram has come
	ocDrained                        // a connection: the buffer is nearly empty
	ocNote                           // a connection: something worth a line in the log
)

// occurrence is one thing for the mesh's goroutine to handle. Which fields
// count depends on the kind.
type occurrence struct {
	kind  occurrenceKind
	conn  *conn  // where it occurred
	event *event // ocEvent
	data  []byte // ocMessage, ocDatagram, ocSignal
	peers []Peer // ocPresent; one peer in ocJoined, ocLeft, ocSignal, ocOffence
	err   error  // ocNote, ocOffence; ocSignal: why it is refused
}

// queue holds what has occurred until the mesh's goroutine takes it. Pushing
// never blocks, as a browser's event loop demands. Its length is bounded where
// outsiders make it grow: messages by MaxUnread for each connection, datagrams by
// DatagramBurst for each peer, signals by MaxSignals; of the rest there are a few for each connection.
type queue struct {
	wake chan struct{} // has room for one

	mu      sync.Mutex
	list    []occurrence
	spare   []occurrence // the list before this one, to be used again
	signals int          // of kind ocSignal in list
	closed  bool
}

func newQueue() *queue { return &queue{wake: make(chan struct{}, 1)} }

// push adds o, except that a signal beyond MaxSignals is dropped, which push
// reports.
func (q *queue) push(o occurrence) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return true
	}
	if o.kind == ocSignal {
		if q.signals == MaxSignals {
			return false
		}
		q.signals++
	}
	q.list = append(q.list, o)
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return true
}

// take returns all there is, in order; it is valid until the next call.
func (q *queue) take() []occurrence {
	q.mu.Lock()
	defer q.mu.Unlock()
	list := q.list
	clear(q.spare)
	q.list, q.spare = q.spare[:0], list
	q.signals = 0
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
