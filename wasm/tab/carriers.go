package tab

import (
	"time"

	"tabraft/raft"
	"tabraft/wasm/bus"
	"tabraft/wasm/rtc"
)

// carriers.go: a life's side of its two meshes.

// webrtcSide is the life as the WebRTC mesh sees it: an rtc.Handler.
type webrtcSide struct{ *life }

func (l webrtcSide) Frame(from raft.ID, frame []byte) { l.links.Receive(from, frame) }
func (l webrtcSide) Up(p rtc.Peer)                    { l.routes.up(p.ID, p.Incarnation, byWebRTC) }
func (l webrtcSide) Down(p rtc.Peer, reason string) {
	l.routes.down(p.ID, p.Incarnation, byWebRTC, reason)
}

// busSide is the life as the bus sees it: a bus.Handler.
type busSide struct{ *life }

func (l busSide) Frame(from raft.ID, frame []byte) { l.links.Receive(from, frame) }
func (l busSide) Up(p bus.Peer)                    { l.routes.up(p.ID, p.Incarnation, byBus) }
func (l busSide) Down(p bus.Peer, reason string) {
	l.routes.down(p.ID, p.Incarnation, byBus, reason)
}

// busName is the name of a room's channel among the tabs of a browser.
func (s *Server) busName() string { return "tabraft/" + s.cfg.Room.Token() + "/bus" }

// openBus opens the bus, if there is a radio and that was not done before. A server
// does without it if it must.
//
// It waits for the signaling server to let this server in, or to be out of reach: of a
// browser's profile that was copied all tabs are copies, and over the bus they would be a
// second cluster, each of them under the name of a server that runs.
func (l *life) openBus() {
	s := l.s
	l.busOnce.Lock()
	defer l.busOnce.Unlock()
	if s.cfg.Radio == nil || l.busOver {
		return
	}
	l.busOver = true
	err := l.routes.connect(func() (spare, error) {
		b, err := bus.New(bus.Config{
			Self: bus.Peer{ID: s.id, Incarnation: l.incarnation}, Name: s.busName(), Radio: s.cfg.Radio,
			Clock: s.cfg.Clock, Handler: busSide{l}, Logger: s.cfg.Logger,
		})
		if err == nil {
			l.bus.Store(b)
		}
		return b, err
	})
	if err != nil {
		s.cfg.Logger.Warn("no links to other tabs but those over the network", "error", err)
	}
}

// closeBus closes the bus for good.
func (l *life) closeBus() {
	l.busOnce.Lock()
	l.busOver = true
	l.busOnce.Unlock()
	if b := l.bus.Load(); b != nil {
		b.Close()
	}
}

// rerouted tells node and telemetry of a peer that came or went.
func (l *life) rerouted(c routeChange) {
	switch {
	case c.from == byNone:
		l.met.Store(true)
		l.node.PeerUp(c.id)
		l.telemetry.up(c.id, c.incarnation)
	case c.to == byNone:
		l.node.PeerDown(c.id)
		l.telemetry.down(c.id)
		l.sweepLater() // it may never have been a member
	}
}

// moved tells the page of a peer that came, went or moved.
func (l *life) moved(c routeChange) {
	l.s.emit("peer", PeerEvent{Peer: c.id.String(), Up: c.to != byNone, Transport: string(c.to), Reason: c.reason})
}

// linkState is the state of the link that carries frames to a peer, else of the
// one that WebRTC tries to make.
type linkState struct {
	via   transport
	state string // see Member.Link
	rtt   time.Duration
}

// linkStates tells how each peer is reached.
func (l *life) linkStates() map[raft.ID]linkState {
	states := map[raft.ID]linkState{}
	for _, k := range l.mesh.Links() {
		states[k.Peer.ID] = linkState{via: l.routes.via(k.Peer.ID), state: k.State, rtt: k.RTT}
	}
	b := l.bus.Load()
	if b == nil {
		return states
	}
	for _, k := range b.Links() {
		if k.Up && l.routes.via(k.Peer.ID) == byBus {
			states[k.Peer.ID] = linkState{via: byBus, state: k.State, rtt: k.RTT}
		}
	}
	return states
}
