package rtc

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/pion/webrtc/v3"

	"tabraft/raft"
	"tabraft/raft/node"
)

const (
	channelLabel  = "raft"
	channelStream = 0
)

var (
	errText     = errors.New("a text message came")
	errTooLarge = fmt.Errorf("a message of more than %d bytes came", MaxFragment)
	errFlood    = fmt.Errorf("more than %d bytes came faster than they could be handled", MaxUnread)
	errTooMany  = fmt.Errorf("more than %d messages a second came", MessagesPerSecond)
	errPings    = fmt.Errorf("more than %d pings a second came", PingsPerSecond)
	errTaken    = errors.New("another incarnation of it is connected and alive: it runs twice")
	errClosed   = errors.New("the connection is closed")
)

// watcher is what a connection reports to, from any goroutine and from the
// browser's event loop. None of its methods blocks.
type watcher interface {
	gathered(candidate string) // one of our candidates, empty after the last
	stateChanged(state string) // RTCPeerConnectionState
	channelOpened()
	channelClosed()
	received(message []byte) // the slice is the watcher's
	drained()                // the buffer is below lowWater
	datagramsOpen(open bool) // the unreliable channel can send, or no more
	admits(size int) bool    // whether to hand over a datagram so long
	datagram(b []byte)       // the slice is the watcher's
	misbehaved(err error)    // the peer sent what it must not
	guard()                  // deferred: recovers from a panic and reports it
}

// conn is one pion connection and its data channels. It knows no rules: it does
// what it is told and posts what happens. Descriptions and candidates are
// handled one after another by a goroutine that lives while there are any,
// since in a browser each of them is a promise to wait for.
type conn struct {
	peer   raft.ID
	pc     *webrtc.PeerConnection
	ch     *channel
	pipe   *pipe
	outlet outlet
	intake *intake
	clock  node.Clock
	post   func(occurrence)

	dropped atomic.Int64 // datagrams that the intake has refused

	unread  atomic.Int64 // bytes posted and not handled, with overhead
	flooded atomic.Bool  // unread has exceeded MaxUnread
	closing atomic.Bool  // nothing is posted any more
	heardAt atomic.Int64 // Config.Clock's time at which the last message was handled

	mu      sync.Mutex
	tasks   []func() error
	running bool     // a goroutine runs the tasks
	round   uint32   // of our last description
	holding bool     // a description is being made: it must be posted before its candidates
	held    []string // candidates of ours to be posted after it

	// The running task's alone.
	remote bool     // the peer's description is set
	early  []string // candidates of the peer that came before it
}

// newConn makes a connection to a peer that posts what happens to it.
func newConn(peer raft.ID, servers []webrtc.ICEServer, loopback bool, intake *intake, clock node.Clock, post func(occurrence)) (*conn, error) {
	c := &conn{peer: peer, intake: intake, clock: clock, post: post}
	pc, err := newPeerConnection(servers, loopback)
	if err != nil {
		return nil, fmt.Errorf("rtc: connection: %w", err)
	}
	c.pc = pc
	if c.ch, err = openChannel(pc, c); err != nil {
		pc.Close()
		return nil, fmt.Errorf("rtc: data channel: %w", err)
	}
	c.pipe = newPipe(c.ch)
	if lossy, err := openDatagrams(c.ch, c); err != nil {
		c.post(occurrence{conn: c, kind: ocNote, err: fmt.Errorf("no telemetry: %w", err)})
	} else {
		c.outlet.ch = lossy
	}
	return c, nil
}

// run does a task after those before it. An error ends the connection.
func (c *conn) run(task func() error) {
	c.mu.Lock()
	c.tasks = append(c.tasks, task)
	start := !c.running
	c.running = true
	c.mu.Unlock()
	if start {
		go c.work()
	}
}

func (c *conn) work() {
	defer c.guard()
	for {
		c.mu.Lock()
		if len(c.tasks) == 0 || c.closing.Load() {
			c.running = false
			c.mu.Unlock()
			return
		}
		task := c.tasks[0]
		c.tasks = c.tasks[1:]
		c.mu.Unlock()
		if err := task(); err != nil && !c.closing.Load() {
			c.broken(err.Error(), false)
		}
	}
}

// guard keeps a panic inside pion from ending the program.
func (c *conn) guard() {
	if p := recover(); p != nil {
		c.broken(fmt.Sprintf("pion: %v", p), false)
	}
}

// offer makes an offer of a round and posts it.
func (c *conn) offer(round uint32, restart bool) {
	c.run(func() error {
		c.hold()
		sdp, taken, err := c.ch.offer(restart)
		if err != nil {
			return fmt.Errorf("making an offer: %w", err)
		}
		if taken {
			c.tellDescription(signalOffer, round, sdp)
			return nil
		}
		return c.describe(signalOffer, round, sdp)
	})
}

// hold keeps our candidates back until the next description: pion gathers them
// while it makes one, if it is that of an ICE restart.
func (c *conn) hold() {
	c.mu.Lock()
	c.holding = true
	c.mu.Unlock()
}

