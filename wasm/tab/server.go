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
	"tabraft/wasm/bus"
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
	// Radio, if set, connects the server with those in other tabs of the same
	// browser, also without a network.
	Radio bus.Radio
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
	cfg    Config
	id     raft.ID
	random *rand.Rand // for seeds; whoever makes a life uses it

	// mu guards what follows and is never held while waiting: the page asks
	// for the state from callbacks.
	mu       sync.Mutex
	cycle    cycle
	life     *life // there is one as long as the cycle is alive
	last     node.Status
	warning  error // something that does not stop the server, for State
	settings Settings
	hidden   bool // the page is not visible
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
// waits for storage. Where that does not answer, it gives an error, and the server goes on
// to try by itself.
func (s *Server) Restart() error { return s.happen(turn{kind: evRestart}, nil) }

// Crash ends the life as a closed tab would: connections close, memory is lost,
// what is stored stays. It returns at once if the server does not run.
func (s *Server) Crash() { s.happen(turn{kind: evCrash}, nil) }

// Leave ends the server for good, as fast as possible: it is what pagehide
// calls. Connections are closed when it returns, and before that another server
// was asked to lead if Settings say so.
func (s *Server) Leave() { s.happen(turn{kind: evLeave}, nil) }

// happen has the cycle take a turn, and does what it says. made is the life of
// evOpened. The error says why there is no life, if one was asked for.
func (s *Server) happen(ev turn, made *life) error {
	s.mu.Lock()
	before := s.life
	c, deeds := s.cycle.step(ev)
	s.cycle = c
	switch {
	case !c.alive:
		s.life = nil
	case made != nil:
		s.life = made
	}
	if before != nil && s.life == nil {
		s.last = before.node.Status()
	}
	term, settings := s.last.Term, s.settings
	s.mu.Unlock()
	var refused error
	for _, d := range deeds {
		switch d.kind {
		case doOpen:
			refused = s.open(c.life)
		case doRetry:
			time.AfterFunc(busyPause, func() { s.happen(turn{kind: evRetry, life: c.life}, nil) })
		case doStart:
			made.start()
		case doDiscard:
			made.end()
		case doHandOver:
			if settings.HandOver {
				before.node.HandOver()
			}
		case doEnd:
			before.end()
			s.emit("role", RoleEvent{Role: roleStopped, Term: term})
			kind := "error"
			if problem, _ := stoppedWords(d.err, s.cfg.Kind); problem == "storage" {
				kind = "storage"
			}
			s.emit(kind, ErrorEvent{Message: d.err.Error()})
		case doForget:
			s.happen(turn{kind: evForgotten, err: s.cfg.Home.Forget()}, nil)
		case doSetAside:
			s.happen(turn{kind: evForgotten, err: s.cfg.Home.SetAside()}, nil)
		case doRejoin:
			if s.cfg.Rejoin != nil {
				s.cfg.Rejoin()
			}
		case doTell:
			s.emit("error", ErrorEvent{Message: d.err.Error()})
		case doRefuse:
			refused = d.err
		}
	}
	return refused
}

// open makes the life of a number. The error says why it is none.
func (s *Server) open(number int) error {
	l, err := s.begin(number)
	if err != nil {
		s.happen(turn{kind: evOpenFailed, err: err}, nil)
	} else {
		s.happen(turn{kind: evOpened}, l)
	}
	if l, why := s.current(); l == nil {
		return why
	}
	return nil
}

// current gives the life, or why there is none.
func (s *Server) current() (*life, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.life, s.cycle.why
}

// Err is why the server does not run; nil while it does.
func (s *Server) Err() error {
	_, stopped := s.current()
	return stopped
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
