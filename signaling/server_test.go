//go:build !js

package signaling

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

const (
	tokenA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	tokenB = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	// patience bounds every wait of these tests for something that comes at once when all is well.
	patience = 20 * time.Second
)

// start runs a server until the test ends, then shuts it down and checks that nothing of it is left.
func start(t *testing.T, cfg Config) (*Server, *httptest.Server) {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(s)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		web.Close()
		for deadline := time.Now().Add(patience); strings.Contains(stacks(), "signaling.(*conn)"); runtime.Gosched() { // one may be on its last instruction
			if time.Now().After(deadline) {
				t.Errorf("a connection's goroutine outlived the server:\n%s", stacks())
				break
			}
		}
		if h := s.Health(); h.Rooms != 0 || h.Peers != 0 || h.Connections != 0 {
			t.Errorf("something is left: %+v", h)
		}
	})
	return s, web
}

func stacks() string {
	b := make([]byte, 1<<20)
	return string(b[:runtime.Stack(b, true)])
}

// client is the other end of a connection.
type client struct {
	t    *testing.T
	ws   *websocket.Conn
	peer Peer
}

func connect(t *testing.T, web *httptest.Server) *client {
	t.Helper()
	ws, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(web.URL, "http")+Path, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ws.Close() })
	ws.SetReadDeadline(time.Now().Add(patience))
	return &client{t: t, ws: ws}
}

func peer(n, life int) Peer {
	return Peer{ID: fmt.Sprintf("%016x", n), Incarnation: fmt.Sprintf("%016x", life), Kind: KindTab}
}

func helloOf(token string, p Peer) Message {
	return Message{Type: TypeHello, Version: Version, Room: token, Peer: &p}
}

// join connects, says hello and expects to be welcomed to exactly these peers.
func join(t *testing.T, web *httptest.Server, token string, p Peer, present ...Peer) *client {
	t.Helper()
	c := connect(t, web)
	c.peer = p
	c.write(helloOf(token, p))
	m := c.expect(TypeWelcome)
	if fmt.Sprint(m.Peers) != fmt.Sprint(present) {
		t.Fatalf("%s was welcomed to %v, want %v", p.ID, m.Peers, present)
	}
	return c
}

func (c *client) write(m Message) { c.t.Helper(); c.raw(string(m.Encode())) }

func (c *client) raw(text string) {
	c.t.Helper()
	if err := c.ws.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) expect(want Type) Message {
	c.t.Helper()
	_, b, err := c.ws.ReadMessage()
	if err != nil {
		c.t.Fatalf("waiting for %s: %v", want, err)
	}
	m, err := Decode(b)
	if err != nil || m.Type != want {
		c.t.Fatalf("got %s (%v), want %s", b, err, want)
	}
	return m
}

func (c *client) expectPeer(want Type, p Peer) {
	c.t.Helper()
	if m := c.expect(want); *m.Peer != p {
		c.t.Fatalf("%s %v, want %v", want, *m.Peer, p)
	}
}

func (c *client) expectError(code Code) {
	c.t.Helper()
	if m := c.expect(TypeError); m.Code != code || m.Text == "" {
		c.t.Fatalf("error %s (%s), want %s", m.Code, m.Text, code)
	}
}

// expectClose expects the closing frame, with its reason in words.
func (c *client) expectClose(code Code) {
	c.t.Helper()
	_, b, err := c.ws.ReadMessage()
	var closed *websocket.CloseError
	if !errors.As(err, &closed) || closed.Code != code.Close() || closed.Text == "" {
		c.t.Fatalf("got %s, %v; want close code %d", b, err, code.Close())
	}
}

// expectRefusal expects an error message and the closing frame that goes with it.
func (c *client) expectRefusal(code Code) {
	c.t.Helper()
	c.expectError(code)
	c.expectClose(code)
}

