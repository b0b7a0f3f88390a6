//go:build !js

package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"tabraft/signaling"
)

// patience bounds every wait of these tests for something that comes at once, or after a few retries, when all is well.
const patience = 20 * time.Second

// events is a handler that passes on what it hears.
type events chan string

func (e events) Welcome(peers []signaling.Peer, _ []signaling.ICEServer) {
	e <- fmt.Sprintf("welcome %d", len(peers))
}
func (e events) Joined(p signaling.Peer) { e <- "joined " + p.ID }
func (e events) Left(p signaling.Peer)   { e <- "left " + p.ID }
func (e events) Signal(from signaling.Peer, payload []byte) {
	e <- "signal " + from.ID + " " + string(payload)
}
func (e events) Connection(connected bool, err error) {
	if !connected {
		e <- "lost"
	}
}

// expect waits for this event, which must be the next one; more losses in a row are one.
func (e events) expect(t *testing.T, want string) {
	t.Helper()
	e.either(t, want)
}

// either is expect of one of several.
func (e events) either(t *testing.T, wants ...string) string {
	t.Helper()
	timeout := time.After(patience)
	lost := 0
	for {
		select {
		case got := <-e:
			if got == "lost" {
				lost++
			}
			if slices.Contains(wants, got) {
				return got
			}
			if got != "lost" || lost > 100 {
				t.Fatalf("heard %q, want %q", got, wants)
			}
		case <-timeout:
			t.Fatalf("waited in vain for %q", wants)
		}
	}
}

// serveAt runs a signaling server on the address until stop is called.
func serveAt(t *testing.T, addr string) (actual string, stop func()) {
	t.Helper()
	signals, err := signaling.New(signaling.Config{})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: signals}
	go server.Serve(listener)
	stop = func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := errors.Join(server.Close(), signals.Shutdown(ctx)); err != nil {
			t.Error(err)
		}
	}
	return listener.Addr().String(), stop
}

func startClient(t *testing.T, url string, room Room, peer signaling.Peer) (*Client, events) {
	t.Helper()
	e := make(events, 1000)
	c := Start(Config{URL: url, Room: room, Peer: peer, Handler: e})
	t.Cleanup(func() {
		c.Close()
		<-c.Done()
	})
	return c, e
}

// Two clients meet; the server goes and comes back on its port; they meet again without being told.
func TestServerRestart(t *testing.T) {
	addr, stop := serveAt(t, "127.0.0.1:0")
	url := "ws://" + addr + signaling.Path
	room := RandomRoom()
	a, heardA := startClient(t, url, room, alicePeer)
	heardA.expect(t, "welcome 0")
	b, heardB := startClient(t, url, room, bobPeer)
	heardB.expect(t, "welcome 1")
	heardA.expect(t, "joined "+bob)
	if err := a.Send(bob, []byte("offer")); err != nil {
		t.Fatal(err)
	}
	heardB.expect(t, "signal "+alice+" offer")
	if err := b.Send(alice, make([]byte, MaxPayload)); err != nil {
		t.Fatal(err)
	}
	heardA.expect(t, "signal "+bob+" "+string(make([]byte, MaxPayload)))

	stop()
	heardA.expect(t, "lost")
	heardB.expect(t, "lost")
	if err := a.Send(bob, nil); !errors.Is(err, ErrNotConnected) {
		t.Error(err)
	}
	_, stop = serveAt(t, addr)
	defer stop()
	a.Retry()
	b.Retry()
	// Either may be back first: both try by themselves, too.
	if heardA.either(t, "welcome 0", "welcome 1") == "welcome 0" {
		heardB.expect(t, "welcome 1")
		heardA.expect(t, "joined "+bob)
	} else {
		heardB.expect(t, "welcome 0")
		heardB.expect(t, "joined "+alice)
	}
	if err := b.Send(alice, []byte("again")); err != nil {
		t.Fatal(err)
	}
	heardA.expect(t, "signal "+bob+" again")
	b.Close()
	heardA.expect(t, "left "+bob)
}

// Somebody who knows the token but not the key can be introduced, and no more.
func TestTokenIsNotEnough(t *testing.T) {
	addr, stop := serveAt(t, "127.0.0.1:0")
	defer stop()
	url := "ws://" + addr + signaling.Path
	a, heardA := startClient(t, url, golden, alicePeer)
	heardA.expect(t, "welcome 0")

	ws, _, err := websocket.DefaultDialer.Dial(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	other, _ := NewRoom(golden.Name)
	forged, _ := other.Seal(bob, bobInc, alice, []byte("forged"))
	for _, m := range []signaling.Message{
		{Type: signaling.TypeHello, Version: signaling.Version, Room: golden.Token(), Peer: &bobPeer},
		{Type: signaling.TypeSignal, To: alice, Payload: forged},
	} {
		if err := ws.WriteMessage(websocket.TextMessage, m.Encode()); err != nil {
			t.Fatal(err)
		}
	}
	heardA.expect(t, "joined "+bob)
	ws.Close()
	heardA.expect(t, "left "+bob) // and no signal before it
	if n := a.Dropped(); n != 1 {
		t.Errorf("dropped %d", n)
	}
}

// What dialling can meet, in words.
func TestDialErrors(t *testing.T) {
	notUs := httptest.NewServer(http.NotFoundHandler())
	defer notUs.Close()
	full := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	defer full.Close()
	closed := httptest.NewServer(nil)
	closed.Close()
	for base, want := range map[string]string{
		notUs.URL:  "is it a tabraft server?",
		full.URL:   "too many connections, or is shutting down",
		closed.URL: "refused",
		"http://[": "",
	} {
		_, err := dial(context.Background(), "ws"+strings.TrimPrefix(base, "http"))
		if err == nil || !strings.HasPrefix(err.Error(), "signaling: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", base, err)
		}
	}
}

// A socket says why it ended: the closing frame, a broken connection, or a message nobody should send.
func TestNativeSocketEnds(t *testing.T) {
	for name, c := range map[string]struct {
		act  func(ws *websocket.Conn)
		want string
	}{
		"closing frame": {func(ws *websocket.Conn) {
			ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(4003, "full"), time.Now().Add(patience))
		}, "full (code 4003)"},
		"cut":       {func(ws *websocket.Conn) {}, "the connection broke"},
		"binary":    {func(ws *websocket.Conn) { ws.WriteMessage(websocket.BinaryMessage, []byte("x")) }, "a binary message"},
		"too large": {func(ws *websocket.Conn) { ws.WriteMessage(websocket.TextMessage, make([]byte, maxReceived+1)) }, "read limit exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				ws, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
				if err != nil {
					t.Error(err)
					return
				}
				c.act(ws)
				ws.Close()
			}))
			defer server.Close()
			s, err := dial(context.Background(), "ws"+strings.TrimPrefix(server.URL, "http"))
			if err != nil {
				t.Fatal(err)
			}
			defer s.close()
			for range s.messages() {
				t.Error("a message came through")
			}
			if err := s.err(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("ended with %v, want %q", err, c.want)
			}
		})
	}
}
