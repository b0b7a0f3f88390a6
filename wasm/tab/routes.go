package tab

import (
	"sync"
	"time"

	"tabraft/raft"
)

// routes.go: which of two transports carries the frames to each peer. WebRTC
// (package rtc) reaches everybody, if there is a network; the bus (package bus)
// only tabs of this browser, and always. WebRTC carries a pair while it is up, and
// the bus's link is a spare then.
//
// A network that goes leaves WebRTC's links up for seconds. So when frames were
// sent by WebRTC, and nothing was heard by it for doubtAfter since, the next ones
// go by the bus, until something is heard. That is looked at whenever something is
// sent, were it a datagram: two followers send one another no frames for hours.
//
// The node is told of a peer when the first of the two is up and of its end when
// the last is down: a move from one to the other is none of its business, save
// that frames under way may be lost or overtaken, as Raft allows.

// doubtAfter is several heartbeats, so that it seldom passes while all is well,
// and a part of an election timeout, so that leaders keep their office.
const doubtAfter = 200 * time.Millisecond

// settleTime is how long WebRTC may take to connect tabs before the page says
// that it does not.
const settleTime = 5 * time.Second

// transport is a way to carry frames; its text is Member.Transport.
type transport string

const (
	byNone   transport = ""
	byBus    transport = "broadcast"
	byWebRTC transport = "webrtc"
)

// carrier is a transport as routes use it.
type carrier interface {
	Send(to raft.ID, frame []byte) bool
	SendDatagram(to raft.ID, b []byte) bool
}

// doubtful is a carrier that may carry nothing although it is up.
type doubtful interface {
	carrier
	// Heard tells when something came last from a peer.
	Heard(from raft.ID) time.Duration
}

// spare is a carrier that can be told whether it is relied on.
type spare interface {
	carrier
	Rely(id raft.ID, on bool)
}

// routes implement node.Transport over two carriers. The carriers' handlers
// report to it.
type routes struct {
	webrtc doubtful
	bus    spare // nil if there is none
	now    func() time.Duration
	// told is called for each peer that comes, goes or moves, in order and with mu
	// held: it must not block or call out. said is called after that, without mu.
	told, said func(routeChange)

	mu    sync.Mutex
	peers map[raft.ID]route
}

// route is how one peer is reached. The zero route is no way at all.
type route struct {
	incarnation string
	webrtc, bus bool          // which links are up
	doubt       bool          // WebRTC seems to carry nothing
	asked       time.Duration // when the first frame since the last answer was sent by WebRTC
	since       time.Duration // when the frames began to go as they do
}

// via tells which transport carries the frames.
func (r route) via() transport {
	switch {
	case r.webrtc && !(r.bus && r.doubt):
		return byWebRTC
	case r.bus:
		return byBus
	}
	return byNone
}

// weigh takes note that something is about to be sent, while both links are up, and
// something was heard by WebRTC last at a time. Only a frame asks for an answer.
func (r *route) weigh(now, heard time.Duration, frame bool) {
	switch {
	case heard > r.asked:
		r.doubt = false
		if frame {
			r.asked = now
		}
	case frame && now-r.asked >= doubtAfter:
		r.doubt = true
	}
}

// routeChange is what changed for a peer: from byNone it came, to byNone it
// went, else it moved.
type routeChange struct {
	id       raft.ID
	from, to transport
	reason   string // of the link that went
	// incarnation is the life of the peer that came.
	incarnation string
}

func newRoutes(webrtc doubtful, now func() time.Duration, told, said func(routeChange)) *routes {
	return &routes{webrtc: webrtc, now: now, told: told, said: said, peers: map[raft.ID]route{}}
}

// connect adds the bus, which may report before open has returned.
func (r *routes) connect(open func() (spare, error)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	b, err := open()
	if err == nil {
		r.bus = b
	}
	return err
}

// Send implements node.Transport.
func (r *routes) Send(to raft.ID, frame []byte) bool {
	switch r.choose(to, true) {
	case byWebRTC:
		return r.webrtc.Send(to, frame)
	case byBus:
		return r.bus.Send(to, frame)
	}
	return false
}

// choose tells what carries the next frame, or datagram, to a peer.
func (r *routes) choose(to raft.ID, frame bool) transport {
	r.mu.Lock()
	p := r.peers[to]
	if !p.webrtc || !p.bus {
		r.mu.Unlock()
		return p.via()
	}
	p.weigh(r.now(), r.webrtc.Heard(to), frame)
	changes := r.change(nil, to, p, "nothing was heard by WebRTC")
	r.mu.Unlock()
	r.say(changes)
	return p.via()
}

// SendDatagram sends what may be lost: see rtc.Mesh.SendDatagram.
func (r *routes) SendDatagram(to raft.ID, b []byte) bool {
	switch r.choose(to, false) {
	case byWebRTC:
		return r.webrtc.SendDatagram(to, b)
	case byBus:
		return r.bus.SendDatagram(to, b)
	}
	return false
}

// via tells which transport carries the frames to a peer.
func (r *routes) via(id raft.ID) transport {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.peers[id].via()
}

// neighbours counts the peers in other tabs of this browser.
func (r *routes) neighbours() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.peers {
		if p.bus {
			n++
		}
	}
	return n
}

// onlyBus tells whether peers are reached, for some time, and all by the bus.
func (r *routes) onlyBus(now time.Duration) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	any := false
	for _, p := range r.peers {
		if p.webrtc {
			return false
		}
		any = any || now-p.since >= settleTime
	}
	return any
}

// up: a link to a life of a peer is up.
func (r *routes) up(id raft.ID, incarnation string, by transport) {
	r.mu.Lock()
	next := r.peers[id]
	var changes []routeChange
	if next.via() != byNone && next.incarnation != incarnation {
		changes = r.change(changes, id, route{}, "the peer was started again")
		next = route{}
	}
	next.incarnation = incarnation
	next.set(by, true)
	changes = r.change(changes, id, next, "")
	r.mu.Unlock()
	r.say(changes)
}

// down: that link is down.
func (r *routes) down(id raft.ID, incarnation string, by transport, reason string) {
	r.mu.Lock()
	next := r.peers[id]
	var changes []routeChange
	if next.incarnation == incarnation { // not an earlier life
		next.set(by, false)
		changes = r.change(changes, id, next, reason)
	}
	r.mu.Unlock()
	r.say(changes)
}

func (r *routes) say(changes []routeChange) {
	for _, c := range changes {
		r.said(c)
	}
}

// set notes that a link is up or down.
func (r *route) set(by transport, up bool) {
	if by == byBus {
		r.bus = up
		return
	}
	r.webrtc, r.doubt, r.asked = up, false, 0
}

// change sets a peer's route, tells of it, and appends what changed to changes.
func (r *routes) change(changes []routeChange, id raft.ID, next route, reason string) []routeChange {
	old := r.peers[id]
	c := routeChange{id: id, from: old.via(), to: next.via(), reason: reason, incarnation: next.incarnation}
	if c.from != c.to {
		next.since = r.now()
	}
	if c.to == byNone {
		delete(r.peers, id)
	} else {
		r.peers[id] = next
	}
	if next.bus && (!old.bus || c.from != c.to) {
		r.bus.Rely(id, c.to == byBus)
	}
	if c.from == c.to {
		return changes
	}
	if c.to == byWebRTC {
		c.reason = ""
	}
	r.told(c)
	return append(changes, c)
}
