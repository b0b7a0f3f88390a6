package labroom

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tabraft/raft/lab/labrpc"
	"tabraft/raft/lab/raftapi"
	"tabraft/raft/lab/tester"
	"tabraft/raft/lab/textbook"
)

func TestFrames(t *testing.T) {
	for _, f := range []frame{
		{kind: frameRequest, call: 7, method: "Raft.AppendEntries", body: []byte("args")},
		{kind: frameReply, call: 1<<64 - 1, body: []byte{}},
		{kind: frameRefused, call: 8, body: []byte{}},
	} {
		b, err := f.encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeFrame(b)
		if err != nil || got.kind != f.kind || got.call != f.call || got.method != f.method || !bytes.Equal(got.body, f.body) {
			t.Errorf("%v came back as %v, %v", f, got, err)
		}
		for cut := range 10 {
			if f.kind == frameReply && cut > 8 {
				continue
			}
			if _, err := decodeFrame(b[:min(cut, len(b)-1)]); err == nil {
				t.Errorf("%d bytes of a frame of kind %d are taken", cut, f.kind)
			}
		}
	}
	for _, bad := range [][]byte{nil, {0}, {9, 1}, make([]byte, MaxFrame+1), append([]byte{frameDigest}, make([]byte, maxDigest+1)...), {frameRefused, 0, 0, 0, 0, 0, 0, 0, 1, 1}} {
		if _, err := decodeFrame(bad); err == nil {
			t.Errorf("a frame of %d bytes is taken", len(bad))
		}
	}
	if _, err := (frame{kind: frameReply, body: make([]byte, MaxFrame)}).encode(); err == nil {
		t.Error("a frame above the limit is made")
	}
}

func FuzzDecodeFrame(f *testing.F) {
	f.Add([]byte{frameRequest, 0, 0, 0, 0, 0, 0, 0, 1, 1, 'x', 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, err := decodeFrame(b); err == nil && got.kind != frameDigest {
			if again, err := got.encode(); err != nil || !bytes.Equal(again, b) {
				t.Errorf("%x came back as %x, %v", b, again, err)
			}
		}
	})
}

