package rtc

import (
	"encoding/binary"
	"errors"
	"fmt"

	"tabraft/raft"
)

// protocolVersion is the version of the fragments, exchanged in hello.
const protocolVersion = 1

// The first byte of a fragment; see the package comment.
const (
	fragmentHello = iota
	fragmentWhole
	fragmentFirst
	fragmentMore
	fragmentPing
	fragmentPong
)

const (
	wholeHeader   = 1         // kind
	partHeader    = 1 + 4     // kind, length or offset
	pingSize      = 1 + 4     // kind, number
	helloMinSize  = 1 + 1 + 9 // kind, version, id, length of the incarnation
	largestSingle = MaxFragment - wholeHeader
)

var errBeforeHello = errors.New("a frame came before hello")

// cut writes the next fragment of frame, of which done bytes are sent, into
// buf, and returns the fragment and the number of frame bytes in it. buf has
// MaxFragment bytes.
func cut(buf, frame []byte, done int) (fragment []byte, n int) {
	switch {
	case done == 0 && len(frame) <= largestSingle:
		buf[0] = fragmentWhole
		n = copy(buf[wholeHeader:], frame)
		return buf[:wholeHeader+n], n
	case done == 0:
		buf[0] = fragmentFirst
		binary.BigEndian.PutUint32(buf[1:], uint32(len(frame)))
	default:
		buf[0] = fragmentMore
		binary.BigEndian.PutUint32(buf[1:], uint32(done))
	}
	n = copy(buf[partHeader:MaxFragment], frame[done:])
	return buf[:partHeader+n], n
}

// assembler puts the fragments of one peer's frames together.
type assembler struct {
	frame []byte // what has arrived of the frame under way
	size  int    // its whole length; zero when none is under way
}

// add takes one fragment of kind whole, first or more and returns the frame it
// completes, if it does. A whole frame shares the fragment's memory.
func (a *assembler) add(fragment []byte) (frame []byte, err error) {
	kind := fragment[0]
	if (kind == fragmentMore) != (a.size > 0) {
		return nil, fmt.Errorf("fragment of kind %d out of sequence", kind)
	}
	if kind == fragmentWhole {
		if len(fragment) == wholeHeader {
			return nil, errors.New("empty frame")
		}
		return fragment[wholeHeader:], nil
	}
	if len(fragment) <= partHeader {
		return nil, fmt.Errorf("fragment of kind %d with %d bytes", kind, len(fragment))
	}
	number := binary.BigEndian.Uint32(fragment[1:])
	body := fragment[partHeader:]
	if kind == fragmentFirst {
		if number > MaxFrame || int(number) <= len(body) {
			return nil, fmt.Errorf("frame of %d bytes in parts, the first of %d", number, len(body))
		}
		a.size = int(number)
		a.frame = append(make([]byte, 0, a.size), body...)
		return nil, nil
	}
	if int64(number) != int64(len(a.frame)) || len(body) > a.size-len(a.frame) {
		return nil, fmt.Errorf("%d bytes at %d of a frame of which %d of %d have arrived", len(body), number, len(a.frame), a.size)
	}
	a.frame = append(a.frame, body...)
	if len(a.frame) < a.size {
		return nil, nil
	}
	frame = a.frame
	*a = assembler{}
	return frame, nil
}

// appendHello writes the hello of p.
func appendHello(b []byte, p Peer) []byte {
	b = append(b, fragmentHello, protocolVersion)
	b = binary.BigEndian.AppendUint64(b, uint64(p.ID))
	b = append(b, byte(len(p.Incarnation)))
	return append(b, p.Incarnation...)
}

// checkHello reads a hello and says what is wrong if it is not that of p.
func checkHello(fragment []byte, p Peer) error {
	if len(fragment) >= 2 && fragment[1] != protocolVersion {
		return fmt.Errorf("the peer speaks version %d of the mesh protocol, this server version %d", fragment[1], protocolVersion)
	}
	if len(fragment) < helloMinSize || len(fragment) != helloMinSize+int(fragment[helloMinSize-1]) {
		return fmt.Errorf("hello of %d bytes", len(fragment))
	}
	id := raft.ID(binary.BigEndian.Uint64(fragment[2:]))
	incarnation := string(fragment[helloMinSize:])
	if id != p.ID || incarnation != p.Incarnation {
		return fmt.Errorf("the channel to server %v, incarnation %s, was answered by %v, %q", p.ID, p.Incarnation, id, incarnation)
	}
	return nil
}

// appendPing writes a ping or, with fragmentPong, its answer.
func appendPing(b []byte, kind byte, number uint32) []byte {
	return binary.BigEndian.AppendUint32(append(b, kind), number)
}

// pingNumber reads a ping or pong.
func pingNumber(fragment []byte) (uint32, error) {
	if len(fragment) != pingSize {
		return 0, fmt.Errorf("fragment of kind %d with %d bytes", fragment[0], len(fragment))
	}
	return binary.BigEndian.Uint32(fragment[1:]), nil
}
