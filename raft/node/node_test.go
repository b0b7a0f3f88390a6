package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tabraft/raft"
)

const (
	testCluster = 77
	saveDelay   = 2 * time.Millisecond
	linkDelay   = time.Millisecond
)

// list is a state machine that remembers every command it was given.
type list struct {
	mu       sync.Mutex
	commands []string
	restored int
}

func (l *list) Apply(index uint64, command []byte) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.commands = append(l.commands, string(command))
	return fmt.Appendf(nil, "%d:%s", index, command)
}

// Snapshot and Restore are of a form that tests can make and read.
func (l *list) Snapshot() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, _ := json.Marshal(l.commands) // strings always can be
	return b
}

func (l *list) Restore(data []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.restored++
	l.commands = nil
	return json.Unmarshal(data, &l.commands)
}

func (l *list) restores() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.restored
}

func (l *list) applied() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.commands)
}

// server is one node of a test cluster with everything it runs on.
type server struct {
	*Node
	id      raft.ID
	cluster uint64
	storage *MemoryStorage
	port    *MemoryPort
	machine *list
}

type cluster struct {
	t       *testing.T
	net     *MemoryNetwork
	clock   *SystemClock
	servers map[raft.ID]*server
	// configure, if set, changes how servers started from now on are made.
	configure func(*Config)
}

func newCluster(t *testing.T) *cluster {
	c := &cluster{t: t, net: NewMemoryNetwork(linkDelay), clock: NewSystemClock(), servers: map[raft.ID]*server{}}
	t.Cleanup(func() {
		for _, s := range c.servers {
			if s.Node != nil {
				s.crash()
			}
		}
		time.Sleep(time.Second) // the network and the storages come to rest
	})
	return c
}

// start runs a server; the one with id 1 founds the cluster, the others join.
func (c *cluster) start(id raft.ID) *server {
	s := c.servers[id]
	if s == nil {
		s = &server{id: id, storage: NewMemoryStorage(saveDelay)}
		if id == 1 {
			s.storage.Put(raft.Bootstrap(id))
			s.cluster = testCluster
		}
		c.servers[id] = s
	}
	s.port, s.machine = c.net.Port(id), &list{}
	cfg := Config{
		ID: id, Cluster: s.cluster, Storage: s.storage, Transport: s.port, Machine: s.machine, Clock: c.clock,
		Rand:     rand.New(rand.NewPCG(uint64(id), 1)),
		Admitted: func(cluster uint64) error { s.cluster = cluster; return nil },
	}
	if c.configure != nil {
		c.configure(&cfg)
	}
	n, err := Start(cfg)
	if err != nil {
		c.t.Fatal(err)
	}
	s.Node = n
	s.port.Attach(n)
	return s
}

// crash ends a server as a closed tab would: the others see the connection
// close.
func (s *server) crash() {
	s.port.Detach(true)
	s.storage.Crash()
	s.Stop()
	s.Node = nil
}

// until waits in virtual time, a millisecond at a time, up to limit.
func (c *cluster) until(what string, limit time.Duration, ok func() bool) time.Duration {
	c.t.Helper()
	start := c.clock.Now()
	for !ok() {
		if c.clock.Now()-start > limit {
			for id, s := range c.servers {
				if s.Node != nil {
					c.t.Logf("%x: %+v err %v", uint64(id), s.Status(), s.Err())
				}
			}
			c.t.Fatalf("not within %v: %s", limit, what)
		}
		time.Sleep(time.Millisecond)
	}
	return c.clock.Now() - start
}

func (c *cluster) running() []*server {
	var all []*server
	for _, s := range c.servers {
		if s.Node != nil {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b *server) int { return int(a.id) - int(b.id) })
	return all
}

func (c *cluster) leader() *server {
	var best *server
	for _, s := range c.running() {
		if st := s.Status(); st.Role == raft.Leader && (best == nil || st.Term > best.Status().Term) {
			best = s
		}
	}
	return best
}

// three starts a cluster of three voters.
func (c *cluster) three() {
	c.t.Helper()
	for id := raft.ID(1); id <= 3; id++ {
		c.start(id)
	}
	c.untilVoters(3)
}

