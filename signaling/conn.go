//go:build !js

package signaling

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/time/rate"
)

// conn is one client's socket: a goroutine that reads and acts (the handler's own), and one that writes what is queued.
//
// It ends in one way only: somebody calls fail with the reason. The writer then says its last words and closes the socket, at the latest CloseGrace later;
// that ends the reader, which leaves the room.
type conn struct {
	srv     *Server
	ws      *websocket.Conn
	log     *slog.Logger // the reader's
	limiter *rate.Limiter
	bytes   *rate.Limiter
	bad     int // malformed messages so far; the reader's

	room   string // with peer and secret: set once, by join under the server's lock
	peer   Peer
	secret string

	proof proof

	out    chan []byte // what waits to be written
	queued atomic.Int64

	failing    sync.Once
	stop       chan struct{} // closed by fail, after reason is set
	reason     *Error
	readerDone chan struct{}
}

// gone is the reason of a connection that the other side ended: there is nobody to tell.
var gone = &Error{Text: "the peer has gone"}

func newConn(s *Server, ws *websocket.Conn, remote string) *conn {
	return &conn{
		srv:        s,
		ws:         ws,
		log:        s.log.With("remote", remote),
		limiter:    rate.NewLimiter(rate.Limit(s.limits.MessagesPerSecond), s.limits.MessageBurst),
		bytes:      rate.NewLimiter(rate.Limit(s.limits.BytesPerSecond), s.limits.ByteBurst),
		out:        make(chan []byte, s.limits.QueueMessages),
		stop:       make(chan struct{}),
		readerDone: make(chan struct{}),
	}
}

// run serves the connection until both of its goroutines have ended.
func (c *conn) run() {
	c.log.Debug("connected")
	writerDone := make(chan struct{})
	go func() {
		c.writeLoop()
		close(writerDone)
	}()
	ended := c.readLoop()
	c.fail(ended)
	c.srv.leave(c)
	c.log.Info("disconnected", "code", c.reason.Code, "reason", c.reason.Text)
	if ended != gone {
		// Closing a socket with unread input resets it, and the last words would be lost: read on until the writer has closed.
		io.Copy(io.Discard, c.ws.NetConn())
	}
	close(c.readerDone)
	<-writerDone
}

// fail ends the connection for the given reason. It does not block; only the first call counts.
func (c *conn) fail(reason *Error) {
	c.failing.Do(func() {
		c.reason = reason
		c.ws.NetConn().SetWriteDeadline(time.Now().Add(c.srv.limits.CloseGrace)) // for a write that is stuck now
		close(c.stop)
	})
}

func (c *conn) send(m Message) { c.enqueue(m.Encode()) }

// enqueue queues a message without blocking. A receiver whose queue is full is closed.
func (c *conn) enqueue(b []byte) {
	select {
	case <-c.stop:
		return
	default:
	}
	if c.queued.Add(int64(len(b))) <= int64(c.srv.limits.QueueBytes) {
		select {
		case c.out <- b:
			return
		default:
		}
	}
	c.fail(refuse(CodeSlow, "too much is waiting for you: you do not read what you are sent"))
}

// readLoop reads and acts until the connection must end, and returns why.
func (c *conn) readLoop() *Error {
	limits := &c.srv.limits
	c.ws.SetReadDeadline(time.Now().Add(limits.HelloTimeout))
	control := func() error {
		if !c.limiter.Allow() {
			return c.flood()
		}
		if c.room != "" {
			c.ws.SetReadDeadline(time.Now().Add(limits.PongWait))
		}
		return nil
	}
	c.ws.SetPongHandler(func(string) error { return control() })
	ping := c.ws.PingHandler()
	c.ws.SetPingHandler(func(data string) error {
		if err := control(); err != nil {
			return err
		}
		return ping(data)
	})
	for {
		b, err := c.read()
		if err != nil {
			return c.readError(err)
		}
		if !c.limiter.Allow() || !c.bytes.AllowN(time.Now(), len(b)) {
			return c.flood()
		}
		m, err := Decode(b)
		var refusal *Error
		switch {
		case errors.As(err, &refusal):
			if c.room == "" && refusal.Code == CodeBadMessage {
				refusal.Code = CodeBadHello
			}
		case c.room == "":
			refusal = c.hello(m)
		default:
			refusal = c.act(m)
		}
		if refusal != nil && c.closes(refusal) {
			return refusal
		}
		if refusal != nil {
			c.log.Debug("refused", "code", refusal.Code, "reason", refusal.Text)
			c.send(Message{Type: TypeError, Code: refusal.Code, Text: refusal.Text})
		}
		if c.room != "" {
			c.ws.SetReadDeadline(time.Now().Add(limits.PongWait))
		}
	}
}

// read returns the next message, refusing one that is too large before it is in memory.
func (c *conn) read() ([]byte, error) {
	kind, r, err := c.ws.NextReader()
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(r, MaxMessageBytes+1))
	if err != nil {
		return nil, err
	}
	if len(b) > MaxMessageBytes {
		return nil, refuse(CodeTooLarge, "a message may have at most %d bytes", MaxMessageBytes)
	}
	if kind != websocket.TextMessage {
		b = nil // a binary message is not JSON; Decode says so
	}
	return b, nil
}