func TestRoom(t *testing.T) {
	ice := []ICEServer{{URLs: []string{"stun:example.org:3478"}}}
	s, web := start(t, Config{ICE: ice})
	a := connect(t, web)
	a.write(helloOf(tokenA, peer(1, 1)))
	_, b, err := a.ws.ReadMessage()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(b), `{"type":"welcome","peers":[],"ice":[{"urls":["stun:example.org:3478"]}]}`; got != want {
		t.Fatalf("welcome is %s, want %s", got, want)
	}

	c := join(t, web, tokenA, peer(3, 1), peer(1, 1))
	a.expectPeer(TypeJoined, peer(3, 1))
	d := join(t, web, tokenA, peer(2, 1), peer(1, 1), peer(3, 1))
	a.expectPeer(TypeJoined, peer(2, 1))
	c.expectPeer(TypeJoined, peer(2, 1))
	elsewhere := join(t, web, tokenB, peer(4, 1))

	a.write(Message{Type: TypeSignal, To: peer(2, 1).ID, Payload: []byte("offer")})
	if m := d.expect(TypeSignal); *m.Peer != peer(1, 1) || string(m.Payload) != "offer" || m.To != "" {
		t.Fatalf("relayed %+v", m)
	}
	if h := s.Health(); h.Rooms != 2 || h.Peers != 4 || h.Connections != 4 {
		t.Fatalf("%+v", h)
	}

	d.ws.Close()
	a.expectPeer(TypeLeft, peer(2, 1))
	c.expectPeer(TypeLeft, peer(2, 1))
	elsewhere.write(Message{Type: TypePing})
	elsewhere.expect(TypePong) // and nothing of the other room
}

// A new life whose predecessor does not answer: the others see left before joined, the new life sees the others, the old socket is told.
func TestReplacement(t *testing.T) {
	s, web := start(t, Config{Limits: Limits{ProofWait: 50 * time.Millisecond}})
	watcher := join(t, web, tokenA, peer(1, 1))
	old := join(t, web, tokenA, peer(2, 1), peer(1, 1))
	watcher.expectPeer(TypeJoined, peer(2, 1))

	reloaded := join(t, web, tokenA, peer(2, 2), peer(1, 1))
	watcher.expectPeer(TypeLeft, peer(2, 1))
	watcher.expectPeer(TypeJoined, peer(2, 2))
	old.expect(TypePing)
	old.expectRefusal(CodeReplaced)

	watcher.write(Message{Type: TypeSignal, To: peer(2, 2).ID, Payload: []byte("x")})
	reloaded.expect(TypeSignal)
	if h := s.Health(); h.Peers != 2 {
		t.Fatalf("%+v", h)
	}
}

// Of two live incarnations of one server the first stays, however many come and however often, and is asked at most once in ProofLasts.
func TestSecondLiveIncarnationIsRefused(t *testing.T) {
	s, web := start(t, Config{Limits: Limits{ProofWait: patience}})
	watcher := join(t, web, tokenA, peer(1, 1))
	first := join(t, web, tokenA, peer(2, 1), peer(1, 1))
	watcher.expectPeer(TypeJoined, peer(2, 1))
	began := time.Now()
	var asked atomic.Int64
	go func() { // the first one answers whenever it is asked
		for {
			_, b, err := first.ws.ReadMessage()
			if err != nil {
				return
			}
			if m, _ := Decode(b); m.Type == TypePing {
				asked.Add(1)
				first.ws.WriteMessage(websocket.TextMessage, Message{Type: TypePong}.Encode())
			}
		}
	}()
	var copies []*client
	for life := range 20 {
		c := connect(t, web)
		c.write(helloOf(tokenA, peer(2, 2+life)))
		copies = append(copies, c)
	}
	for _, c := range copies {
		c.expectRefusal(CodeInUse)
	}
	if n, most := asked.Load(), 1+int64(time.Since(began)/ProofLasts); n == 0 || n > most {
		t.Errorf("it was asked %d times, want 1 to %d", n, most)
	}
	watcher.write(Message{Type: TypePing})
	watcher.expect(TypePong) // and no left or joined before it
	if h := s.Health(); h.Peers != 2 {
		t.Fatalf("%+v", h)
	}
}

