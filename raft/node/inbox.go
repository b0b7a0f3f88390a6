package node

import (
	"sync"

	"tabraft/raft"
)

// Limits of the inbox. What a peer sends beyond them is dropped and counted:
// Raft sends again what matters. Beyond them a local client gets
// ErrOverloaded.
const (
	maxInboxFrames = 4096
	maxInboxBytes  = 8 << 20
	// maxOutstanding is how many of this server's proposals, and how many of its
	// reads, wait for an answer, and how many calls of clients for the loop.
	maxOutstanding = 8192
)

// input is one thing for the loop to do.
type input struct {
	kind  inputKind
	peer  raft.ID
	frame []byte // inputFrame
	err   error  // inputStop
	call  func() // inputCall
	ask   asker  // inputAsk
}

type inputKind uint8

const (
	inputFrame inputKind = iota
	inputPeerUp
	inputPeerDown
	inputCall // run on the loop
	inputAsk
	inputStop
)

// inbox is the queue into the loop. Putting never blocks.
type inbox struct {
	mu      sync.Mutex
	queue   []input
	frames  int
	bytes   int
	asks    int
	dropped uint64
	closed  bool
	wake    chan struct{} // holds a token while the loop has something to do
}

func newInbox() *inbox { return &inbox{wake: make(chan struct{}, 1)} }

// put reports whether the loop is still there to take it.
func (b *inbox) put(in input) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	switch in.kind {
	case inputAsk:
		b.asks++
	case inputFrame:
		if b.frames >= maxInboxFrames || b.bytes+len(in.frame) > maxInboxBytes {
			b.dropped++
			return true
		}
		b.frames++
		b.bytes += len(in.frame)
	}
	b.queue = append(b.queue, in)
	b.nudge()
	return true
}

// asker is what a client of this server wants, of which there may be many: a
// proposal, a read.
type asker interface {
	// take is called by the loop; after an error, refuse.
	take(*Node) error
	refuse(error)
}

// full tells whether one more inputAsk would be too many.
func (b *inbox) full() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.asks >= maxOutstanding
}

// ask gives the loop what a client wants, or refuses it.
func (n *Node) ask(a asker) {
	if n.inbox.full() {
		a.refuse(ErrOverloaded)
	} else if !n.inbox.put(input{kind: inputAsk, ask: a}) {
		a.refuse(n.Err())
	}
}

// take is for the loop.
func (n *Node) take(a asker) {
	err := n.err
	if !n.ended {
		err = a.take(n)
	}
	if err != nil {
		a.refuse(err)
	}
}

// call has the loop run f, or calls refused with the reason if it has ended.
func (n *Node) call(f func(), refused func(error)) {
	run := func() {
		if n.ended {
			refused(n.err)
			return
		}
		f()
	}
	if !n.inbox.put(input{kind: inputCall, call: run}) {
		refused(n.Err())
	}
}

// nudge makes the loop go round.
func (b *inbox) nudge() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// take gives everything queued and leaves spare as the new queue's room.
func (b *inbox) take(spare []input) []input {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := b.queue
	b.queue, b.frames, b.bytes, b.asks = spare[:0], 0, 0, 0
	return all
}

// close ends the inbox and gives what was still queued.
func (b *inbox) close() []input {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	return b.queue
}