func (c *cluster) untilVoters(n int) {
	c.t.Helper()
	c.until(fmt.Sprintf("%d voters everywhere", n), 3*time.Second, func() bool {
		for _, s := range c.running() {
			st := s.Status()
			if len(st.Configuration.Voters) != n || st.Configuration.Joint() || len(st.Configuration.Learners) > 0 ||
				st.ConfigurationIndex > st.CommitIndex || st.Leader == raft.None {
				return false
			}
		}
		return true
	})
}

func (c *cluster) propose(s *server, command string) Result {
	c.t.Helper()
	r, err := s.Propose(c.t.Context(), []byte(command))
	if err != nil {
		c.t.Fatalf("propose %s at %s: %v", command, s.id, err)
	}
	return r
}

func TestClusterOfThreeForms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.three()
		for _, s := range c.running() {
			if s.cluster != testCluster {
				t.Errorf("%s stored cluster %d", s.id, s.cluster)
			}
		}
	})
}

func TestProposeAnywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.three()
		for i, s := range c.running() {
			command := fmt.Sprint("c", i)
			r := c.propose(s, command)
			if want := fmt.Sprintf("%d:%s", r.Index, command); string(r.Value) != want || r.Term == 0 {
				t.Errorf("result %q, want %q", r.Value, want)
			}
		}
		c.until("applied everywhere", time.Second, func() bool {
			for _, s := range c.running() {
				if !slices.Equal(s.machine.applied(), []string{"c0", "c1", "c2"}) {
					return false
				}
			}
			return true
		})
	})
}

func TestLeaderClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.three()
		old := c.leader()
		c.propose(old, "kept")
		old.crash()
		took := c.until("a new leader", time.Second, func() bool { return c.leader() != nil })
		if took > 250*time.Millisecond {
			t.Errorf("a closed leader was replaced after %v", took)
		}
		c.propose(c.leader(), "after")
		if got := c.leader().machine.applied(); !slices.Equal(got, []string{"kept", "after"}) {
			t.Errorf("commands %q", got)
		}
		back := c.start(old.id)
		c.until("it catches up", time.Second, func() bool { return len(back.machine.applied()) == 2 })
	})
}

func TestProposeWaitsForALeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.three()
		left := c.servers[2]
		c.servers[1].crash()
		c.servers[3].crash()
		c.until("it notices", 2*time.Second, func() bool { return left.Status().Leader == raft.None })
		done := make(chan error, 1)
		go func() {
			_, err := left.Propose(t.Context(), []byte("waits"))
			done <- err
		}()
		time.Sleep(ProposeTimeout / 2)
		c.start(3)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	})
}

func TestProposeWithoutQuorumFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.three()
		left := c.leader()
		for _, s := range c.running() {
			if s != left {
				s.crash()
			}
		}
		if _, err := left.Propose(t.Context(), []byte("taken")); !errors.Is(err, ErrUncertain) {
			t.Errorf("by a leader that just lost its followers: %v", err)
		}
		start := c.clock.Now()
		if _, err := left.Propose(t.Context(), []byte("not taken")); !errors.Is(err, ErrNoLeader) {
			t.Errorf("without a leader: %v", err)
		}
		if took := c.clock.Now() - start; took < ProposeTimeout || took > ProposeTimeout+2*recheckInterval {
			t.Errorf("it failed after %v, stated are %v", took, ProposeTimeout)
		}
	})
}

func TestForwardedProposalSurvivesTheLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.three()
		leader := c.leader()
		var follower *server
		for _, s := range c.running() {
			if s != leader {
				follower = s
			}
		}
		done := make(chan error, 1)
		go func() {
			_, err := follower.Propose(t.Context(), []byte("x"))
			done <- err
		}()
		time.Sleep(linkDelay / 2) // on its way
		leader.crash()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	})
}

