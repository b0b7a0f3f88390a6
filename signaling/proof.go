//go:build !js

package signaling

import (
	"sync"
	"time"
)

// proof is whether a client is alive: asked for when another incarnation of its id wants in.
type proof struct {
	mu    sync.Mutex
	last  time.Time     // when it was given
	asked chan struct{} // closed when it is given; nil if it is not asked for
}

// given notes that the client answered.
func (p *proof) given() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = time.Now()
	if p.asked != nil {
		close(p.asked)
		p.asked = nil
	}
}

// ask gives a channel that is closed when the proof is given, nil if it was given not long ago, and whether the client has to be asked for it.
func (p *proof) ask() (given <-chan struct{}, first bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.last) < ProofLasts {
		return nil, false
	}
	first = p.asked == nil
	if first {
		p.asked = make(chan struct{})
	}
	return p.asked, first
}

// proves asks the client whether it is there, and waits for the answer.
func (c *conn) proves() bool {
	given, first := c.proof.ask()
	if first {
		c.send(Message{Type: TypePing})
	}
	if given == nil {
		select {
		case <-c.stop:
			return false
		default:
			return true
		}
	}
	timer := time.NewTimer(c.srv.limits.ProofWait)
	defer timer.Stop()
	select {
	case <-given:
		return true
	case <-c.stop:
	case <-timer.C:
	}
	return false
}
