package labroom

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"strings"
	"sync"
	"time"

	"tabraft/raft/lab/labrpc"
)

const (
	// callLimit is how long a call waits for its reply.
	callLimit = 7 * time.Second
	// unreachable is how long a call to a seat takes to fail that has no connection: code
	// that tries again at once would otherwise never rest.
	unreachable = 50 * time.Millisecond
	// maxCalls is how many calls of a server may wait; further ones are lost.
	maxCalls = 1 << 12
	// maxHandlers is how many calls from others may be under way; further ones are
	// refused.
	maxHandlers = 1 << 12
	// maxMethods is how many methods are counted.
	maxMethods = 16
)

// Count is how often a method was called.
type Count struct {
	Sent     int `json:"sent"`     // by this server
	Answered int `json:"answered"` // of those, with a reply
	Handled  int `json:"handled"`  // for others
}

// peers carries calls between this server and the others.
type peers struct {
	me   int
	send func(seat int, frame []byte) bool
	// complain is told of what the student should know, once for each text.
	complain func(string)

	mu       sync.Mutex
	server   *labrpc.Server // nil before Make has returned, and after the end
	up       []bool
	next     uint64
	calls    map[uint64]*waiting
	handlers int
	counts   map[string]*Count
	bytes    int64 // of arguments and replies sent
}

// waiting is a call that waits for its reply.
type waiting struct {
	seat  int
	reply chan []byte // closed without a reply if none will come
}

func newPeers(seats, me int, send func(int, []byte) bool, complain func(string)) *peers {
	var first [8]byte
	rand.Read(first[:]) // never fails
	p := &peers{
		me: me, send: send, complain: complain, up: make([]bool, seats),
		next: binary.BigEndian.Uint64(first[:]), calls: map[uint64]*waiting{}, counts: map[string]*Count{},
	}
	p.up[me] = true
	return p
}

// ends are the ends that Make gets.
func (p *peers) ends() []*labrpc.ClientEnd {
	all := make([]*labrpc.ClientEnd, len(p.up))
	for seat := range all {
		all[seat] = labrpc.NewClientEnd(transport{p, seat})
	}
	return all
}

// transport carries the calls to one seat.
type transport struct {
	p    *peers
	seat int
}

func (t transport) Complain(err error) { t.p.complain(err.Error()) }

// RoundTrip implements labrpc.Transport.
func (t transport) RoundTrip(req labrpc.Request) ([]byte, bool) {
	p := t.p
	p.mu.Lock()
	p.count(req.Method).Sent++
	p.bytes += int64(len(req.Args))
	reachable := p.up[t.seat] && len(p.calls) < maxCalls
	call, w := p.next, &waiting{seat: t.seat, reply: make(chan []byte, 1)}
	if reachable {
		p.next++
		p.calls[call] = w
	}
	p.mu.Unlock()

	f := frame{kind: frameRequest, call: call, method: req.Method, body: req.Args}
	if !reachable || !p.post(t.seat, f) {
		p.take(call, t.seat)
		time.Sleep(unreachable)
		return nil, false
	}
	limit := time.NewTimer(callLimit)
	defer limit.Stop()
	select {
	case reply, ok := <-w.reply:
		if ok {
			p.mu.Lock()
			p.count(req.Method).Answered++
			p.mu.Unlock()
		}
		return reply, ok
	case <-limit.C:
		p.take(call, t.seat)
		return nil, false
	}
}

// post sends a frame, also to this server itself.
func (p *peers) post(seat int, f frame) bool {
	b, err := f.encode()
	if err != nil {
		p.complain(fmt.Sprintf("%s of %d bytes was not sent: %v", f.method, len(f.body), err))
		return false
	}
	if seat == p.me {
		p.receive(seat, b)
		return true
	}
	return p.send(seat, b)
}

// take removes a call to a seat from those that wait.
func (p *peers) take(call uint64, seat int) *waiting {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := p.calls[call]
	if w == nil || w.seat != seat {
		return nil
	}
	delete(p.calls, call)
	return w
}

// receive takes a frame from a seat; it does not wait. A digest is returned.
func (p *peers) receive(seat int, b []byte) (digest []byte, err error) {
	f, err := decodeFrame(b)
	if err != nil {
		return nil, err
	}
	switch f.kind {
	case frameDigest:
		return f.body, nil
	case frameRequest:
		p.handle(seat, f)
	case frameReply, frameRefused:
		w := p.take(f.call, seat)
		switch {
		case w == nil: // too late
		case f.kind == frameReply:
			w.reply <- f.body
		default:
			close(w.reply)
		}
	}
	return nil, nil
}

// handle has the student's method called.
func (p *peers) handle(seat int, f frame) {
	p.mu.Lock()
	server := p.server
	if server == nil || p.handlers >= maxHandlers {
		p.mu.Unlock()
		p.post(seat, frame{kind: frameRefused, call: f.call})
		return
	}
	p.handlers++
	p.count(f.method).Handled++
	p.mu.Unlock()
	go func() {
		reply, err := server.Handle(f.method, f.body)
		p.mu.Lock()
		p.handlers--
		p.bytes += int64(len(reply))
		p.mu.Unlock()
		answer := frame{kind: frameReply, call: f.call, body: reply}
		if err != nil {
			p.complain(fmt.Sprintf("%s from server %d: %v", f.method, seat, err))
			answer = frame{kind: frameRefused, call: f.call}
		}
		p.post(seat, answer)
	}()
}

// setUp notes whether there is a connection to a seat. When it ends, so do the
// calls that wait.
func (p *peers) setUp(seat int, up bool) {
	p.mu.Lock()
	p.up[seat] = up
	var lost []*waiting
	if !up {
		for call, w := range p.calls {
			if w.seat == seat {
				lost = append(lost, w)
				delete(p.calls, call)
			}
		}
	}
	p.mu.Unlock()
	for _, w := range lost {
		close(w.reply)
	}
}

func (p *peers) isUp(seat int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.up[seat]
}

// count gives the counter of a method; p.mu is held.
func (p *peers) count(method string) *Count {
	_, name, ok := strings.Cut(method, ".")
	if !ok || len(p.counts) >= maxMethods && p.counts[name] == nil || len(name) > maxMethod/4 {
		name = "others"
	}
	c := p.counts[name]
	if c == nil {
		c = &Count{}
		p.counts[name] = c
	}
	return c
}

func (p *peers) counted() (map[string]Count, int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make(map[string]Count, len(p.counts))
	for name, c := range p.counts {
		all[name] = *c
	}
	return all, p.bytes
}
