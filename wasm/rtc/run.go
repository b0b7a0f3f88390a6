package rtc

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"tabraft/raft"
	"tabraft/raft/node"
)

// This file is the mesh's goroutine: it takes what has occurred, has the links
// decide, and does what they say.

func (m *Mesh) run() {
	for range m.queue.Wake() {
		for _, o := range m.queue.Take() {
			if m.closed.Load() {
				return
			}
			m.handle(m.cfg.Clock.Now(), o)
		}
		m.arm()
	}
}

// arm sets the timer to the first time a link asks for.
func (m *Mesh) arm() {
	first, any := time.Duration(0), false
	for _, mb := range m.members {
		if due := mb.due(); !any || due < first {
			first, any = due, true
		}
	}
	// A timer that fires early does no harm, and setting one costs a call into
	// JavaScript.
	if !any || m.armed && m.armedAt <= first {
		return
	}
	m.armed, m.armedAt = true, first
	m.timer.Reset(first)
}

func (m *Mesh) handle(now time.Duration, o occurrence) {
	switch o.kind {
	case ocPresent:
		m.present(now, o.peers)
	case ocJoined:
		m.joined(now, o.peers[0])
	case ocLeft:
		m.left(now, o.peers[0])
	case ocSignal:
		m.signals.Add(-1)
		if o.err != nil {
			m.refused(o.peers[0].ID, o.err)
		} else {
			m.signaled(now, o.peers[0], o.data)
		}
	case ocOffence:
		m.offence(now, o.peers[0].ID, o.err)
	case ocRetry:
		for _, mb := range m.members {
			m.step(now, mb, event{kind: evRetry})
		}
	case ocTimer:
		m.armed = false
		for _, mb := range m.members {
			if mb.due() <= now {
				m.step(now, mb, event{kind: evTimer})
			}
		}
	default:
		m.connOccurred(now, o)
	}
}

// connOccurred handles what a connection posted, if it still is its member's.
func (m *Mesh) connOccurred(now time.Duration, o occurrence) {
	switch o.kind {
	case ocMessage:
		o.conn.unread.Add(-int64(len(o.data)) - unreadOverhead)
		o.conn.heardAt.Store(int64(now))
	case ocDatagram:
		o.conn.intake.handled()
	}
	mb := m.members[o.conn.peer]
	if mb == nil || mb.conn != o.conn {
		return
	}
	switch o.kind {
	case ocEvent:
		m.step(now, mb, *o.event)
	case ocMessage:
		m.message(now, mb, o.data)
	case ocDatagram:
		if mb.up() {
			m.cfg.Handler.Datagram(mb.peer.ID, o.data)
		}
	case ocDrained:
		mb.conn.pipe.pump()
	case ocNote:
		m.log.Debug("rtc", "peer", mb.peer.ID, "err", o.err)
	}
}

func (m *Mesh) present(now time.Duration, peers []Peer) {
	listed := make(map[raft.ID]bool, len(peers))
	for _, p := range peers {
		listed[p.ID] = true
		m.joined(now, p)
	}
	for id, mb := range m.members {
		if !listed[id] {
			m.step(now, mb, event{kind: evAbsent})
		}
	}
}

func (m *Mesh) joined(now time.Duration, p Peer) {
	if p.ID == m.cfg.Self.ID {
		return
	}
	if p.ID == raft.None || p.Incarnation == "" || len(p.Incarnation) > MaxIncarnation {
		m.log.Warn("peer refused: not a server", "peer", p.ID)
		return
	}
	mb := m.members[p.ID]
	if mb != nil && mb.peer.Incarnation != p.Incarnation {
		if mb.up() {
			m.doubtOver(now, mb, p)
			return
		}
		m.step(now, mb, event{kind: evReplaced})
		mb = nil
	}
	if mb == nil {
		if len(m.members) >= MaxPeers {
			m.log.Warn("peer ignored: too many", "peer", p.ID, "limit", MaxPeers)
			return
		}
		mb = &member{link: newLink(m.cfg.Self, p, m.attempt), intake: &intake{}}
		mb.since = now
		m.mu.Lock()
		m.members[p.ID] = mb
		m.mu.Unlock()
	}
	mb.rival = nil
	m.step(now, mb, event{kind: evPresent})
}

