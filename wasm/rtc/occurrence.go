package rtc

// occurrenceKind is where an occurrence comes from.
type occurrenceKind uint8

const (
	ocPresent  occurrenceKind = iota // Mesh.Present
	ocJoined                         // Mesh.Joined
	ocLeft                           // Mesh.Left
	ocSignal                         // Mesh.Signal
	ocOffence                        // Mesh.Offence
	ocRetry                          // Mesh.Retry
	ocTimer                          // the mesh's timer fired
	ocEvent                          // a connection: an event for its link
	ocMessage                        // a connection: a message has come
	ocDatagram                       // a connection: a datagram has come
	ocDrained                        // a connection: the buffer is nearly empty
	ocNote                           // a connection: something worth a line in the log
)

// occurrence is one thing for the mesh's goroutine to handle. Which fields
// count depends on the kind. What outsiders make of them is bounded: messages by
// MaxUnread for each connection, datagrams by DatagramBurst for each peer, signals by
// MaxSignals; of the rest there are a few for each connection.
type occurrence struct {
	kind  occurrenceKind
	conn  *conn  // where it occurred
	event *event // ocEvent
	data  []byte // ocMessage, ocDatagram, ocSignal
	peers []Peer // ocPresent; one peer in ocJoined, ocLeft, ocSignal, ocOffence
	err   error  // ocNote, ocOffence; ocSignal: why it is refused
}
