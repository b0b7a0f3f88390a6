package labgob

import (
	"encoding/gob"
	"fmt"
	"io"
	"reflect"
)

// LabEncoder is a gob.Encoder that warns about fields it cannot send.
type LabEncoder struct {
	gob *gob.Encoder
}

// NewEncoder returns an encoder that writes to w.
func NewEncoder(w io.Writer) *LabEncoder {
	return &LabEncoder{gob.NewEncoder(w)}
}

// Encode writes e. Its errors are gob's: a value in an interface whose type is
// not registered, a type that gob has no encoding for, an error of the writer;
// and a nil pointer, for which gob panics.
func (enc *LabEncoder) Encode(e any) error {
	return enc.EncodeValue(reflect.ValueOf(e))
}

// EncodeValue writes the value that v holds.
func (enc *LabEncoder) EncodeValue(v reflect.Value) error {
	if v.IsValid() {
		checkType(v.Type())
		if v.Kind() == reflect.Pointer && v.IsNil() {
			return fmt.Errorf("labgob: cannot encode a nil %v", v.Type())
		}
	}
	return enc.gob.EncodeValue(v)
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
