package bus

// Radio opens channels by their names.
type Radio interface {
	// Open opens a channel. Whatever others post on channels of the same name
	// is given to hear, message by message and in the order in which each of them
	// posted; the slice is hear's. What is no message
	// of this package's size and type is given as nil. hear must not block.
	Open(name string, hear func(message []byte)) (Channel, error)
}

// Channel is one end of a Radio's channel.
type Channel interface {
	// Post has every other end hear the message; the slice stays the
	// caller's. It does not block.
	Post(message []byte) error
	// Close ends the hearing. What was posted is still delivered.
	Close()
}
