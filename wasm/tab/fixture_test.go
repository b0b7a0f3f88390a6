//go:build !js

package tab

import (
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"log/slog"
	"net"
	"net/http/httptest"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tabraft/raft"
	"tabraft/raft/kv"
	"tabraft/raft/node"
	"tabraft/signaling"
	"tabraft/signaling/client"
	"tabraft/wasm/bus"
)

const (
	// patience bounds every wait of these tests for something that comes soon
	// when all is well.
	patience = time.Minute
	// glance is how long a wait goes on without an event before it looks
	// again: words about the network depend on time.
	glance = 20 * time.Millisecond
)

// world is a room with a signaling server, and the servers that were started in
// it.
type world struct {
	t     *testing.T
	room  client.Room
	clock node.Clock
	addr  string // of the signaling server
	hush  func() // ends the signaling server; nil while it is away
	// problem is one that servers may have and be well otherwise.
	problem string
	// settings are those of the servers started next.
	settings Settings
	// air connects the tabs of one browser; nil for a browser each.
	air *bus.Air
	// limits are those of the signaling server opened next.
	limits signaling.Limits

	mu      sync.Mutex
	servers []*testServer
	changed chan struct{} // closed at the next event of any server
}

// testServer is a Server, its Home, and what its observer was told.
type testServer struct {
	*Server
	world *world
	home  *memoryHome // nil if it is in a directory
	radio *bus.AirTab // nil without one

	rejoins atomic.Int32 // calls of Config.Rejoin

	mu     sync.Mutex
	events []Event // all but those of kind message, which come by the thousand
}

// TestMain has several tests run side by side, however few the processors: they
// wait, most of their time, for elections and for what was cut to be noticed. With
// many more than these a small machine is too busy for elections.
func TestMain(m *testing.M) {
	flag.Set("test.parallel", "4")
	os.Exit(m.Run())
}

// newWorld opens a room. Its test runs beside others, for it mostly waits.
func newWorld(t *testing.T) *world {
	t.Helper()
	t.Parallel()
	w := newDarkWorld(t)
	w.openSignaling("127.0.0.1:0")
	return w
}

// virtualWorld runs a test of a room of one browser without signaling, and so
// without WebRTC, in virtual time: what the tabs wait for costs none, and no machine
// is too slow for an election.
func virtualWorld(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newDarkWorld(t)
		w.air, w.problem = bus.NewAir(), "signaling"
		test(t, w)
	})
}

// newDarkWorld is a room whose signaling server never was.
func newDarkWorld(t *testing.T) *world {
	w := &world{t: t, room: client.RandomRoom(), settings: DefaultSettings, clock: node.NewSystemClock(), changed: make(chan struct{})}
	w.addr = "127.0.0.1:1" // nobody listens to the reserved port
	t.Cleanup(func() {
		for _, s := range w.all() {
			s.Leave()
		}
		w.closeSignaling()
	})
	return w
}

// openSignaling runs the signaling server; with the address that it had before
// it is back.
func (w *world) openSignaling(addr string) {
	w.t.Helper()
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		w.t.Fatal(err)
	}
	w.addr = listener.Addr().String()
	signals, err := signaling.New(signaling.Config{Limits: w.limits})
	if err != nil {
		w.t.Fatal(err)
	}
	site := httptest.NewUnstartedServer(signals)
	site.Listener.Close()
	site.Listener = listener
	site.Start()
	w.hush = func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := signals.Shutdown(ctx); err != nil {
			w.t.Error(err)
		}
		site.Close()
	}
}

// closeSignaling ends the signaling server, if it runs.
func (w *world) closeSignaling() {
	if w.hush != nil {
		w.hush()
		w.hush = nil
	}
}

func (w *world) all() []*testServer {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.servers)
}

