package labgob

import (
	"log"
	"sync"
)

// A Kind says which mistake a Warning is about.
type Kind int

const (
	// LowerCaseField: a field that gob leaves out because of its name.
	LowerCaseField Kind = iota + 1
	// NonDefault: decoding into a variable that holds something already.
	NonDefault
)

// A Warning is a likely mistake. Decoding and encoding go on after it.
type Warning struct {
	Kind Kind
	// Type is the type with the field, or of the variable.
	Type string
	// Field is the field's name, empty when the variable itself is meant.
	Field string
}

func (w Warning) String() string {
	where := w.Type
	if w.Field != "" {
		where += "." + w.Field
	}
	switch w.Kind {
	case LowerCaseField:
		return "labgob: " + where + " starts with a lower-case letter, so it is never sent in an RPC nor saved: " +
			"the other side and the restarted server see its zero value"
	case NonDefault:
		return "labgob: decoding into " + where + ", which already holds a value: " +
			"gob sends no zeros, so the old value may stay; decode into a fresh variable"
	}
	return "labgob: " + where
}

// maxSeen bounds how many warnings are remembered to give each only once.
// Further ones are not given at all.
const maxSeen = 4096

var (
	mu      sync.Mutex
	sink    = toLog
	seen    = map[Warning]bool{}
	checked sync.Map // reflect.Type -> struct{}: types that checkType has looked at
)

func toLog(w Warning) { log.Print(w.String()) }

// SetSink makes fn the receiver of warnings, forgets which ones were given, and
// returns the receiver so far. A nil fn stands for the standard log. fn is called
// from whichever goroutine encodes or decodes, must not encode or decode itself,
// and must be quick.
func SetSink(fn func(Warning)) (old func(Warning)) {
	mu.Lock()
	defer mu.Unlock()
	old = sink
	if fn == nil {
		fn = toLog
	}
	sink = fn
	clear(seen)
	checked.Clear()
	return old
}

func warn(w Warning) {
	mu.Lock()
	give := !seen[w] && len(seen) < maxSeen
	if give {
		seen[w] = true
	}
	fn := sink
	mu.Unlock()
	if give {
		fn(w)
	}
}
