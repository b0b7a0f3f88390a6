package client

import (
	"errors"
	"fmt"
	"math/bits"
	"time"

	"golang.org/x/time/rate"

	"tabraft/signaling"
)

// maxReceived bounds a message from the server: a relayed signal has a larger envelope than the one that was sent.
const maxReceived = signaling.MaxMessageBytes

// socket is one WebSocket, in a browser (dial_js.go) or not (dial.go).
type socket interface {
	// messages brings the text messages in order, none longer than maxReceived, and is closed when the socket has ended.
	messages() <-chan []byte
	// err says why it ended, once messages is closed. A closing frame is a *closeError.
	err() error
	// write sends a text message. It does not block longer than a write timeout.
	write(b []byte) error
	// close ends the socket. It may be called from any goroutine and more than once.
	close()
}

// closeError is a closing frame from the server.
type closeError struct {
	code   int
	reason string
}

func (e *closeError) Error() string {
	if e.reason == "" {
		return fmt.Sprintf("signaling: the connection was closed (code %d)", e.code)
	}
	return fmt.Sprintf("signaling: the connection was closed: %s (code %d)", e.reason, e.code)
}

// session is the client's conversation over one socket. Only Send, by way of out, touches it from outside the client's goroutine.
type session struct {
	*Client
	sock    socket
	out     chan []byte
	limiter *rate.Limiter
	since   time.Time        // of the welcome; zero before
	refusal *signaling.Error // the last one heard
	forged  map[string]int   // payloads of an incarnation that did not open

	silence  *time.Timer   // since the last message
	asked    int           // pings since then
	patience time.Duration // between pings
}

func newSession(c *Client, sock socket) *session {
	return &session{
		Client:   c,
		sock:     sock,
		out:      make(chan []byte, MaxOutbox),
		forged:   map[string]int{},
		limiter:  rate.NewLimiter(sendsPerSecond, sendBurst),
		patience: PingInterval,
	}
}

// serve says hello, then passes messages on until the socket ends, and returns why it did.
func (s *session) serve() error {
	hello := signaling.Message{Type: signaling.TypeHello, Version: signaling.Version, Room: s.cfg.Room.Token(), Peer: &s.cfg.Peer, Secret: s.secret}
	if err := s.sock.write(hello.Encode()); err != nil {
		return s.ended(err)
	}
	s.silence = time.NewTimer(DialTimeout)
	defer s.silence.Stop()
	pace := time.NewTimer(0)
	defer pace.Stop()
	var out <-chan []byte // nil while the limiter says wait

	for {
		select {
		case b, ok := <-s.sock.messages():
			if !ok {
				return s.ended(s.sock.err())
			}
			s.heard()
			if err := s.receive(b); err != nil {
				return err
			}
		case b := <-out:
			if err := s.sock.write(b); err != nil {
				return s.ended(err)
			}
			if wait := s.limiter.Reserve().Delay(); wait > 0 {
				out = nil
				pace.Reset(wait)
			}
		case <-pace.C:
			out = s.out
		case <-s.silence.C:
			if len(s.sock.messages()) > 0 {
				s.silence.Reset(s.patience) // they came while nobody looked: a suspension, not a silence
				continue
			}
			if err := s.ask(); err != nil {
				return err
			}
		case <-s.reprobe():
			if s.patience == ProbeWait {
				continue // a probe is under way
			}
			s.asked, s.patience = 0, ProbeWait
			if err := s.ask(); err != nil {
				return err
			}
		case <-s.ctx.Done():
			return s.ctx.Err()
		}
	}
}

// reprobe is the client's Retry, which means something here only when we are in the room.
func (s *session) reprobe() <-chan struct{} {
	if s.since.IsZero() {
		return nil
	}
	return s.retry
}

// heard starts a new silence.
func (s *session) heard() {
	if s.since.IsZero() {
		return // the wait for the welcome is not prolonged by anything
	}
	s.asked, s.patience = 0, PingInterval
	s.silence.Reset(s.patience)
}

