package labroom

import (
	"encoding/binary"
	"errors"
)

const (
	frameRequest = iota + 1
	frameReply
	frameRefused
	frameDigest
)

const (
	// MaxFrame is the largest frame that is sent or taken, in bytes.
	MaxFrame = 256 << 10
	// maxMethod is the longest name of a method.
	maxMethod = 255
	// maxDigest is the longest digest, in bytes.
	maxDigest = 8 << 10
)

var (
	errFrame = errors.New("a frame that is none of a lab's room")
	errLarge = errors.New("a call that does not fit into a frame of 256 KiB")
)

// frame is what a frame of the first three kinds says.
type frame struct {
	kind   byte
	call   uint64
	method string // of a request
	body   []byte
}

func (f frame) encode() ([]byte, error) {
	b := make([]byte, 0, 1+8+1+len(f.method)+len(f.body))
	b = binary.BigEndian.AppendUint64(append(b, f.kind), f.call)
	if f.kind == frameRequest {
		if len(f.method) > maxMethod {
			return nil, errLarge
		}
		b = append(append(b, byte(len(f.method))), f.method...)
	}
	if b = append(b, f.body...); len(b) > MaxFrame {
		return nil, errLarge
	}
	return b, nil
}

func decodeFrame(b []byte) (frame, error) {
	if len(b) == 0 || len(b) > MaxFrame {
		return frame{}, errFrame
	}
	f := frame{kind: b[0]}
	b = b[1:]
	switch f.kind {
	case frameDigest:
		f.body = b
		return f, sized(len(b) <= maxDigest)
	case frameRequest, frameReply, frameRefused:
	default:
		return frame{}, errFrame
	}
	if len(b) < 8 {
		return frame{}, errFrame
	}
	f.call, b = binary.BigEndian.Uint64(b), b[8:]
	if f.kind == frameRequest {
		if len(b) == 0 || len(b) < 1+int(b[0]) {
			return frame{}, errFrame
		}
		f.method, b = string(b[1:1+int(b[0])]), b[1+int(b[0]):]
	}
	f.body = b
	return f, sized(f.kind != frameRefused || len(b) == 0)
}

func sized(ok bool) error {
	if !ok {
		return errFrame
	}
	return nil
}
