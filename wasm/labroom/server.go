package labroom

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"tabraft/raft/lab/labrpc"
	"tabraft/raft/lab/raftapi"
	"tabraft/raft/lab/tester"
)

const (
	// askEvery is how often GetState is asked, and tellEvery how often the others get
	// a digest.
	askEvery  = 100 * time.Millisecond
	tellEvery = 300 * time.Millisecond
	// blockedAfter is how long GetState may take.
	blockedAfter = 2 * time.Second
	// maxCommand is the longest command that Start takes, in bytes.
	maxCommand = 4 << 10
	// maxComplaints is how many different complaints are kept.
	maxComplaints = 8
)

// Errors of a Server.
var (
	ErrEnded       = errors.New("this server has ended")
	ErrCommand     = errors.New("a command has 1 to 4096 bytes")
	ErrNoSnapshots = errors.New("this Raft has no Snapshot")
	ErrNothing     = errors.New("nothing was applied that is not in a snapshot yet")
)

// Config says what a Server is made of.
type Config struct {
	// Seats is the number of servers, Me the one this is, from 0.
	Seats, Me int
	Form      tester.Form
	// State and Snapshot are what Store holds from an earlier life.
	State, Snapshot []byte
	Store           tester.Store
	// Send sends a frame of at most MaxFrame to a seat, without waiting; false means
	// that it was dropped.
	Send func(seat int, frame []byte) bool
	// Build names the program, so that tabs with different ones are noticed.
	Build string
}

// A Digest is what a server tells the others of itself, for the cluster's view.
type Digest struct {
	Seat    int              `json:"seat"`
	Build   string           `json:"build"`
	Term    int              `json:"term"`
	Leader  bool             `json:"leader"`
	Blocked bool             `json:"blocked"` // GetState does not return
	Index   int              `json:"index"`   // applied last
	Hash    uint64           `json:"hash,string"`
	Recent  []Applied        `json:"recent"`
	Saves   int              `json:"saves"`
	State   int              `json:"state"`    // bytes of Raft's state
	Snap    int              `json:"snapshot"` // bytes of the snapshot
	RPCs    map[string]Count `json:"rpcs"`
	Bytes   int64            `json:"bytes"` // of arguments and replies sent
	Problem string           `json:"problem"`
}

// A Server is a student's server, with the service above it. Its methods may be
// called from any goroutine and do not wait, unless they say so.
type Server struct {
	cfg       Config
	raft      raftapi.Raft
	persister *tester.Persister
	saved     saved
	peers     *peers
	service   service
	stop      chan struct{}

	mu         sync.Mutex
	ended      bool
	term       int
	leader     bool
	asked      time.Time // when the GetState under way began; zero if there is none
	digests    map[int]heard
	complaints []string
}

type heard struct {
	at time.Time
	Digest
}

// NewServer makes the student's server. It may wait for the student's Make.
func NewServer(cfg Config) (*Server, error) {
	s := &Server{cfg: cfg, stop: make(chan struct{}), digests: map[int]heard{}}
	if err := s.service.restore(cfg.Snapshot); err != nil {
		return nil, err
	}
	s.saved = saved{store: cfg.Store, state: len(cfg.State), snapshot: len(cfg.Snapshot)}
	s.persister = tester.NewPersister(cfg.State, cfg.Snapshot, &s.saved)
	s.peers = newPeers(cfg.Seats, cfg.Me, cfg.Send, s.complain)
	applyCh := make(chan raftapi.ApplyMsg)
	made := make(chan struct{})
	go s.applyAll(applyCh, made)
	s.raft = cfg.Form.Make(s.peers.ends(), cfg.Me, s.persister, applyCh)
	if s.raft == nil {
		return nil, errors.New("the Raft's Make returned nil")
	}
	close(made)
	server := labrpc.MakeServer()
	server.AddService(labrpc.MakeService(s.raft))
	s.peers.mu.Lock()
	s.peers.server = server
	s.peers.mu.Unlock()
	go s.ask()
	go s.tell()
	return s, nil
}

// applyAll is the service's goroutine. It receives for a while after the end: a
// Raft that was killed must not hang on a send.
func (s *Server) applyAll(applyCh chan raftapi.ApplyMsg, made chan struct{}) {
	stop := s.stop
	var drained <-chan time.Time
	for {
		var m raftapi.ApplyMsg
		select {
		case m = <-applyCh:
		case <-stop:
			stop, drained = nil, time.After(tester.DrainTime)
			continue
		case <-drained:
			return
		}
		if m.SnapshotValid {
			<-made
			cond, asks := tester.Inner(s.raft).(raftapi.CondInstaller)
			if asks && !cond.CondInstallSnapshot(m.SnapshotTerm, m.SnapshotIndex, m.Snapshot) {
				continue
			}
		}
		s.service.apply(m)
	}
}

