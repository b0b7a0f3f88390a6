package bus

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tabraft/raft"
	"tabraft/raft/node"
	"tabraft/wasm/alive"
)

// room is some tabs of one browser.
type room struct {
	t     *testing.T
	air   *Air
	clock node.Clock
}

// guest is one life of a server in a tab of its own.
type guest struct {
	room *room
	tab  *AirTab
	mesh *Mesh
	self Peer
	// What the handler was told; read after synctest.Wait.
	up     map[raft.ID]string
	frames []string
	downs  []string
}

// inRoom runs a test in virtual time.
func inRoom(t *testing.T, test func(r *room)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		test(&room{t: t, air: NewAir(), clock: node.NewSystemClock()})
	})
}

func (r *room) join(id raft.ID, incarnation string) *guest {
	r.t.Helper()
	tab := r.air.Tab()
	g := r.joinBy(tab, id, incarnation)
	g.tab = tab
	return g
}

func (r *room) joinBy(radio Radio, id raft.ID, incarnation string) *guest {
	r.t.Helper()
	g := &guest{room: r, self: Peer{id, incarnation}, up: map[raft.ID]string{}}
	mesh, err := New(Config{Self: g.self, Name: "room", Radio: radio, Clock: r.clock, Handler: g})
	if err != nil {
		r.t.Fatal(err)
	}
	g.mesh = mesh
	r.t.Cleanup(mesh.Close)
	return g
}

func (g *guest) Frame(from raft.ID, frame []byte) {
	g.frames = append(g.frames, fmt.Sprintf("%d:%.20s", from, frame))
}

func (g *guest) Datagram(from raft.ID, b []byte) {
	g.frames = append(g.frames, fmt.Sprintf("datagram %d:%.20s", from, b))
}

func (g *guest) Up(p Peer) {
	if was, ok := g.up[p.ID]; ok {
		g.room.t.Errorf("%v is up twice: %v after %v", p.ID, p.Incarnation, was)
	}
	g.up[p.ID] = p.Incarnation
}

func (g *guest) Down(p Peer, reason string) {
	if g.up[p.ID] != p.Incarnation {
		g.room.t.Errorf("%v is down and was not up", p)
	}
	delete(g.up, p.ID)
	g.downs = append(g.downs, fmt.Sprintf("%d.%s: %s", p.ID, p.Incarnation, reason))
}

// linked checks that a guest is linked to these lives and no others.
func (g *guest) linked(others ...*guest) {
	g.room.t.Helper()
	synctest.Wait()
	for _, o := range others {
		if g.up[o.self.ID] != o.self.Incarnation {
			g.room.t.Errorf("%v is not linked to %v: %v", g.self, o.self, g.up)
		}
	}
	if len(g.up) != len(others) {
		g.room.t.Errorf("%v is linked to %v, want %d", g.self, g.up, len(others))
	}
}

// sends has a frame sent and checks that it arrives.
func (g *guest) sends(to *guest, frame string) {
	g.room.t.Helper()
	if !g.mesh.Send(to.self.ID, []byte(frame)) {
		g.room.t.Errorf("%v cannot send to %v", g.self, to.self)
	}
	synctest.Wait()
	if want := fmt.Sprintf("%d:%s", g.self.ID, frame); !slices.Contains(to.frames, want) {
		g.room.t.Errorf("%v has not heard %s: %v", to.self, want, to.frames)
	}
}

func TestTabsMeet(t *testing.T) {
	inRoom(t, func(r *room) {
		a, b, c := r.join(1, "x"), r.join(3, "x"), r.join(2, "x")
		a.linked(b, c)
		b.linked(a, c)
		c.linked(a, b)
		a.sends(b, "from a")
		c.sends(b, "from c")
		b.sends(a, "to a")
		if len(c.frames) != 0 {
			t.Errorf("c heard what was not for it: %v", c.frames)
		}
		time.Sleep(time.Hour)
		a.linked(b, c)
		if a.mesh.Ignored()+b.mesh.Ignored()+c.mesh.Ignored() != 0 || len(a.downs)+len(b.downs)+len(c.downs) != 0 {
			t.Error("something was ignored, or went down, among honest tabs that do nothing")
		}
		for _, l := range a.mesh.Links() {
			if !l.Up || l.State != "open" {
				t.Errorf("link %+v", l)
			}
		}
	})
}

