package textbook

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"tabraft/raft/lab/labrpc"
)

// cluster is a few servers and the least of a service: it keeps what each applied.
type cluster struct {
	*labrpc.Network
	t       *testing.T
	rafts   []*Raft
	saved   []*Persister
	applied []chan ApplyMsg
	life    int
}

func newCluster(t *testing.T, servers int, seed uint64) *cluster {
	c := &cluster{
		Network: labrpc.NewNetwork(labrpc.Config{Seed: seed, Cost: 100 * time.Microsecond, Jitter: 100 * time.Microsecond}),
		t:       t, rafts: make([]*Raft, servers), saved: make([]*Persister, servers), applied: make([]chan ApplyMsg, servers),
	}
	for i := range servers {
		c.saved[i] = MakePersister()
		c.start(i)
	}
	return c
}

// start begins a life of a server and connects it.
func (c *cluster) start(i int) {
	c.life++
	ends := make([]*labrpc.ClientEnd, len(c.rafts))
	for to := range ends {
		name := labrpc.Link{From: i, To: to, Life: c.life}
		ends[to] = c.MakeEnd(name)
		c.Connect(name, to)
		c.Enable(name, true)
	}
	c.saved[i] = c.saved[i].Copy()
	c.applied[i] = make(chan ApplyMsg)
	c.rafts[i] = Make(ends, i, c.saved[i], c.applied[i])
	s := labrpc.MakeServer()
	s.AddService(labrpc.MakeService(c.rafts[i]))
	c.AddServer(i, s)
}

func (c *cluster) crash(i int) {
	c.DeleteServer(i)
	c.rafts[i].Kill()
}

// leader waits until exactly one server leads in the highest term.
func (c *cluster) leader() *Raft {
	c.t.Helper()
	for range 50 {
		time.Sleep(100 * time.Millisecond)
		var leader *Raft
		highest := 0
		for _, rf := range c.rafts {
			if term, leads := rf.GetState(); leads && term > highest {
				leader, highest = rf, term
			}
		}
		if leader != nil {
			return leader
		}
	}
	c.t.Fatal("no leader within 5 s")
	return nil
}

// next waits for the next message of a server.
func (c *cluster) next(i int) ApplyMsg {
	c.t.Helper()
	select {
	case msg := <-c.applied[i]:
		return msg
	case <-time.After(5 * time.Second):
		c.t.Fatalf("server %d applied nothing within 5 s", i)
		return ApplyMsg{}
	}
}

// kill ends all servers, and gives their goroutines the time that they may need
// to notice. The bubble reports those that are left when the test returns.
func (c *cluster) kill() {
	for i := range c.rafts {
		c.rafts[i].Kill()
	}
	c.Cleanup()
	time.Sleep(heartbeatInterval)
}

func TestAgreement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, 1)
		defer c.kill()
		leader := c.leader()
		for n := 1; n <= 5; n++ {
			index, _, ok := leader.Start(n * 100)
			if !ok || index != n {
				t.Fatalf("Start: index %d, %v; want %d", index, ok, n)
			}
			for i := range c.rafts {
				if msg := c.next(i); !msg.CommandValid || msg.CommandIndex != n || msg.Command != n*100 {
					t.Fatalf("server %d applied %+v", i, msg)
				}
			}
		}
	})
}

// A server that was away gets a snapshot, and then what follows it. One that
// restarts begins after its own.
func TestSnapshotAndRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, 2)
		defer c.kill()
		leader := c.leader()
		away := (leader.me + 1) % 3
		c.crash(away)
		for n := 1; n <= 20; n++ {
			leader.Start(fmt.Sprint("command ", n))
			for i := range c.rafts {
				if i != away {
					c.next(i)
				}
			}
		}
		leader.Snapshot(15, []byte("state at 15"))
		c.start(away)
		if msg := c.next(away); !msg.SnapshotValid || msg.SnapshotIndex != 15 || string(msg.Snapshot) != "state at 15" {
			t.Fatalf("applied %+v, want the snapshot", msg)
		}
		for n := 16; n <= 20; n++ {
			if msg := c.next(away); msg.CommandIndex != n || msg.Command != fmt.Sprint("command ", n) {
				t.Fatalf("applied %+v, want command %d", msg, n)
			}
		}
		c.crash(away)
		c.start(away)
		if msg := c.next(away); msg.CommandIndex != 16 {
			t.Fatalf("applied %+v after a restart, want command 16", msg)
		}
	})
}

// Kill ends everything, also a server that waits for its service, and one that
// calls into the void.
func TestKillEndsGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, 3)
		leader := c.leader()
		leader.Start("nobody takes this")
		c.LongDelays(true)
		c.DeleteServer((leader.me + 1) % 3)
		time.Sleep(2 * time.Second)
		c.kill()
	})
}

// The limits of the tests Count and RPCBytes.
func TestFewRPCs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, 4)
		defer c.kill()
		leader := c.leader()
		if n := c.GetTotalCount(); n > 30 {
			t.Errorf("%d RPCs to the first leader, want at most 30", n)
		}
		time.Sleep(500 * time.Millisecond)
		before := c.GetTotalCount()
		for n := range 10 {
			leader.Start(n)
		}
		for range 10 {
			for i := range c.rafts {
				c.next(i)
			}
		}
		if n := c.GetTotalCount() - before; n > 42 {
			t.Errorf("%d RPCs for 10 commands, want at most 42", n)
		}
		before = c.GetTotalCount()
		time.Sleep(time.Second)
		if n := c.GetTotalCount() - before; n > 60 {
			t.Errorf("%d RPCs in an idle second, want at most 60", n)
		}
		bytes := c.GetTotalBytes()
		for n := range 10 {
			leader.Start(fmt.Sprintf("%05000d", n))
			for i := range c.rafts {
				c.next(i)
			}
		}
		if n := c.GetTotalBytes() - bytes; n > 200_000 {
			t.Errorf("%d bytes for 10 commands of 5,000, want at most 200,000", n)
		}
	})
}