// describe posts our description and takes it.
func (c *conn) describe(kind string, round uint32, sdp string) error {
	c.tellDescription(kind, round, sdp)
	if err := c.ch.setLocal(kind, sdp); err != nil {
		return fmt.Errorf("taking our %s: %w", kind, err)
	}
	return nil
}

// tellDescription posts our description, and then the candidates that belong to it.
func (c *conn) tellDescription(kind string, round uint32, sdp string) {
	c.happened(event{kind: evDescribed, signal: signal{Kind: kind, Round: round, SDP: sdp}})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.round, c.holding = round, false
	for _, candidate := range c.held {
		c.tellCandidate(candidate)
	}
	c.held = nil
}

func (c *conn) gathered(candidate string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case len(candidate) > MaxCandidate || len(c.held) >= MaxCandidates:
	case c.holding:
		c.held = append(c.held, candidate)
	default:
		c.tellCandidate(candidate)
	}
}

func (c *conn) tellCandidate(candidate string) {
	c.happened(event{kind: evGathered, signal: signal{Kind: signalCandidate, Round: c.round, Candidate: candidate}})
}

// answer takes the peer's offer of a round, makes the answer and posts it.
func (c *conn) answer(round uint32, sdp string) {
	c.run(func() error {
		c.hold()
		if err := c.setRemote(signalOffer, sdp); err != nil {
			return fmt.Errorf("taking the peer's offer: %w", err)
		}
		own, err := c.ch.answer()
		if err != nil {
			return fmt.Errorf("making an answer: %w", err)
		}
		return c.describe(signalAnswer, round, own)
	})
}

// accept takes the peer's answer.
func (c *conn) accept(sdp string) {
	c.run(func() error {
		if err := c.setRemote(signalAnswer, sdp); err != nil {
			return fmt.Errorf("taking the peer's answer: %w", err)
		}
		return nil
	})
}

func (c *conn) setRemote(kind, sdp string) error {
	if err := c.ch.setRemote(kind, sdp); err != nil {
		return err
	}
	c.remote = true
	for _, candidate := range c.early {
		c.addCandidate(candidate)
	}
	c.early = nil
	return nil
}

// candidate takes one of the peer's candidates, empty for the last.
func (c *conn) candidate(candidate string) {
	c.run(func() error {
		if !c.remote {
			c.early = append(c.early, candidate)
			return nil
		}
		c.addCandidate(candidate)
		return nil
	})
}

// addCandidate leaves out what cannot be used, such as a name that does not
// resolve or an address family this machine lacks: others may do.
func (c *conn) addCandidate(candidate string) {
	if err := c.ch.addCandidate(candidate); err != nil {
		c.post(occurrence{conn: c, kind: ocNote, err: fmt.Errorf("candidate %q: %w", candidate, err)})
	}
}

// end stops all posting and sending, and reports whether it was the first to.
// The caller closes the channel.
func (c *conn) end() bool {
	if c.closing.Swap(true) {
		return false
	}
	c.pipe.close()
	c.outlet.setOpen(false)
	return true
}

func (c *conn) happened(ev event) {
	if !c.closing.Load() {
		c.post(occurrence{conn: c, kind: ocEvent, event: &ev})
	}
}

func (c *conn) broken(reason string, suspect bool) {
	c.happened(event{kind: evBroken, reason: reason, suspect: suspect})
}

func (c *conn) stateChanged(state string) {
	switch state {
	case "disconnected":
		c.happened(event{kind: evUnreachable})
	case "failed":
		c.broken("no network path to the peer works", false)
	case "closed":
		c.broken("the peer closed the connection", false)
	}
}

func (c *conn) channelOpened() { c.happened(event{kind: evChannelOpen}) }
func (c *conn) channelClosed() { c.broken("the peer closed the channel", false) }
func (c *conn) misbehaved(err error) {
	c.broken(err.Error(), true)
}

func (c *conn) received(message []byte) {
	if c.closing.Load() {
		return
	}
	size := int64(len(message)) + unreadOverhead
	if c.unread.Add(size) > MaxUnread {
		if !c.flooded.Swap(true) {
			c.misbehaved(errFlood)
		}
		return
	}
	c.post(occurrence{conn: c, kind: ocMessage, data: message})
}

// drained is called under pion's locks: no sending from here.
func (c *conn) drained() {
	if c.pipe.waiting.Load() && !c.closing.Load() {
		c.post(occurrence{conn: c, kind: ocDrained})
	}
}

func (c *conn) datagramsOpen(open bool) {
	if !c.closing.Load() {
		c.outlet.setOpen(open)
	}
}

func (c *conn) admits(size int) bool {
	if c.closing.Load() {
		return false
	}
	if c.intake.admits(c.clock.Now(), size) {
		return true
	}
	if c.dropped.Add(1) == MaxDatagramsDropped {
		c.ch.deafen()
	}
	return false
}

func (c *conn) datagram(b []byte) { c.post(occurrence{conn: c, kind: ocDatagram, data: b}) }