func TestClosedTabSaysBye(t *testing.T) {
	inRoom(t, func(r *room) {
		a, b := r.join(1, "x"), r.join(2, "x")
		a.linked(b)
		b.mesh.Send(1, []byte("last words"))
		b.mesh.Close()
		b.mesh.Close()
		a.linked()
		if !slices.Equal(a.frames, []string{"2:last words"}) || !slices.Equal(a.downs, []string{"2.x: the peer's tab was closed"}) {
			t.Errorf("%v, %v", a.frames, a.downs)
		}
		if a.mesh.Send(2, []byte("x")) || b.mesh.Send(1, []byte("x")) {
			t.Error("frames go to and from the closed tab")
		}
	})
}

// A killed tab says nothing. It is down after the silence that is allowed, or
// at once when signaling says that it left.
func TestKilledTab(t *testing.T) {
	inRoom(t, func(r *room) {
		a, b, c := r.join(1, "x"), r.join(2, "x"), r.join(3, "x")
		a.linked(b, c)
		b.tab.Kill()
		time.Sleep(2*alive.PingInterval + alive.AnswerWithin + alive.PingInterval)
		a.linked(c)
		c.tab.Kill()
		a.mesh.Left(c.self)
		time.Sleep(alive.LeftAnswerWithin + time.Millisecond)
		a.linked()
		again := r.join(2, "y")
		a.linked(again)
	})
}

// Who lost nothing but signaling is kept.
func TestLeftSignalingOnly(t *testing.T) {
	inRoom(t, func(r *room) {
		a, b := r.join(1, "x"), r.join(2, "x")
		a.linked(b)
		a.mesh.Left(b.self)
		a.mesh.Left(Peer{2, "another life"})
		time.Sleep(time.Second)
		a.linked(b)
		if len(a.downs) != 0 {
			t.Error(a.downs)
		}
	})
}

// A frozen tab is given up, and is linked again when it wakes. What was sent to
// it meanwhile is bounded.
func TestFrozenTab(t *testing.T) {
	inRoom(t, func(r *room) {
		a, b := r.join(1, "x"), r.join(2, "x")
		a.linked(b)
		b.tab.Freeze()
		sent := 0
		for a.mesh.Send(2, bytes.Repeat([]byte("f"), 10_000)) {
			sent += 10_000
		}
		if sent > MaxUnanswered || sent < MaxUnanswered-10_000 {
			t.Errorf("%d bytes were sent to a frozen tab", sent)
		}
		time.Sleep(time.Minute)
		a.linked()
		b.tab.Thaw()
		a.linked(b)
		time.Sleep(time.Minute)
		a.linked(b)
		b.linked(a)
		a.sends(b, "awake")
		b.sends(a, "yes")
	})
}

// deafRadio loses what is posted to a tab while it is deaf, as a browser may do with
// what comes for a page that it froze.
type deafRadio struct {
	Radio
	deaf atomic.Bool
}

func (r *deafRadio) Open(name string, hear func(message []byte)) (Channel, error) {
	return r.Radio.Open(name, func(message []byte) {
		if !r.deaf.Load() {
			hear(message)
		}
	})
}

