package bus

import (
	"fmt"
	"time"

	"tabraft/raft"
	"tabraft/wasm/alive"
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

// arm sets the timer to the first time something is to be done.
func (m *Mesh) arm() {
	first := m.helloAt
	for _, mb := range m.members {
		first = min(first, mb.link.due())
	}
	// A timer that fires early does no harm, and setting one costs a call into
	// JavaScript.
	if m.armed && m.armedAt <= first {
		return
	}
	m.armed, m.armedAt = true, first
	m.timer.Reset(first)
}

func (m *Mesh) handle(now time.Duration, o occurrence) {
	switch o.kind {
	case ocStart:
		m.hello(now, true)
	case ocTimer:
		m.armed = false
		if now >= m.helloAt {
			m.hello(now, false)
		}
		for _, mb := range m.members {
			if mb.link.due() <= now {
				m.step(now, mb, event{kind: evTimer})
			}
		}
	case ocHello:
		m.unread.Add(-int64(len(o.data)) - unreadOverhead)
		m.greeted(now, o.data)
	case ocMessage:
		o.member.unread.Add(-int64(len(o.data)) - unreadOverhead)
		if m.members[o.member.peer] == o.member {
			m.message(now, o.member, o.data)
		}
	case ocRetry:
		m.hello(now, true)
		for _, mb := range m.members {
			m.step(now, mb, event{kind: evRetry})
		}
	case ocEvent:
		for _, mb := range m.members {
			if mb.peer.ID == o.id && (o.incarnation == "" || mb.peer.Incarnation == o.incarnation) {
				m.step(now, mb, o.event)
			}
		}
	}
}

// hello says hello to the room.
func (m *Mesh) hello(now time.Duration, asks bool) {
	m.helloAt = now + HelloInterval
	if err := m.room.Post(appendHello(nil, m.cfg.Self, asks)); err != nil {
		m.log.Warn("bus: hello not said", "err", err)
	}
}

// greeted takes a hello.
func (m *Mesh) greeted(now time.Duration, message []byte) {
	p, asks, err := parseHello(message)
	if err != nil {
		m.ignore(err.Error())
		return
	}
	if p.ID == m.cfg.Self.ID {
		return // another life of this server, just before its end
	}
	mb := m.members[p]
	if mb == nil {
		if mb = m.meet(now, p); mb == nil {
			return
		}
	}
	kind := evHello
	if asks {
		kind = evAsked
	}
	m.step(now, mb, event{kind: kind})
}

// meet makes a member of a life that was not known.
func (m *Mesh) meet(now time.Duration, p Peer) *member {
	if len(m.members) >= MaxPeers {
		m.ignore("too many tabs")
		return nil
	}
	mb := &member{peer: p, link: newLink(now)}
	ch, err := m.cfg.Radio.Open(pairName(m.cfg.Name, m.cfg.Self, p), func(message []byte) {
		m.hear(&mb.unread, occurrence{kind: ocMessage, member: mb, data: message})
	})
	if err != nil {
		m.log.Warn("bus: no channel", "peer", p.ID, "err", err)
		return nil
	}
	mb.pipe = newPipe(ch)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed.Load() {
		mb.pipe.close(false)
		return nil
	}
	m.members[p] = mb
	return mb
}

// pairName names the channel of two lives, the lower ID first.
func pairName(name string, a, b Peer) string {
	if a.ID > b.ID {
		a, b = b, a
	}
	return fmt.Sprintf("%s/%v.%s-%v.%s", name, a.ID, a.Incarnation, b.ID, b.Incarnation)
}

// message handles one message of a pair's channel.
func (m *Mesh) message(now time.Duration, mb *member, b []byte) {
	ev, body, err := parsePair(b)
	if err != nil {
		m.ignore(err.Error())
		return
	}
	if ev.kind == evPong {
		mb.pipe.answered(ev.number)
		if ev.number >= alive.Numbers {
			ev.kind = evHeard
		}
	}
	if ev.kind != evHeard || !mb.link.isUp() || mb.link.watch.Wants(now) {
		m.step(now, mb, ev)
	}
	switch {
	case body == nil || !mb.link.isUp():
	case b[0] == messageDatagram:
		m.cfg.Handler.Datagram(mb.peer.ID, body)
	default:
		m.cfg.Handler.Frame(mb.peer.ID, body)
	}
}

// step has a member's link take an event and does what it says.
func (m *Mesh) step(now time.Duration, mb *member, ev event) {
	m.mu.Lock()
	l, actions := mb.link.step(now, ev)
	mb.link = l
	m.mu.Unlock()
	for _, a := range actions {
		m.do(now, mb, a)
	}
}

// do carries one action out.
func (m *Mesh) do(now time.Duration, mb *member, a action) {
	switch a.kind {
	case actHello:
		m.hello(now, a.asks)
	case actPing:
		m.control(mb, messagePing, a.number)
	case actPong:
		m.control(mb, messagePong, a.number)
	case actUp:
		for _, other := range m.members {
			if other.peer.ID == mb.peer.ID && other != mb {
				m.step(now, other, event{kind: evReplaced})
			}
		}
		m.log.Info("bus: link up", "peer", mb.peer.ID)
		m.setPipe(mb.peer.ID, mb.pipe)
		m.cfg.Handler.Up(mb.peer)
	case actDown:
		m.log.Info("bus: link down", "peer", mb.peer.ID, "reason", a.reason)
		m.setPipe(mb.peer.ID, nil)
		m.cfg.Handler.Down(mb.peer, a.reason)
	case actForget:
		m.mu.Lock()
		delete(m.members, mb.peer)
		m.mu.Unlock()
		mb.pipe.close(false)
	}
}

// control posts a ping or pong.
func (m *Mesh) control(mb *member, kind byte, number uint32) {
	if err := mb.pipe.control(kind, number); err != nil {
		m.log.Debug("bus: not posted", "peer", mb.peer.ID, "err", err)
	}
}

// setPipe changes what Send finds.
func (m *Mesh) setPipe(id raft.ID, p *pipe) {
	old := *m.pipes.Load()
	pipes := make(map[raft.ID]*pipe, len(old)+1)
	for k, v := range old {
		pipes[k] = v
	}
	delete(pipes, id)
	if p != nil {
		pipes[id] = p
	}
	m.pipes.Store(&pipes)
}
