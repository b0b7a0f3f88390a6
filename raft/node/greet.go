package node

import (
	"fmt"
	"maps"

	"tabraft/raft"
	"tabraft/raft/wire"
)

// greet.go: two clusters under one room key. Each would go on by itself and
// ignore the other's servers, and nobody would know why a command given here is
// not seen there. So whoever is in a cluster says in which, once to each server it
// is connected to, and the news is kept for Status.

// greet tells a connected server which cluster this one is a member of, if it is.
func (n *Node) greet(peer raft.ID) {
	if _, conf := n.view(); n.cluster != 0 && n.peers[peer] && conf.IsMember(n.cfg.ID) {
		n.cfg.Transport.Send(peer, wire.AppendGreet(nil, n.header(peer)))
	}
}

func (n *Node) greetAll() {
	for peer := range n.peers {
		n.greet(peer)
	}
}

// checkCluster tells whether a frame is of this server's cluster, and notes what
// other there is in the room.
func (n *Node) checkCluster(f *wire.Frame) bool {
	if f.Cluster == n.cluster {
		n.notForeign(f.From)
		return true
	}
	if f.Cluster == 0 {
		if f.Kind != wire.KindGreet {
			n.offend(f.From, fmt.Errorf("a %v frame without a cluster", f.Kind))
		}
		return false
	}
	if f.Kind != wire.KindGreet {
		n.reject(f.From, fmt.Errorf("it is of cluster %016x, this server of %016x", f.Cluster, n.cluster))
	}
	n.noteForeign(f.From, f.Cluster)
	return false
}

// noteForeign notes that a server belongs to another cluster, and lets it know
// the same of this one.
func (n *Node) noteForeign(peer raft.ID, cluster uint64) {
	if !n.peers[peer] || n.foreign[peer] == cluster {
		return
	}
	n.setForeign(func(m map[raft.ID]uint64) { m[peer] = cluster })
	n.greet(peer)
}

func (n *Node) notForeign(peer raft.ID) {
	if n.foreign[peer] != 0 {
		n.setForeign(func(m map[raft.ID]uint64) { delete(m, peer) })
	}
}

// setForeign replaces the map, which Status hands out, and tells the observer.
func (n *Node) setForeign(change func(map[raft.ID]uint64)) {
	m := maps.Clone(n.foreign)
	if m == nil {
		m = map[raft.ID]uint64{}
	}
	change(m)
	n.mu.Lock()
	n.foreign = m
	n.mu.Unlock()
	n.emit(Event{Kind: EventForeign})
}