// A tab that goes on after it was stopped finds its links up, which the others have
// given up and forgotten. It took as long as an answer may to find that out.
func TestThawedTabIsMetAtOnce(t *testing.T) {
	inRoom(t, func(r *room) {
		radio := &deafRadio{Radio: r.air.Tab()}
		a, b := r.joinBy(radio, 1, "x"), r.join(2, "x")
		a.linked(b)
		a.mesh.Rely(2, false) // so that it has no reason to ask within 10 s
		time.Sleep(time.Second)
		radio.deaf.Store(true)
		time.Sleep(7 * time.Second)
		a.linked(b)
		b.linked()
		radio.deaf.Store(false)
		a.mesh.Retry()
		b.linked(a)
		a.linked(b)
		a.sends(b, "back")
		b.sends(a, "yes")
		time.Sleep(time.Minute)
		b.linked(a)
		if len(a.downs) != 0 || len(b.downs) != 1 {
			t.Errorf("downs %v, %v", a.downs, b.downs)
		}
	})
}

// One that is dead meanwhile is found out, however often it is tried.
func TestRetriesKeepNoDeadLink(t *testing.T) {
	inRoom(t, func(r *room) {
		a, b := r.join(1, "x"), r.join(2, "x")
		a.linked(b)
		b.tab.Kill()
		for range 40 {
			a.mesh.Retry()
			time.Sleep(alive.AnswerWithin / 30)
		}
		a.linked()
	})
}

// Whoever reads as fast as it is sent to gets everything, in order.
func TestManyFrames(t *testing.T) {
	inRoom(t, func(r *room) {
		a, b := r.join(1, "x"), r.join(2, "x")
		a.linked(b)
		const count = 2000
		for i := range count {
			for !a.mesh.Send(2, append(fmt.Appendf(nil, "%010d", i), bytes.Repeat([]byte{0}, i%5*30_000)...)) {
				synctest.Wait()
			}
		}
		synctest.Wait()
		for i, f := range b.frames {
			if !strings.HasPrefix(f, fmt.Sprintf("1:%010d", i)) {
				t.Fatalf("frame %d is %s", i, f)
			}
		}
		if len(b.frames) != count || b.mesh.Ignored() != 0 {
			t.Errorf("%d of %d frames, %d ignored", len(b.frames), count, b.mesh.Ignored())
		}
	})
}

func TestSizesOfFrames(t *testing.T) {
	inRoom(t, func(r *room) {
		a, b := r.join(1, "x"), r.join(2, "x")
		a.linked(b)
		for size, want := range map[int]bool{0: false, 1: true, MaxFrame: true, MaxFrame + 1: false} {
			if a.mesh.Send(2, make([]byte, size)) != want {
				t.Errorf("a frame of %d bytes: not %v", size, want)
			}
		}
		synctest.Wait()
		for size, want := range map[int]bool{0: false, 1: true, MaxDatagram: true, MaxDatagram + 1: false} {
			if a.mesh.SendDatagram(2, make([]byte, size)) != want {
				t.Errorf("a datagram of %d bytes: not %v", size, want)
			}
		}
		if a.mesh.Send(9, []byte("x")) || a.mesh.SendDatagram(9, []byte("x")) {
			t.Error("something to nobody was sent")
		}
		synctest.Wait()
		if len(b.frames) != 4 {
			t.Errorf("%d frames came", len(b.frames))
		}
	})
}

// A reload: the new life is up, and the old one, which could say no bye, is
// down before it.
func TestNewLifeReplacesOld(t *testing.T) {
	inRoom(t, func(r *room) {
		a, old := r.join(1, "x"), r.join(2, "x")
		a.linked(old)
		old.tab.Kill()
		b := r.join(2, "y")
		a.linked(b)
		if !slices.Equal(a.downs, []string{"2.x: the peer was started again"}) {
			t.Error(a.downs)
		}
		a.sends(b, "hello")
	})
}