// A new life whose predecessor's socket ends while it is asked: as after a crash, nobody waits for the time to pass.
func TestPredecessorEndsWhileItIsAsked(t *testing.T) {
	_, web := start(t, Config{Limits: Limits{ProofWait: time.Hour}})
	old := join(t, web, tokenA, peer(2, 1))
	again := connect(t, web)
	again.write(helloOf(tokenA, peer(2, 2)))
	old.expect(TypePing)
	old.ws.Close()
	again.expect(TypeWelcome)
}

// The same life on a new socket: nobody else notices.
func TestSameLifeNewSocket(t *testing.T) {
	_, web := start(t, Config{})
	watcher := join(t, web, tokenA, peer(1, 1))
	old := join(t, web, tokenA, peer(2, 1), peer(1, 1))
	watcher.expectPeer(TypeJoined, peer(2, 1))
	again := join(t, web, tokenA, peer(2, 1), peer(1, 1))
	old.expectRefusal(CodeReplaced)
	again.write(Message{Type: TypeSignal, To: peer(1, 1).ID, Payload: []byte("x")})
	watcher.expect(TypeSignal) // and no left or joined before it
}

// Whoever knows an incarnation, but not its secret, does not get its place, and the room sees nothing of it.
func TestStolenIncarnation(t *testing.T) {
	_, web := start(t, Config{Limits: Limits{ProofWait: patience}})
	hello := helloOf(tokenA, peer(2, 1))
	hello.Secret = peer(7, 1).ID
	owner := connect(t, web)
	owner.write(hello)
	owner.expect(TypeWelcome)
	watcher := join(t, web, tokenA, peer(1, 1), peer(2, 1))
	owner.expectPeer(TypeJoined, peer(1, 1))
	for _, secret := range []string{"", peer(8, 1).ID} {
		thief := connect(t, web)
		stolen := hello
		stolen.Secret = secret
		thief.write(stolen)
		if secret == "" {
			owner.expect(TypePing)
			owner.write(Message{Type: TypePong})
		}
		thief.expectRefusal(CodeInUse)
	}
	again := connect(t, web)
	again.write(hello)
	again.expect(TypeWelcome)
	owner.expectRefusal(CodeReplaced)
	watcher.write(Message{Type: TypePing})
	watcher.expect(TypePong)
	bad := connect(t, web)
	hello.Secret = "secret"
	bad.write(hello)
	bad.expectRefusal(CodeBadHello)
}

// Bytes without end, each message within its limit, close the connection.
func TestFloodOfBytes(t *testing.T) {
	_, web := start(t, Config{})
	join(t, web, tokenA, peer(1, 1))
	c := join(t, web, tokenA, peer(2, 1), peer(1, 1))
	full := Message{Type: TypeSignal, To: peer(9, 1).ID, Payload: make([]byte, MaxPayloadBytes)}.Encode()
	sent := 0
	for c.ws.WriteMessage(websocket.TextMessage, full) == nil && sent < 10*ByteBurst {
		sent += len(full)
	}
	for {
		_, b, err := c.ws.ReadMessage()
		if err != nil {
			break // a reset may overtake the last words
		}
		if m, _ := Decode(b); m.Type == TypeError && m.Code == CodeFlood {
			return
		}
	}
	if sent >= 10*ByteBurst {
		t.Errorf("%d bytes were taken", sent)
	}
}

func TestBadHello(t *testing.T) {
	_, web := start(t, Config{})
	good := string(helloOf(tokenA, peer(1, 1)).Encode())
	for name, c := range map[string]struct {
		text string
		code Code
	}{
		"not JSON":        {"hello", CodeBadHello},
		"empty":           {"", CodeBadHello},
		"null":            {"null", CodeBadHello},
		"array":           {"[]", CodeBadHello},
		"unknown type":    {`{"type":"login"}`, CodeBadHello},
		"not first":       {`{"type":"ping"}`, CodeBadHello},
		"no version":      {strings.Replace(good, `"version":1,`, "", 1), CodeVersion},
		"newer version":   {strings.Replace(good, `"version":1`, `"version":2`, 1), CodeVersion},
		"no room":         {strings.Replace(good, tokenA, "", 1), CodeBadHello},
		"room name":       {strings.Replace(good, tokenA, "amber-otter-42", 1), CodeBadHello},
		"upper-case room": {strings.Replace(good, tokenA, strings.ToUpper(tokenA), 1), CodeBadHello},
		"no peer":         {strings.Replace(good, `"peer"`, `"pear"`, 1), CodeBadHello},
		"short id":        {strings.Replace(good, peer(1, 1).ID, "1", 1), CodeBadHello},
		"zero id":         {strings.Replace(good, peer(1, 1).ID, strings.Repeat("0", 16), 1), CodeBadHello},
		"kind":            {strings.Replace(good, `"tab"`, `"cat"`, 1), CodeBadHello},
	} {
		t.Run(name, func(t *testing.T) {
			client := connect(t, web)
			client.raw(c.text)
			client.expectRefusal(c.code)
		})
	}
}

