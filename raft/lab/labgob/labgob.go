package labgob

import (
	"encoding/gob"
	"fmt"
	"io"
	"reflect"
	"sync"
)

// LabEncoder is a gob.Encoder that warns about fields it cannot send.
type LabEncoder struct {
	w   io.Writer
	gob *gob.Encoder
	// Where gob writes to: w, or descriptions if that is not nil.
	descriptions *pieces
	described    map[reflect.Type]bool // by a value that fast.go wrote
}

// NewEncoder returns an encoder that writes to w.
func NewEncoder(w io.Writer) *LabEncoder {
	enc := &LabEncoder{w: w}
	enc.gob = gob.NewEncoder((*gobOut)(enc))
	return enc
}

// Encode writes e. Its errors are gob's: a value in an interface whose type is
// not registered, a type that gob has no encoding for, an error of the writer;
// and a nil pointer, for which gob panics.
func (enc *LabEncoder) Encode(e any) error {
	return enc.EncodeValue(reflect.ValueOf(e))
}

// EncodeValue writes the value that v holds.
func (enc *LabEncoder) EncodeValue(v reflect.Value) error {
	if !v.IsValid() {
		return enc.gob.EncodeValue(v)
	}
	checkType(v.Type())
	base, err := indirect(v)
	if err != nil {
		return err
	}
	if p := planFor(base.Type()); p != nil {
		room := buffers.Get().(*[]byte)
		message, ok := p.message(*room, base)
		if ok {
			if err = enc.describe(base.Type()); err == nil {
				_, err = enc.w.Write(message)
			}
		}
		*room = message[:0]
		buffers.Put(room)
		if ok {
			return err
		}
	}
	return enc.gob.EncodeValue(v)
}

// buffers are kept for messages on their way.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// indirect returns what v is or points to.
func indirect(v reflect.Value) (reflect.Value, error) {
	for range maxDepth {
		if v.Kind() != reflect.Pointer {
			break
		}
		if v.IsNil() {
			return v, fmt.Errorf("labgob: cannot encode a nil %v", v.Type())
		}
		v = v.Elem()
	}
	return v, nil
}

// describe writes the descriptions that a value of a type needs and that the
// stream does not have yet. gob knows which those are: it gets a zero value to
// encode, and the message that follows the descriptions is dropped.
func (enc *LabEncoder) describe(t reflect.Type) error {
	if enc.described[t] {
		return nil
	}
	var all pieces
	enc.descriptions = &all
	err := enc.gob.EncodeValue(reflect.Zero(t))
	enc.descriptions = nil
	if err != nil {
		return err
	}
	if enc.described == nil {
		enc.described = map[reflect.Type]bool{}
	}
	enc.described[t] = true
	_, err = enc.w.Write(all[:descriptions(all)])
	return err
}

// gobOut is where a LabEncoder's gob.Encoder writes to.
type gobOut LabEncoder

func (out *gobOut) Write(b []byte) (int, error) {
	if out.descriptions != nil {
		return out.descriptions.Write(b)
	}
	return out.w.Write(b)
}

// LabDecoder is a gob.Decoder that warns about variables that hold something
// already and about fields it cannot fill.
type LabDecoder struct {
	gob *gob.Decoder
}

// NewDecoder returns a decoder that reads from r.
func NewDecoder(r io.Reader) *LabDecoder {
	return &LabDecoder{gob.NewDecoder(r)}
}

// Decode reads the next value of the stream into the variable that e points to.
func (dec *LabDecoder) Decode(e any) error {
	checkType(reflect.TypeOf(e))
	checkDefault(reflect.ValueOf(e))
	return dec.gob.Decode(e)
}

// DecodeValue reads the next value of the stream into v, as gob's does.
func (dec *LabDecoder) DecodeValue(v reflect.Value) error {
	if v.IsValid() {
		checkType(v.Type())
		checkDefault(v)
	}
	return dec.gob.DecodeValue(v)
}

// Register makes the type of value known, so that values of it can travel in an
// interface: a command in a log entry, for example. It panics, as gob does, when
// two types claim one name.
func Register(value any) {
	checkType(reflect.TypeOf(value))
	gob.Register(value)
}

// RegisterName is Register with a name of the caller's choice.
func RegisterName(name string, value any) {
	checkType(reflect.TypeOf(value))
	gob.RegisterName(name, value)
}
