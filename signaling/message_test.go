package signaling

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

// The bytes of every message, as in the table of ARCHITECTURE.md.
func TestEncoding(t *testing.T) {
	p := &Peer{ID: "0123456789abcdef", Incarnation: "fedcba9876543210", Kind: KindNative}
	const peerJSON = `{"id":"0123456789abcdef","incarnation":"fedcba9876543210","kind":"native"}`
	for want, m := range map[string]Message{
		`{"type":"hello","version":1,"room":"` + strings.Repeat("a", 32) + `","peer":` + peerJSON + `}`: {Type: TypeHello, Version: 1, Room: strings.Repeat("a", 32), Peer: p},
		`{"type":"welcome","peers":[` + peerJSON + `],"ice":[{"urls":["turn:h:1"],"username":"u","credential":"c"}]}`: {
			Type: TypeWelcome, Peers: []Peer{*p}, ICE: []ICEServer{{URLs: []string{"turn:h:1"}, Username: "u", Credential: "c"}}},
		`{"type":"welcome","peers":[],"ice":[]}`:                     {Type: TypeWelcome, Peers: []Peer{}, ICE: []ICEServer{}},
		`{"type":"joined","peer":` + peerJSON + `}`:                  {Type: TypeJoined, Peer: p},
		`{"type":"left","peer":` + peerJSON + `}`:                    {Type: TypeLeft, Peer: p},
		`{"type":"signal","to":"0123456789abcdef","payload":"aGk="}`: {Type: TypeSignal, To: p.ID, Payload: []byte("hi")},
		`{"type":"signal","peer":` + peerJSON + `,"payload":"aGk="}`: {Type: TypeSignal, Peer: p, Payload: []byte("hi")},
		`{"type":"ping"}`: {Type: TypePing},
		`{"type":"pong"}`: {Type: TypePong},
		`{"type":"error","code":"room-full","message":"the room is full"}`: {Type: TypeError, Code: CodeRoomFull, Text: "the room is full"},
	} {
		if got := string(m.Encode()); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		back, err := Decode([]byte(want))
		if err != nil || !reflect.DeepEqual(back, m) {
			t.Errorf("%s came back as %+v, %v", want, back, err)
		}
	}
}

// The largest signal fits into a message, relayed too.
func TestLargestSignalFits(t *testing.T) {
	p := &Peer{ID: "0123456789abcdef", Incarnation: "fedcba9876543210", Kind: KindNative}
	for _, m := range []Message{{Type: TypeSignal, To: p.ID}, {Type: TypeSignal, Peer: p}} {
		m.Payload = make([]byte, MaxPayloadBytes)
		if _, err := Decode(m.Encode()); err != nil {
			t.Error(err)
		}
	}
}

func TestCodes(t *testing.T) {
	seen := map[int]Code{}
	for code, n := range closeCodes {
		if seen[n] != "" {
			t.Errorf("%s and %s share %d", code, seen[n], n)
		}
		seen[n] = code
		if n < 4000 && code != CodeGoingAway {
			t.Errorf("%s has %d, which is not the application's", code, n)
		}
		if CodeOfClose(code.Close()) != code {
			t.Errorf("%s does not come back", code)
		}
	}
	if CodeOfClose(1006) != "" || CodeNoSuchPeer.Close() != 0 {
		t.Error("a code for what has none")
	}
	if !CodeRoomFull.Fatal() || CodeSlow.Fatal() || CodeGoingAway.Fatal() {
		t.Error("Fatal is wrong")
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		"", "null", "[]", "{}", `{"type":"hello","version":1}`, `{"type":"welcome","peers":[{}]}`, `{"type":"joined"}`,
		`{"type":"signal","to":"0123456789abcdef","payload":"aGk="}`, `{"type":"error","code":"flood","message":"x"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Decode(b)
		if err != nil {
			var refusal *Error
			if !errors.As(err, &refusal) || refusal.Code != CodeTooLarge && refusal.Code != CodeBadMessage {
				t.Fatalf("another error: %v", err)
			}
			return
		}
		// What was accepted has what the handlers rely on.
		switch m.Type {
		case TypeJoined, TypeLeft:
			if m.Peer == nil || m.Peer.Check() != nil {
				t.Fatalf("accepted %s", b)
			}
		case TypeSignal:
			if len(m.Payload) == 0 || len(m.Payload) > MaxPayloadBytes || m.Peer == nil && !ValidID(m.To) {
				t.Fatalf("accepted %s", b)
			}
		}
	})
}
