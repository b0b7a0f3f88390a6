package node

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tabraft/raft"
	"tabraft/raft/wire"
)

// storageNews are what servers told of their storages.
type storageNews struct {
	mu   sync.Mutex
	list []error
}

func (s *storageNews) observe(e Event) {
	if e.Kind == EventStorage {
		s.mu.Lock()
		s.list = append(s.list, e.Err)
		s.mu.Unlock()
	}
}

func (s *storageNews) are(t *testing.T, want ...error) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.list) != len(want) {
		t.Errorf("told %v, want %v", s.list, want)
		return
	}
	for i := range want {
		if s.list[i] != want[i] {
			t.Errorf("told %v, want %v", s.list, want)
		}
	}
}

// A save that did not end went unnoticed: the leader led on, its log not stored, and
// nothing said why.
func TestSaveThatDoesNotEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		var news storageNews
		c.configure = func(cfg *Config) { cfg.Observer = news.observe }
		c.three()
		leader := c.leader()
		leader.storage.Stall(true)
		c.propose(leader, "the others store it")
		time.Sleep(SlowSave - 100*time.Millisecond)
		if st := leader.Status(); st.StorageSilent != 0 || st.Role != raft.Leader {
			t.Errorf("too early: silent for %v, %v", st.StorageSilent, st.Role)
		}
		c.until("another leads", time.Second, func() bool { l := c.leader(); return l != nil && l != leader })
		next := c.leader()
		if st := next.Status(); st.Role != raft.Leader || st.StorageSilent != 0 {
			t.Errorf("%+v", st)
		}
		start := c.clock.Now()
		for _, s := range c.running() {
			c.propose(s, "still works")
		}
		if took := c.clock.Now() - start; took > time.Second {
			t.Errorf("commands took %v", took)
		}
		time.Sleep(time.Minute)
		if st := leader.Status(); st.StorageSilent < time.Minute || st.Role != raft.Follower || c.leader() != next {
			t.Errorf("later: silent for %v, %v, the leader is %v", st.StorageSilent, st.Role, c.leader().id)
		}
		news.are(t, ErrSlowSave)

		leader.storage.Stall(false)
		c.until("all is well again", time.Second, func() bool {
			st := leader.Status()
			return st.StorageSilent == 0 && st.DurableIndex == st.LastIndex && st.Leader == next.id
		})
		news.are(t, ErrSlowSave, nil)
		next.crash()
		c.until("it counts again", 5*time.Second, func() bool { return c.leader() != nil })
		c.propose(leader, "with its vote and its storage")
	})
}

// A leader stays where nobody could take its place, and goes on when its storage does.
func TestLeaderStaysWhereNobodyCanTakeItsPlace(t *testing.T) {
	for _, c := range []struct {
		name    string
		servers raft.ID
		stalled raft.ID // from 1, the leader, on
		gone    raft.ID
		soon    raft.ID // gone when it has stored what the leader has not
	}{{"alone", 1, 1, 0, 0}, {"of two", 2, 1, 0, 0}, {"all stalled", 3, 3, 0, 0}, {"most stalled", 3, 2, 0, 0}, {"one gone", 3, 1, 3, 0},
		{"one goes soon", 5, 2, 0, 5}} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := newCluster(t)
				for id := raft.ID(1); id <= c.servers; id++ {
					k.start(id)
				}
				k.untilVoters(int(c.servers))
				leader := k.servers[1]
				if c.gone > 0 {
					k.servers[c.gone].crash()
				}
				term := leader.Status().Term
				for id := raft.ID(1); id <= c.stalled; id++ {
					k.servers[id].storage.Stall(true)
				}
				done := make(chan error, 1)
				leader.ProposeFunc([]byte("x"), k.clock.Now()+10*time.Minute, func(_ Result, err error) { done <- err })
				if c.soon > 0 {
					time.Sleep(time.Second)
					k.servers[c.soon].crash()
				}
				time.Sleep(SlowSave + 2*makeWayAgain)
				if st := leader.Status(); st.Role != raft.Leader || st.Term != term || st.StorageSilent < SlowSave || st.Transferring != raft.None {
					t.Errorf("%v of term %d, before %d; silent for %v", st.Role, st.Term, term, st.StorageSilent)
				}
				if len(done) > 0 && c.soon == 0 {
					t.Errorf("it committed, or failed: %v", <-done)
				}
				for id := raft.ID(1); id <= c.stalled; id++ {
					k.servers[id].storage.Stall(false)
				}
				if err := <-done; err != nil {
					t.Error(err)
				}
				k.until("all is well again", time.Second, func() bool { return leader.Status().StorageSilent == 0 })
				if st := leader.Status(); st.Role != raft.Leader || st.Term != term {
					t.Errorf("afterwards %v of term %d, before %d", st.Role, st.Term, term)
				}
			})
		})
	}
}

// A save that was under way when the machine fell asleep is not slow for that.
func TestSleepIsNoSlowSave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		clock := &sleeper{SystemClock: c.clock}
		var news storageNews
		c.configure = func(cfg *Config) {
			if cfg.ID == 1 {
				cfg.Clock, cfg.Observer = clock, news.observe
			}
		}
		c.three()
		leader := c.servers[1]
		if c.leader() != leader {
			t.Fatal("server 1 is to lead")
		}
		leader.storage.Stall(true)
		c.propose(leader, "x")
		time.Sleep(time.Second)
		clock.slept.Add(int64(time.Hour))
		time.Sleep(time.Second)
		news.are(t)
		if st := leader.Status(); st.StorageSilent != 0 || c.leader() != leader {
			t.Errorf("silent for %v", st.StorageSilent)
		}
		time.Sleep(SlowSave)
		news.are(t, ErrSlowSave)
	})
}

// deafToTransfer is a Transport that loses the requests to take over, of which there
// are several in each transfer, and counts transfers.
type deafToTransfer struct {
	Transport
	clock Clock
	tries *atomic.Int32
	last  *atomic.Int64
}

func (d deafToTransfer) Send(to raft.ID, frame []byte) bool {
	if f, err := wire.Decode(frame); err == nil && f.Kind == wire.KindRaft {
		for _, m := range f.Messages {
			if m.Type == raft.TimeoutNow {
				now := int64(d.clock.Now())
				if now-d.last.Swap(now) > int64(time.Second) {
					d.tries.Add(1)
				}
				return true
			}
		}
	}
	return d.Transport.Send(to, frame)
}

// Where nobody takes over, commands are not held up again and again.
func TestLeaderMakesWaySeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		var tries atomic.Int32
		var last atomic.Int64
		last.Store(-int64(time.Hour))
		c.configure = func(cfg *Config) { cfg.Transport = deafToTransfer{cfg.Transport, c.clock, &tries, &last} }
		c.three()
		leader := c.leader()
		leader.storage.Stall(true)
		c.propose(leader, "x")
		time.Sleep(SlowSave + 2*makeWayAgain + time.Second)
		if n := tries.Load(); n != 3 || c.leader() != leader {
			t.Errorf("%d transfers in %v; the leader is %v", n, 2*makeWayAgain, c.leader().id)
		}
		c.propose(leader, "goes on")
	})
}