// A spare costs a ping now and then; when it is needed and does not answer it
// is down soon.
func TestSpare(t *testing.T) {
	inRoom(t, func(r *room) {
		a, b := r.join(1, "x"), r.join(2, "x")
		a.linked(b)
		a.mesh.Rely(2, false)
		b.mesh.Rely(1, false)
		time.Sleep(time.Minute)
		a.mesh.Rely(2, true)
		time.Sleep(time.Minute)
		a.linked(b)
		if len(a.downs)+len(b.downs) != 0 {
			t.Error(a.downs, b.downs)
		}
		a.mesh.Rely(2, false)
		synctest.Wait()
		b.tab.Kill()
		a.mesh.Rely(2, true)
		time.Sleep(RelyAnswerWithin + time.Millisecond)
		a.linked()
	})
}

// Whatever else is said on the channels is counted and changes nothing.
func TestNoise(t *testing.T) {
	inRoom(t, func(r *room) {
		a, b := r.join(1, "x"), r.join(2, "x")
		a.linked(b)
		stranger := r.air.Tab()
		bad := [][]byte{nil, {}, {messageHello}, {messageHello, 9}, appendHello(nil, Peer{0, "x"}, true), appendHello(nil, Peer{5, ""}, true),
			append(appendHello(nil, Peer{5, "x"}, true), 0), appendHello(nil, Peer{5, strings.Repeat("x", MaxIncarnation+1)}, false),
			{messageHello, protocolVersion, 2, 0, 0, 0, 0, 0, 0, 0, 5, 1, 'x'}, make([]byte, MaxMessage+1), {messageFrame}, {messageDatagram},
			append([]byte{messageDatagram}, make([]byte, MaxDatagram+1)...), {99, 1}}
		for _, name := range []string{"room", pairName("room", a.self, b.self)} {
			ch, _ := stranger.Open(name, func([]byte) {})
			for _, m := range bad {
				ch.Post(m)
			}
			if name != "room" {
				for _, m := range [][]byte{{messagePing}, {messagePong, 1, 2, 3}, {messageBye, 0}, appendHello(nil, b.self, true)} {
					ch.Post(m)
				}
			}
			ch.Close()
		}
		a.linked(b)
		b.linked(a)
		if got, want := a.mesh.Ignored(), uint64(2*len(bad)+4); got != want {
			t.Errorf("%d ignored, want %d", got, want)
		}
		a.sends(b, "still there")
	})
}

// A flood is dropped beyond what may wait, and so are lives beyond MaxPeers.
func TestFlood(t *testing.T) {
	inRoom(t, func(r *room) {
		a, b := r.join(1, "x"), r.join(2, "x")
		a.linked(b)
		a.tab.Freeze()
		ch, _ := r.air.Tab().Open(pairName("room", a.self, b.self), func([]byte) {})
		defer ch.Close()
		for range 100 {
			ch.Post(make([]byte, MaxMessage))
		}
		room, _ := r.air.Tab().Open("room", func([]byte) {})
		defer room.Close()
		for id := range raft.ID(1000) {
			room.Post(appendHello(nil, Peer{id + 3, "x"}, false))
		}
		a.tab.Thaw()
		synctest.Wait()
		if n := len(a.mesh.Links()); n != MaxPeers {
			t.Errorf("%d links, at most %d allowed", n, MaxPeers)
		}
		if a.mesh.Ignored() == 0 {
			t.Error("nothing was ignored")
		}
		time.Sleep(time.Minute)
		a.linked(b)
	})
}

func TestNewRefuses(t *testing.T) {
	good := Config{Self: Peer{1, "x"}, Name: "n", Radio: NewAir().Tab(), Clock: node.NewSystemClock(), Handler: &guest{}}
	for name, spoil := range map[string]func(*Config){
		"id":          func(c *Config) { c.Self.ID = 0 },
		"incarnation": func(c *Config) { c.Self.Incarnation = "" },
		"name":        func(c *Config) { c.Name = "" },
		"radio":       func(c *Config) { c.Radio = nil },
		"clock":       func(c *Config) { c.Clock = nil },
		"handler":     func(c *Config) { c.Handler = nil },
	} {
		c := good
		spoil(&c)
		if m, err := New(c); err == nil {
			m.Close()
			t.Errorf("%s: taken", name)
		}
	}
}