// readError says what an error of read means for the connection.
func (c *conn) readError(err error) *Error {
	var refusal *Error
	var timeout net.Error
	switch {
	case errors.As(err, &refusal):
		return refusal
	case c.room == "" && errors.As(err, &timeout) && timeout.Timeout():
		return refuse(CodeHelloTimeout, "no hello within %v", c.srv.limits.HelloTimeout)
	}
	return gone
}

func (c *conn) flood() *Error {
	return refuse(CodeFlood, "more than %v messages or %v bytes a second", c.srv.limits.MessagesPerSecond, c.srv.limits.BytesPerSecond)
}

// hello acts on the first message.
func (c *conn) hello(m Message) *Error {
	if refusal := m.checkHello(); refusal != nil {
		return refusal
	}
	c.log = c.log.With("room", m.Room[:8], "peer", m.Peer.ID, "incarnation", m.Peer.Incarnation, "kind", m.Peer.Kind)
	if refusal := c.srv.join(c, m.Room, *m.Peer, m.Secret); refusal != nil {
		return refusal
	}
	c.log.Info("joined")
	return nil
}

// checkHello returns nil if m may open a conversation.
func (m Message) checkHello() *Error {
	switch {
	case m.Type != TypeHello:
		return refuse(CodeBadHello, "the first message must be hello, not %.40q", string(m.Type))
	case m.Version != Version:
		return refuse(CodeVersion, "this server speaks version %d of the protocol, you speak %d: reload the page, or update the older side", Version, m.Version)
	case !ValidToken(m.Room):
		return refuse(CodeBadHello, "room must be a token of 32 lower-case hex digits")
	case m.Peer == nil:
		return refuse(CodeBadHello, "hello needs a peer")
	case m.Secret != "" && !ValidID(m.Secret):
		return refuse(CodeBadHello, "secret must be 16 lower-case hex digits, not all zero")
	}
	if err := m.Peer.Check(); err != nil {
		return refuse(CodeBadHello, "%v", err)
	}
	return nil
}

// act acts on any later message.
func (c *conn) act(m Message) *Error {
	switch m.Type {
	case TypeSignal:
		if m.Peer != nil {
			return refuse(CodeBadMessage, "only the server says who a signal is from")
		}
		return c.srv.relay(c, m.To, m.Payload)
	case TypePing:
		c.send(Message{Type: TypePong})
		return nil
	case TypePong:
		c.proof.given()
		return nil
	}
	return refuse(CodeBadMessage, "a client in a room may send signal, ping and pong, not %s", m.Type)
}

// closes reports whether a refusal ends the connection.
func (c *conn) closes(refusal *Error) bool {
	switch refusal.Code {
	case CodeNoSuchPeer:
		return false
	case CodeBadMessage:
		c.bad++
		return c.bad > c.srv.limits.BadMessages
	}
	return true
}

// writeLoop writes what is queued, and pings, until the connection fails.
func (c *conn) writeLoop() {
	ping := time.NewTicker(c.srv.limits.PingInterval)
	defer ping.Stop()
	for {
		var err error
		select {
		case <-c.stop:
			c.finish()
			return
		case b := <-c.out:
			c.queued.Add(-int64(len(b)))
			err = c.write(b, time.Now().Add(c.srv.limits.WriteTimeout))
		case <-ping.C:
			err = c.ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(c.srv.limits.WriteTimeout))
		}
		if err != nil {
			c.fail(gone)
		}
	}
}

func (c *conn) write(b []byte, deadline time.Time) error {
	c.ws.SetWriteDeadline(deadline)
	return c.ws.WriteMessage(websocket.TextMessage, b)
}

// finish says the last words and closes the socket. Errors mean that nobody listens any more.
func (c *conn) finish() {
	grace := time.NewTimer(c.srv.limits.CloseGrace)
	defer grace.Stop()
	deadline := time.Now().Add(c.srv.limits.CloseGrace)
	if code := c.reason.Code; code != "" {
		if code != CodeSlow {
			c.flush(deadline)
		}
		if code != CodeGoingAway {
			c.write(Message{Type: TypeError, Code: code, Text: c.reason.Text}.Encode(), deadline)
		}
		last := websocket.FormatCloseMessage(code.Close(), closeReason(c.reason.Text))
		c.ws.WriteControl(websocket.CloseMessage, last, deadline)
		select {
		case <-c.readerDone:
		case <-grace.C:
		}
	}
	c.ws.Close()
}

// flush writes what was queued before the connection failed.
func (c *conn) flush(deadline time.Time) {
	for {
		select {
		case b := <-c.out:
			if c.write(b, deadline) != nil {
				return
			}
		default:
			return
		}
	}
}

// closeReason cuts a reason to what a closing frame can hold (RFC 6455, section 5.5: 125 bytes, 2 of them the code). Our texts are ASCII.
func closeReason(text string) string { return text[:min(len(text), 123)] }
