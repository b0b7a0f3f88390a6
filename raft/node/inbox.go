package node

import (
	"sync"

	"tabraft/raft"
)

// Limits of the inbox. What a peer sends beyond them is dropped and counted:
// Raft sends again what matters. Beyond them a local client gets
// ErrOverloaded.
const (
	maxInboxFrames = 8192
	maxInboxBytes  = 16 << 20
	// maxPeerFrames and maxPeerBytes are one peer's share of them: a peer that
	// floods must not keep the others' frames out.
	maxPeerFrames = 2048
	maxPeerBytes  = 4 << 20
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
	shares  map[raft.ID]share // of those with frames in the queue
	asks    int
	dropped uint64
	// droppedOf are the dropped frames that the loop was not told of.
	droppedOf map[raft.ID]uint64
	closed    bool
	wake      chan struct{} // holds a token while the loop has something to do
}

// share is what one peer has in the queue.
type share struct{ frames, bytes int }

func newInbox() *inbox {
	return &inbox{wake: make(chan struct{}, 1), shares: map[raft.ID]share{}}
}

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
		s := b.shares[in.peer]
		if b.frames >= maxInboxFrames || b.bytes+len(in.frame) > maxInboxBytes ||
			s.frames >= maxPeerFrames || s.bytes+len(in.frame) > maxPeerBytes {
			b.drop(in.peer)
			return true
		}
		b.frames++
		b.bytes += len(in.frame)
		b.shares[in.peer] = share{s.frames + 1, s.bytes + len(in.frame)}
	}
	b.queue = append(b.queue, in)
	b.nudge()
	return true
}

// drop counts a frame that was not taken. Whoever sends under more ids than the
// inbox takes frames is not told from the rest.
func (b *inbox) drop(peer raft.ID) {
	b.dropped++
	if b.droppedOf == nil {
		b.droppedOf = map[raft.ID]uint64{}
	}
	if _, known := b.droppedOf[peer]; !known && len(b.droppedOf) >= raft.MaxMembers {
		peer = raft.None
	}
	b.droppedOf[peer]++
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
// It also tells of the frames dropped since it was last called, by sender.
func (b *inbox) take(spare []input) ([]input, map[raft.ID]uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	all, dropped := b.queue, b.droppedOf
	b.queue, b.frames, b.bytes, b.asks, b.droppedOf = spare[:0], 0, 0, 0, nil
	clear(b.shares)
	return all, dropped
}

// close ends the inbox and gives what was still queued.
func (b *inbox) close() []input {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	return b.queue
}
