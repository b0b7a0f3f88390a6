package kv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"
)

// Limits of one command, in bytes.
const (
	// MaxKey is the length of the longest key.
	MaxKey = 1 << 10
	// MaxValue is the length of the longest value.
	MaxValue = 64 << 10
	// MaxCommand bounds the length of an encoded command: two values, a key,
	// and numbers.
	MaxCommand = 2*MaxValue + MaxKey + 64
)

// What may be wrong with a command or a result; errors.Is finds them.
var (
	ErrEmptyKey      = errors.New("the key is empty")
	ErrKeyTooLarge   = fmt.Errorf("the key is too long, at most %d bytes", MaxKey)
	ErrValueTooLarge = fmt.Errorf("the value is too long, at most %d bytes", MaxValue)
	ErrNotUTF8       = errors.New("not UTF-8 text")
	ErrMalformed     = errors.New("malformed")
)

func appendText(dst []byte, s string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

// reader takes values off the front of buf; the first error sticks.
type reader struct {
	buf []byte
	err error
}

func (r *reader) fail(what string) {
	if r.err == nil {
		r.err = fmt.Errorf("%s: %w", what, ErrMalformed)
	}
}

func (r *reader) byte(what string) byte {
	if r.err != nil || len(r.buf) == 0 {
		r.fail(what)
		return 0
	}
	b := r.buf[0]
	r.buf = r.buf[1:]
	return b
}

// bit reads a byte that is 0 or 1.
func (r *reader) bit(what string) bool {
	b := r.byte(what)
	if b > 1 {
		r.fail(what)
	}
	return b == 1
}

func (r *reader) uv(what string) uint64 {
	v, n := binary.Uvarint(r.buf)
	if r.err != nil || n <= 0 || n > 1 && r.buf[n-1] == 0 {
		r.fail(what)
		return 0
	}
	r.buf = r.buf[n:]
	return v
}

// count reads how many of something follow. Each takes at least size bytes, so
// more than could be there are refused before room is made for them.
func (r *reader) count(what string, limit, size int) int {
	n := r.uv(what)
	if r.err == nil && n > uint64(min(limit, len(r.buf)/size)) {
		r.fail(fmt.Sprintf("%d %s", n, what))
	}
	if r.err != nil {
		return 0
	}
	return int(n)
}

// text reads a string; its length is checked before it is copied.
func (r *reader) text(what string, limit int, tooLarge error) string {
	n := r.uv(what)
	if r.err == nil && n > uint64(limit) {
		r.err = fmt.Errorf("%s of %d bytes: %w", what, n, tooLarge)
	}
	if r.err != nil || n > uint64(len(r.buf)) {
		r.fail(what)
		return ""
	}
	b := r.buf[:n]
	r.buf = r.buf[n:]
	if !utf8.Valid(b) {
		r.err = fmt.Errorf("%s: %w", what, ErrNotUTF8)
		return ""
	}
	return string(b)
}

func (r *reader) end() {
	if r.err == nil && len(r.buf) > 0 {
		r.fail(fmt.Sprintf("%d bytes after the end", len(r.buf)))
	}
}

func checkText(what, s string, limit int, tooLarge error) error {
	if len(s) > limit {
		return fmt.Errorf("kv: %s of %d bytes: %w", what, len(s), tooLarge)
	}
	if !utf8.ValidString(s) {
		return fmt.Errorf("kv: %s: %w", what, ErrNotUTF8)
	}
	return nil
}
