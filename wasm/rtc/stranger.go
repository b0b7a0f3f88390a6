package rtc

import (
	"time"

	"tabraft/raft"
)

// This file holds what the mesh does about peers that are not what they say, or
// do what they must not.

// refused tells that something of a peer was refused.
func (m *Mesh) refused(from raft.ID, why error) {
	m.log.Debug("refused", "peer", from, "err", why)
	if m.cfg.Refused != nil {
		m.cfg.Refused(from, 1, why)
	}
}

// offence counts a frame that no sound server sends. Whoever found it has told of
// it.
func (m *Mesh) offence(now time.Duration, from raft.ID, why error) {
	mb := m.members[from]
	if mb == nil || !mb.up() {
		return
	}
	if mb.offences++; mb.offences > MaxOffences {
		m.step(now, mb, event{kind: evBroken, reason: why.Error(), suspect: true})
	}
}

// left: a peer's socket to signaling ended, or a rival's.
func (m *Mesh) left(now time.Duration, p Peer) {
	mb := m.members[p.ID]
	switch {
	case mb == nil:
	case mb.peer.Incarnation == p.Incarnation:
		m.step(now, mb, event{kind: evLeft})
	case mb.rival != nil && mb.rival.Incarnation == p.Incarnation:
		mb.rival = nil
	}
}

// doubtOver: signaling lists another incarnation of a peer that is connected. That
// one has to say that it is there.
func (m *Mesh) doubtOver(now time.Duration, mb *member, rival Peer) {
	if mb.rival == nil || *mb.rival != rival {
		mb.rival, mb.toldAt = &rival, now-TakenInterval
	}
	m.step(now, mb, event{kind: evRival})
}

// settleRival decides between a peer and its rival once it is known whether the
// peer is alive.
func (m *Mesh) settleRival(now time.Duration, mb *member) {
	rival := mb.rival
	switch {
	case rival == nil || m.members[mb.peer.ID] != mb && m.members[mb.peer.ID] != nil:
	case mb.up():
		if mb.sure() {
			m.tellTaken(now, mb)
		}
	default:
		mb.rival = nil
		if m.members[mb.peer.ID] == mb {
			m.step(now, mb, event{kind: evReplaced})
		}
		m.joined(now, *rival)
	}
}

// tellTaken tells a rival that its server is connected in another incarnation, and
// alive, but not of every signal of it when they are many.
func (m *Mesh) tellTaken(now time.Duration, mb *member) {
	if !mb.sure() || now-mb.toldAt < TakenInterval {
		return
	}
	mb.toldAt = now
	m.refused(mb.peer.ID, errTaken)
	to := member{link: link{peer: *mb.rival}}
	m.signal(&to, signal{Kind: signalTaken})
}