func TestBadMessages(t *testing.T) {
	_, web := start(t, Config{})
	c := join(t, web, tokenA, peer(1, 1))
	bad := []string{
		"not JSON", "[1]", "{}", `{"type":"shout"}`,
		`{"type":"signal","to":"0000000000000002"}`,
		`{"type":"signal","payload":"AAAA"}`,
		`{"type":"signal","to":"2","payload":"AAAA"}`,
		`{"type":"signal","to":"0000000000000002","payload":"not base64!"}`,
		`{"type":"signal","peer":{"id":"0000000000000002","incarnation":"0000000000000002","kind":"tab"},"payload":"AAAA"}`,
		string(helloOf(tokenA, peer(1, 1)).Encode()),
	}
	if len(bad) != MaxBadMessages {
		t.Fatalf("%d messages, want %d", len(bad), MaxBadMessages)
	}
	for _, text := range bad {
		c.raw(text)
		c.expectError(CodeBadMessage)
		// addressed to nobody, or to oneself: answered, and not counted
		for _, to := range []string{peer(7, 1).ID, peer(1, 1).ID} {
			c.write(Message{Type: TypeSignal, To: to, Payload: []byte("x")})
			c.expectError(CodeNoSuchPeer)
		}
	}
	if err := c.ws.WriteMessage(websocket.BinaryMessage, []byte(`{"type":"ping"}`)); err != nil {
		t.Fatal(err)
	}
	c.expectRefusal(CodeBadMessage)
}

func TestTooLarge(t *testing.T) {
	_, web := start(t, Config{})
	a := join(t, web, tokenA, peer(1, 1))
	b := join(t, web, tokenA, peer(2, 1), peer(1, 1))
	a.expectPeer(TypeJoined, peer(2, 1))

	b.write(Message{Type: TypeSignal, To: peer(1, 1).ID, Payload: make([]byte, MaxPayloadBytes)})
	if m := a.expect(TypeSignal); len(m.Payload) != MaxPayloadBytes {
		t.Fatalf("%d bytes arrived", len(m.Payload))
	}
	b.write(Message{Type: TypeSignal, To: peer(1, 1).ID, Payload: make([]byte, MaxPayloadBytes+1)})
	b.expectRefusal(CodeTooLarge)
	a.expectPeer(TypeLeft, peer(2, 1))

	// Far larger than the limit, so that most of it is unread when the refusal goes out: the refusal must arrive all the same.
	a.raw(strings.Repeat(" ", 10*MaxMessageBytes))
	a.expectRefusal(CodeTooLarge)

	c := connect(t, web)
	c.raw(strings.Repeat(" ", MaxMessageBytes+1))
	c.expectRefusal(CodeTooLarge)
}

func TestFlood(t *testing.T) {
	limits := Limits{MessagesPerSecond: 0.001, MessageBurst: 5}
	for name, send := range map[string]func(*client) error{
		"messages": func(c *client) error { return c.ws.WriteMessage(websocket.TextMessage, []byte(`{"type":"ping"}`)) },
		"pings":    func(c *client) error { return c.ws.WriteControl(websocket.PingMessage, nil, time.Time{}) },
		"pongs":    func(c *client) error { return c.ws.WriteControl(websocket.PongMessage, nil, time.Time{}) },
	} {
		t.Run(name, func(t *testing.T) {
			_, web := start(t, Config{Limits: limits})
			watcher := join(t, web, tokenA, peer(1, 1))
			c := join(t, web, tokenA, peer(2, 1), peer(1, 1))
			watcher.expectPeer(TypeJoined, peer(2, 1))
			for range limits.MessageBurst {
				if err := send(c); err != nil {
					t.Fatal(err)
				}
			}
			if name == "messages" {
				for range limits.MessageBurst - 1 { // hello was one of them
					c.expect(TypePong)
				}
			}
			c.expectRefusal(CodeFlood)
			watcher.expectPeer(TypeLeft, peer(2, 1))
		})
	}
}

