package rtc

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"tabraft/raft"
	"tabraft/raft/node"
)

func peerNamed(id int, kind string) Peer {
	return Peer{ID: raft.ID(id), Incarnation: fmt.Sprintf("%016x", id), Kind: kind}
}

// patience bounds every wait of these tests for something that comes soon when all
// is well.
const patience = time.Minute

// wallClock is the clock of the tests that use pion, which knows no other. It goes
// at a pace: with pace 0.1 a deadline of 1 s is 10 s away, and a busy machine
// is not taken for a dead peer.
type wallClock struct {
	start time.Time
	pace  float64
}

func newWallClock(pace float64) wallClock { return wallClock{time.Now(), pace} }

func (c wallClock) Now() time.Duration {
	return time.Duration(float64(time.Since(c.start)) * c.pace)
}

func (c wallClock) Timer(fire func()) node.Timer {
	t := time.AfterFunc(time.Hour, fire)
	t.Stop()
	return wallTimer{c, t}
}

type wallTimer struct {
	c wallClock
	t *time.Timer
}

func (t wallTimer) Reset(at time.Duration) {
	t.t.Reset(time.Duration(float64(max(at-t.c.Now(), 0)) / t.c.pace))
}

func (t wallTimer) Stop() { t.t.Stop() }

var _ node.Transport = (*Mesh)(nil)

// room is signaling in memory: it tells its meshes of one another and carries
// their signals.
type room struct {
	t    *testing.T
	pace float64 // of the clocks of those who join

	mu     sync.Mutex
	guests map[raft.ID]*guest
	away   bool // signaling is down
	// tamper, if set, sees each signal and says what becomes of it.
	tamper func(from, to Peer, s signal) fate
}

type fate struct {
	lost  bool
	delay time.Duration
}

// guest is a mesh in a room and what its handler was told.
type guest struct {
	room *room
	self Peer
	mesh *Mesh

	mu      sync.Mutex
	frames  map[raft.ID][][]byte
	grams   map[raft.ID][][]byte // datagrams
	up      map[raft.ID]Peer
	ups     int
	downs   []string // "id: reason"
	refused []string // "id: reason"
	taken   []Peer
	changed chan struct{} // closed at the next change
	stuck   chan struct{} // if not nil, the handler waits until it is closed
}

// TestMain has many tests run side by side: they wait, most of their time, for
// back-offs and deadlines.
func TestMain(m *testing.M) {
	flag.Set("test.parallel", "16")
	os.Exit(m.Run())
}

// newRoom opens a room. Its test runs beside others.
func newRoom(t *testing.T) *room {
	t.Parallel()
	return newRoomAlone(t)
}

// newSlowRoom opens a room whose clocks go slowly: a deadline of 50 ms is 5 s away.
func newSlowRoom(t *testing.T) *room {
	r := newRoom(t)
	r.pace = 0.01
	return r
}

// newRoomAlone opens a room for a test that runs alone, since it measures.
func newRoomAlone(t *testing.T) *room {
	if err := supported(); err != nil {
		t.Skip(err) // under Node
	}
	r := &room{t: t, pace: 1, guests: make(map[raft.ID]*guest)}
	t.Cleanup(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, g := range r.guests {
			g.mesh.Close()
		}
	})
	return r
}

// join brings a server in, replacing an earlier life of it.
func (r *room) join(self Peer) *guest {
	r.t.Helper()
	g := r.makeGuest(self)
	r.mu.Lock()
	old := r.guests[self.ID]
	r.guests[self.ID] = g
	var others []Peer
	for id, o := range r.guests {
		if id == self.ID {
			continue
		}
		if old != nil {
			o.mesh.Left(old.self)
		}
		o.mesh.Joined(self)
		others = append(others, o.self)
	}
	r.mu.Unlock()
	g.mesh.Present(others)
	return g
}

func (r *room) makeGuest(self Peer) *guest {
	r.t.Helper()
	g := &guest{
		room: r, self: self, changed: make(chan struct{}),
		frames: make(map[raft.ID][][]byte), grams: make(map[raft.ID][][]byte), up: make(map[raft.ID]Peer),
	}
	mesh, err := New(Config{
		Self: self, Signal: g.signal, Clock: newWallClock(r.pace), Handler: g, Loopback: true,
		Rand: rand.New(rand.NewPCG(1, uint64(self.ID))),
		Refused: func(from raft.ID, count uint64, why error) {
			g.note(func() { g.refused = append(g.refused, fmt.Sprintf("%d: %v", from, why)) })
		},
		Taken: func(by Peer) { g.note(func() { g.taken = append(g.taken, by) }) },
	})
	if err != nil {
		r.t.Fatal(err)
	}
	g.mesh = mesh
	return g
}

