//go:build !js

package tab

import (
	"testing"

	"github.com/gorilla/websocket"

	"tabraft/signaling"
	"tabraft/signaling/client"
)

// A tokenThief is in a room of which it knows the token and not the key.
type tokenThief struct {
	addr, token string
	seal        client.Room // another one
	self        signaling.Peer
	ws          *websocket.Conn
}

// join says hello and gives who is there.
func (f *tokenThief) join(t *testing.T) []signaling.Peer {
	t.Helper()
	ws, _, err := websocket.DefaultDialer.Dial("ws://"+f.addr+signaling.Path, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ws.Close() })
	f.ws = ws
	f.self = signaling.Peer{ID: strangerID.String(), Incarnation: newIncarnation(), Kind: signaling.KindTab}
	f.write(t, signaling.Message{Type: signaling.TypeHello, Version: signaling.Version, Room: f.token, Peer: &f.self})
	_, b, err := ws.ReadMessage()
	if err != nil {
		t.Fatal(err)
	}
	m, err := signaling.Decode(b)
	if err != nil || m.Type != signaling.TypeWelcome {
		t.Fatalf("%s: %v", b, err)
	}
	go func() { // it hears what the room says
		for {
			if _, _, err := ws.ReadMessage(); err != nil {
				return
			}
		}
	}()
	return m.Peers
}

// send sends a peer an offer under the wrong seal.
func (f *tokenThief) send(t *testing.T, to signaling.Peer) {
	t.Helper()
	sealed, err := f.seal.Seal(f.self.ID, f.self.Incarnation, to.ID, []byte(`{"v":1,"kind":"offer"}`))
	if err != nil {
		t.Fatal(err)
	}
	f.write(t, signaling.Message{Type: signaling.TypeSignal, To: to.ID, Payload: sealed})
}

func (f *tokenThief) write(t *testing.T, m signaling.Message) {
	t.Helper()
	if err := f.ws.WriteMessage(websocket.TextMessage, m.Encode()); err != nil {
		t.Fatal(err)
	}
}
