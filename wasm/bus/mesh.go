package bus

import (
	"errors"
	"fmt"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"tabraft/raft"
	"tabraft/raft/node"
	"tabraft/wasm/queue"
)

// Peer is one life of one server.
type Peer struct {
	ID          raft.ID
	Incarnation string // random for each life; at most MaxIncarnation bytes
}

// sound tells whether a Peer can be one.
func (p Peer) sound() bool {
	return p.ID != raft.None && p.Incarnation != "" && len(p.Incarnation) <= MaxIncarnation
}

// Config is what a mesh needs. All but Logger must be set.
type Config struct {
	Self    Peer
	Name    string // of the room's channel
	Radio   Radio
	Clock   node.Clock
	Handler Handler
	Logger  node.Logger
}

// Handler is told what happens, by one call at a time, in order, from a
// goroutine of the mesh, which waits: calls must not take long. They may call
// the Mesh.
type Handler interface {
	// Frame hands over a frame from a peer that is up. The slice is the
	// handler's.
	Frame(from raft.ID, frame []byte)
	// Datagram hands over a datagram likewise.
	Datagram(from raft.ID, b []byte)
	// Up says that frames can be exchanged with p. Of two lives of one server
	// the earlier is down before the later is up.
	Up(p Peer)
	// Down ends what Up began.
	Down(p Peer, reason string)
}

// Link is how things stand with one peer.
type Link struct {
	Peer       Peer
	State      string // greeting, open, probing
	Up         bool
	RTT        time.Duration // of the last answered ping; zero if there is none
	Unanswered int           // bytes sent that the peer may not have handled yet
	Since      time.Duration // when State began, on Config.Clock
}

// Mesh connects a server with those of the same room in other tabs of the
// browser. Its methods may be called from any goroutine and do not block.
type Mesh struct {
	cfg     Config
	log     node.Logger
	timer   node.Timer
	queue   *queue.Queue[occurrence]
	room    Channel
	unread  atomic.Int64 // bytes from the room's channel, with overhead
	ignored atomic.Uint64
	pipes   atomic.Pointer[map[raft.ID]*pipe] // of the peers that are up
	closed  atomic.Bool

	// mu guards what follows. Only the mesh's goroutine changes it.
	mu      sync.Mutex
	members map[Peer]*member

	// The rest is the mesh's goroutine's alone.
	helloAt time.Duration // when to say hello again
	armed   bool          // the timer is set
	armedAt time.Duration // when it is to fire
}

// member is a link and what serves it.
type member struct {
	peer   Peer
	link   link
	pipe   *pipe
	unread atomic.Int64 // bytes from the pair's channel, with overhead
}

// New starts a mesh without peers, and has it ask who is there.
func New(cfg Config) (*Mesh, error) {
	switch {
	case !cfg.Self.sound():
		return nil, fmt.Errorf("bus: %v, incarnation %.80q, is no server", cfg.Self.ID, cfg.Self.Incarnation)
	case cfg.Radio == nil, cfg.Clock == nil, cfg.Handler == nil, cfg.Name == "":
		return nil, errors.New("bus: Config needs Name, Radio, Clock and Handler")
	}
	if cfg.Logger == nil {
		cfg.Logger = node.NoLog{}
	}
	m := &Mesh{cfg: cfg, log: cfg.Logger, queue: queue.New[occurrence](), members: make(map[Peer]*member)}
	m.pipes.Store(new(map[raft.ID]*pipe))
	room, err := cfg.Radio.Open(cfg.Name, m.hearRoom)
	if err != nil {
		return nil, fmt.Errorf("bus: %w", err)
	}
	m.room = room
	m.timer = cfg.Clock.Timer(func() { m.queue.Push(occurrence{kind: ocTimer}) })
	m.queue.Push(occurrence{kind: ocStart})
	go m.run()
	return m, nil
}

// Send implements node.Transport. A frame has 1 to MaxFrame bytes.
func (m *Mesh) Send(to raft.ID, frame []byte) bool {
	p := (*m.pipes.Load())[to]
	return p != nil && p.send(frame)
}

// SendDatagram sends what may be lost: 1 to MaxDatagram bytes. It reports whether
// the datagram left. The slice is the caller's again.
func (m *Mesh) SendDatagram(to raft.ID, b []byte) bool {
	p := (*m.pipes.Load())[to]
	return p != nil && p.sendDatagram(b)
}

// Rely says whether nothing but this mesh connects a server that is up here. One
// that begins to be relied on is asked at once, and down if it does not answer
// within RelyAnswerWithin. Until Rely is called each link is relied on.
func (m *Mesh) Rely(id raft.ID, on bool) {
	kind := evSpare
	if on {
		kind = evRely
	}
	m.queue.Push(occurrence{kind: ocEvent, id: id, event: event{kind: kind}})
}

// Left says that a server's socket to signaling has ended. If it does not answer
// at once it is down.
func (m *Mesh) Left(p Peer) {
	m.queue.Push(occurrence{kind: ocEvent, id: p.ID, incarnation: p.Incarnation, event: event{kind: evLeft}})
}

// Retry asks who is there, and whether those that are up still are: this tab was
// stopped, say, and goes on. The others may have forgotten it meanwhile.
func (m *Mesh) Retry() { m.queue.Push(occurrence{kind: ocRetry}) }

// Links tells how things stand with each peer, in no particular order.
func (m *Mesh) Links() []Link {
	m.mu.Lock()
	defer m.mu.Unlock()
	links := make([]Link, 0, len(m.members))
	for _, mb := range m.members {
		state, since := mb.link.state()
		links = append(links, Link{Peer: mb.peer, State: state, Up: mb.link.isUp(),
			RTT: mb.link.watch.RTT(), Unanswered: mb.pipe.unanswered(), Since: since})
	}
	return links
}

// Ignored counts messages that broke the protocol or came too fast.
func (m *Mesh) Ignored() uint64 { return m.ignored.Load() }

// Close tells the peers that this life is over and closes all channels, before it
// returns: it is what a page does on pagehide. The handler is not called any
// more, save for a call under way. Further calls do nothing.
func (m *Mesh) Close() {
	if m.closed.Swap(true) {
		return
	}
	m.timer.Stop()
	m.queue.Close()
	m.room.Close()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, mb := range m.members {
		mb.pipe.close(true)
	}
}

// hearRoom takes a message from the room's channel, on the browser's event loop.
func (m *Mesh) hearRoom(message []byte) {
	m.hear(&m.unread, occurrence{kind: ocHello, data: message})
}

// hear queues a message as long as no more than MaxUnread bytes of its channel
// wait.
func (m *Mesh) hear(unread *atomic.Int64, o occurrence) {
	size := int64(len(o.data)) + unreadOverhead
	if unread.Add(size) > MaxUnread {
		unread.Add(-size)
		m.ignore("too much comes at once")
		return
	}
	m.queue.Push(o)
}

// ignore counts what is not as it should be, and says so now and then.
func (m *Mesh) ignore(why string) {
	if n := m.ignored.Add(1); bits.OnesCount64(n) == 1 {
		m.log.Warn("bus: message ignored", "why", why, "so far", n)
	}
}
