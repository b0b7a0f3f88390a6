//go:build !js

package signaling

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// Config is what a [Server] is made from. The zero value works.
type Config struct {
	ICE    []ICEServer  // handed to every client in its welcome; none by default, which is enough on one LAN
	Logger *slog.Logger // nil: no logs. Payloads, keys and whole room tokens are never logged
	Limits Limits
}

// Limits lets a program or a test set tighter limits than the constants of the same names. A zero field means the constant.
type Limits struct {
	PeersPerRoom      int
	Rooms             int
	Connections       int
	MessagesPerSecond float64
	MessageBurst      int
	BytesPerSecond    float64
	ByteBurst         int
	HelloTimeout      time.Duration
	PingInterval      time.Duration
	PongWait          time.Duration
	ProofWait         time.Duration
	QueueMessages     int
	QueueBytes        int
	BadMessages       int
	WriteTimeout      time.Duration
	CloseGrace        time.Duration
}

func (l Limits) withDefaults() Limits {
	orDefault(&l.PeersPerRoom, MaxPeersPerRoom)
	orDefault(&l.Rooms, MaxRooms)
	orDefault(&l.Connections, MaxConnections)
	orDefault(&l.MessagesPerSecond, MessagesPerSecond)
	orDefault(&l.MessageBurst, MessageBurst)
	orDefault(&l.BytesPerSecond, BytesPerSecond)
	orDefault(&l.ByteBurst, ByteBurst)
	orDefault(&l.HelloTimeout, HelloTimeout)
	orDefault(&l.PingInterval, PingInterval)
	orDefault(&l.PongWait, PongWait)
	orDefault(&l.ProofWait, ProofWait)
	orDefault(&l.QueueMessages, MaxQueueMessages)
	orDefault(&l.QueueBytes, MaxQueueBytes)
	orDefault(&l.BadMessages, MaxBadMessages)
	orDefault(&l.WriteTimeout, WriteTimeout)
	orDefault(&l.CloseGrace, CloseGrace)
	l.PeersPerRoom = min(l.PeersPerRoom, MaxPeersPerRoom) // clients refuse a longer welcome
	return l
}

func orDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// Server is the signaling server: an http.Handler for [Path] and /healthz.
type Server struct {
	ice      []ICEServer
	log      *slog.Logger
	limits   Limits
	started  time.Time
	mux      *http.ServeMux
	upgrader websocket.Upgrader
	running  sync.WaitGroup // one for each open connection

	mu     sync.Mutex // guards what follows, and is never held while a socket is read or written
	open   int        // connections, from before the upgrade to after the last byte
	conns  map[*conn]struct{}
	rooms  map[string]map[string]*conn // token -> id -> connection; no empty rooms
	closed bool
}

// New returns a server. It fails if the ICE configuration is beyond its limits.
func New(cfg Config) (*Server, error) {
	if err := checkICE(cfg.ICE); err != nil {
		return nil, err
	}
	s := &Server{
		ice:     append([]ICEServer{}, cfg.ICE...),
		log:     cfg.Logger,
		limits:  cfg.Limits.withDefaults(),
		started: time.Now(),
		mux:     http.NewServeMux(),
		conns:   map[*conn]struct{}{},
		rooms:   map[string]map[string]*conn{},
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	// The upgrader's default origin check is the one wanted: a page of the same host, or no Origin at all (not a browser).
	s.upgrader = websocket.Upgrader{HandshakeTimeout: s.limits.WriteTimeout, ReadBufferSize: 4 << 10, WriteBufferSize: 4 << 10}
	s.mux.HandleFunc("GET "+Path, s.serveSignal)
	s.mux.HandleFunc("GET /healthz", s.serveHealth)
	return s, nil
}

// ServeHTTP serves [Path] and /healthz.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

func (s *Server) serveSignal(w http.ResponseWriter, r *http.Request) {
	if !websocket.IsWebSocketUpgrade(r) {
		w.Header().Set("Upgrade", "websocket")
		http.Error(w, "tabraft signaling: connect with a WebSocket", http.StatusUpgradeRequired)
		return
	}
	if !s.reserve() {
		http.Error(w, "tabraft signaling: too many connections, or shutting down; try again later", http.StatusServiceUnavailable)
		return
	}
	defer s.release()
	ws, err := s.upgrader.Upgrade(w, r, nil)
	if err != nil {
		s.log.Info("upgrade refused", "remote", r.RemoteAddr, "origin", r.Header.Get("Origin"), "error", err)
		return
	}
	c := newConn(s, ws, r.RemoteAddr)
	s.track(c)
	c.run()
	s.untrack(c)
}

// reserve takes a place for one connection, if there is one.
func (s *Server) reserve() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.open >= s.limits.Connections {
		return false
	}
	s.open++
	s.running.Add(1)
	return true
}

func (s *Server) release() {
	s.mu.Lock()
	s.open--
	s.mu.Unlock()
	s.running.Done()
}

func (s *Server) track(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns[c] = struct{}{}
	if s.closed { // while it upgraded
		c.fail(goingAway())
	}
}

func (s *Server) untrack(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

func goingAway() *Error { return refuse(CodeGoingAway, "the server is shutting down") }

// Shutdown refuses new connections, closes the open ones with code 1001 and waits until they are gone. If ctx ends first, it cuts them off and returns ctx's error.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	for c := range s.conns {
		c.fail(goingAway())
	}
	s.mu.Unlock()

	gone := make(chan struct{})
	go func() {
		s.running.Wait()
		close(gone)
	}()
	select {
	case <-gone:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	for c := range s.conns {
		c.ws.Close()
	}
	s.mu.Unlock()
	return ctx.Err()
}

// Health is the answer of /healthz.
type Health struct {
	Status      string  `json:"status"` // "ok", or "closing" with HTTP status 503
	Rooms       int     `json:"rooms"`
	Peers       int     `json:"peers"`       // that said hello
	Connections int     `json:"connections"` // sockets, with or without a hello
	Uptime      float64 `json:"uptime"`      // seconds
}

// Health returns the server's state, as /healthz does.
func (s *Server) Health() Health {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := Health{Status: "ok", Rooms: len(s.rooms), Connections: s.open, Uptime: time.Since(s.started).Seconds()}
	for _, room := range s.rooms {
		h.Peers += len(room)
	}
	if s.closed {
		h.Status = "closing"
	}
	return h
}

func (s *Server) serveHealth(w http.ResponseWriter, _ *http.Request) {
	h := s.Health()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if h.Status != "ok" {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	json.NewEncoder(w).Encode(h) // an error here means the asker has gone
}