func TestOrder(t *testing.T) {
	for _, c := range []struct {
		name    string
		own     int
		used    map[int]float64
		present map[int]bool
		want    []int
	}{
		{"a new room", -1, nil, nil, []int{0, 1, 2}},
		{"another browser has seat 0", -1, nil, map[int]bool{0: true}, []int{1, 2}},
		{"stored seats first, the last used before others", -1, map[int]float64{1: 5, 2: 9}, nil, []int{2, 1, 0}},
		{"its own before all", 1, map[int]float64{1: 5, 2: 9}, nil, []int{1, 2, 0}},
		{"its own, which was never stored, is no better", 1, map[int]float64{2: 9}, map[int]bool{1: true}, []int{2, 0}},
		{"a stored seat whose closed tab still seems to be there", -1, map[int]float64{0: 5}, map[int]bool{0: true, 1: true, 2: true}, []int{0}},
		{"full", -1, nil, map[int]bool{0: true, 1: true, 2: true}, nil},
	} {
		if got := order(3, c.own, c.used, c.present); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// disk is a Store in memory.
type disk struct {
	mu              sync.Mutex
	state, snapshot []byte
}

func (d *disk) Save(state, snapshot []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.state, d.snapshot = bytes.Clone(state), bytes.Clone(snapshot)
}

// room connects servers in one process.
type room struct {
	t       *testing.T
	form    tester.Form
	mu      sync.Mutex
	servers []*Server
	disks   []*disk
}

func newRoom(t *testing.T, seats int) *room {
	form, err := tester.Adapt(textbook.Make)
	if err != nil {
		t.Fatal(err)
	}
	r := &room{t: t, form: form, servers: make([]*Server, seats)}
	for range seats {
		r.disks = append(r.disks, &disk{})
	}
	for seat := range seats {
		r.open(seat)
	}
	return r
}

func (r *room) open(seat int) {
	d := r.disks[seat]
	s, err := NewServer(Config{
		Seats: len(r.servers), Me: seat, Form: r.form, State: d.state, Snapshot: d.snapshot, Store: d, Build: "b",
		Send: func(to int, message []byte) bool {
			r.mu.Lock()
			other := r.servers[to]
			r.mu.Unlock()
			if other != nil {
				go func() {
					time.Sleep(time.Millisecond)
					other.Receive(seat, message)
				}()
			}
			return other != nil
		},
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.mu.Lock()
	r.servers[seat] = s
	others := slices.Clone(r.servers)
	r.mu.Unlock()
	for n, other := range others {
		if other != nil && n != seat {
			other.Up(seat)
			s.Up(n)
		}
	}
}

func (r *room) close(seat int) {
	r.mu.Lock()
	s := r.servers[seat]
	r.servers[seat] = nil
	others := slices.Clone(r.servers)
	r.mu.Unlock()
	s.End()
	for _, other := range others {
		if other != nil {
			other.Down(seat)
		}
	}
}

// leader waits for one that has been elected.
func (r *room) leader() int {
	for range 100 {
		time.Sleep(100 * time.Millisecond)
		for n, s := range r.servers {
			if s != nil && s.digest().Leader {
				return n
			}
		}
	}
	r.t.Fatal("no leader within 10 s")
	return -1
}

// A room of three: commands, a leader's tab closed, commands, its tab opened again.
func TestRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, 3)
		put := func(command string) {
			t.Helper()
			if _, _, leader, err := r.servers[r.leader()].Start(command); err != nil || !leader {
				t.Fatalf("%s: %v, %v", command, leader, err)
			}
			time.Sleep(time.Second)
		}
		put("a")
		put("b")
		first := r.leader()
		if _, err := r.servers[first].Snapshot(); err != nil {
			t.Fatal(err)
		}
		if _, err := r.servers[first].Snapshot(); err != ErrNothing {
			t.Errorf("a second snapshot of the same: %v", err)
		}
		r.close(first)
		if _, _, _, err := (&Server{ended: true}).Start("x"); err != ErrEnded {
			t.Errorf("Start on a server that has ended: %v", err)
		}
		time.Sleep(2 * time.Second)
		put("c")
		second := r.leader()
		if second == first {
			t.Fatal("the closed server leads")
		}
		r.open(first)
		time.Sleep(3 * time.Second)
		v := r.servers[second].View()
		for _, seat := range v.Seats {
			if !seat.Up || seat.Digest == nil || seat.Digest.Index != 3 || seat.Digest.Hash != v.Seats[second].Digest.Hash {
				t.Errorf("seat %d: %+v", seat.Seat, seat.Digest)
			}
		}
		if c := v.Seats[second].Digest.RPCs["AppendEntries"]; c.Sent == 0 || c.Answered == 0 {
			t.Errorf("AppendEntries: %+v", c)
		}
		if v.Problem != "" || len(v.Complaints) > 0 {
			t.Errorf("problem %q, complaints %q", v.Problem, v.Complaints)
		}
		if recent := v.Seats[first].Digest.Recent; len(recent) != 3 || recent[2].Text != "c" {
			t.Errorf("the reopened server applied %v", recent)
		}
		for n := range r.servers {
			r.close(n)
		}
		time.Sleep(10 * time.Second)
	})
}

type echo struct{ hang chan struct{} }

func (e *echo) Say(args *string, reply *string) { *reply = "you said " + *args }
func (e *echo) Hang(_ *string, _ *string)       { <-e.hang }