// start runs a server at a home.
func (w *world) start(kind signaling.Kind, home Home) *testServer {
	w.t.Helper()
	s := &testServer{world: w}
	s.home, _ = home.(*memoryHome)
	var radio bus.Radio
	if w.air != nil && kind == signaling.KindTab {
		s.radio = w.air.Tab()
		radio = s.radio
	}
	server, err := NewServer(Config{
		Radio: radio,
		Room:  w.room, Signal: "ws://" + w.addr + signaling.Path, Link: w.room.Link("http://" + w.addr + "/"),
		Kind: kind, Home: home, Clock: w.clock, Logger: slog.New(slog.DiscardHandler), Observer: s.observe, Loopback: true,
		Settings: w.settings, Rejoin: func() { s.rejoins.Add(1) },
	})
	s.Server = server
	w.mu.Lock()
	w.servers = append(w.servers, s)
	w.mu.Unlock()
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// found starts a server that founds the room's cluster.
func (w *world) found() *testServer {
	w.t.Helper()
	return w.start(signaling.KindTab, founderHome())
}

// join starts a server that wants to be let in.
func (w *world) join() *testServer {
	w.t.Helper()
	return w.start(signaling.KindTab, newMemoryHome())
}

// cluster starts n servers, the last of them native, and waits until all are
// voters and have a leader.
func cluster(t *testing.T, n int) (*world, []*testServer) {
	t.Helper()
	w := newWorld(t)
	servers := []*testServer{w.found()}
	for len(servers) < n-1 {
		servers = append(servers, w.join())
	}
	if n > 1 {
		servers = append(servers, w.start(signaling.KindNative, newMemoryHome()))
	}
	w.awaitVoters(servers...)
	return w, servers
}

func (s *testServer) observe(e Event) {
	m, _ := e.Data.(node.Event)
	if e.Kind != "message" || m.Message.Type == raft.TimeoutNow { // the others are many
		s.mu.Lock()
		s.events = append(s.events, e)
		s.mu.Unlock()
	}
	s.world.mu.Lock()
	close(s.world.changed)
	s.world.changed = make(chan struct{})
	s.world.mu.Unlock()
}

// count tells how many such events the observer was told of.
func (s *testServer) count(such func(Event) bool) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		if such(e) {
			n++
		}
	}
	return n
}

// heard tells whether there was one.
func (s *testServer) heard(such func(Event) bool) bool { return s.count(such) > 0 }

// await waits until something holds.
func (w *world) await(what string, ok func() bool) {
	w.t.Helper()
	limit := time.After(patience)
	look := time.NewTicker(glance)
	defer look.Stop()
	for {
		w.mu.Lock()
		changed := w.changed
		w.mu.Unlock()
		if ok() {
			return
		}
		select {
		case <-changed:
		case <-look.C:
		case <-limit:
			for _, s := range w.all() {
				state, _ := json.Marshal(s.State())
				w.t.Logf("%s", state)
			}
			w.t.Fatalf("waited in vain: %s", what)
		}
	}
}

// awaitVoters waits until these servers, and no others, are the voters, by a
// change that is over, all of them know it, and all follow one leader to whom
// they are connected.
func (w *world) awaitVoters(servers ...*testServer) (leader *testServer) {
	w.t.Helper()
	w.await("voters with a leader", func() bool {
		leader = nil
		for _, s := range servers {
			state := s.State()
			if len(state.Members) != len(servers) || state.Quorum.Voters != len(servers) ||
				state.Quorum.Alive != len(servers) || state.Leader == "" || state.Problem != "" && state.Problem != w.problem {
				return false
			}
			if state.Leader != servers[0].State().Leader || !s.settled() {
				return false
			}
			if state.Role == "leader" {
				leader = s
			}
		}
		return leader != nil
	})
	return leader
}

// settled tells whether no change of members is under way, as far as the server
// knows.
func (s *testServer) settled() bool {
	l, _ := s.current()
	if l == nil {
		return false
	}
	st := l.node.Status()
	return !st.Configuration.Joint() && st.ConfigurationIndex <= st.CommitIndex
}

// awaitLeader waits until one of these servers leads and the others follow it.
func (w *world) awaitLeader(servers ...*testServer) (leader *testServer) {
	w.t.Helper()
	w.await("a leader", func() bool {
		leader = nil
		for _, s := range servers {
			if s.State().Role == "leader" {
				leader = s
			}
		}
		return leader != nil && !slices.ContainsFunc(servers, func(s *testServer) bool {
			return s.State().Leader != leader.State().ID
		})
	})
	return leader
}

// without gives the servers but one.
func without(servers []*testServer, gone ...*testServer) []*testServer {
	return slices.DeleteFunc(slices.Clone(servers), func(s *testServer) bool { return slices.Contains(gone, s) })
}

// reply is what Do called back with.
type reply struct {
	Answer
	err *CommandError
}

// ask begins a command.
func (s *testServer) ask(c kv.Command) <-chan reply {
	replies := make(chan reply, 2)
	s.Do(c, func(a Answer, err *CommandError) { replies <- reply{a, err} })
	return replies
}

func put(key, value string) kv.Command { return kv.Command{Op: kv.Put, Key: key, Value: value} }
func get(key string) kv.Command        { return kv.Command{Op: kv.Get, Key: key} }

// answered waits for the reply to a command.
func (w *world) answered(replies <-chan reply) reply {
	w.t.Helper()
	select {
	case r := <-replies:
		return r
	case <-time.After(patience):
		w.t.Fatal("a command was not answered")
		return reply{}
	}
}

