package tab

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	crand "crypto/rand"

	"tabraft/raft"
	"tabraft/raft/kv"
	"tabraft/raft/node"
	"tabraft/signaling"
	"tabraft/signaling/client"
	"tabraft/wasm/bus"
	"tabraft/wasm/rtc"
)

// life is all of a server that a crash ends.
type life struct {
	s           *Server
	number      int // in the cycle
	incarnation string
	began       time.Duration
	storage     node.Storage
	machine     *kv.Map
	mesh        *rtc.Mesh
	bus         atomic.Pointer[bus.Mesh] // nil where there is no Config.Radio, and before openBus
	busOnce     sync.Mutex               // guards busOver
	busOver     bool                     // the bus is open, or not to be opened
	met         atomic.Bool              // some peer was connected
	routes      *routes
	links       *node.Links
	telemetry   *telemetry
	digests     *node.Path // telemetry's, under the same faults as links
	node        *node.Node
	client      *client.Client // mu guards it: its handler may be called first
	commands    commands
	sweeps      chan struct{} // see sweepLater

	mu        sync.Mutex
	signaling string // connected, connecting, offline
	refused   error  // the server's refusal, if that is why it is not connected
	present   int    // peers in the room, by the last word of signaling
	trouble   error  // what a peer told that keeps this server out
	// rivalSince is since when the signaling server says that this server is there
	// already; negative if it does not.
	rivalSince time.Duration
	// takenSince is since when peers say so; -1 if they do not.
	takenSince time.Duration
	refusals   refusals
}