// signalEvents are the events of the signals a peer may send.
var signalEvents = map[string]eventKind{
	signalOffer:     evOffer,
	signalAnswer:    evAnswer,
	signalCandidate: evCandidate,
	signalRequest:   evRequest,
}

func (m *Mesh) signaled(now time.Duration, from Peer, payload []byte) {
	s, err := parseSignal(payload)
	if err != nil {
		m.refused(from.ID, err)
		return
	}
	if dropped := m.dropped.Swap(0); dropped > 0 && m.cfg.Refused != nil {
		m.cfg.Refused(raft.None, dropped, fmt.Errorf("signals came faster than this server can work: at most %d may wait", MaxSignals))
	}
	mb := m.members[from.ID]
	if mb != nil && mb.rival != nil && mb.rival.Incarnation == from.Incarnation && s.To == m.cfg.Self.Incarnation {
		m.tellTaken(now, mb)
		return
	}
	if mb == nil || mb.peer.Incarnation != from.Incarnation || s.From != from.Incarnation || s.To != m.cfg.Self.Incarnation {
		m.log.Debug("signal of another life ignored", "peer", from.ID, "kind", s.Kind)
		return
	}
	if s.Kind == signalTaken {
		if !mb.up() && m.cfg.Taken != nil {
			m.cfg.Taken(mb.peer)
		}
		return
	}
	m.step(now, mb, event{kind: signalEvents[s.Kind], signal: s})
}

// message handles one data-channel message.
func (m *Mesh) message(now time.Duration, mb *member, b []byte) {
	err := errTooMany
	if mb.messages.Take(now, MessagesPerSecond, MessageBurst) {
		err = m.fragment(now, mb, b)
	}
	if err != nil {
		m.step(now, mb, event{kind: evBroken, reason: err.Error(), suspect: true})
	}
}

func (m *Mesh) fragment(now time.Duration, mb *member, b []byte) error {
	if len(b) == 0 {
		return errors.New("an empty message came")
	}
	if b[0] == fragmentHello {
		if err := checkHello(b, mb.peer); err != nil {
			return err
		}
		m.step(now, mb, event{kind: evHello})
		return nil
	}
	if !mb.up() {
		return errBeforeHello
	}
	if (b[0] == fragmentPing || b[0] == fragmentPong) && !mb.pings.Take(now, PingsPerSecond, PingBurst) {
		return errPings
	}
	switch b[0] {
	case fragmentWhole, fragmentFirst, fragmentMore:
		frame, err := mb.parts.add(b)
		if err != nil {
			return err
		}
		m.heard(now, mb)
		if frame != nil {
			m.cfg.Handler.Frame(mb.peer.ID, frame)
		}
		return nil
	case fragmentPing:
		number, err := pingNumber(b)
		if err != nil {
			return err
		}
		m.heard(now, mb)
		m.control(mb, appendPing(nil, fragmentPong, number))
		return nil
	case fragmentPong:
		number, err := pingNumber(b)
		if err != nil {
			return err
		}
		m.step(now, mb, event{kind: evPong, number: number})
		return nil
	}
	return fmt.Errorf("fragment of unknown kind %d", b[0])
}

// heard tells the link of a sign of life.
func (m *Mesh) heard(now time.Duration, mb *member) {
	if mb.watch.Wants(now) {
		m.step(now, mb, event{kind: evHeard})
	}
}

// step has a member's link take an event and does what it says. If that cannot
// be done, that is the next event.
func (m *Mesh) step(now time.Duration, mb *member, ev event) {
	for next := &ev; next != nil; {
		chance := m.cfg.Rand.Float64()
		m.mu.Lock()
		l, actions := mb.link.step(now, *next, chance)
		mb.link = l
		m.mu.Unlock()
		next = nil
		for _, a := range actions {
			if err := m.do(mb, a); err != nil {
				next = &event{kind: evSignalLost, reason: err.Error()}
				break
			}
		}
	}
	m.settleRival(now, mb)
}

