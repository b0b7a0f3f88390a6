package kv

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// Op says what a command does.
type Op uint8

const (
	// OpenSession opens a client session.
	OpenSession Op = 1 + iota
	// Put sets a key's value.
	Put
	// Get reads a key's value, at the command's place in the log.
	Get
	// CAS sets a key's value if it has the expected one.
	CAS
	// Delete removes a key.
	Delete
)

var opNames = [...]string{"?", "open session", "put", "get", "cas", "delete"}

func (o Op) known() bool { return o > 0 && int(o) < len(opNames) }

func (o Op) String() string {
	if o.known() {
		return opNames[o]
	}
	return fmt.Sprintf("Op(%d)", uint8(o))
}

// Command is what a client has committed. An OpenSession has no other field.
type Command struct {
	Op Op
	// Session is the id of an open session, Seq the command's number in it.
	Session, Seq uint64
	// Done is the lowest number to which the client has had no answer. Results
	// of lower ones are forgotten.
	Done uint64
	// Key is 1 to MaxKey bytes of UTF-8.
	Key string
	// Value, for Put and CAS, is at most MaxValue bytes of UTF-8.
	Value string
	// Old is the value that a CAS expects. With OldAbsent it is empty, and the
	// key is expected to have none.
	Old       string
	OldAbsent bool
}

// Check tells whether the command keeps to the limits and is one that
// DecodeCommand would give.
func (c *Command) Check() error {
	if !c.Op.known() {
		return fmt.Errorf("kv: no command %v: %w", c.Op, ErrMalformed)
	}
	if c.Op == OpenSession {
		return nil
	}
	if c.Key == "" {
		return fmt.Errorf("kv: %w", ErrEmptyKey)
	}
	if err := checkText("key", c.Key, MaxKey, ErrKeyTooLarge); err != nil {
		return err
	}
	if c.Op == CAS && !c.OldAbsent {
		if err := checkText("expected value", c.Old, MaxValue, ErrValueTooLarge); err != nil {
			return err
		}
	}
	if c.Op == Put || c.Op == CAS {
		return checkText("value", c.Value, MaxValue, ErrValueTooLarge)
	}
	return nil
}

// AppendTo appends the encoded command to dst, or says which limit it breaks.
// Fields that the op has no use for are left out.
func (c *Command) AppendTo(dst []byte) ([]byte, error) {
	if err := c.Check(); err != nil {
		return dst, err
	}
	dst = slices.Grow(dst, 40+len(c.Key)+len(c.Value)+len(c.Old))
	dst = append(dst, byte(c.Op))
	if c.Op == OpenSession {
		return dst, nil
	}
	dst = binary.AppendUvarint(dst, c.Session)
	dst = binary.AppendUvarint(dst, c.Seq)
	dst = binary.AppendUvarint(dst, c.Done)
	dst = appendText(dst, c.Key)
	if c.Op == CAS {
		if c.OldAbsent {
			dst = append(dst, 0)
		} else {
			dst = appendText(append(dst, 1), c.Old)
		}
	}
	if c.Op == Put || c.Op == CAS {
		dst = appendText(dst, c.Value)
	}
	return dst, nil
}

// DecodeCommand reads a command that AppendTo made. The command copies what it
// keeps.
func DecodeCommand(b []byte) (Command, error) {
	r := reader{buf: b}
	c := Command{Op: Op(r.byte("op"))}
	if r.err == nil && !c.Op.known() {
		r.fail(c.Op.String())
	}
	if c.Op != OpenSession {
		c.Session, c.Seq, c.Done = r.uv("session"), r.uv("seq"), r.uv("done")
		c.Key = r.text("key", MaxKey, ErrKeyTooLarge)
		if r.err == nil && c.Key == "" {
			r.err = ErrEmptyKey
		}
		if c.Op == CAS {
			c.OldAbsent = !r.bit("expected")
			if !c.OldAbsent {
				c.Old = r.text("expected value", MaxValue, ErrValueTooLarge)
			}
		}
		if c.Op == Put || c.Op == CAS {
			c.Value = r.text("value", MaxValue, ErrValueTooLarge)
		}
	}
	r.end()
	if r.err != nil {
		return Command{}, fmt.Errorf("kv: command: %w", r.err)
	}
	return c, nil
}