func TestRoomLimits(t *testing.T) {
	s, web := start(t, Config{Limits: Limits{PeersPerRoom: 2, Rooms: 2}})
	a := join(t, web, tokenA, peer(1, 1))
	join(t, web, tokenA, peer(2, 1), peer(1, 1))
	a.expectPeer(TypeJoined, peer(2, 1))
	c := connect(t, web)
	c.write(helloOf(tokenA, peer(3, 1)))
	c.expectRefusal(CodeRoomFull)
	join(t, web, tokenA, peer(2, 2), peer(1, 1)) // a reload needs no place
	a.expectPeer(TypeLeft, peer(2, 1))
	a.expectPeer(TypeJoined, peer(2, 2))

	b := join(t, web, tokenB, peer(1, 1))
	c = connect(t, web)
	c.write(helloOf(strings.Repeat("c", 32), peer(1, 1)))
	c.expectRefusal(CodeTooManyRooms)
	if h := s.Health(); h.Rooms != 2 || h.Peers != 3 {
		t.Fatalf("%+v", h)
	}

	// An empty room disappears, and makes place for another.
	b.ws.Close()
	for deadline := time.Now().Add(patience); s.Health().Rooms > 1; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("an empty room stays")
		}
	}
	join(t, web, strings.Repeat("c", 32), peer(1, 1))
}

func TestConnectionLimit(t *testing.T) {
	_, web := start(t, Config{Limits: Limits{Connections: 1}})
	connect(t, web)
	_, answer, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(web.URL, "http")+Path, nil)
	if err == nil || answer == nil || answer.StatusCode != http.StatusServiceUnavailable {
		t.Fatalf("%v, %v", answer, err)
	}
}

func TestHelloTimeout(t *testing.T) {
	_, web := start(t, Config{Limits: Limits{HelloTimeout: 30 * time.Millisecond}})
	c := connect(t, web)
	if err := c.ws.WriteControl(websocket.PingMessage, nil, time.Time{}); err != nil { // no hello
		t.Fatal(err)
	}
	c.expectRefusal(CodeHelloTimeout)
}

// A peer whose network is gone sends no pong; the others see it leave.
func TestSilentPeerLeaves(t *testing.T) {
	_, web := start(t, Config{Limits: Limits{PingInterval: 10 * time.Millisecond, PongWait: 500 * time.Millisecond}})
	silent := join(t, web, tokenA, peer(2, 1)) // it never reads again, so it never answers a ping
	watcher := join(t, web, tokenA, peer(1, 1), silent.peer)
	watcher.expectPeer(TypeLeft, silent.peer)
}

func TestSlowReceiver(t *testing.T) {
	const grace = 10 * time.Second // it has that long to read the last words
	s, web := start(t, Config{Limits: Limits{QueueMessages: 8, MessageBurst: 1 << 20, ByteBurst: 1 << 30, CloseGrace: grace}})
	slow := join(t, web, tokenA, peer(2, 1))
	sender := join(t, web, tokenA, peer(1, 1), slow.peer)
	stop := s.stopOf(tokenA, slow.peer.ID)
	big := string(Message{Type: TypeSignal, To: slow.peer.ID, Payload: make([]byte, MaxPayloadBytes)}.Encode())
	for full := false; !full; {
		sender.raw(big)
		select {
		case <-stop:
			full = true
		default:
		}
	}
	for { // the slow one wakes up
		_, b, err := slow.ws.ReadMessage()
		if err != nil {
			var closed *websocket.CloseError
			if !errors.As(err, &closed) || closed.Code != CodeSlow.Close() {
				t.Fatalf("%v, want close code %d", err, CodeSlow.Close())
			}
			break
		}
		if m, err := Decode(b); err != nil || m.Type == TypeError && m.Code != CodeSlow {
			t.Fatalf("%s, %v", b, err)
		}
	}
	for m := sender.expectAny(); m.Type != TypeLeft; m = sender.expectAny() {
		if m.Type != TypeError && m.Type != TypeJoined {
			t.Fatalf("%+v", m)
		}
	}
}

