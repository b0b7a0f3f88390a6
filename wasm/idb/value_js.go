package idb

import (
	"fmt"
	"strconv"
	"syscall/js"
)

// record reads the fields of a stored object and remembers the first one that
// is not what it should be.
type record struct {
	v    js.Value
	name string // of the record, for the error
	err  error
}

func (r *record) field(name string, want js.Type) (js.Value, bool) {
	if r.err != nil {
		return js.Undefined(), false
	}
	if r.v.Type() != js.TypeObject {
		r.err = fmt.Errorf("%w: %s is of type %v", ErrDamaged, r.name, r.v.Type())
		return js.Undefined(), false
	}
	f := r.v.Get(name)
	if f.Type() != want {
		r.err = fmt.Errorf("%w: %s: %s is of type %v, not %v", ErrDamaged, r.name, name, f.Type(), want)
		return js.Undefined(), false
	}
	return f, true
}

func (r *record) text(name string) string {
	if f, ok := r.field(name, js.TypeString); ok {
		return f.String()
	}
	return ""
}

func (r *record) number(name string) float64 {
	if f, ok := r.field(name, js.TypeNumber); ok {
		return f.Float()
	}
	return 0
}

func (r *record) flag(name string) bool {
	f, ok := r.field(name, js.TypeBoolean)
	return ok && f.Bool()
}

// hex reads a number written by formatHex.
func (r *record) hex(name string) uint64 {
	s := r.text(name)
	if r.err != nil {
		return 0
	}
	n, err := strconv.ParseUint(s, 16, 64)
	if err != nil || len(s) != 16 {
		r.err = fmt.Errorf("%w: %s: %s is %.40q, not 16 hex digits", ErrDamaged, r.name, name, s)
	}
	return n
}

// formatHex writes a number as the 16 hex digits it is stored as.
func formatHex(n uint64) string {
	s := strconv.FormatUint(n, 16)
	return "0000000000000000"[len(s):] + s
}