// leave has the room see the end of a guest's socket, and nothing else.
func (r *room) leave(g *guest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.guests, g.self.ID)
	for _, o := range r.guests {
		o.mesh.Left(g.self)
	}
}

var errAway = errors.New("signaling is away")

func (g *guest) signal(to raft.ID, payload []byte) error {
	r := g.room
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.away || r.guests[g.self.ID] != g {
		return errAway
	}
	o := r.guests[to]
	if o == nil {
		return nil
	}
	s, err := parseSignal(payload)
	if err != nil {
		r.t.Errorf("a mesh sent %q: %v", payload, err)
		return nil
	}
	var f fate
	if r.tamper != nil {
		f = r.tamper(g.self, o.self, s)
	}
	switch {
	case f.lost:
	case f.delay > 0:
		time.AfterFunc(f.delay, func() { o.mesh.Signal(g.self, payload) })
	default:
		o.mesh.Signal(g.self, payload)
	}
	return nil
}

func (g *guest) note(change func()) {
	g.mu.Lock()
	change()
	close(g.changed)
	g.changed = make(chan struct{})
	stuck := g.stuck
	g.mu.Unlock()
	if stuck != nil {
		<-stuck
	}
}

func (g *guest) Frame(from raft.ID, frame []byte) {
	g.note(func() { g.frames[from] = append(g.frames[from], frame) })
}

func (g *guest) Datagram(from raft.ID, b []byte) {
	g.note(func() { g.grams[from] = append(g.grams[from], b) })
}

func (g *guest) Up(p Peer) {
	g.note(func() {
		if _, ok := g.up[p.ID]; ok {
			g.room.t.Errorf("%v: Up of %v twice", g.self.ID, p.ID)
		}
		g.up[p.ID] = p
		g.ups++
	})
}

func (g *guest) Down(p Peer, reason string) {
	g.note(func() {
		if g.up[p.ID] != p {
			g.room.t.Errorf("%v: Down of %v without Up", g.self.ID, p)
		}
		delete(g.up, p.ID)
		g.downs = append(g.downs, fmt.Sprintf("%d: %s", p.ID, reason))
	})
}

// await waits until a condition on the guest, checked under its lock, holds.
func (g *guest) await(what string, condition func() bool) {
	g.room.t.Helper()
	limit := time.After(patience)
	for {
		g.mu.Lock()
		ok, changed := condition(), g.changed
		g.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-limit:
			g.room.t.Fatalf("server %v waits in vain: %s; downs %q, links %+v", g.self.ID, what, g.downs, g.mesh.Links())
		}
	}
}

// eventually polls until a condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("in vain: %s", what)
		}
	}
}

// hangWith has the guest's handler, and so its mesh, hang with a frame of another,
// like a tab whose renderer was killed, until wake is called.
func (g *guest) hangWith(from *guest) (wake func()) {
	g.room.t.Helper()
	stuck := make(chan struct{})
	g.mu.Lock()
	g.stuck = stuck
	g.mu.Unlock()
	sendSoon(g.room.t, from, g, []byte("x"))
	g.await("to be stuck", func() bool { return len(g.frames[from.self.ID]) > 0 })
	return sync.OnceFunc(func() {
		g.mu.Lock()
		g.stuck = nil
		g.mu.Unlock()
		close(stuck)
	})
}

func (g *guest) awaitUp(others ...*guest) {
	g.room.t.Helper()
	for _, o := range others {
		g.await(fmt.Sprintf("up of %v", o.self), func() bool { return g.up[o.self.ID] == o.self })
	}
}

// awaitDown waits for the nth Down ever and returns its text.
func (g *guest) awaitDown(n int) string {
	g.room.t.Helper()
	g.await(fmt.Sprintf("down number %d", n), func() bool { return len(g.downs) >= n })
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.downs[n-1]
}

// told lists the Downs so far.
func (g *guest) told() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.downs)
}

func (g *guest) link(o *guest) Link {
	for _, l := range g.mesh.Links() {
		if l.Peer.ID == o.self.ID {
			return l
		}
	}
	return Link{}
}

// pair joins two servers and waits until they are connected. The test runs beside
// others.
func pair(t *testing.T) (*room, *guest, *guest) {
	t.Helper()
	return newRoom(t).pair()
}

func (r *room) pair() (*room, *guest, *guest) {
	r.t.Helper()
	a, b := r.join(peerNamed(1, KindTab)), r.join(peerNamed(2, KindTab))
	a.awaitUp(b)
	b.awaitUp(a)
	return r, a, b
}
