package client

import (
	"context"
	crand "crypto/rand"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"tabraft/signaling"
)

// The client's limits and times.
const (
	// MaxOutbox bounds the payloads that wait to be sent; at it, Send returns [ErrBusy].
	MaxOutbox = 1024
	// MaxForged is how many payloads of one incarnation may fail to open, on one connection, before no more of them are tried: opening them costs time.
	MaxForged = 16
	// maxForgers is of how many incarnations that is remembered.
	maxForgers = 1024
	// sendsPerSecond and sendBurst keep a client well within what the server allows one connection.
	sendsPerSecond = signaling.MessagesPerSecond / 2
	sendBurst      = signaling.MessageBurst / 2
	// DialTimeout bounds connecting, and then again waiting for the welcome.
	DialTimeout = 5 * time.Second
	// PingInterval is how long the client listens to silence before it asks whether the server is there, and then before it asks again.
	// A socket that stays silent through both questions is dead: it takes at most DeadAfter to notice.
	PingInterval = 5 * time.Second
	DeadAfter    = 3 * PingInterval
	// ProbeWait is the same, in place of PingInterval, after Retry on a connection that seems to be up.
	ProbeWait = time.Second
)

// What Send can return besides [ErrTooLarge], and Connection besides *signaling.Error and what the network says.
var (
	ErrNotConnected = errors.New("signaling: not connected")
	ErrBusy         = errors.New("signaling: too many payloads wait to be sent")
	ErrBadReceiver  = errors.New("signaling: the receiver's id must be 16 lower-case hex digits")
	ErrSilent       = errors.New("signaling: the server has gone silent")
	ErrProtocol     = errors.New("signaling: the server does not speak the protocol")
)

// Handler hears what happens. Its methods are called in order from one goroutine, which waits for them: they must not block for long.
// They may call the client's methods.
type Handler interface {
	// Welcome comes right after each Connection(true, nil): these peers are in the room now. It replaces all that was known of the room.
	Welcome(peers []signaling.Peer, ice []signaling.ICEServer)
	Joined(peer signaling.Peer)
	Left(peer signaling.Peer)
	// Signal brings a payload that this peer sealed for us. It is authentic, but can be a repetition of an earlier one.
	Signal(from signaling.Peer, payload []byte)
	// Connection says that the room was entered, or that the connection ended or an attempt failed, and why. An *[signaling.Error] is the server's refusal;
	// if its Code is Fatal, somebody has to change something, although the client goes on trying.
	Connection(connected bool, err error)
}

// Config says where to connect, and as whom.
type Config struct {
	URL     string // of the server's WebSocket, see SignalURL
	Room    Room
	Peer    signaling.Peer
	Handler Handler
	Logger  Logger // nil: no logs
}

// Client is a connection to a signaling server that restores itself. Its methods may be called from any goroutine, and do not block.
type Client struct {
	cfg     Config
	log     Logger
	dial    func(ctx context.Context, url string) (socket, error)
	backoff backoff
	secret  string // by which the server knows this client on another socket
	ctx     context.Context
	cancel  context.CancelFunc
	retry   chan struct{} // holds one
	done    chan struct{}
	dropped atomic.Uint64

	mu      sync.Mutex
	current *session // nil unless connected
	sock    socket   // nil unless there is one, connected or on the way
}

// Logger takes what operators may want to read; a *slog.Logger is one. An interface, so that a tab does not have to load log/slog.
type Logger interface {
	Debug(message string, pairs ...any)
	Info(message string, pairs ...any)
	Warn(message string, pairs ...any)
}

type noLog struct{}

func (noLog) Debug(string, ...any) {}
func (noLog) Info(string, ...any)  {}
func (noLog) Warn(string, ...any)  {}

// Start begins to connect and returns at once. Everything else is heard through the handler.
func Start(cfg Config) *Client { return start(cfg, dial, rand.Float64) }

