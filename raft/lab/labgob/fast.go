package labgob

import (
	"encoding/gob"
	"math"
	"math/bits"
	"reflect"
	"sync"
	"unsafe"
)

// Most of what a Raft of the course does is encoding: its whole log, again and
// again, each command behind an interface. This file writes the same bytes as gob
// does, about ten times as fast, for values made of numbers, strings, structs and
// slices, with commands that are numbers or strings. For all others gob is asked.
//
// The format is written down in the documentation of encoding/gob: a message is its
// length, the number of its type, and the value. A struct is the fields that are not
// zero, each after the distance of its number from the last one's, and a 0. What is
// not a struct stands after a 0 if it is a whole message or in an interface.

// A plan is how to write values of one type.
type plan struct {
	// descriptions are the messages that describe the type and those it is made
	// of, as they begin a stream.
	descriptions []byte
	id           []byte // the type's number as it begins a value's message
	op           op
}

// An op writes a value that lies in memory.
type op struct {
	kind   opKind
	size   uintptr // of the value in memory
	offset uintptr // of a field in its struct
	fields []op    // of a struct, those that are sent
	elem   *op     // of a slice
}

type opKind uint8

const (
	opInt opKind = iota
	opUint
	opBool
	opFloat32
	opFloat64
	opString
	opBytes
	opSlice
	opStruct
	opAny
)

// maxFields is the most fields of a struct that is not left to gob: up to here
// the distance between two fields' numbers is one byte.
const maxFields = 127

// maxPlans bounds how many types are remembered; others are left to gob.
const maxPlans = 1024

var plans = struct {
	sync.RWMutex
	of map[reflect.Type]*plan // nil: left to gob
}{of: map[reflect.Type]*plan{}}

// planFor returns how to write values of a type, nil if that is left to gob.
func planFor(t reflect.Type) *plan {
	plans.RLock()
	p, known := plans.of[t]
	plans.RUnlock()
	if known {
		return p
	}
	p = newPlan(t)
	plans.Lock()
	defer plans.Unlock()
	if len(plans.of) < maxPlans {
		plans.of[t] = p
	}
	return p
}

func newPlan(t reflect.Type) *plan {
	if t.Kind() != reflect.Struct && t.Kind() != reflect.Slice {
		return nil
	}
	o, ok := compile(t, map[reflect.Type]bool{})
	if !ok {
		return nil
	}
	// gob knows the numbers and descriptions: those of a zero value are those of all.
	var buf pieces
	if gob.NewEncoder(&buf).EncodeValue(reflect.Zero(t)) != nil {
		return nil
	}
	split := descriptions(buf)
	message := buf[split:]
	_, skip := gobUint(message)
	_, size := gobUint(message[skip:])
	return &plan{descriptions: buf[:split], id: message[skip : skip+size], op: o}
}

// pieces collects what an encoder writes.
type pieces []byte

func (p *pieces) Write(b []byte) (int, error) {
	*p = append(*p, b...)
	return len(b), nil
}

// compile returns how to write values of a type that occurs within others; false if
// gob has to write them, as it has if a type contains itself.
func compile(t reflect.Type, within map[reflect.Type]bool) (op, bool) {
	o := op{size: t.Size()}
	if within[t] || encodesItself(t) {
		return o, false
	}
	within[t] = true
	defer delete(within, t)
	switch t.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		o.kind = opInt
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		o.kind = opUint
	case reflect.Bool:
		o.kind = opBool
	case reflect.Float32:
		o.kind = opFloat32
	case reflect.Float64:
		o.kind = opFloat64
	case reflect.String:
		o.kind = opString
	case reflect.Interface:
		o.kind = opAny
		return o, t.NumMethod() == 0
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			o.kind = opBytes
			return o, true
		}
		elem, ok := compile(t.Elem(), within)
		o.kind, o.elem = opSlice, &elem
		return o, ok
	case reflect.Struct:
		o.kind = opStruct
		for i := range t.NumField() {
			f := t.Field(i)
			if !f.IsExported() || f.Type.Kind() == reflect.Chan || f.Type.Kind() == reflect.Func {
				continue // gob leaves them out
			}
			field, ok := compile(f.Type, within)
			if !ok {
				return o, false
			}
			field.offset = f.Offset
			o.fields = append(o.fields, field)
		}
		return o, len(o.fields) > 0 && len(o.fields) <= maxFields
	default:
		return o, false
	}
	return o, true
}

// lengthRoom is the most bytes that a message's length takes.
const lengthRoom = 9

// message returns the message with v's value, in buf if that has room; false if gob has to
// write it. v is of the plan's type.
func (p *plan) message(buf []byte, v reflect.Value) ([]byte, bool) {
	var at unsafe.Pointer
	if v.CanAddr() {
		at = v.Addr().UnsafePointer()
	} else {
		c := reflect.New(v.Type())
		c.Elem().Set(v)
		at = c.UnsafePointer()
	}
	b := append(buf[:0], make([]byte, lengthRoom)...)
	b = append(b, p.id...)
	if p.op.kind != opStruct {
		b = append(b, 0)
	}
	b, ok := p.op.write(b, at)
	if !ok {
		return b, false
	}
	var length [lengthRoom]byte
	n := appendUint(length[:0], uint64(len(b)-lengthRoom))
	start := lengthRoom - len(n)
	copy(b[start:], n)
	return b[start:], true
}

