package wire

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// reader takes values off the front of buf. The first error sticks: from then
// on every method returns zero, so a decoder checks once, where it matters.
type reader struct {
	buf []byte
	pos int
	err error
}

// fail records what is wrong with the field called what, and where.
func (r *reader) fail(what string, err error, format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%s, byte %d: %w: %s", what, r.pos, err, fmt.Sprintf(format, args...))
	}
}

func (r *reader) truncated(what string) {
	if r.err == nil {
		r.err = fmt.Errorf("%s, byte %d: %w", what, r.pos, ErrTruncated)
	}
}

func (r *reader) left() int { return len(r.buf) - r.pos }

func (r *reader) byte(what string) byte {
	if r.err != nil || r.pos >= len(r.buf) {
		r.truncated(what)
		return 0
	}
	b := r.buf[r.pos]
	r.pos++
	return b
}

func (r *reader) uint64(what string) uint64 {
	if r.err != nil || r.left() < 8 {
		r.truncated(what)
		return 0
	}
	v := binary.BigEndian.Uint64(r.buf[r.pos:])
	r.pos += 8
	return v
}

// uv reads an unsigned varint in its shortest form.
func (r *reader) uv(what string) uint64 {
	if r.err != nil {
		return 0
	}
	if r.pos < len(r.buf) && r.buf[r.pos] < 0x80 {
		r.pos++
		return uint64(r.buf[r.pos-1])
	}
	v, n := binary.Uvarint(r.buf[r.pos:])
	switch {
	case n == 0:
		r.truncated(what)
		return 0
	case n < 0:
		r.fail(what, ErrMalformed, "varint of more than 64 bits")
		return 0
	case r.buf[r.pos+n-1] == 0:
		r.fail(what, ErrMalformed, "varint longer than needed")
		return 0
	}
	r.pos += n
	return v
}

// count reads how many of something follow. Each takes at least size bytes, so
// more than could be there are refused before room is made for them.
func (r *reader) count(what string, limit, size int) int {
	at := r.pos
	n := r.uv(what)
	switch {
	case r.err != nil:
		return 0
	case n > uint64(limit):
		r.pos = at
		r.fail(what, ErrTooLarge, "%d, at most %d", n, limit)
		return 0
	case n > uint64(r.left()/size):
		r.pos = at
		r.fail(what, ErrTruncated, "%d announced, %d bytes follow", n, r.left())
		return 0
	}
	return int(n)
}

// bytes reads a length and that many bytes, without copying them. No bytes
// give nil.
func (r *reader) bytes(what string, limit int) []byte {
	n := r.count(what, limit, 1)
	if n == 0 {
		return nil
	}
	b := r.buf[r.pos : r.pos+n : r.pos+n]
	r.pos += n
	return b
}

// end demands that nothing is left.
func (r *reader) end() {
	if r.err == nil && r.left() > 0 {
		r.err = fmt.Errorf("byte %d: %w: %d", r.pos, ErrTrailing, r.left())
	}
}

// uvSize is the length of v as a uv.
func uvSize(v uint64) int { return (bits.Len64(v|1) + 6) / 7 }

func bytesSize(b []byte) int { return uvSize(uint64(len(b))) + len(b) }

func appendBytes(dst, b []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(b)))
	return append(dst, b...)
}
