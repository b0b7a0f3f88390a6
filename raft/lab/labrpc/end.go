package labrpc

import (
	"errors"
	"fmt"
	"log"

	"tabraft/raft/lab/labgob"
)

// A Request is one call on its way to a server.
type Request struct {
	// Method is the service's type and the method: "Raft.AppendEntries".
	Method string
	// Args are the arguments in labgob encoding.
	Args []byte
	// Value is what Args encode, to be shown in traces. It belongs to the caller:
	// it may be read at the beginning of RoundTrip, and not be changed.
	Value any
}

// A Transport carries calls to one server.
type Transport interface {
	// RoundTrip sends a request, waits for the reply, and returns it in labgob
	// encoding; or false when no reply is to be expected any more. It must
	// return in the end, and may be called by many goroutines at once.
	RoundTrip(req Request) (reply []byte, ok bool)
}

// A Complainer is a Transport that wants to know about calls that cannot be
// made at all, like one with arguments that gob cannot encode. Where a transport
// is none, complaints go to the standard log.
type Complainer interface {
	Complain(err error)
}

// A ClientEnd is one server's way of calling another.
type ClientEnd struct {
	transport Transport
}

// NewClientEnd returns an end whose calls t carries.
func NewClientEnd(t Transport) *ClientEnd {
	return &ClientEnd{t}
}

// Call calls a method of the server at the other end, waits, and fills in reply,
// which must be a pointer. It returns false when no reply came; then reply is
// untouched, and the call may have been carried out or not. There is no need
// for the caller to have a timeout: Call returns in the end, within 7 s on the
// lab's network unless the handler itself does not return.
func (e *ClientEnd) Call(svcMeth string, args any, reply any) bool {
	data, err := labgob.Marshal(args)
	if err != nil {
		e.complain(fmt.Errorf("labrpc: the arguments of a call of %s cannot be encoded: %w", svcMeth, err))
		return false
	}
	data, ok := e.transport.RoundTrip(Request{Method: svcMeth, Args: data, Value: args})
	if !ok {
		return false
	}
	if err := labgob.Unmarshal(data, reply); err != nil {
		e.complain(fmt.Errorf("labrpc: the reply of %s cannot be decoded into a %T: %w", svcMeth, reply, err))
		return false
	}
	return true
}

func (e *ClientEnd) complain(err error) {
	if c, ok := e.transport.(Complainer); ok {
		c.Complain(err)
		return
	}
	log.Print(err)
}

// Refusals of a Server, wrapped with what was asked for.
var (
	ErrNoService = errors.New("no such service")
	ErrNoMethod  = errors.New("no such method")
	ErrBadArgs   = errors.New("arguments of another type")
	ErrBadReply  = errors.New("reply cannot be encoded")
)
