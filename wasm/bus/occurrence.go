package bus

import "tabraft/raft"

// occurrenceKind is where an occurrence comes from.
type occurrenceKind uint8

const (
	ocStart   occurrenceKind = iota // New
	ocTimer                         // the mesh's timer fired
	ocHello                         // a message on the room's channel
	ocMessage                       // a message on a pair's channel
	ocEvent                         // a call of the Mesh: an event for a server's links
	ocRetry                         // Mesh.Retry
)

// occurrence is one thing for the mesh's goroutine to handle. Which fields
// count depends on the kind. What others make of them is bounded: messages by
// MaxUnread for each channel.
type occurrence struct {
	kind        occurrenceKind
	data        []byte  // ocHello, ocMessage
	member      *member // ocMessage
	id          raft.ID // ocEvent
	incarnation string  // ocEvent: of one life only, unless empty
	event       event   // ocEvent
}