// isZero tells whether a field is left out of its struct.
func (o *op) isZero(at unsafe.Pointer) bool {
	switch o.kind {
	case opInt:
		return o.int(at) == 0
	case opUint:
		return o.uint(at) == 0
	case opBool:
		return !*(*bool)(at)
	case opFloat32:
		return *(*float32)(at) == 0
	case opFloat64:
		return *(*float64)(at) == 0
	case opString:
		return *(*string)(at) == ""
	case opBytes, opSlice:
		return len(*(*[]byte)(at)) == 0
	case opAny:
		return *(*any)(at) == nil
	default:
		return false
	}
}

// write appends the value at an address.
func (o *op) write(b []byte, at unsafe.Pointer) ([]byte, bool) {
	switch o.kind {
	case opInt:
		return appendInt(b, o.int(at)), true
	case opUint:
		return appendUint(b, o.uint(at)), true
	case opBool:
		return appendBool(b, *(*bool)(at)), true
	case opFloat32:
		return appendFloat(b, float64(*(*float32)(at))), true
	case opFloat64:
		return appendFloat(b, *(*float64)(at)), true
	case opString:
		return appendString(b, *(*string)(at)), true
	case opBytes:
		s := *(*[]byte)(at)
		return append(appendUint(b, uint64(len(s))), s...), true
	case opSlice:
		return o.writeSlice(b, at)
	case opAny:
		return writeAny(b, *(*any)(at))
	default:
		return o.writeStruct(b, at)
	}
}

func (o *op) writeSlice(b []byte, at unsafe.Pointer) ([]byte, bool) {
	// Length and data lie alike whatever the elements are.
	s := *(*[]struct{})(at)
	b = appendUint(b, uint64(len(s)))
	elem := unsafe.Pointer(unsafe.SliceData(s))
	for i := range len(s) {
		var ok bool
		if b, ok = o.elem.write(b, unsafe.Add(elem, uintptr(i)*o.elem.size)); !ok {
			return b, false
		}
	}
	return b, true
}

func (o *op) writeStruct(b []byte, at unsafe.Pointer) ([]byte, bool) {
	last := -1
	for i := range o.fields {
		f := &o.fields[i]
		p := unsafe.Add(at, f.offset)
		if f.isZero(p) {
			continue
		}
		b = append(b, byte(i-last))
		last = i
		var ok bool
		if b, ok = f.write(b, p); !ok {
			return b, false
		}
	}
	return append(b, 0), true
}

// writeAny appends an interface's value: the type's name and number, and the value after its
// length. gob has its own numbers for basic types.
func writeAny(b []byte, v any) ([]byte, bool) {
	const boolID, intID, uintID, floatID, stringID = 1, 2, 3, 4, 6
	var room [1 + 9]byte
	short := room[:1] // the 0 and the value, of those that are short
	switch x := v.(type) {
	case nil:
		return append(b, 0), true
	case int:
		b, short = appendType(b, "int", intID), appendInt(short, int64(x))
	case int64:
		b, short = appendType(b, "int64", intID), appendInt(short, x)
	case uint64:
		b, short = appendType(b, "uint64", uintID), appendUint(short, x)
	case bool:
		b, short = appendType(b, "bool", boolID), appendBool(short, x)
	case float64:
		b, short = appendType(b, "float64", floatID), appendFloat(short, x)
	case string:
		b = appendType(b, "string", stringID)
		b = appendUint(b, uint64(1+uintSize(uint64(len(x)))+len(x)))
		return appendString(append(b, 0), x), true
	default:
		return b, false
	}
	b = append(b, byte(len(short)))
	return append(b, short...), true
}

func appendType(b []byte, name string, id int64) []byte {
	return appendInt(appendString(b, name), id)
}

func (o *op) int(at unsafe.Pointer) int64 {
	switch o.size {
	case 1:
		return int64(*(*int8)(at))
	case 2:
		return int64(*(*int16)(at))
	case 4:
		return int64(*(*int32)(at))
	default:
		return *(*int64)(at)
	}
}

func (o *op) uint(at unsafe.Pointer) uint64 {
	switch o.size {
	case 1:
		return uint64(*(*uint8)(at))
	case 2:
		return uint64(*(*uint16)(at))
	case 4:
		return uint64(*(*uint32)(at))
	default:
		return *(*uint64)(at)
	}
}

// appendUint is the inverse of gobUint.
func appendUint(b []byte, x uint64) []byte {
	if x < 0x80 {
		return append(b, byte(x))
	}
	n := (bits.Len64(x) + 7) / 8
	b = append(b, byte(-n))
	for n--; n >= 0; n-- {
		b = append(b, byte(x>>(8*n)))
	}
	return b
}

// uintSize returns how many bytes appendUint appends.
func uintSize(x uint64) int {
	if x < 0x80 {
		return 1
	}
	return 1 + (bits.Len64(x)+7)/8
}

func appendInt(b []byte, x int64) []byte {
	if x < 0 {
		return appendUint(b, uint64(^x)<<1|1)
	}
	return appendUint(b, uint64(x)<<1)
}

func appendBool(b []byte, x bool) []byte {
	if x {
		return append(b, 1)
	}
	return append(b, 0)
}

func appendFloat(b []byte, x float64) []byte {
	return appendUint(b, bits.ReverseBytes64(math.Float64bits(x)))
}

func appendString(b []byte, s string) []byte {
	return append(appendUint(b, uint64(len(s))), s...)
}