func (c *client) expectAny() Message {
	c.t.Helper()
	_, b, err := c.ws.ReadMessage()
	if err != nil {
		c.t.Fatal(err)
	}
	m, err := Decode(b)
	if err != nil {
		c.t.Fatal(err)
	}
	return m
}

// stopOf returns what is closed when the server gives a peer up.
func (s *Server) stopOf(token, id string) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rooms[token][id].stop
}

// A queue is bounded in bytes too.
func TestQueueBytes(t *testing.T) {
	s, _ := start(t, Config{Limits: Limits{QueueBytes: 100}})
	server, other := websocketPair(t)
	defer other.Close()
	c := newConn(s, server, "test")
	c.enqueue(make([]byte, 60))
	c.enqueue(make([]byte, 40))
	select {
	case <-c.stop:
		t.Fatal("closed within the limit")
	default:
	}
	c.enqueue([]byte("x"))
	<-c.stop
	if c.reason.Code != CodeSlow {
		t.Fatal(c.reason)
	}
}

func websocketPair(t *testing.T) (server, other *websocket.Conn) {
	t.Helper()
	got := make(chan *websocket.Conn, 1)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
		if err != nil {
			t.Error(err)
		}
		got <- ws
	}))
	t.Cleanup(web.Close)
	other, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(web.URL, "http"), nil)
	if err != nil {
		t.Fatal(err)
	}
	return <-got, other
}

func TestOrigin(t *testing.T) {
	_, web := start(t, Config{})
	for origin, allowed := range map[string]bool{"": true, web.URL: true, "http://evil.example": false, "null": false} {
		header := http.Header{}
		if origin != "" {
			header.Set("Origin", origin)
		}
		ws, answer, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(web.URL, "http")+Path, header)
		if (err == nil) != allowed {
			t.Errorf("origin %q: %v", origin, err)
		}
		if err == nil {
			ws.Close()
		} else if answer.StatusCode != http.StatusForbidden {
			t.Errorf("origin %q: status %d", origin, answer.StatusCode)
		}
	}
}

func TestPlainHTTP(t *testing.T) {
	_, web := start(t, Config{})
	for path, want := range map[string]int{Path: http.StatusUpgradeRequired, "/healthz": http.StatusOK, "/else": http.StatusNotFound} {
		answer, err := http.Get(web.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("%s: %s", path, answer.Status)
		}
		if path == "/healthz" {
			var h Health
			if err := json.Unmarshal(body, &h); err != nil || h.Status != "ok" || h.Uptime <= 0 {
				t.Errorf("%s: %v", body, err)
			}
		}
	}
}

func TestShutdown(t *testing.T) {
	s, web := start(t, Config{})
	a := join(t, web, tokenA, peer(1, 1))
	b := join(t, web, tokenA, peer(2, 1), peer(1, 1))
	a.expectPeer(TypeJoined, peer(2, 1))
	silent := connect(t, web) // said no hello yet
	done := make(chan error, 1)
	go func() { done <- s.Shutdown(context.Background()) }()
	for _, c := range []*client{a, b, silent} {
		c.expectClose(CodeGoingAway) // and no left before it
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	answer, err := http.Get(web.URL + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("healthz: %s", answer.Status)
	}
	if _, answer, err = websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(web.URL, "http")+Path, nil); err == nil || answer.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("connected to a server that is closing: %v", err)
	}
}

// A shutdown does not wait longer than it is told to for a client that does not answer.
func TestShutdownCutsOff(t *testing.T) {
	s, web := start(t, Config{Limits: Limits{CloseGrace: time.Hour}})
	join(t, web, tokenA, peer(1, 1)) // never reads again
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}
