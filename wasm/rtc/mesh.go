package rtc

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/webrtc/v3"

	"tabraft/raft"
	"tabraft/raft/node"
	"tabraft/wasm/queue"
)

// The kinds of a peer.
const (
	KindTab    = "tab"
	KindNative = "native"
)

// Peer is one life of one server.
type Peer struct {
	ID          raft.ID
	Incarnation string // random for each life; at most MaxIncarnation bytes
	Kind        string // KindTab or KindNative
}

// ICEServer is a STUN or TURN server.
type ICEServer struct {
	URLs       []string
	Username   string
	Credential string
}

// Config is what a mesh needs: Self, Signal, Clock and Handler.
type Config struct {
	Self Peer
	// Signal sends a payload through signaling. It must not block; an error
	// says that it was not sent, as while signaling is away. It is called from
	// the mesh's goroutine.
	Signal  func(to raft.ID, payload []byte) error
	Clock   node.Clock
	Handler Handler
	Rand    *rand.Rand // for back-off; the mesh's alone from now on
	Logger  node.Logger
	// Refused, if set, is told that something of a peer was refused, so many times and
	// why. It is called like the Handler.
	Refused func(from raft.ID, count uint64, why error)
	// Taken, if set, is told that a peer is connected to this server in another
	// incarnation, which is alive. It is called like the Handler.
	Taken func(by Peer)
	// Silent, if set, is told of a peer that is up and not heard: perhaps this
	// machine's own network has changed. It is called like the Handler.
	Silent func(p Peer)
	// Loopback has a native mesh use the addresses 127.0.0.1 and ::1, and no
	// others: for tests, and where there is no network. Browsers decide for
	// themselves.
	Loopback bool
}

// Handler is told what happens, by one call at a time, in order, from a
// goroutine of the mesh, which waits: calls must not take long. They may call
// the Mesh.
type Handler interface {
	// Frame hands over a frame from a peer that is up. The slice is the
	// handler's.
	Frame(from raft.ID, frame []byte)
	// Datagram hands over a datagram from a peer that is up: see
	// Mesh.SendDatagram. The slice is the handler's.
	Datagram(from raft.ID, b []byte)
	// Up says that frames can be exchanged with p.
	Up(p Peer)
	// Down ends what Up began: the channel was closed, failed, or had no life
	// in it. The mesh makes another if it can.
	Down(p Peer, reason string)
}

// Link is how things stand with one peer.
type Link struct {
	Peer       Peer
	State      string // waiting, connecting, open, probing
	Up         bool
	RTT        time.Duration // of the last answered ping; zero if there is none
	Buffered   int           // bytes accepted by Send and not sent yet
	Restarts   int           // connections lost and ICE restarts since the peer came
	Violations int           // those of Restarts for which the peer broke the protocol
	Since      time.Duration // when State began, on Config.Clock
	LastError  string        // why the last connection ended, while there is no other
	Datagrams  bool          // SendDatagram can send
	// DatagramsDropped counts what came and was dropped since the peer came: too
	// much of it, longer than MaxDatagram, or text.
	DatagramsDropped uint64
}

// Mesh connects a server with every other one of its room. Its methods may be
// called from any goroutine and do not block.
type Mesh struct {
	cfg   Config
	log   node.Logger
	timer node.Timer
	queue *queue.Queue[occurrence]

	conns  atomic.Pointer[map[raft.ID]*conn] // of the peers that are up
	closed atomic.Bool

	signals atomic.Int64  // in the queue, or about to be
	dropped atomic.Uint64 // signals that did not fit into the queue

	// mu guards what follows. Only the mesh's goroutine changes it.
	mu      sync.Mutex
	members map[raft.ID]*member
	servers []webrtc.ICEServer

	// The rest is the mesh's goroutine's alone.
	made    node.Meter    // connections
	attempt uint32        // highest of any link, so that no number comes twice
	armed   bool          // the timer is set
	armedAt time.Duration // when it is to fire
}

// member is a link and what serves it.
type member struct {
	link
	conn   *conn // nil when waiting
	parts  assembler
	intake *intake

	messages node.Meter // of the connection
	pings    node.Meter // among them
	offences int        // over the connection
	// rival is another incarnation of the peer that signaling lists while this one
	// is connected; toldAt is when it was told.
	rival  *Peer
	toldAt time.Duration
}

// New starts a mesh without peers.
func New(cfg Config) (*Mesh, error) {
	switch {
	case cfg.Self.ID == raft.None, cfg.Self.Incarnation == "", len(cfg.Self.Incarnation) > MaxIncarnation:
		return nil, fmt.Errorf("rtc: %v, incarnation %.80q, is no server", cfg.Self.ID, cfg.Self.Incarnation)
	case cfg.Signal == nil, cfg.Clock == nil, cfg.Handler == nil:
		return nil, errors.New("rtc: Config needs Signal, Clock and Handler")
	}
	if err := supported(); err != nil {
		return nil, err
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	}
	if cfg.Logger == nil {
		cfg.Logger = node.NoLog{}
	}
	m := &Mesh{cfg: cfg, log: cfg.Logger, queue: queue.New[occurrence](), members: make(map[raft.ID]*member)}
	m.conns.Store(new(map[raft.ID]*conn))
	m.timer = cfg.Clock.Timer(func() { m.queue.Push(occurrence{kind: ocTimer}) })
	go m.run()
	return m, nil
}