// do carries one action out. An error is a reason to give the attempt up.
func (m *Mesh) do(mb *member, a action) error {
	switch a.kind {
	case actOpen:
		return m.open(mb)
	case actOffer:
		mb.conn.offer(a.signal.Round, a.restart)
	case actAnswer:
		mb.conn.answer(a.signal.Round, a.signal.SDP)
	case actAccept:
		mb.conn.accept(a.signal.SDP)
	case actCandidate:
		mb.conn.candidate(a.signal.Candidate)
	case actSignal:
		return m.signal(mb, a.signal)
	case actHello:
		m.control(mb, appendHello(nil, m.cfg.Self))
	case actPing:
		mb.conn.pipe.pump()
		m.control(mb, appendPing(nil, fragmentPing, a.number))
	case actUp:
		mb.messages, mb.pings, mb.offences = node.Meter{}, node.Meter{}, 0
		m.log.Info("link up", "peer", mb.peer.ID, "kind", mb.peer.Kind, "attempt", mb.attempt)
		m.setConn(mb.peer.ID, mb.conn)
		m.cfg.Handler.Up(mb.peer)
	case actDown:
		m.log.Info("link down", "peer", mb.peer.ID, "reason", a.reason)
		m.setConn(mb.peer.ID, nil)
		m.cfg.Handler.Down(mb.peer, a.reason)
	case actSilent:
		if m.cfg.Silent != nil {
			m.cfg.Silent(mb.peer)
		}
	case actClose:
		m.hangUp(mb)
	case actRefuse:
		m.refused(mb.peer.ID, errors.New(a.reason))
	case actForget:
		m.attempt = max(m.attempt, mb.attempt)
		m.mu.Lock()
		delete(m.members, mb.peer.ID)
		m.mu.Unlock()
	}
	return nil
}

var errManyConnections = fmt.Errorf("more than %d connections a second are asked for", ConnectionsPerSecond)

// open makes a member's connection.
func (m *Mesh) open(mb *member) error {
	if !m.made.Take(m.cfg.Clock.Now(), ConnectionsPerSecond, ConnectionBurst) {
		return errManyConnections
	}
	m.mu.Lock()
	servers := m.servers
	m.mu.Unlock()
	c, err := newConn(mb.peer.ID, servers, m.cfg.Loopback, mb.intake, m.cfg.Clock, func(o occurrence) { m.queue.Push(o) })
	if err != nil {
		m.log.Warn("no connection", "peer", mb.peer.ID, "err", err)
		return err
	}
	m.mu.Lock()
	mb.conn = c
	m.mu.Unlock()
	if m.closed.Load() && c.end() {
		closeSoon(c.ch)
	}
	return nil
}

// hangUp closes a member's connection, if it has one.
func (m *Mesh) hangUp(mb *member) {
	c := mb.conn
	if c == nil {
		return
	}
	m.mu.Lock()
	mb.conn = nil
	m.mu.Unlock()
	mb.parts = assembler{}
	if c.end() {
		closeSoon(c.ch)
	}
}

// signal sends a signal to a member.
func (m *Mesh) signal(mb *member, s signal) error {
	s.Version, s.From, s.To = signalVersion, m.cfg.Self.Incarnation, mb.peer.Incarnation
	payload, err := json.Marshal(s)
	if err == nil {
		err = m.cfg.Signal(mb.peer.ID, payload)
	}
	if err == nil {
		return nil
	}
	m.log.Debug("signal not sent", "peer", mb.peer.ID, "kind", s.Kind, "err", err)
	if s.Kind != signalOffer && s.Kind != signalAnswer {
		return nil
	}
	return fmt.Errorf("the %s was not sent: %w", s.Kind, err)
}

// control sends a hello, ping or pong. If that fails the channel is closing, of
// which its events tell.
func (m *Mesh) control(mb *member, fragment []byte) {
	if err := mb.conn.pipe.control(fragment); err != nil {
		m.log.Debug("control fragment not sent", "peer", mb.peer.ID, "err", err)
	}
}

// setConn changes what Send and SendDatagram find.
func (m *Mesh) setConn(id raft.ID, c *conn) {
	conns := maps.Clone(*m.conns.Load())
	if conns == nil {
		conns = make(map[raft.ID]*conn)
	}
	if delete(conns, id); c != nil {
		conns[id] = c
	}
	m.conns.Store(&conns)
}
