package tester

import "sync/atomic"

// A Note is what a Raft wrote into the trace with Annotate.
type Note struct {
	// Tag says whose note it is: "Server 2", or any other line of the trace.
	Tag string
	// Text is short, Details may be long.
	Text, Details string
}

var notes atomic.Pointer[func(Note)]

// SetNotes makes fn the receiver of notes; nil drops them, which is what happens
// when nobody called it. fn is called from the goroutine that annotates.
func SetNotes(fn func(Note)) {
	if fn == nil {
		notes.Store(nil)
		return
	}
	notes.Store(&fn)
}

// Annotate puts a note into the trace of the test that is running. (2025 and
// later.)
func Annotate(tag, desc, details string) {
	if fn := notes.Load(); fn != nil {
		(*fn)(Note{Tag: tag, Text: desc, Details: details})
	}
}
