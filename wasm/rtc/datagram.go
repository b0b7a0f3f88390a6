package rtc

import (
	"sync"
	"time"

	"tabraft/raft/node"
)

// Each connection has a second data channel, for what may be lost: telemetry.
// Whatever becomes of it, nothing here is an event of a link: it neither keeps
// a connection alive nor ends one.

const (
	datagramLabel  = "telemetry"
	datagramStream = 1
)

// outlet is the sending end of the unreliable channel. It holds nothing back:
// what cannot leave at once is dropped.
type outlet struct {
	mu   sync.Mutex
	ch   sender // nil if the channel could not be made
	open bool
}

// send hands a datagram over, or reports that it was dropped. The slice is the
// caller's again.
func (o *outlet) send(b []byte) bool {
	if len(b) == 0 || len(b) > MaxDatagram {
		return false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.open && o.ch.buffered() == 0 && o.ch.send(b) == nil
}

func (o *outlet) setOpen(open bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.open = open && o.ch != nil
}

func (o *outlet) isOpen() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.open
}

// intake decides which of a peer's datagrams come in. It outlives the peer's
// connections, so that a new one brings no new burst.
type intake struct {
	mu      sync.Mutex
	meter   node.Meter
	waiting int // admitted, and not handled yet
	dropped uint64
}

// admits tells whether a datagram of so many bytes may come in now, and counts
// it either way.
func (t *intake) admits(now time.Duration, size int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if size == 0 || size > MaxDatagram || t.waiting >= DatagramBurst || !t.meter.Take(now, DatagramRate, DatagramBurst) {
		t.dropped++
		return false
	}
	t.waiting++
	return true
}

// handled says that one that was admitted waits no more.
func (t *intake) handled() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.waiting--
}

func (t *intake) lost() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.dropped
}
