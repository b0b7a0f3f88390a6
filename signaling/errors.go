package signaling

import "fmt"

// Code names a refusal in an `error` message.
type Code string

// The refusals. All but [CodeNoSuchPeer] and the first few of [CodeBadMessage] close the connection with the close code given by [Code.Close].
const (
	CodeBadHello     Code = "bad-hello"      // the first message is not a well-formed hello
	CodeVersion      Code = "version"        // the hello names another protocol version
	CodeRoomFull     Code = "room-full"      // MaxPeersPerRoom
	CodeTooManyRooms Code = "too-many-rooms" // MaxRooms
	CodeHelloTimeout Code = "hello-timeout"  // no hello within HelloTimeout
	CodeTooLarge     Code = "too-large"      // MaxMessageBytes or MaxPayloadBytes
	CodeFlood        Code = "flood"          // MessagesPerSecond
	CodeSlow         Code = "slow"           // MaxQueueMessages or MaxQueueBytes: does not read what it is sent
	CodeBadMessage   Code = "bad-message"    // not JSON, unknown, or malformed; closes after MaxBadMessages
	CodeReplaced     Code = "replaced"       // another incarnation of this id is here and this one did not answer, or a newer socket of this incarnation is
	CodeInUse        Code = "in-use"         // another incarnation of this id is here and answers
	CodeGoingAway    Code = "going-away"     // the server is shutting down
	CodeNoSuchPeer   Code = "no-such-peer"   // the receiver of a signal is not in the room; never closes
)

// closeCodes are the WebSocket close codes: 4000 and up are the application's own (RFC 6455, section 7.4.2), 1001 is "going away".
var closeCodes = map[Code]int{
	CodeBadHello:     4001,
	CodeVersion:      4002,
	CodeRoomFull:     4003,
	CodeTooManyRooms: 4004,
	CodeHelloTimeout: 4005,
	CodeTooLarge:     4006,
	CodeFlood:        4007,
	CodeSlow:         4008,
	CodeBadMessage:   4009,
	CodeReplaced:     4010,
	CodeInUse:        4011,
	CodeGoingAway:    1001,
}

// Close returns the WebSocket close code that goes with c, or 0 if c never closes a connection.
func (c Code) Close() int { return closeCodes[c] }

// CodeOfClose returns the code that goes with a WebSocket close code, or "" if it is not one of ours.
func CodeOfClose(closeCode int) Code {
	for c, n := range closeCodes {
		if n == closeCode {
			return c
		}
	}
	return ""
}

// Fatal reports whether trying again soon cannot help unless somebody changes something first.
func (c Code) Fatal() bool {
	switch c {
	case CodeBadHello, CodeVersion, CodeRoomFull, CodeTooManyRooms, CodeReplaced, CodeInUse:
		return true
	}
	return false
}

// Error is a refusal: sent in an `error` message by the server, reported as an error value by the client.
type Error struct {
	Code Code
	Text string // a sentence for people, without payloads or keys
}

func (e *Error) Error() string { return fmt.Sprintf("signaling: %s (%s)", e.Text, e.Code) }

func refuse(c Code, format string, args ...any) *Error {
	return &Error{Code: c, Text: fmt.Sprintf(format, args...)}
}