// ask asks GetState again and again. If it hangs, so does this goroutine.
func (s *Server) ask() {
	for {
		s.setAsked(time.Now())
		term, leader := s.raft.GetState()
		s.mu.Lock()
		s.term, s.leader, s.asked = term, leader, time.Time{}
		s.mu.Unlock()
		select {
		case <-s.stop:
			return
		case <-time.After(askEvery):
		}
	}
}

func (s *Server) setAsked(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = at
}

// tell sends digests to the others.
func (s *Server) tell() {
	for {
		select {
		case <-s.stop:
			return
		case <-time.After(tellEvery):
		}
		d := s.digest()
		if len(d.Recent) > recentTold {
			d.Recent = d.Recent[len(d.Recent)-recentTold:]
		}
		text, err := json.Marshal(d)
		if err != nil || len(text) > maxDigest {
			s.complain(fmt.Sprintf("a digest of %d bytes is not sent", len(text)))
			continue
		}
		message := append([]byte{frameDigest}, text...)
		for seat := range s.cfg.Seats {
			if seat != s.cfg.Me && s.peers.isUp(seat) {
				s.cfg.Send(seat, message)
			}
		}
	}
}

func (s *Server) digest() Digest {
	state, _, problem := s.service.shown()
	rpcs, bytes := s.peers.counted()
	saves, stateSize, snapSize := s.saved.sizes()
	s.mu.Lock()
	defer s.mu.Unlock()
	return Digest{
		Seat: s.cfg.Me, Build: s.cfg.Build, Term: s.term, Leader: s.leader,
		Blocked: !s.asked.IsZero() && time.Since(s.asked) > blockedAfter,
		Index:   state.Index, Hash: state.Hash, Recent: state.Recent,
		Saves: saves, State: stateSize, Snap: snapSize,
		RPCs: rpcs, Bytes: bytes, Problem: problem,
	}
}

// Receive takes a frame from a seat. One that is none is dropped, and reported.
func (s *Server) Receive(seat int, message []byte) {
	if seat < 0 || seat >= s.cfg.Seats || seat == s.cfg.Me {
		return
	}
	text, err := s.peers.receive(seat, message)
	if err == nil && text == nil {
		return
	}
	var d Digest
	if err == nil {
		err = json.Unmarshal(text, &d)
	}
	if err != nil || len(d.Recent) > recentTold || len(d.RPCs) > maxMethods+1 {
		s.complain(fmt.Sprintf("server %d sent something that is not of a lab's room", seat))
		return
	}
	d.Seat = seat
	s.mu.Lock()
	defer s.mu.Unlock()
	s.digests[seat] = heard{time.Now(), d}
}

// Up and Down tell of connections.
func (s *Server) Up(seat int)   { s.setUp(seat, true) }
func (s *Server) Down(seat int) { s.setUp(seat, false) }

func (s *Server) setUp(seat int, up bool) {
	if seat >= 0 && seat < s.cfg.Seats && seat != s.cfg.Me {
		s.peers.setUp(seat, up)
	}
}

// Start hands a command to the student's Start, and waits for it.
func (s *Server) Start(command string) (index, term int, leader bool, err error) {
	switch {
	case s.hasEnded():
		return 0, 0, false, ErrEnded
	case len(command) == 0 || len(command) > maxCommand:
		return 0, 0, false, ErrCommand
	}
	index, term, leader = s.raft.Start(command)
	return index, term, leader, nil
}

// Snapshot has the service take a snapshot of what it applied, hands it to the
// student's Snapshot, and waits for that. It gives the index.
func (s *Server) Snapshot() (int, error) {
	switch {
	case s.hasEnded():
		return 0, ErrEnded
	case !s.cfg.Form.Snapshots:
		return 0, ErrNoSnapshots
	}
	index, data := s.service.snapshot()
	if old, err := decodeSnapshot(s.persister.ReadSnapshot()); index == 0 || err == nil && old.Index >= index {
		return 0, ErrNothing
	}
	s.raft.Snapshot(index, data)
	return index, nil
}

// End ends the server: it takes and sends nothing any more.
func (s *Server) End() {
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return
	}
	s.ended = true
	s.mu.Unlock()
	close(s.stop)
	for seat := range s.cfg.Seats {
		s.setUp(seat, false)
	}
	s.peers.mu.Lock()
	s.peers.server = nil
	s.peers.mu.Unlock()
	if k, ok := tester.Inner(s.raft).(raftapi.Killer); ok {
		go k.Kill() // it may hang
	}
}

func (s *Server) hasEnded() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

// complain keeps a text for the page, once.
func (s *Server) complain(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.complaints {
		if c == text {
			return
		}
	}
	if len(s.complaints) < maxComplaints {
		s.complaints = append(s.complaints, text)
	}
}
