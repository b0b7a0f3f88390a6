package labroom

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"tabraft/raft"
	"tabraft/raft/lab/tester"
	"tabraft/raft/node"
	"tabraft/signaling"
	"tabraft/signaling/client"
	"tabraft/wasm/rtc"
)

// member is a server in its room: the connections to the others.
type member struct {
	seats  int
	server *Server
	mesh   *rtc.Mesh
	client *client.Client
	failed func(error)
	taken  func()
	in     atomic.Bool // signaling has let it in
	once   sync.Once
}

type memberConfig struct {
	room   client.Room
	signal string
	seat   *seat
	seats  int
	form   tester.Form
	clock  node.Clock
	build  string
	failed func(error)
	// taken is called if somebody else has the seat, and this server never met anybody.
	taken func()
}

var (
	errReplaced = errors.New("another tab took this seat")
	errOccupied = errors.New("a tab of another browser has this seat already; close it and reload this one, or make another room")
)

func join(cfg memberConfig) (*member, error) {
	m := &member{seats: cfg.seats, failed: cfg.failed, taken: cfg.taken}
	var err error
	m.server, err = NewServer(Config{
		Seats: cfg.seats, Me: cfg.seat.number, Form: cfg.form, State: cfg.seat.state, Snapshot: cfg.seat.snap, Store: cfg.seat,
		Build: cfg.build, Send: func(to int, frame []byte) bool { return m.send(to, frame) },
	})
	if err != nil {
		return nil, err
	}
	id := idOf(cfg.seat.number)
	opened := make(chan struct{})
	m.mesh, err = rtc.New(rtc.Config{
		Self: rtc.Peer{ID: id, Incarnation: cfg.seat.incarnation, Kind: rtc.KindTab},
		Signal: func(to raft.ID, payload []byte) error {
			<-opened
			return m.client.Send(to.String(), payload)
		},
		Clock: cfg.clock, Handler: m, Rand: rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())), Logger: node.NoLog{},
	})
	if err != nil {
		return nil, err
	}
	m.client = client.Start(client.Config{
		URL: cfg.signal, Room: cfg.room, Handler: m,
		Peer: signaling.Peer{ID: id.String(), Incarnation: cfg.seat.incarnation, Kind: signaling.KindTab},
	})
	close(opened)
	return m, nil
}

// send sends a frame; before the mesh is there nobody can be reached.
func (m *member) send(to int, frame []byte) bool {
	return m.mesh != nil && m.mesh.Send(idOf(to), frame)
}

// end leaves the room, the connections first: the others see it at once.
func (m *member) end() {
	m.once.Do(func() {
		m.mesh.Close()
		m.client.Close()
		m.server.End()
	})
}

// The mesh's side: rtc.Handler.

func (m *member) Frame(from raft.ID, frame []byte) { m.server.Receive(seatOf(from), frame) }
func (m *member) Datagram(raft.ID, []byte)         {} // none are sent
func (m *member) Up(p rtc.Peer)                    { m.server.Up(seatOf(p.ID)) }
func (m *member) Down(p rtc.Peer, _ string)        { m.server.Down(seatOf(p.ID)) }

// The signaling client's side: client.Handler.

func (m *member) Welcome(peers []signaling.Peer, ice []signaling.ICEServer) {
	m.in.Store(true)
	servers := make([]rtc.ICEServer, len(ice))
	for i, s := range ice {
		servers[i] = rtc.ICEServer(s)
	}
	m.mesh.SetICE(servers)
	var all []rtc.Peer
	for _, p := range peers {
		if q, ok := m.seated(p); ok {
			all = append(all, q)
		}
	}
	m.mesh.Present(all)
}

func (m *member) Joined(p signaling.Peer) {
	if q, ok := m.seated(p); ok {
		m.mesh.Joined(q)
	}
}

func (m *member) Left(p signaling.Peer) {
	if q, ok := m.seated(p); ok {
		m.mesh.Left(q)
	}
}

func (m *member) Signal(from signaling.Peer, payload []byte) {
	if q, ok := m.seated(from); ok {
		m.mesh.Signal(q, payload)
	}
}

func (m *member) Connection(_ bool, err error) {
	var refusal *signaling.Error
	switch {
	case !errors.As(err, &refusal):
	case refusal.Code == signaling.CodeReplaced:
		go m.failed(errReplaced)
	case refusal.Code == signaling.CodeInUse && !m.in.Load():
		go m.taken()
	}
}

// seated reads a peer that sits on one of the room's seats; others only look who
// is present.
func (m *member) seated(p signaling.Peer) (rtc.Peer, bool) {
	id, err := raft.ParseID(p.ID)
	return rtc.Peer{ID: id, Incarnation: p.Incarnation, Kind: string(p.Kind)}, err == nil && seatOf(id) < m.seats
}

// presentWait is how long a look at who is present waits for signaling.
const presentWait = 3 * time.Second

// present asks signaling who is in a room, as somebody who takes no seat.
func present(ctx context.Context, signal string, room client.Room) map[int]bool {
	ctx, cancel := context.WithTimeout(ctx, presentWait)
	defer cancel()
	l := &look{seats: make(chan map[int]bool, 1)}
	c := client.Start(client.Config{
		URL: signal, Room: room, Handler: l,
		Peer: signaling.Peer{ID: raft.ID(rand.Uint64() | 1<<63).String(), Incarnation: random(), Kind: signaling.KindTab},
	})
	defer c.Close()
	select {
	case seats := <-l.seats:
		return seats
	case <-ctx.Done():
		return nil
	}
}

// look is a client.Handler that waits for the list of those present.
type look struct{ seats chan map[int]bool }

func (l *look) Welcome(peers []signaling.Peer, _ []signaling.ICEServer) {
	all := map[int]bool{}
	for _, p := range peers {
		if id, err := raft.ParseID(p.ID); err == nil {
			all[seatOf(id)] = true
		}
	}
	select {
	case l.seats <- all:
	default:
	}
}
func (l *look) Joined(signaling.Peer)         {}
func (l *look) Left(signaling.Peer)           {}
func (l *look) Signal(signaling.Peer, []byte) {}
func (l *look) Connection(bool, error)        {}