// A call ends when its reply comes, when the connection ends, and after 7 s.
func TestCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var pair [2]*peers
		var complaints []string
		for me := range pair {
			pair[me] = newPeers(2, me, func(to int, b []byte) bool {
				go pair[to].receive(me, b)
				return true
			}, func(c string) { complaints = append(complaints, c) })
		}
		end := pair[0].ends()[1]
		reply, word := "", "hello"
		if end.Call("echo.Say", &word, &reply) {
			t.Error("a call without a connection was answered")
		}
		pair[0].setUp(1, true)
		if end.Call("echo.Say", &word, &reply) {
			t.Error("a call of a server that is not made yet was answered")
		}
		e := &echo{hang: make(chan struct{})}
		server := labrpc.MakeServer()
		server.AddService(labrpc.MakeService(e))
		pair[1].server = server
		if !end.Call("echo.Say", &word, &reply) || reply != "you said hello" {
			t.Errorf("the reply is %q", reply)
		}
		if end.Call("echo.None", &word, &reply) || len(complaints) != 1 || !strings.Contains(complaints[0], "None") {
			t.Errorf("a method that is not there: %q", complaints)
		}
		begun := time.Now()
		if end.Call("echo.Hang", &word, &reply) || time.Since(begun) != callLimit {
			t.Errorf("a call that is never answered took %v", time.Since(begun))
		}
		begun = time.Now()
		go func() {
			time.Sleep(time.Second)
			pair[0].setUp(1, false)
		}()
		if end.Call("echo.Hang", &word, &reply) || time.Since(begun) != time.Second {
			t.Errorf("a call whose connection ended after 1 s took %v", time.Since(begun))
		}
		close(e.hang)
		large := strings.Repeat("x", MaxFrame)
		pair[0].setUp(1, true)
		if end.Call("echo.Say", &large, &reply) || len(complaints) != 2 {
			t.Errorf("a call above the limit: %q", complaints)
		}
		if len(pair[0].calls) != 0 {
			t.Errorf("%d calls still wait", len(pair[0].calls))
		}
		pair[0].receive(1, []byte{frameReply, 0, 0, 0, 0, 0, 0, 0, 1}) // nobody's
	})
}

func TestService(t *testing.T) {
	var s service
	for i := 1; i <= 60; i++ {
		s.apply(raftapi.ApplyMsg{CommandValid: true, CommandIndex: i, Command: i * 10})
	}
	index, data := s.snapshot()
	var other service
	if err := other.restore(data); err != nil || index != 60 || other.Hash != s.Hash || len(other.Recent) != recentKept || other.Recent[49].Text != "600" {
		t.Errorf("restored %+v, %v", other.serviceState, err)
	}
	other.apply(raftapi.ApplyMsg{SnapshotValid: true, Snapshot: data, SnapshotIndex: 60})
	other.apply(raftapi.ApplyMsg{})
	if _, _, problem := other.shown(); problem != "" {
		t.Error(problem)
	}
	other.apply(raftapi.ApplyMsg{CommandValid: true, CommandIndex: 63, Command: strings.Repeat("y", 1000)})
	if _, _, problem := other.shown(); problem != "index 63 was applied after index 60" {
		t.Errorf("problem %q", problem)
	}
	if err := other.restore([]byte("{")); err == nil {
		t.Error("a snapshot that is none is taken")
	}
}

func TestDisagreement(t *testing.T) {
	a := Digest{Seat: 0, Term: 3, Leader: true, Index: 2, Hash: 5, Recent: []Applied{{1, "x"}, {2, "y"}}}
	for _, c := range []struct {
		want   string
		change func(b *Digest)
	}{
		{"", func(*Digest) {}},
		{"both lead in term 3", func(b *Digest) { b.Leader = true }},
		{"different builds", func(b *Digest) { b.Build = "new" }},
		{`at index 2 server 0 applied "y" and server 1 applied "z"`, func(b *Digest) { b.Recent = []Applied{{2, "z"}} }},
		{"different commands up to index 2", func(b *Digest) { b.Hash = 6 }},
		{"server 1: it broke", func(b *Digest) { b.Problem = "it broke" }},
	} {
		b := a
		b.Seat, b.Leader = 1, false
		c.change(&b)
		if got := disagreement([]Digest{a, b}); got == "" != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	if fmt.Sprint(disagreement(nil)) != "" {
		t.Error("nobody disagrees")
	}
}
