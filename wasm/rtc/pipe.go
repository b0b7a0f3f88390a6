package rtc

import (
	"sync"
	"sync/atomic"
)

// sender is a data channel as a pipe uses it.
type sender interface {
	send(message []byte) error
	buffered() int
}

// pipe is the sending end of a data channel: it cuts frames and keeps the
// channel's buffer small. Of a frame longer than MaxBuffered the rest waits
// here until the channel has drained to lowWater.
type pipe struct {
	waiting atomic.Bool // frames wait here

	mu     sync.Mutex
	ch     sender
	closed bool
	frames [][]byte // the frames from next on are not handed over yet
	next   int
	done   int // bytes of frames[next] handed over
	queued int // bytes not handed over
	buf    [MaxFragment]byte
}

func newPipe(ch sender) *pipe { return &pipe{ch: ch} }

// send queues a frame or reports that it cannot: see MaxBuffered. The slice is
// the pipe's from now on.
func (p *pipe) send(frame []byte) bool {
	if len(frame) == 0 || len(frame) > MaxFrame {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	if held := p.held(); held > nearlyEmpty && held+len(frame) > MaxBuffered {
		return false
	}
	p.frames = append(p.frames, frame)
	p.queued += len(frame)
	p.handOver()
	return !p.closed
}

// held is the number of bytes not sent yet.
func (p *pipe) held() int { return p.ch.buffered() + p.queued }

// handOver gives the channel what it may have.
func (p *pipe) handOver() {
	// Set before the channel can drain, so that its draining is not missed.
	p.waiting.Store(true)
	for p.next < len(p.frames) && p.ch.buffered() <= MaxBuffered-MaxFragment {
		frame := p.frames[p.next]
		fragment, n := cut(p.buf[:], frame, p.done)
		if p.ch.send(fragment) != nil {
			p.end()
			return
		}
		p.done += n
		p.queued -= n
		if p.done == len(frame) {
			p.frames[p.next] = nil
			p.next++
			p.done = 0
		}
	}
	if p.next < len(p.frames) {
		return
	}
	p.frames, p.next = p.frames[:0], 0
	p.waiting.Store(false)
}

// pump goes on with what waits.
func (p *pipe) pump() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.handOver()
	}
}

// control sends a hello, ping or pong, which may overtake waiting frames. If
// the peer has let too much pile up it is dropped: a peer that reads nothing
// must not make this side's buffer grow by asking.
func (p *pipe) control(fragment []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return errClosed
	}
	if p.ch.buffered() > MaxBuffered {
		return nil
	}
	return p.ch.send(fragment)
}

// unsent is the number of bytes accepted and not sent yet.
func (p *pipe) unsent() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return 0
	}
	return p.held()
}

func (p *pipe) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end()
}

func (p *pipe) end() {
	p.closed = true
	p.frames, p.next, p.done, p.queued = nil, 0, 0, 0
	p.waiting.Store(false)
}
