package bus

import (
	"sync"

	"tabraft/wasm/alive"
)

// pipe is the sending end of a pair's channel. Messages on a channel arrive in
// order, so an answer to a ping says that the peer has handled all that was
// posted before it.
type pipe struct {
	mu     sync.Mutex
	ch     Channel
	closed bool
	buf    []byte // for the message being posted

	posted   uint64 // bytes of frames and datagrams, ever
	handled  uint64 // of them by the peer, as far as it has answered
	ping     uint32 // number of the last ping posted
	pingedAt uint64 // posted, when that was
	flow     uint32 // number of the last ping of the pipe's own, less alive.Numbers
	waiting  bool   // for the answer to one of them
}

func newPipe(ch Channel) *pipe { return &pipe{ch: ch} }

// send posts a frame, or reports that it cannot: see MaxUnanswered.
func (p *pipe) send(frame []byte) bool {
	return len(frame) <= MaxFrame && p.carry(messageFrame, frame, MaxUnanswered)
}

// sendDatagram posts a datagram, unless the peer is slow.
func (p *pipe) sendDatagram(b []byte) bool {
	return len(b) <= MaxDatagram && p.carry(messageDatagram, b, MaxUnanswered/2)
}

// carry posts a message of a kind as long as no more than limit bytes are
// unanswered with it.
func (p *pipe) carry(kind byte, body []byte, limit uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(body) == 0 || p.closed || p.posted-p.handled+uint64(len(body)) > limit {
		return false
	}
	p.buf = append(append(p.buf[:0], kind), body...)
	if p.ch.Post(p.buf) != nil {
		return false
	}
	p.posted += uint64(len(body))
	p.askIfDue()
	return true
}

// askIfDue posts a ping of the pipe's own when much has been posted since the
// last ping of any kind.
func (p *pipe) askIfDue() {
	if p.waiting || p.posted-p.pingedAt < askEvery {
		return
	}
	p.flow++
	p.waiting = p.post(messagePing, alive.Numbers|p.flow) == nil
}

// post posts a ping or a pong.
func (p *pipe) post(kind byte, number uint32) error {
	if p.closed {
		return nil
	}
	p.buf = appendPing(p.buf[:0], kind, number)
	err := p.ch.Post(p.buf)
	if kind == messagePing && err == nil {
		p.ping, p.pingedAt = number, p.posted
	}
	return err
}

// control posts a ping of the link, or a pong.
func (p *pipe) control(kind byte, number uint32) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if kind == messagePing {
		p.waiting = false // this ping asks the same
	}
	return p.post(kind, number)
}

// answered takes the peer's answer to a ping.
func (p *pipe) answered(number uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if number != p.ping {
		return // a later ping is on its way
	}
	p.waiting = false
	p.handled = p.pingedAt
	p.askIfDue()
}

// unanswered is the number of bytes of frames not known to be handled.
func (p *pipe) unanswered() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return int(p.posted - p.handled)
}

// close closes the channel, after a bye if this life is over.
func (p *pipe) close(bye bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.closed = true
	if bye {
		p.ch.Post([]byte{messageBye})
	}
	p.ch.Close()
}
