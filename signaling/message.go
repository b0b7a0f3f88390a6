package signaling

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Version is the protocol version a hello must name.
const Version = 1

// Path is where the server listens for WebSockets.
const Path = "/signal"

// Type says what a message means; see the package comment.
type Type string

// The types of messages.
const (
	TypeHello   Type = "hello"
	TypeWelcome Type = "welcome"
	TypeJoined  Type = "joined"
	TypeLeft    Type = "left"
	TypeSignal  Type = "signal"
	TypePing    Type = "ping"
	TypePong    Type = "pong"
	TypeError   Type = "error"
)

// Kind says what a peer runs in.
type Kind string

// The kinds of peers.
const (
	KindTab    Kind = "tab"
	KindNative Kind = "native"
)

// Peer is one life of one server.
type Peer struct {
	ID          string `json:"id"`          // 16 hex digits, not all zero: the server's identity
	Incarnation string `json:"incarnation"` // 16 hex digits, not all zero: this life of it, random
	Kind        Kind   `json:"kind"`
}

// Check returns nil if p is well formed.
func (p Peer) Check() error {
	switch {
	case !ValidID(p.ID):
		return errors.New("peer.id must be 16 lower-case hex digits, not all zero")
	case !ValidID(p.Incarnation):
		return errors.New("peer.incarnation must be 16 lower-case hex digits, not all zero")
	case p.Kind != KindTab && p.Kind != KindNative:
		return errors.New(`peer.kind must be "tab" or "native"`)
	}
	return nil
}

// ICEServer is a STUN or TURN server, in the shape RTCPeerConnection takes.
type ICEServer struct {
	URLs       []string `json:"urls"`
	Username   string   `json:"username,omitempty"`
	Credential string   `json:"credential,omitempty"`
}

// Message is any message of the protocol; Type says which fields count.
type Message struct {
	Type    Type        `json:"type"`
	Version int         `json:"version,omitempty"` // hello
	Room    string      `json:"room,omitempty"`    // hello: the room's token, 32 hex digits
	Peer    *Peer       `json:"peer,omitempty"`    // hello, joined, left, signal from the server
	Secret  string      `json:"secret,omitempty"`  // hello: 16 hex digits that only this incarnation knows, by which it is known on another socket
	Peers   []Peer      `json:"peers,omitzero"`    // welcome
	ICE     []ICEServer `json:"ice,omitzero"`      // welcome
	To      string      `json:"to,omitempty"`      // signal from a client: the receiver's id
	Payload []byte      `json:"payload,omitempty"` // signal: sealed, base64 in JSON, at most MaxPayloadBytes
	Code    Code        `json:"code,omitempty"`    // error
	Text    string      `json:"message,omitempty"` // error
}

// Encode returns the message as JSON.
func (m Message) Encode() []byte {
	b, err := json.Marshal(m)
	if err != nil {
		panic("signaling: a message of plain fields did not encode: " + err.Error())
	}
	return b
}

// Decode reads one message and checks what does not depend on the conversation: its size, that it is JSON, that its type is known,
// and the form of the fields its type needs. A hello of another version is returned as it is, for the caller to refuse with the right reason.
// The error is an *[Error] with [CodeTooLarge] or [CodeBadMessage].
func Decode(b []byte) (Message, error) {
	if len(b) > MaxMessageBytes {
		return Message{}, refuse(CodeTooLarge, "a message may have at most %d bytes", MaxMessageBytes)
	}
	var m Message
	if err := json.Unmarshal(b, &m); err != nil {
		return Message{}, refuse(CodeBadMessage, "not a JSON message of the protocol: %v", err)
	}
	if len(m.Payload) > MaxPayloadBytes {
		return Message{}, refuse(CodeTooLarge, "a payload may have at most %d bytes", MaxPayloadBytes)
	}
	if err := m.check(); err != nil {
		return Message{}, refuse(CodeBadMessage, "%v", err)
	}
	return m, nil
}

func (m Message) check() error {
	switch m.Type {
	case TypeHello, TypePing, TypePong, TypeError:
		return nil
	case TypeWelcome:
		if len(m.Peers) > MaxPeersPerRoom || len(m.ICE) > MaxICEServers {
			return errors.New("welcome lists too many peers or ICE servers")
		}
		for _, p := range m.Peers {
			if err := p.Check(); err != nil {
				return err
			}
		}
		return nil
	case TypeJoined, TypeLeft:
		if m.Peer == nil {
			return fmt.Errorf("%s needs a peer", m.Type)
		}
		return m.Peer.Check()
	case TypeSignal:
		if len(m.Payload) == 0 {
			return errors.New("signal needs a payload")
		}
		if m.Peer != nil {
			return m.Peer.Check()
		}
		if !ValidID(m.To) {
			return errors.New("signal.to must be an id, 16 lower-case hex digits")
		}
		return nil
	}
	return fmt.Errorf("unknown message type %.40q", string(m.Type))
}

// ValidID reports whether s is an id or incarnation: 16 lower-case hex digits, not all zero.
func ValidID(s string) bool { return len(s) == 16 && isHex(s) && s != "0000000000000000" }

// ValidToken reports whether s is a room's token: 32 lower-case hex digits.
func ValidToken(s string) bool { return len(s) == 32 && isHex(s) }

func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
