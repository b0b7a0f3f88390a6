package labrpc

import "time"

// A Step is what happened to a call.
type Step int

const (
	// Sent: the caller made the call.
	Sent Step = iota + 1
	// Delivered: the server is about to carry it out.
	Delivered
	// Handled: the method has returned. Its effects, like a vote that was
	// promised, exist from now on.
	Handled
	// Replied: the reply has reached the caller, and Call returns true.
	Replied
	// Lost: Call returns false. Event.Why says why.
	Lost
)

func (s Step) String() string {
	names := [...]string{Sent: "sent", Delivered: "delivered", Handled: "handled", Replied: "replied", Lost: "lost"}
	if s <= 0 || int(s) >= len(names) {
		return "?"
	}
	return names[s]
}

// A Reason says why a call was lost.
type Reason int

const (
	// RequestDropped: the unreliable network lost the request.
	RequestDropped Reason = iota + 1
	// ReplyDropped: the unreliable network lost the reply.
	ReplyDropped
	// Disconnected: the end was disabled or had no server when the request was
	// sent or arrived, or when the reply was about to leave.
	Disconnected
	// ServerGone: the server was deleted or replaced before it had replied.
	ServerGone
	// Refused: the server has no such method, or arguments or reply were
	// of a type that cannot travel; Config.Complain was told.
	Refused
	// Panicked: the method panicked; Config.Panicked was told.
	Panicked
	// Overload: MaxInFlight calls were under way.
	Overload
	// Closed: Cleanup was called.
	Closed
)

func (r Reason) String() string {
	names := [...]string{
		RequestDropped: "request dropped", ReplyDropped: "reply dropped", Disconnected: "disconnected",
		ServerGone: "server gone", Refused: "refused", Panicked: "handler panicked", Overload: "too many calls",
		Closed: "network closed",
	}
	if r <= 0 || int(r) >= len(names) {
		return ""
	}
	return names[r]
}

// An Event is one step of one call, as Config.Observe gets it.
type Event struct {
	Step Step
	Why  Reason // of a Lost call
	At   time.Time
	// Call numbers the calls of the network from 1; all steps of one share it.
	Call uint64
	// End is the name that the caller's end was made with. If it is a Link, From
	// and To are its, otherwise both are -1.
	End      any
	From, To int
	Method   string
	// Args are the caller's arguments when Sent and (a pointer to) the server's copy when
	// Delivered, Reply points to the method's reply when Handled; otherwise they
	// are nil. Once Observe has returned they belong to the student's code, which may
	// change them: format or copy what is to be kept.
	Args, Reply any
	// Bytes is the size of what travels: the request when Sent, the reply when
	// Replied, 0 otherwise.
	Bytes int
}

// A Link can name an end, and tells who calls whom.
type Link struct {
	From, To int
	// Life tells apart the ends of one server before and after a restart.
	Life int
}