// SetICE sets the STUN and TURN servers of connections made from now on.
func (m *Mesh) SetICE(servers []ICEServer) {
	list := make([]webrtc.ICEServer, 0, len(servers))
	for _, s := range servers {
		server := webrtc.ICEServer{URLs: s.URLs, Username: s.Username}
		if s.Credential != "" {
			server.Credential = s.Credential
		}
		list = append(list, server)
	}
	m.mu.Lock()
	m.servers = list
	m.mu.Unlock()
}

// Present says who is in the room, as signaling's welcome does. Peers that are
// missing keep their connection; those without one are tried at once.
func (m *Mesh) Present(peers []Peer) {
	m.queue.Push(occurrence{kind: ocPresent, peers: slices.Clone(peers)})
}

// Joined says that a peer has come, or come back.
func (m *Mesh) Joined(p Peer) { m.queue.Push(occurrence{kind: ocJoined, peers: []Peer{p}}) }

// Left says that a peer's socket to signaling has ended. If it does not answer
// at once it is down.
func (m *Mesh) Left(p Peer) { m.queue.Push(occurrence{kind: ocLeft, peers: []Peer{p}}) }

// Retry says that what did not work may work now, since the network is back, say, or
// this tab was stopped and goes on. Peers that are not connected are tried at once,
// and those that are have to answer.
func (m *Mesh) Retry() { m.queue.Push(occurrence{kind: ocRetry}) }

// Signal hands over a payload that from sent with its Config.Signal. The mesh
// does not check who sent it; the seal of signaling/client does.
func (m *Mesh) Signal(from Peer, payload []byte) {
	if m.signals.Add(1) > MaxSignals {
		m.signals.Add(-1)
		m.dropped.Add(1)
		return
	}
	o := occurrence{kind: ocSignal, peers: []Peer{from}}
	if len(payload) <= MaxSignal {
		o.data = bytes.Clone(payload)
	} else {
		o.err = fmt.Errorf("signal of %d bytes, at most %d allowed", len(payload), MaxSignal)
	}
	m.queue.Push(o)
}

// Offence says that whoever took a frame of a peer found that no sound server sends
// it. Beyond MaxOffences the connection is closed.
func (m *Mesh) Offence(from raft.ID, why error) {
	m.queue.Push(occurrence{kind: ocOffence, peers: []Peer{{ID: from}}, err: why})
}

// Send implements node.Transport. A frame has 1 to MaxFrame bytes.
func (m *Mesh) Send(to raft.ID, frame []byte) bool {
	c := (*m.conns.Load())[to]
	return c != nil && c.pipe.send(frame)
}

// SendDatagram sends what may be lost, overtaken or never arrive: 1 to
// MaxDatagram bytes. It reports whether the datagram left; it does not while the
// one before it has not, or where the peer has no channel for it. The slice is
// the caller's again.
func (m *Mesh) SendDatagram(to raft.ID, b []byte) bool {
	c := (*m.conns.Load())[to]
	return c != nil && c.outlet.send(b)
}

// Heard tells when something came last from a peer that is up, be it an answer to
// a ping, on Config.Clock; zero from any other.
func (m *Mesh) Heard(from raft.ID) time.Duration {
	if c := (*m.conns.Load())[from]; c != nil {
		return time.Duration(c.heardAt.Load())
	}
	return 0
}

// Links tells how things stand with each peer, in no particular order.
func (m *Mesh) Links() []Link {
	m.mu.Lock()
	defer m.mu.Unlock()
	links := make([]Link, 0, len(m.members))
	for _, mb := range m.members {
		state, since := mb.state()
		l := Link{
			Peer: mb.peer, State: state, Up: mb.up(), RTT: mb.watch.RTT(),
			Restarts: mb.restarts, Violations: mb.violations, Since: since, LastError: mb.lastError,
			DatagramsDropped: mb.intake.lost(),
		}
		if mb.conn != nil {
			l.Buffered = mb.conn.pipe.unsent()
			l.Datagrams = mb.conn.outlet.isOpen()
		}
		links = append(links, l)
	}
	return links
}

// Close closes every connection before it returns, so that peers know at once;
// it is what a page does on pagehide. The handler is not called any more, save
// for a call under way. Further calls do nothing.
func (m *Mesh) Close() {
	if m.closed.Swap(true) {
		return
	}
	m.timer.Stop()
	m.queue.Close()
	m.mu.Lock()
	var channels []*channel
	for _, mb := range m.members {
		if mb.conn != nil && mb.conn.end() {
			channels = append(channels, mb.conn.ch)
		}
	}
	m.mu.Unlock()
	closeAll(channels)
}
