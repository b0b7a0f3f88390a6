package node

import (
	"errors"
	"fmt"
	"time"

	"tabraft/raft"
	"tabraft/raft/wire"
)

// offences.go: what one peer may ask of this server, and what is said of one
// that asks for more.
//
// Whoever has the room's key can be a member, and Raft believes its members.
// But no peer, member or not, gets more than a share of this server's memory and
// time, speaks for another, or makes it do work for nothing without being
// counted. What is refused changes nothing and is reported (EventRejected); if no
// sound server would ever have sent it, Event.Offence says so, and whoever
// owns the connection may end it.

const (
	// asksPerSecond and asksBurst are how often a peer may send what is rare
	// between sound servers: Join, Remove, Transfer, Greet. Further ones are
	// dropped.
	asksPerSecond = 20
	asksBurst     = 100
	// doubtsPerSecond and doubtBurst are how many Raft messages of a peer the core may
	// refuse though they are possible (raft.ErrStranger, raft.ErrFarTerm): a leader whose
	// configuration is newer sends many until this server heeds it.
	doubtsPerSecond = 200
	doubtBurst      = 2000
	// maxForwarded and maxForwardedBytes are how many commands of one peer, and
	// how many bytes of them, may wait to be committed. Further ones are answered
	// with CodeOverloaded. A sound server has maxOutstanding, and may have sent
	// them twice.
	maxForwarded      = 2 * maxOutstanding
	maxForwardedBytes = 8 << 20
)

// Why input is refused.
var (
	errAsksTooOften = fmt.Errorf("it asks for changes more than %d times a second", asksPerSecond)
	errManyDoubts   = fmt.Errorf("it sends more than %d messages a second that nobody can believe", doubtsPerSecond)
	errNotMember    = errors.New("it forwards commands, but is not in the cluster")
)

// Meter allows so many takes a second, and a burst of them after a pause. The zero
// Meter allows a burst.
type Meter struct {
	taken float64 // not forgotten yet
	at    time.Duration
}

// Take tells whether one more is allowed at time now.
func (m *Meter) Take(now time.Duration, perSecond, burst float64) bool {
	if now > m.at {
		m.taken = max(0, m.taken-perSecond*(now-m.at).Seconds())
		m.at = now
	}
	if m.taken+1 > burst {
		return false
	}
	m.taken++
	return true
}

// mayAsk tells whether a peer may have one more of the rare requests.
func (n *Node) mayAsk(peer raft.ID) bool {
	now := n.now()
	m := n.asks[peer]
	if m == nil {
		m = &Meter{at: now}
		n.asks[peer] = m
	}
	return m.Take(now, asksPerSecond, asksBurst)
}

// doubt takes note of a message that the core did not believe.
func (n *Node) doubt(peer raft.ID, err error) {
	m := n.doubts[peer]
	if m == nil {
		m = &Meter{}
		n.doubts[peer] = m
	}
	if !m.Take(n.now(), doubtsPerSecond, doubtBurst) {
		n.offend(peer, errManyDoubts)
		return
	}
	n.reject(peer, err)
}

// reject reports input that this server refused.
func (n *Node) reject(peer raft.ID, err error) {
	n.emit(Event{Kind: EventRejected, Peer: peer, Err: err, Count: 1})
}

// offend reports input that no sound server sends.
func (n *Node) offend(peer raft.ID, err error) {
	n.emit(Event{Kind: EventRejected, Peer: peer, Err: err, Count: 1, Offence: true})
}

// rejectFrame reports a frame that could not be read. Another version is
// nobody's fault.
func (n *Node) rejectFrame(peer raft.ID, err error) {
	if errors.Is(err, wire.ErrVersion) {
		n.reject(peer, err)
		return
	}
	n.offend(peer, err)
}

// reportDropped tells which peers sent more than the inbox takes.
func (n *Node) reportDropped(dropped map[raft.ID]uint64) {
	for peer, count := range dropped {
		n.emit(Event{Kind: EventRejected, Peer: peer, Count: count,
			Err: fmt.Errorf("it sends faster than this server can work: at most %d frames and %d bytes may wait", maxPeerFrames, maxPeerBytes)})
	}
}

// load is what one peer's commands take up until they are committed.
type load struct{ commands, bytes int }

// mayForward tells whether a peer's command may wait beside those it has here.
func (ps *proposals) mayForward(peer raft.ID, size int) bool {
	l := ps.loads[peer]
	return l.commands < maxForwarded && (l.commands == 0 || l.bytes+size <= maxForwardedBytes)
}

// await notes who waits for the entry at an index, in the place of whoever waited
// for one there that was never committed.
func (ps *proposals) await(index uint64, w waiter) {
	ps.forget(index)
	ps.inLog[index] = w
	if w.peer != raft.None {
		l := ps.loads[w.peer]
		ps.loads[w.peer] = load{l.commands + 1, l.bytes + w.size}
	}
}

// forget takes out who waits for the entry at an index.
func (ps *proposals) forget(index uint64) (w waiter, ok bool) {
	if w, ok = ps.inLog[index]; !ok {
		return w, false
	}
	delete(ps.inLog, index)
	if w.peer == raft.None {
		return w, true
	}
	if l := ps.loads[w.peer]; l.commands > 1 {
		ps.loads[w.peer] = load{l.commands - 1, l.bytes - w.size}
	} else {
		delete(ps.loads, w.peer)
	}
	return w, true
}
