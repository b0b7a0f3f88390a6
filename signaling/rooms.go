//go:build !js

package signaling

import (
	"cmp"
	"slices"
)

// join puts c into its room as peer p. Of two incarnations of one id the first one stays for as long as it answers: a copy of a browser's profile must not
// run a server that is running.
func (s *Server) join(c *conn, token string, p Peer, secret string) *Error {
	var silent *conn
	for {
		rival, refusal := s.enter(c, token, p, secret, silent)
		if rival == nil {
			return refusal
		}
		if rival.proves() {
			return refuse(CodeInUse, "this server runs already, somewhere else")
		}
		silent = rival
	}
}

// enter is join, except that it gives the connection of another incarnation of the id, and does nothing, unless that is the one that is silent. Who does not know an
// incarnation's secret is another one, whatever it says: incarnations are known to the whole room. Everything the room
// must hear is queued under the server's lock, so that all see one order.
func (s *Server) enter(c *conn, token string, p Peer, secret string, silent *conn) (rival *conn, refusal *Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	room := s.rooms[token]
	if room == nil && len(s.rooms) >= s.limits.Rooms {
		return nil, refuse(CodeTooManyRooms, "this server holds %d rooms and takes no more", s.limits.Rooms)
	}
	old := room[p.ID]
	if old == nil && len(room) >= s.limits.PeersPerRoom {
		return nil, refuse(CodeRoomFull, "the room is full: %d peers are here", s.limits.PeersPerRoom)
	}
	reload := old != nil && old.peer.Incarnation != p.Incarnation
	if (reload || old != nil && old.secret != secret) && old != silent {
		return old, nil
	}
	if room == nil {
		room = map[string]*conn{}
		s.rooms[token] = room
	}

	c.room, c.peer, c.secret = token, p, secret
	if reload {
		broadcast(room, p.ID, Message{Type: TypeLeft, Peer: &old.peer})
	}
	room[p.ID] = c
	c.send(Message{Type: TypeWelcome, Peers: others(room, p.ID), ICE: s.ice})
	if old == nil || reload {
		broadcast(room, p.ID, Message{Type: TypeJoined, Peer: &p})
	}
	if old != nil {
		old.fail(refuse(CodeReplaced, "a newer connection of this server took its place"))
	}
	return nil, nil
}

// leave takes c out of its room, unless another connection has its place.
func (s *Server) leave(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	room := s.rooms[c.room]
	if room[c.peer.ID] != c {
		return
	}
	delete(room, c.peer.ID)
	if len(room) == 0 {
		delete(s.rooms, c.room)
		return
	}
	broadcast(room, c.peer.ID, Message{Type: TypeLeft, Peer: &c.peer})
}

// relay hands a payload from c to a peer of its room.
func (s *Server) relay(c *conn, to string, payload []byte) *Error {
	b := Message{Type: TypeSignal, Peer: &c.peer, Payload: payload}.Encode()
	s.mu.Lock()
	defer s.mu.Unlock()
	room := s.rooms[c.room]
	if room[c.peer.ID] != c {
		return nil // replaced a moment ago, and about to be told
	}
	receiver := room[to]
	if receiver == nil || receiver == c {
		return refuse(CodeNoSuchPeer, "there is no other peer %s in the room", to)
	}
	receiver.enqueue(b)
	return nil
}

// broadcast queues m for everybody in room but the one named.
func broadcast(room map[string]*conn, but string, m Message) {
	b := m.Encode()
	for id, c := range room {
		if id != but {
			c.enqueue(b)
		}
	}
}

func others(room map[string]*conn, but string) []Peer {
	peers := make([]Peer, 0, len(room))
	for id, c := range room {
		if id != but {
			peers = append(peers, c.peer)
		}
	}
	slices.SortFunc(peers, func(a, b Peer) int { return cmp.Compare(a.ID, b.ID) })
	return peers
}
