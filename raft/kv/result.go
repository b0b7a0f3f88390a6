package kv

import "fmt"

// Code says how a command ended.
type Code uint8

const (
	// OK: applied.
	OK Code = iota
	// Mismatch: a CAS found another value than expected and changed nothing.
	Mismatch
	// SessionExpired: not applied, for the map does not know the session. An
	// earlier copy of the command may have been applied.
	SessionExpired
	// Refused: not applied, for a limit of the map, or because the command
	// cannot be read. The result's Value says why.
	Refused
)

var codeNames = [...]string{"ok", "mismatch", "session expired", "refused"}

func (c Code) String() string {
	if int(c) < len(codeNames) {
		return codeNames[c]
	}
	return fmt.Sprintf("Code(%d)", uint8(c))
}

// Result is what a command gives.
type Result struct {
	Code Code
	// Found: there is a value. After a Get, the key's; after a Put or a CAS
	// that is OK, the new one; after a Mismatch, the one there is; after a
	// Delete, the one removed.
	Found bool
	// Value is that value, or what a Refused says for people.
	Value string
}

// AppendTo appends the encoded result to dst.
func (r Result) AppendTo(dst []byte) []byte {
	found := byte(0)
	if r.Found {
		found = 1
	}
	return appendText(append(dst, byte(r.Code), found), r.Value)
}

// DecodeResult reads a result that AppendTo made.
func DecodeResult(b []byte) (Result, error) {
	r := reader{buf: b}
	out := r.result()
	r.end()
	if r.err != nil {
		return Result{}, fmt.Errorf("kv: result: %w", r.err)
	}
	return out, nil
}

func (r *reader) result() Result {
	out := Result{Code: Code(r.byte("code"))}
	if int(out.Code) >= len(codeNames) {
		r.fail(out.Code.String())
	}
	out.Found = r.bit("found")
	out.Value = r.text("value", MaxValue, ErrValueTooLarge)
	return out
}