func TestRemove(t *testing.T) {
	for _, what := range []string{"follower", "leader", "itself", "dead"} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t)
				c.three()
				leader := c.leader()
				var follower, other *server
				for _, s := range c.running() {
					if s != leader {
						follower, other = s, follower
					}
				}
				by, gone := leader, follower
				switch what {
				case "leader":
					by, gone = follower, leader
				case "itself":
					by, gone = follower, follower
				case "dead":
					gone.crash()
				}
				if err := by.Remove(t.Context(), gone.id); err != nil {
					t.Fatal(err)
				}
				if what != "dead" {
					<-gone.Done()
					if gone.Err() != ErrRemoved {
						t.Errorf("it stopped with %v", gone.Err())
					}
				}
				c.propose(other, "goes on")
				if what == "dead" {
					back := c.start(gone.id)
					<-back.Done()
					if back.Err() != ErrRemovedAway {
						t.Errorf("it came back and stopped with %v", back.Err())
					}
				}
				if err := other.Remove(t.Context(), 99); err != ErrNotMember {
					t.Errorf("a stranger: %v", err)
				}
			})
		})
	}
}

func TestJoinMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		for id := raft.ID(1); id <= 9; id++ {
			c.start(id)
		}
		c.untilVoters(9)
	})
}

func TestStorageFailureStopsTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.three()
		leader := c.leader()
		full := errors.New("disk full")
		leader.storage.Fail(full)
		r, err := leader.Propose(t.Context(), []byte("x"))
		if !errors.Is(err, full) {
			t.Errorf("result %+v, error %v", r, err)
		}
		<-leader.Done()
		if !errors.Is(leader.Err(), full) {
			t.Errorf("stopped with %v", leader.Err())
		}
		if _, err := leader.Propose(t.Context(), []byte("y")); !errors.Is(err, full) {
			t.Errorf("after the stop: %v", err)
		}
		c.until("the others elect", 2*time.Second, func() bool { l := c.leader(); return l != nil && l != leader })
	})
}

func TestStoppedWhileProposing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.start(1)
		c.untilVoters(1)
		s := c.servers[1]
		done := make(chan error, 1)
		s.ProposeFunc([]byte("x"), c.clock.Now()+ProposeTimeout, func(_ Result, err error) { done <- err })
		s.crash()
		if err := <-done; !errors.Is(err, ErrStopped) {
			t.Errorf("error %v", err)
		}
	})
}

func TestBadFramesChangeNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.three()
		s := c.servers[2]
		before := s.Status()
		for _, frame := range [][]byte{nil, {9}, bytes.Repeat([]byte{1}, 40), bytes.Repeat([]byte{0xff}, 300_000)} {
			s.Deliver(1, frame)
		}
		for range 3 * maxInboxFrames {
			s.Deliver(3, []byte{1, 2, 3})
		}
		synctest.Wait()
		after := s.Status()
		if after.Dropped == 0 {
			t.Error("a flood was not limited")
		}
		if after.Term != before.Term || after.CommitIndex < before.CommitIndex || s.Err() != nil {
			t.Errorf("before %+v, after %+v, error %v", before, after, s.Err())
		}
		c.propose(s, "still works")
	})
}

func TestStrangerFromAnotherCluster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.three()
		stranger := &server{id: 9, storage: NewMemoryStorage(saveDelay), cluster: testCluster + 1}
		c.servers[9] = stranger
		stranger.storage.Put(raft.Bootstrap(9))
		c.start(9)
		time.Sleep(2 * time.Second)
		if v := len(c.servers[1].Status().Configuration.Voters); v != 3 {
			t.Errorf("%d voters", v)
		}
		if l := stranger.Status(); l.Role != raft.Leader || len(l.Configuration.Voters) != 1 {
			t.Errorf("the stranger's own cluster suffered: %+v", l)
		}
	})
}

func TestTooLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.start(1)
		if _, err := c.servers[1].Propose(t.Context(), make([]byte, maxCommand+1)); err != ErrTooLarge {
			t.Errorf("error %v", err)
		}
	})
}

func TestProposeCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.three()
		c.servers[1].crash()
		c.servers[3].crash()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.servers[2].Propose(ctx, []byte("x")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
	})
}