// ask sends a ping, or gives the socket up after two unanswered ones.
func (s *session) ask() error {
	if s.since.IsZero() || s.asked == 2 {
		return ErrSilent
	}
	s.asked++
	s.silence.Reset(s.patience)
	if err := s.sock.write(signaling.Message{Type: signaling.TypePing}.Encode()); err != nil {
		return s.ended(err)
	}
	return nil
}

// receive acts on one message from the server. An error ends the session.
func (s *session) receive(b []byte) error {
	m, err := signaling.Decode(b)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	if s.ctx.Err() != nil {
		return s.ctx.Err()
	}
	if m.Type == signaling.TypeError && m.Code == signaling.CodeNoSuchPeer {
		s.log.Debug("signaling: not delivered", "reason", m.Text) // it has just left, as peers do
		return nil
	}
	if m.Type == signaling.TypeError {
		s.refusal = &signaling.Error{Code: m.Code, Text: m.Text}
		s.log.Warn("signaling: refused", "code", m.Code, "reason", m.Text)
		return nil
	}
	if s.since.IsZero() != (m.Type == signaling.TypeWelcome) {
		return fmt.Errorf("%w: %s came where it does not belong", ErrProtocol, m.Type)
	}
	handler := s.cfg.Handler
	switch m.Type {
	case signaling.TypeWelcome:
		s.welcome(m)
	case signaling.TypeJoined:
		handler.Joined(*m.Peer)
	case signaling.TypeLeft:
		handler.Left(*m.Peer)
	case signaling.TypePing: // another incarnation of this server wants in
		if err := s.sock.write(signaling.Message{Type: signaling.TypePong}.Encode()); err != nil {
			return s.ended(err)
		}
	case signaling.TypeSignal:
		if m.Peer == nil {
			return fmt.Errorf("%w: a signal from nobody", ErrProtocol)
		}
		s.signal(*m.Peer, m.Payload)
	}
	return nil
}

func (s *session) welcome(m signaling.Message) {
	s.since = time.Now()
	s.heard()
	s.mu.Lock()
	closed := s.ctx.Err() != nil
	if !closed {
		s.current = s
	}
	s.mu.Unlock()
	if closed {
		return
	}
	s.log.Info("signaling: connected", "peers", len(m.Peers))
	s.cfg.Handler.Connection(true, nil)
	if s.ctx.Err() == nil {
		s.cfg.Handler.Welcome(m.Peers, m.ICE)
	}
}

// signal opens a payload. One that does not open is dropped: the server, or somebody who knows only the token, made it up or damaged it.
func (s *session) signal(from signaling.Peer, sealed []byte) {
	if s.forged[from.Incarnation] >= MaxForged {
		s.dropped.Add(1)
		return
	}
	payload, err := s.cfg.Room.Open(from.ID, from.Incarnation, s.cfg.Peer.ID, sealed)
	if err != nil {
		if _, known := s.forged[from.Incarnation]; known || len(s.forged) < maxForgers {
			s.forged[from.Incarnation]++
		}
		if n := s.dropped.Add(1); bits.OnesCount64(n) == 1 { // the 1st, 2nd, 4th ...: a flood of them must not flood the log
			s.log.Warn("signaling: dropped a payload", "from", from.ID, "dropped", n, "reason", err)
		}
		return
	}
	s.cfg.Handler.Signal(from, payload)
}

// ended turns the end of a socket into the reason to report: the server's refusal, if it gave one.
func (s *session) ended(err error) error {
	for draining := true; draining; { // a write can fail before what explains it was read
		select {
		case b, ok := <-s.sock.messages():
			if !ok {
				err, draining = s.sock.err(), false
			} else if m, err := signaling.Decode(b); err == nil && m.Type == signaling.TypeError {
				s.refusal = &signaling.Error{Code: m.Code, Text: m.Text}
			}
		default:
			draining = false
		}
	}
	var closed *closeError
	if !errors.As(err, &closed) {
		if s.refusal != nil && s.refusal.Code.Fatal() {
			return s.refusal // what followed it is a mere consequence
		}
		return err
	}
	code := signaling.CodeOfClose(closed.code)
	if code == "" {
		return err
	}
	if s.refusal != nil && s.refusal.Code == code {
		return s.refusal
	}
	return &signaling.Error{Code: code, Text: closed.reason}
}
