package tab

import (
	"strconv"
	"sync"
	"time"

	"tabraft/raft"
	"tabraft/raft/node"
)

// telemetry.go: what the servers tell one another of themselves, for people. A
// server tells all that it is connected to, soon after something changed, and now
// and then when nothing does. What gets lost is not repeated.

const (
	// digestGap is the shortest time between two digests of one server.
	digestGap = 200 * time.Millisecond
	// digestIdle is the time after which one is sent although nothing changed.
	digestIdle = 2 * time.Second
	// staleAfter is the age of what is known of a server from which on it is
	// called stale: two digests in a row were lost, and more.
	staleAfter = 5 * time.Second
	// maxKnown is of how many servers a digest is kept; beyond it that which
	// has been away for longest is forgotten.
	maxKnown = 128
)

// telemetry sends a server's digests and keeps those of the others.
type telemetry struct {
	clock       node.Clock
	incarnation uint64
	// own gives what there is to tell, without incarnation, sequence and rate.
	own func() digest
	// send hands a digest over, or drops it. It must not block.
	send  func(to raft.ID, digest []byte) bool
	log   node.Logger
	timer node.Timer

	mu      sync.Mutex
	peers   map[raft.ID]*known
	ups     int // of the peers, those that are up
	closed  bool
	telling bool // own is being asked
	dirty   bool // something changed since it was
	meant   bool // somebody has not got any digest yet
	last    digest
	toldAt  time.Duration // when own was last asked
	sentAt  time.Duration // when last was sent
	armed   bool          // the timer is set
	armedAt time.Duration // when it is to fire
}

// known is what is known of another server.
type known struct {
	up          bool
	incarnation uint64
	sequence    uint32 // of the digest last taken from this incarnation
	warned      bool   // this connection has sent something that is none
	digest      digest
	at          time.Duration // when the digest came
	told        bool          // one has come, ever
	heardAt     time.Duration // when anything last came
	heard       bool
}

func newTelemetry(clock node.Clock, log node.Logger, incarnation string, own func() digest, send func(raft.ID, []byte) bool) *telemetry {
	t := &telemetry{clock: clock, log: log, incarnation: incarnationNumber(incarnation), own: own, send: send, peers: map[raft.ID]*known{}}
	t.sentAt = clock.Now()
	t.toldAt = t.sentAt - digestGap
	t.timer = clock.Timer(t.tell)
	return t
}

// incarnationNumber is the incarnation as it stands in a digest; 0 for one that
// is not 16 hex digits, as those of servers of this kind are.
func incarnationNumber(text string) uint64 {
	n, err := strconv.ParseUint(text, 16, 64)
	if err != nil {
		return 0
	}
	return n
}

// up says that a server, in one of its lives, can be told.
func (t *telemetry) up(id raft.ID, incarnation string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.peers[id]
	if p == nil {
		t.makeRoom()
		p = &known{}
		t.peers[id] = p
	}
	if n := incarnationNumber(incarnation); n != p.incarnation {
		p.incarnation, p.sequence = n, 0
	}
	if !p.up {
		t.ups++
	}
	p.up, p.warned = true, false
	t.dirty, t.meant = true, true
	t.arm()
}

// makeRoom forgets the server that has been away for longest if there are too
// many.
func (t *telemetry) makeRoom() {
	if len(t.peers) < maxKnown {
		return
	}
	var oldest raft.ID
	for id, p := range t.peers {
		if !p.up && (oldest == raft.None || p.heardAt < t.peers[oldest].heardAt || p.heardAt == t.peers[oldest].heardAt && id < oldest) {
			oldest = id
		}
	}
	delete(t.peers, oldest)
}

// down says that a server can be told no more.
func (t *telemetry) down(id raft.ID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p := t.peers[id]; p != nil && p.up {
		p.up = false
		t.ups--
	}
}

// changed says that there may be something new to tell.
func (t *telemetry) changed() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.dirty {
		t.dirty = true
		t.arm()
	}
}

// close ends the telling.
func (t *telemetry) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	t.timer.Stop()
}

// connected lists whom to tell.
func (t *telemetry) connected() []raft.ID {
	var ids []raft.ID
	for id, p := range t.peers {
		if p.up {
			ids = append(ids, id)
		}
	}
	return ids
}

// due is when to tell next.
func (t *telemetry) due() time.Duration {
	if t.dirty {
		return t.toldAt + digestGap
	}
	return t.sentAt + digestIdle
}

// arm sets the timer. One that fires early does no harm, and setting it costs a
// call into JavaScript.
func (t *telemetry) arm() {
	due := t.due()
	if t.closed || t.telling || t.ups == 0 || t.armed && t.armedAt <= due {
		return
	}
	t.armed, t.armedAt = true, due
	t.timer.Reset(due)
}

// tell is called when the timer fires.
func (t *telemetry) tell() {
	if !t.begin() {
		return
	}
	d := t.own()
	b, to := t.prepare(d)
	for _, id := range to {
		t.send(id, b)
	}
}

// begin tells whether it is time to tell.
func (t *telemetry) begin() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.armed = false
	now := t.clock.Now()
	if t.closed || t.telling || t.ups == 0 {
		return false
	}
	if now < t.due() {
		t.arm()
		return false
	}
	t.telling, t.dirty, t.toldAt = true, false, now
	return true
}

// prepare gives the digest to send and to whom: nobody if it says nothing new.
func (t *telemetry) prepare(d digest) (b []byte, to []raft.ID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.telling = false
	now := t.toldAt
	d.Incarnation, d.Sequence, d.Rate = t.last.Incarnation, t.last.Sequence, t.last.Rate
	if d != t.last || t.meant || now-t.sentAt >= digestIdle {
		d.Incarnation = t.incarnation
		d.Sequence++
		d.Rate = rate(t.last, d, now-t.sentAt)
		t.last, t.sentAt, t.meant = d, now, false
		b, to = d.encode(), t.connected()
	}
	t.arm()
	return b, to
}

// rate is how many entries were applied a second between two digests.
func rate(before, d digest, took time.Duration) uint32 {
	if before.Sequence == 0 || took <= 0 || d.Applied <= before.Applied {
		return 0
	}
	return uint32(min(float64(d.Applied-before.Applied)/took.Seconds(), 1<<32-1))
}

// receive takes a digest that came from a server.
func (t *telemetry) receive(from raft.ID, b []byte) {
	d, err := parseDigest(b)
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.peers[from]
	switch {
	case p == nil || !p.up:
		return
	case err != nil:
		if !p.warned {
			p.warned = true
			t.log.Warn("telemetry refused", "peer", from, "err", err)
		}
		return
	case d.Incarnation != p.incarnation, d.Sequence <= p.sequence:
		return // of an earlier life, or overtaken
	}
	p.digest, p.sequence, p.told, p.at = d, d.Sequence, true, t.clock.Now()
	p.heardAt, p.heard = p.at, true
}

// noteHeard says that something else came from a server.
func (t *telemetry) noteHeard(from raft.ID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p := t.peers[from]; p != nil {
		p.heardAt, p.heard = t.clock.Now(), true
	}
}

// about gives what is known of a server; the zero value of one never heard.
func (t *telemetry) about(id raft.ID) known {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p := t.peers[id]; p != nil {
		return *p
	}
	return known{}
}