// must runs a command that has to succeed.
func (s *testServer) must(c kv.Command) Answer {
	s.world.t.Helper()
	r := s.world.answered(s.ask(c))
	if r.err != nil {
		s.world.t.Fatalf("%s %s on %s: %s: %s", c.Op, c.Key, s.id, r.err.Code, r.err.Message)
	}
	return r.Answer
}

// sum digests the server's copy of the map; 0 while it is stopped.
func (s *testServer) sum() uint64 {
	if l, _ := s.current(); l != nil {
		return l.machine.Sum()
	}
	return 0
}

// awaitSame waits until these servers have equal maps.
func (w *world) awaitSame(servers ...*testServer) {
	w.t.Helper()
	w.await("equal maps", func() bool {
		last, sum := servers[0].State().LastApplied, servers[0].sum()
		for _, s := range servers {
			if s.State().LastApplied != last || s.sum() != sum {
				return false
			}
		}
		return true
	})
}

// memoryHome is a Home in memory, the twin of those in a browser or directory.
// Its storage outlives the lives; a life that is over cannot write any more.
type memoryHome struct {
	id      raft.ID
	storage *node.MemoryStorage

	mu        sync.Mutex
	cluster   uint64
	lives     int
	failed    func(error) // of the present life
	forgotten bool
	aside     bool
	refuses   error // what Begin fails with
	denies    error // what SetCluster fails with
	keeps     error // what Forget and SetAside fail with
	// heldUp, if set, has SetAside wait until it is closed, as for a storage that another
	// tab holds up.
	heldUp    chan struct{}
	stillborn error // if set, the storage fails as soon as it was opened
	// slow, if set, has Begin wait for two of them: one when it was called,
	// one to go on.
	slow chan struct{}
}

func newMemoryHome() *memoryHome {
	var b [8]byte
	crand.Read(b[:])
	return &memoryHome{id: raft.ID(binary.BigEndian.Uint64(b[:]) | 1), storage: node.NewMemoryStorage(0)}
}

// founderHome is the home of a cluster's founder.
func founderHome() *memoryHome {
	h := newMemoryHome()
	h.cluster = uint64(h.id) ^ 0xc1
	h.storage.Put(raft.Bootstrap(h.id))
	return h
}

func (h *memoryHome) ID() raft.ID  { return h.id }
func (h *memoryHome) Kind() string { return "memory" }
func (h *memoryHome) Close()       {}

func (h *memoryHome) Cluster() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.cluster
}

func (h *memoryHome) SetCluster(cluster uint64) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.denies != nil {
		return h.denies
	}
	h.cluster = cluster
	return nil
}

func (h *memoryHome) Forget() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.forgotten = h.keeps == nil
	return h.keeps
}

func (h *memoryHome) SetAside() error {
	if h.heldUp != nil {
		<-h.heldUp
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.aside = h.keeps == nil
	return h.keeps
}

func (h *memoryHome) Begin(_ string, failed func(error)) (node.Storage, error) {
	if h.stillborn != nil {
		failed(h.stillborn)
	}
	h.mu.Lock()
	slow := h.slow
	h.mu.Unlock()
	if slow != nil {
		<-slow
		<-slow
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refuses != nil {
		return nil, h.refuses
	}
	h.lives++
	h.failed = failed
	h.storage.Crash() // what the life before had not made durable is lost
	return &lifeStorage{h.storage, h, h.lives}, nil
}

// refuse has Begin fail from now on, or work again.
func (h *memoryHome) refuse(why error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refuses = why
}

// errBusy is what a storage fails with that does not answer.
var errBusy error = causeError(causeBusy)

// slowDown has Begin wait from now on, see memoryHome.slow.
func (h *memoryHome) slowDown() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.slow = make(chan struct{})
}

// deny has SetCluster fail from now on, or work again.
func (h *memoryHome) deny(why error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.denies = why
}

// useless reports that the storage became useless, as a browser does that closes
// a database.
func (h *memoryHome) useless(why error) {
	h.mu.Lock()
	failed := h.failed
	h.mu.Unlock()
	failed(why)
}

// lifeStorage is a home's storage as one life has it.
type lifeStorage struct {
	*node.MemoryStorage
	home *memoryHome
	life int
}

var errFenced = errors.New("a newer life owns the storage")

func (s *lifeStorage) Save(save *raft.Save, done func(error)) {
	s.home.mu.Lock()
	defer s.home.mu.Unlock()
	if s.home.lives != s.life {
		go done(errFenced)
		return
	}
	s.MemoryStorage.Save(save, done)
}
