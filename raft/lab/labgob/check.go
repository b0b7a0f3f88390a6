package labgob

import (
	"encoding"
	"encoding/gob"
	"reflect"
)

var (
	gobEncoder      = reflect.TypeFor[gob.GobEncoder]()
	binaryMarshaler = reflect.TypeFor[encoding.BinaryMarshaler]()
)

// encodesItself tells whether gob hands a value of the type to its own methods,
// so that its fields are nobody's business. time.Time is one.
func encodesItself(t reflect.Type) bool {
	for _, m := range []reflect.Type{gobEncoder, binaryMarshaler} {
		if t.Implements(m) || reflect.PointerTo(t).Implements(m) {
			return true
		}
	}
	return false
}

// checkType warns about fields of t, and of what t is made of, that gob leaves out.
func checkType(t reflect.Type) {
	if t == nil {
		return
	}
	if _, done := checked.LoadOrStore(t, struct{}{}); done {
		return
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array:
		checkType(t.Elem())
	case reflect.Map:
		checkType(t.Key())
		checkType(t.Elem())
	case reflect.Struct:
		if encodesItself(t) {
			return
		}
		for i := range t.NumField() {
			f := t.Field(i)
			// An embedded field has its type's name.
			if !f.IsExported() {
				warn(Warning{LowerCaseField, t.String(), f.Name})
				continue
			}
			checkType(f.Type)
		}
	}
}

// maxDepth bounds how far checkDefault follows pointers; a variable may point
// to itself.
const maxDepth = 16

// checkDefault warns if the variable that v points to holds something.
func checkDefault(v reflect.Value) {
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return
	}
	t := v.Type().Elem()
	checkZero(v.Elem(), t, "", false, maxDepth)
}

// checkZero looks for values that a missing zero would leave in place. A slice
// that is itself the variable is left alone: gob always sends the outermost
// value, and decoding sets the slice's length. A map is not: decoding adds to it.
func checkZero(v reflect.Value, owner reflect.Type, field string, inside bool, depth int) {
	if depth == 0 {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			checkZero(v.Elem(), owner, field, inside, depth-1)
		}
	case reflect.Struct:
		t := v.Type()
		if encodesItself(t) {
			return
		}
		for i := range t.NumField() {
			if f := t.Field(i); f.IsExported() {
				checkZero(v.Field(i), t, f.Name, true, depth-1)
			}
		}
	case reflect.Slice:
		if inside && v.Len() > 0 {
			warn(Warning{NonDefault, owner.String(), field})
		}
	case reflect.Map:
		if v.Len() > 0 {
			warn(Warning{NonDefault, owner.String(), field})
		}
	case reflect.Chan, reflect.Func, reflect.Interface, reflect.UnsafePointer:
	default:
		if !v.IsZero() {
			warn(Warning{NonDefault, owner.String(), field})
		}
	}
}
