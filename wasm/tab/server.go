package tab

import (
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	crand "crypto/rand"

	"tabraft/raft"
	"tabraft/raft/node"
	"tabraft/signaling"
	"tabraft/signaling/client"
	"tabraft/wasm/rtc"
)

// Config is what a Server needs.
type Config struct {
	Room   client.Room
	Signal string // address of the signaling WebSocket
	Link   string // invitation to the room, for State
	Kind   signaling.Kind
	Home   Home
	Clock  node.Clock
	Logger node.Logger
	// Observer is told what happens, in order, from goroutines of the server;
	// it must not block or call the Server.
	Observer func(Event)
	// Gather: see node.Config.
	Gather func()
	// Loopback: see rtc.Config.
	Loopback bool
	// Settings to begin with.
	Settings Settings
	// Rejoin, if set, is called when the server is over because it was removed
	// while it was away, and its identity is deleted: a new one would be welcome.
	Rejoin func()
}

// Event is something that happened, in the shape that listeners of
// window.tabraft.on get.
type Event struct {
	Kind string // role, term, leader, commit, apply, message, peer, storage, error
	Data any
}

// Server is a tab as a server. Its methods may be called from any goroutine
// and do not wait, unless they say so.
type Server struct {
	cfg Config
	id  raft.ID

	// turn is held while a life is made, or ends by a failure: both may wait
	// for storage.
	turn   sync.Mutex
	random *rand.Rand // for seeds; whoever has the turn uses it

	// mu guards what follows and is never held while waiting: the page asks
	// for the state from callbacks.
	mu       sync.Mutex
	life     *life // nil while stopped
	stopped  error // why there is no life
	last     node.Status
	warning  error // something that does not stop the server, for State
	settings Settings
}

// Why a server is stopped that was told to.
var (
	ErrCrashed = errors.New("this server was crashed on purpose")
	ErrLeft    = errors.New("this tab is being closed")
)

// tuning is the core's, as measured for tabs. On a data channel messages cost
// and bytes do not, so few are in flight and what is proposed meanwhile makes
// larger ones. What is in flight must fit into the mesh's send buffer, or it
// would be lost and sent again. The election timeout bears with a tab whose
// thread is busy for half a second; a tab that closes or dies is noticed
// otherwise, see raft.Core.PeerDown.
var tuning = raft.Config{
	ElectionTimeout:     600 * time.Millisecond,
	MaxAppendBytes:      maxAppendBytes,
	MaxInflightBytes:    rtc.MaxBuffered - maxAppendBytes,
	MaxInflightMessages: 4,
}

const maxAppendBytes = rtc.MaxBuffered / 2

// NewServer makes a server and starts its first life. It waits for storage.
func NewServer(cfg Config) (*Server, error) {
	var seed [32]byte
	crand.Read(seed[:])
	s := &Server{cfg: cfg, id: cfg.Home.ID(), random: rand.New(rand.NewChaCha8(seed)), settings: cfg.Settings.sound()}
	return s, s.Restart()
}

// Restart begins a new life after a crash or a failure, from what is stored. It
// waits for storage.
func (s *Server) Restart() error {
	s.turn.Lock()
	defer s.turn.Unlock()
	l, stopped := s.current()
	switch {
	case l != nil:
		return errors.New("the server runs already")
	case forGood(stopped):
		return stopped
	}
	l, err := s.begin()
	s.mu.Lock()
	if left := s.stopped; forGood(left) { // meanwhile
		s.mu.Unlock()
		if l != nil {
			l.end()
		}
		return left
	}
	s.life, s.stopped = l, err
	s.mu.Unlock()
	if err != nil {
		s.emit("error", ErrorEvent{Message: err.Error()})
		return err
	}
	l.start()
	return nil
}

// forGood tells whether a server that stopped for this reason has no next life.
func forGood(stopped error) bool {
	return errors.Is(stopped, node.ErrRemoved) || errors.Is(stopped, ErrLeft)
}

// current gives the life, or why there is none.
func (s *Server) current() (*life, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.life, s.stopped
}

// Err is why the server does not run; nil while it does.
func (s *Server) Err() error {
	_, stopped := s.current()
	return stopped
}

// Crash ends the life as a closed tab would: connections close, memory is lost,
// what is stored stays. It returns at once if the server does not run.
func (s *Server) Crash() {
	l, _ := s.current()
	s.stop(l, ErrCrashed)
}

// Leave ends the server for good, as fast as possible: it is what pagehide
// calls. Connections are closed when it returns, and before that another server
// was asked to lead if Settings say so.
func (s *Server) Leave() {
	for !s.left() {
		l, _ := s.current()
		if l != nil && s.Settings().HandOver {
			l.node.HandOver()
		}
		s.stop(l, ErrLeft)
	}
}

// left has a server that does not run stay so, and tells whether it does not.
func (s *Server) left() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life == nil {
		s.end(ErrLeft)
	}
	return s.life == nil
}

// end notes why there is no life any more, with mu held. What ended the server
// for good stays the reason.
func (s *Server) end(why error) {
	if s.life = nil; !forGood(s.stopped) {
		s.stopped = why
	}
}

// stop ends a life, if it still is the server's, for a reason.
func (s *Server) stop(l *life, why error) {
	s.mu.Lock()
	if l == nil || s.life != l {
		s.mu.Unlock()
		return
	}
	last := l.node.Status()
	s.last = last
	s.end(why)
	s.mu.Unlock()
	l.end()
	s.emit("role", RoleEvent{Role: roleStopped, Term: last.Term})
	kind := "error"
	if problem, _ := stoppedWords(why, s.cfg.Kind); problem == "storage" {
		kind = "storage"
	}
	s.emit(kind, ErrorEvent{Message: why.Error()})
}

func (s *Server) emit(kind string, data any) {
	if s.cfg.Observer != nil {
		s.cfg.Observer(Event{kind, data})
	}
}

// Warn notes something that does not stop the server but that its user should
// know.
func (s *Server) Warn(err error) {
	s.mu.Lock()
	s.warning = err
	s.mu.Unlock()
	s.emit("error", ErrorEvent{Message: err.Error()})
}