// begin makes a life, which start lets loose.
func (s *Server) begin(number int) (*life, error) {
	l := &life{s: s, number: number, machine: kv.NewMap(), commands: commands{clock: s.cfg.Clock}, signaling: signalingConnecting, sweeps: make(chan struct{}, 1), rivalSince: -1, takenSince: -1}
	l.incarnation, l.began = newIncarnation(), s.cfg.Clock.Now()
	storage, err := s.cfg.Home.Begin(l.incarnation, func(err error) {
		go s.happen(turn{kind: evFailed, life: number, err: fmt.Errorf("storage failed: %w", err)}, nil)
	})
	if err != nil {
		return nil, err
	}
	l.storage = storage
	l.mesh, err = rtc.New(rtc.Config{
		Self:    rtc.Peer{ID: s.id, Incarnation: l.incarnation, Kind: string(s.cfg.Kind)},
		Signal:  l.signal,
		Clock:   s.cfg.Clock,
		Handler: webrtcSide{l},
		// Signaling is needed to connect anew, and its own silence is noticed later.
		Silent:   func(rtc.Peer) { l.retrySignaling() },
		Rand:     s.fork(),
		Logger:   s.cfg.Logger,
		Loopback: s.cfg.Loopback,
		Refused:  func(from raft.ID, count uint64, why error) { l.refuse(from, count, why, false) },
		Taken:    l.taken,
	})
	if err != nil {
		storage.Close()
		return nil, err
	}
	l.routes = newRoutes(l.mesh, s.cfg.Clock.Now, l.rerouted, l.moved)
	l.links = node.NewLinks(s.cfg.Clock, s.fork(), l.routes.Send, func(from raft.ID, frame []byte) { l.node.Deliver(from, frame) })
	l.digests = l.links.Beside(l.routes.SendDatagram, func(from raft.ID, b []byte) { l.telemetry.receive(from, b) })
	l.telemetry = newTelemetry(s.cfg.Clock, s.cfg.Logger, l.incarnation, l.digest, l.digests.Send)
	l.node, err = node.Start(node.Config{
		ID: s.id, Cluster: s.cfg.Home.Cluster(), Storage: storage, Transport: l.links, Machine: l.machine,
		Clock: s.cfg.Clock, Rand: s.fork(), Admitted: s.cfg.Home.SetCluster, Observer: l.observe, Gather: s.cfg.Gather, Raft: tuning,
		RemoveAfter: s.Settings().removeAfter(),
	})
	if err != nil {
		l.mesh.Close()
		storage.Close()
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.client = client.Start(client.Config{
		URL: s.cfg.Signal, Room: s.cfg.Room, Handler: l, Logger: s.cfg.Logger,
		Peer: signaling.Peer{ID: s.id.String(), Incarnation: l.incarnation, Kind: s.cfg.Kind},
	})
	return l, nil
}

// signal sends one of the mesh's payloads by way of the signaling server.
func (l *life) signal(to raft.ID, payload []byte) error {
	l.mu.Lock()
	c := l.client
	l.mu.Unlock()
	return c.Send(to.String(), payload)
}

// retrySignaling finds out whether the signaling server is still there.
func (l *life) retrySignaling() {
	l.mu.Lock()
	c := l.client
	l.mu.Unlock()
	c.Retry()
}

// newIncarnation names one life: 16 random hex digits.
func newIncarnation() string {
	var b [8]byte
	crand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// start watches over the life's end.
func (l *life) start() {
	l.node.SetRemoveAfter(l.s.Settings().removeAfter()) // they may have changed
	if shelf, ok := l.s.cfg.Home.(Shelf); ok {
		go l.sweepAlways(shelf)
		l.sweepLater()
	}
	go func() {
		<-l.node.Done()
		why := turn{kind: evFailed, life: l.number, err: l.node.Err()}
		if errors.Is(why.err, node.ErrRemoved) {
			why.kind = evRemoved
		}
		l.s.happen(why, nil)
	}()
}

func (s *Server) fork() *rand.Rand {
	return rand.New(rand.NewPCG(s.random.Uint64(), s.random.Uint64()))
}

// end closes everything, the connections first: peers see the server go at
// once.
func (l *life) end() {
	l.mesh.Close()
	l.closeBus()
	l.client.Close()
	l.telemetry.close()
	go func() {
		l.node.Stop()
		l.storage.Close()
	}()
}

// Datagram is of both meshes' handlers; the rest of them is in carriers.go.
func (l *life) Datagram(from raft.ID, b []byte) { l.digests.Receive(from, b) }

// The signaling client's side: client.Handler.

func (l *life) Welcome(peers []signaling.Peer, ice []signaling.ICEServer) {
	servers := make([]rtc.ICEServer, len(ice))
	for i, s := range ice {
		servers[i] = rtc.ICEServer(s)
	}
	l.mesh.SetICE(servers)
	all := make([]rtc.Peer, 0, len(peers))
	for _, p := range peers {
		if q, ok := meshPeer(p); ok {
			all = append(all, q)
		}
	}
	l.mesh.Present(all)
	l.count(func(int) int { return len(all) })
}

func (l *life) Joined(p signaling.Peer) {
	if q, ok := meshPeer(p); ok {
		l.mesh.Joined(q)
		l.count(func(n int) int { return n + 1 })
	}
}

func (l *life) Left(p signaling.Peer) {
	if q, ok := meshPeer(p); ok {
		l.mesh.Left(q)
		if b := l.bus.Load(); b != nil {
			b.Left(bus.Peer{ID: q.ID, Incarnation: q.Incarnation})
		}
		l.count(func(n int) int { return n - 1 })
	}
}

func (l *life) Signal(from signaling.Peer, payload []byte) {
	if q, ok := meshPeer(from); ok {
		l.mesh.Signal(q, payload)
	}
}

func (l *life) Connection(connected bool, err error) {
	l.mu.Lock()
	l.refused = nil
	switch {
	case connected:
		l.signaling = signalingConnected
	case l.signaling == signalingConnected:
		l.signaling = signalingConnecting
	default:
		l.signaling = signalingOffline
	}
	var refusal *signaling.Error
	if errors.As(err, &refusal) {
		l.refused = refusal
	}
	l.mu.Unlock()
	l.notAlone(connected, refusal)
	l.s.emit("peer", PeerEvent{Reason: "signaling"})
}

func (l *life) count(f func(int) int) {
	l.mu.Lock()
	l.present = f(l.present)
	l.mu.Unlock()
}

// meshPeer reads a peer's id; the client has checked the rest.
func meshPeer(p signaling.Peer) (rtc.Peer, bool) {
	id, err := raft.ParseID(p.ID)
	return rtc.Peer{ID: id, Incarnation: p.Incarnation, Kind: string(p.Kind)}, err == nil
}

// The node's side.

func (l *life) observe(e node.Event) {
	if tells(e) {
		l.telemetry.changed()
	}
	switch e.Kind {
	case node.EventRole:
		l.s.emit("role", RoleEvent{Role: e.Role.String(), Term: e.Term, Leader: idText(e.Peer)})
	case node.EventCommitted:
		l.s.emit("commit", IndexEvent{Index: e.Index})
	case node.EventApplied:
		first, last := e.Entries[0], e.Entries[len(e.Entries)-1]
		l.s.emit("apply", AppliedEvent{From: first.Index, Index: last.Index, Term: last.Term})
	case node.EventSent, node.EventReceived:
		if e.Kind == node.EventReceived {
			l.telemetry.noteHeard(e.Message.From)
		}
		l.s.emit("message", e)
	case node.EventMembers:
		l.sweepLater()
		l.s.emit("peer", PeerEvent{Reason: "members"})
	case node.EventSnapshot, node.EventRestored:
		l.s.emit("snapshot", SnapshotEvent{Index: e.Index, Bytes: e.Size, Restored: e.Kind == node.EventRestored})
	case node.EventExpired:
		l.s.cfg.Logger.Info("removing a server that was silent for too long", "peer", idText(e.Peer))
		l.s.emit("peer", PeerEvent{Peer: idText(e.Peer), Reason: "it was silent for too long and is being removed"})
	case node.EventNotYet:
		l.worry(e.Err)
	case node.EventRejected:
		l.worry(e.Err)
		l.refuse(e.Peer, e.Count, e.Err, e.Offence)
	case node.EventForeign:
		l.s.emit("peer", PeerEvent{Reason: "clusters"})
	case node.EventStorage:
		l.storageNews(e.Err)
	case node.EventStopped:
	}
}

// storageNews tells that the storage is slow, or no more.
func (l *life) storageNews(slow error) {
	if slow == nil {
		l.s.cfg.Logger.Info("the storage answers again")
		return
	}
	l.s.cfg.Logger.Warn("slow storage", "error", slow)
	l.s.emit("error", ErrorEvent{Message: slow.Error()})
}

// worry keeps what may be why this server is not let in.
func (l *life) worry(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.trouble = err
}

// refuse counts what was refused, and has the connection closed of a peer that goes
// on doing what no sound server does.
func (l *life) refuse(from raft.ID, count uint64, why error, offence bool) {
	if offence {
		l.mesh.Offence(from, why)
	}
	if l.refusals.add(l.s.cfg.Clock.Now(), from, count, why.Error()) {
		l.s.cfg.Logger.Warn("refused", "peer", idText(from), "error", why)
		l.s.emit("error", ErrorEvent{Message: why.Error(), Peer: idText(from)})
	}
}

// allRefusals adds what the signaling client dropped, since nobody can be named for
// that.
func (l *life) allRefusals() []Refusal {
	all := l.refusals.list(l.s.cfg.Clock.Now())
	l.mu.Lock()
	c := l.client
	l.mu.Unlock()
	if n := c.Dropped(); n > 0 {
		all = append(all, Refusal{Count: n, Reason: "sealed with another key than the room's"})
	}
	return all
}

// tells says whether an event may change what the others are told of this
// server.
func tells(e node.Event) bool {
	switch e.Kind {
	case node.EventRole, node.EventCommitted, node.EventApplied, node.EventMembers, node.EventSnapshot, node.EventRestored:
		return true
	case node.EventSent, node.EventReceived:
		m := e.Message
		return m.Type == raft.AppendEntries && len(m.Entries) > 0 || m.Type == raft.RequestVoteReply
	}
	return false
}

// digest is what the others are told of this server.
func (l *life) digest() digest {
	st := l.node.Status()
	l.s.mu.Lock()
	hidden := l.s.hidden
	l.s.mu.Unlock()
	return digest{
		Role: roleIn(st, l.s.id), Hidden: hidden, Term: st.Term, Leader: st.Leader, Vote: st.Vote,
		Commit: st.CommitIndex, Applied: st.LastApplied, Last: st.LastIndex, Durable: st.DurableIndex, Snapshot: st.SnapshotIndex,
	}
}

func idText(id raft.ID) string {
	if id == raft.None {
		return ""
	}
	return id.String()
}
