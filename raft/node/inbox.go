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
	maxOutstanding = 8192 // proposals of this server waiting for an answer
)

// input is one thing for the loop to do.
type input struct {
	kind  inputKind
	peer  raft.ID
	frame []byte // inputFrame
	seq   uint64 // inputSaved
	err   error  // inputSaved, inputStop
	call  func() // inputCall
}

type inputKind uint8

const (
	inputFrame inputKind = iota
	inputSaved
	inputPeerUp
	inputPeerDown
	inputCall // run on the loop
	inputStop
)

// inbox is the queue into the loop. Putting never blocks.
type inbox struct {
	mu      sync.Mutex
	queue   []input
	frames  int
	bytes   int
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
	if in.kind == inputFrame {
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
	b.queue, b.frames, b.bytes = spare[:0], 0, 0
	return all
}

// close ends the inbox and gives what was still queued.
func (b *inbox) close() []input {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	return b.queue
}