func start(cfg Config, dial func(context.Context, string) (socket, error), random func() float64) *Client {
	c := &Client{cfg: cfg, log: cfg.Logger, dial: dial, backoff: backoff{random: random}, retry: make(chan struct{}, 1), done: make(chan struct{}), secret: newSecret()}
	if c.log == nil {
		c.log = noLog{}
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	go c.run()
	return c
}

func newSecret() string {
	var b [8]byte
	for {
		crand.Read(b[:]) // never fails
		if s := hex.EncodeToString(b[:]); signaling.ValidID(s) {
			return s
		}
	}
}

// Send seals payload for the peer of the given id and queues it. It returns [ErrNotConnected], [ErrTooLarge], [ErrBusy] or [ErrBadReceiver], or nil.
// Nil does not promise delivery: the connection can break, and the peer can leave.
func (c *Client) Send(to string, payload []byte) error {
	if !signaling.ValidID(to) {
		return ErrBadReceiver
	}
	c.mu.Lock()
	s := c.current
	c.mu.Unlock()
	if s == nil {
		return ErrNotConnected
	}
	sealed, err := c.cfg.Room.Seal(c.cfg.Peer.ID, c.cfg.Peer.Incarnation, to, payload)
	if err != nil {
		return err
	}
	select {
	case s.out <- signaling.Message{Type: signaling.TypeSignal, To: to, Payload: sealed}.Encode():
		return nil
	default:
		return ErrBusy
	}
}

// Connected reports whether the client is in the room.
func (c *Client) Connected() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.current != nil
}

// Dropped returns how many payloads arrived that did not open with the room's key.
func (c *Client) Dropped() uint64 { return c.dropped.Load() }

// Retry ends a wait before the next attempt, and the waits after it are short again. On a connection that seems to be up it finds out within 2*[ProbeWait] whether it is.
// It belongs on the browser's `online` event and after a suspension.
func (c *Client) Retry() {
	select {
	case c.retry <- struct{}{}:
	default:
	}
}

// Close leaves the room at once and for good. A handler's method that is running may finish; none starts afterwards. [Client.Done] says when.
func (c *Client) Close() {
	c.cancel()
	c.mu.Lock()
	sock := c.sock
	c.current = nil
	c.mu.Unlock()
	if sock != nil {
		sock.close()
	}
}

// Done is closed after Close, when the last of the handler's methods has returned.
func (c *Client) Done() <-chan struct{} { return c.done }

// run connects again and again.
func (c *Client) run() {
	defer close(c.done)
	for {
		lasted, err := c.connect()
		if c.ctx.Err() != nil {
			return
		}
		c.log.Info("signaling: not connected", "error", err)
		c.cfg.Handler.Connection(false, err)
		if lasted >= StableAfter {
			c.backoff.reset()
		}
		if !c.wait(err) {
			return
		}
	}
}

// wait passes the time before the next attempt. It returns false if the client was closed.
func (c *Client) wait(err error) bool {
	var refusal *signaling.Error
	var delay time.Duration
	switch {
	case !errors.As(err, &refusal) || !refusal.Code.Fatal():
		delay = c.backoff.next()
	case refusal.Code == signaling.CodeReplaced || refusal.Code == signaling.CodeInUse:
		delay = c.backoff.rival()
	default:
		delay = c.backoff.refused()
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.retry:
		c.backoff.reset()
	case <-c.ctx.Done():
	}
	return c.ctx.Err() == nil
}

// connect makes one connection and serves it to its end. It returns how long we were in the room, and why it ended.
func (c *Client) connect() (lasted time.Duration, err error) {
	ctx, cancel := context.WithTimeout(c.ctx, DialTimeout)
	sock, err := c.dial(ctx, c.cfg.URL)
	cancel()
	if err != nil {
		return 0, err
	}
	defer sock.close()
	c.mu.Lock()
	c.sock = sock
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.current, c.sock = nil, nil
		c.mu.Unlock()
	}()
	if c.ctx.Err() != nil { // closed before it could see sock
		return 0, c.ctx.Err()
	}
	s := newSession(c, sock)
	err = s.serve()
	if !s.since.IsZero() {
		lasted = time.Since(s.since)
	}
	return lasted, err
}
