package bus

import (
	"encoding/binary"
	"fmt"

	"tabraft/raft"
)

// protocolVersion is the version of the messages, told in hello.
const protocolVersion = 1

// The first byte of a message; see the package comment.
const (
	messageHello = iota
	messageFrame
	messagePing
	messagePong
	messageBye
	messageDatagram
)

const (
	frameHeader  = 1                 // kind
	pingSize     = 1 + 4             // kind, number
	helloMinSize = 1 + 1 + 1 + 8 + 1 // kind, version, asks, id, length of the incarnation
)

// appendHello writes the hello of p.
func appendHello(b []byte, p Peer, asks bool) []byte {
	b = append(b, messageHello, protocolVersion, 0)
	if asks {
		b[len(b)-1] = 1
	}
	b = binary.BigEndian.AppendUint64(b, uint64(p.ID))
	b = append(b, byte(len(p.Incarnation)))
	return append(b, p.Incarnation...)
}

// parseHello reads a hello.
func parseHello(b []byte) (p Peer, asks bool, err error) {
	switch {
	case len(b) < 2 || b[0] != messageHello:
		return p, false, fmt.Errorf("bus: %d bytes that are no hello", len(b))
	case b[1] != protocolVersion:
		return p, false, fmt.Errorf("bus: another tab speaks version %d of the bus, this one version %d: reload the older one", b[1], protocolVersion)
	case len(b) < helloMinSize || b[2] > 1 || len(b) != helloMinSize+int(b[helloMinSize-1]):
		return p, false, fmt.Errorf("bus: hello of %d bytes", len(b))
	}
	p = Peer{ID: raft.ID(binary.BigEndian.Uint64(b[3:])), Incarnation: string(b[helloMinSize:])}
	if !p.sound() {
		return p, false, fmt.Errorf("bus: hello of %v, incarnation %.80q: no server", p.ID, p.Incarnation)
	}
	return p, b[2] == 1, nil
}

// appendPing writes a ping or a pong.
func appendPing(b []byte, kind byte, number uint32) []byte {
	return binary.BigEndian.AppendUint32(append(b, kind), number)
}

// parsePair reads what came on a pair's channel: the event, and what a frame or
// datagram carries, which shares the message's memory.
func parsePair(b []byte) (ev event, body []byte, err error) {
	if len(b) == 0 {
		return ev, nil, fmt.Errorf("bus: something that is no message")
	}
	switch b[0] {
	case messageFrame:
		if len(b) > frameHeader && len(b) <= MaxMessage {
			return event{kind: evHeard}, b[frameHeader:], nil
		}
	case messageDatagram:
		if len(b) > frameHeader && len(b) <= frameHeader+MaxDatagram {
			return event{kind: evHeard}, b[frameHeader:], nil
		}
	case messagePing, messagePong:
		if len(b) == pingSize {
			kind := evPing
			if b[0] == messagePong {
				kind = evPong
			}
			return event{kind: kind, number: binary.BigEndian.Uint32(b[1:])}, nil, nil
		}
	case messageBye:
		if len(b) == 1 {
			return event{kind: evBye}, nil, nil
		}
	}
	return ev, nil, fmt.Errorf("bus: message of kind %d with %d bytes", b[0], len(b))
}
