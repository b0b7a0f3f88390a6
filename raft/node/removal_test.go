package node

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tabraft/raft"
	"tabraft/raft/wire"
)

const removeAfter = 30 * time.Second

func removing(cfg *Config) { cfg.RemoveAfter = removeAfter }

// voters are those of the leader's configuration.
func (c *cluster) voters() []raft.ID {
	if l := c.leader(); l != nil {
		return l.Status().Configuration.Voters
	}
	return nil
}

func TestSilentServerIsRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.configure = removing
		c.three()
		leader := c.leader()
		gone := c.others(leader)[0]
		gone.crash()
		start := c.clock.Now()
		time.Sleep(removeAfter / 2)
		st := leader.Status()
		if due, ok := st.Removals[gone.id]; len(st.Removals) != 1 || !ok ||
			due-start < removeAfter-time.Second || due-start > removeAfter+time.Second {
			t.Errorf("half way the removals are %v, at %v", st.Removals, st.Now)
		}
		c.until("it is removed", removeAfter, func() bool { return len(c.voters()) == 2 })
		if took := c.clock.Now() - start; took < removeAfter-100*time.Millisecond || took > removeAfter+2*time.Second {
			t.Errorf("it took %v", took)
		}
		c.propose(c.others(leader)[0], "two are left")
		time.Sleep(time.Second)
		if st := leader.Status(); len(st.Removals) != 0 || st.RemoveAfter != removeAfter {
			t.Errorf("removals %v after %v", st.Removals, st.RemoveAfter)
		}
		c.start(gone.id)
		<-gone.Done()
		if gone.Err() != ErrRemovedAway {
			t.Errorf("it came back and stopped with %v", gone.Err())
		}
		// The last but one cannot be removed: alone the leader has no majority.
		c.others(leader)[0].crash()
		time.Sleep(2 * removeAfter)
		if n := len(leader.Status().Configuration.Voters); n != 2 {
			t.Errorf("%d voters", n)
		}
	})
}

// A server is stopped, its connections stay, and it is removed for its silence.
// When it goes on it finds the news of that among what came meanwhile, and counts as
// one that was away: a tab then joins as a new server. One that is removed while it
// is there does not.
func TestStoppedServerIsRemovedAway(t *testing.T) {
	for _, after := range []time.Duration{removeAfter, 3 * time.Second} {
		t.Run(after.String(), func(t *testing.T) { stopUntilRemoved(t, after) })
	}
}

func stopUntilRemoved(t *testing.T, after time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		awake := map[raft.ID]chan struct{}{}
		var mu sync.Mutex
		c.configure = func(cfg *Config) {
			cfg.RemoveAfter = after
			cfg.Gather = func() {
				mu.Lock()
				wait := awake[cfg.ID]
				mu.Unlock()
				if wait != nil {
					<-wait
				}
			}
		}
		c.three()
		asleep := c.others(c.leader())[0]
		mu.Lock()
		awake[asleep.id] = make(chan struct{})
		mu.Unlock()
		c.until("it is removed", 2*after, func() bool { return len(c.voters()) == 2 })
		mu.Lock()
		close(awake[asleep.id])
		awake[asleep.id] = nil
		mu.Unlock()
		<-asleep.Done()
		if asleep.Err() != ErrRemovedAway {
			t.Errorf("it woke and stopped with %v", asleep.Err())
		}

		asleep.port.Detach(true)
		asleep.storage.Crash()
		asleep.Node = nil

		there := c.others(c.leader())[0]
		c.start(4)
		c.untilVoters(3)
		if err := c.servers[4].Remove(t.Context(), there.id); err != nil {
			t.Fatal(err)
		}
		<-there.Done()
		if there.Err() != ErrRemoved {
			t.Errorf("removed while it was there it stopped with %v", there.Err())
		}
	})
}

// A tab was opened again as its server was being removed for its silence. It saw the
// removal in its log, took it for one that somebody wanted, and stayed stopped. Later it
// is one that somebody wanted.
func TestReopenedServerIsRemovedAway(t *testing.T) {
	for _, after := range []time.Duration{0, awayAfter + time.Second} {
		synctest.Test(t, func(t *testing.T) {
			c := newCluster(t)
			c.three()
			leader := c.leader()
			back := c.others(leader)[0]
			back.crash()
			time.Sleep(time.Second)
			back = c.start(back.id)
			c.until("it knows the leader", 10*time.Second, func() bool { return back.Status().Leader == leader.id })
			time.Sleep(after)
			if err := leader.Remove(t.Context(), back.id); err != nil {
				t.Fatal(err)
			}
			<-back.Done()
			if away := back.Err() == ErrRemovedAway; away != (after == 0) {
				t.Errorf("removed %v after it was back, it stopped with %v", after, back.Err())
			}
		})
	}
}

func TestNoRemovalWithoutQuorum(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.configure = removing
		c.three()
		left := c.leader()
		others := c.others(left)
		others[0].crash()
		time.Sleep(removeAfter - time.Second)
		others[1].crash()
		time.Sleep(10 * removeAfter)
		if st := left.Status(); len(st.Configuration.Voters) != 3 || st.ConfigurationIndex > st.CommitIndex {
			t.Errorf("without quorum it went on to %v", st.Configuration)
		}
		c.start(others[1].id)
		c.until("a majority removes the other", 2*removeAfter, func() bool {
			return slices.Equal(c.voters(), slices.Sorted(slices.Values([]raft.ID{left.id, others[1].id})))
		})
	})
}

// Two of five are gone: they are removed one after the other.
func TestRemovalsFollowOneAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		var worst atomic.Int32
		var running atomic.Pointer[map[raft.ID]*Node] // once all five are
		c.configure = func(cfg *Config) {
			removing(cfg)
			id := cfg.ID
			cfg.Observer = func(e Event) {
				if nodes := running.Load(); e.Kind == EventMembers && nodes != nil {
					if conf := (*nodes)[id].Status().Configuration; conf.Joint() {
						worst.Store(max(worst.Load(), int32(len(conf.Outgoing)-len(conf.Voters))))
					}
				}
			}
		}
		for id := raft.ID(1); id <= 5; id++ {
			c.start(id)
			c.untilVoters(int(id))
		}
		nodes := map[raft.ID]*Node{}
		for id, s := range c.servers {
			nodes[id] = s.Node
		}
		running.Store(&nodes)
		others := c.others(c.leader())
		others[0].crash()
		others[1].crash()
		c.until("three are left", 2*removeAfter, func() bool { return len(c.voters()) == 3 })
		if worst.Load() != 1 {
			t.Errorf("%d voters were removed at once", worst.Load())
		}
		c.propose(others[2], "goes on")
	})
}

func TestRemovalIsSwitched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.configure = removing
		c.three()
		leader := c.leader()
		c.others(leader)[0].crash()
		time.Sleep(removeAfter / 2)
		leader.SetRemoveAfter(0)
		time.Sleep(2 * removeAfter)
		if st := leader.Status(); len(st.Configuration.Voters) != 3 || len(st.Removals) != 0 || st.RemoveAfter != 0 {
			t.Errorf("switched off: %v, removals %v", st.Configuration, st.Removals)
		}
		leader.SetRemoveAfter(time.Nanosecond) // nobody is removed between two heartbeats
		c.until("it is removed", MinRemoveAfter, func() bool { return len(c.voters()) == 2 })
		time.Sleep(removeAfter)
		if len(c.voters()) != 2 || leader.Status().RemoveAfter != MinRemoveAfter {
			t.Errorf("%v", leader.Status().Configuration)
		}
	})
}

// A dead learner goes as well; a slow one, that answers, stays.
func TestSilentLearnerIsRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.configure = removing
		c.three()
		c.start(4)
		c.until("it learns", time.Second, func() bool { return len(c.leader().Status().Configuration.Learners) == 1 })
		c.servers[4].crash()
		c.until("it is removed", 2*removeAfter, func() bool { return len(c.leader().Status().Configuration.Learners) == 0 })
		if len(c.voters()) != 3 {
			t.Errorf("voters %v", c.voters())
		}
	})
}

// sleeper is a clock that can be set forward, as one that went on while the
// machine slept.
type sleeper struct {
	*SystemClock
	slept atomic.Int64
}

func (s *sleeper) Now() time.Duration { return s.SystemClock.Now() + time.Duration(s.slept.Load()) }

func (s *sleeper) Timer(fire func()) Timer { return sleeperTimer{s.SystemClock.Timer(fire), s} }

type sleeperTimer struct {
	Timer
	clock *sleeper
}

func (t sleeperTimer) Reset(at time.Duration) {
	t.Timer.Reset(at - time.Duration(t.clock.slept.Load()))
}

// While the leader sleeps nobody is silent.
func TestSleepIsNoSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		clock := &sleeper{SystemClock: c.clock}
		c.configure = func(cfg *Config) {
			removing(cfg)
			if cfg.ID == 1 {
				cfg.Clock = clock
			}
		}
		c.three()
		leader := c.servers[1]
		if c.leader() != leader {
			t.Fatal("server 1 is to lead")
		}
		gone := c.others(leader)[0]
		gone.crash()
		start := c.clock.Now()
		time.Sleep(3 * time.Second)
		clock.slept.Add(int64(time.Hour))
		time.Sleep(removeAfter / 2)
		if c.leader() != leader {
			t.Fatal("the sleep deposed the leader")
		}
		if n := len(c.voters()); n != 3 {
			t.Errorf("%d voters: the sleep counted", n)
		}
		c.until("it is removed", removeAfter, func() bool { return len(c.voters()) == 2 })
		if took := c.clock.Now() - start; took < removeAfter-time.Second || took > removeAfter+5*time.Second {
			t.Errorf("awake it took %v", took)
		}
	})
}

// All that a server knew were replaced while it was away: it finds out from
// those that it does not know.
func TestStrandedServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.configure = removing
		c.three()
		away := c.others(c.leader())[0]
		away.crash()
		c.until("it is removed", 2*removeAfter, func() bool { return len(c.voters()) == 2 })
		old := c.running()
		c.start(4)
		c.start(5)
		c.untilVoters(4)
		for _, s := range old {
			if err := c.servers[4].Remove(t.Context(), s.id); err != nil {
				t.Fatal(err)
			}
			<-s.Done()
			s.port.Detach(true)
			s.storage.Crash()
			s.Node = nil
		}
		c.propose(c.servers[5], "x")
		c.start(away.id)
		c.until("it finds out", 10*time.Second, func() bool { return away.Err() != nil })
		if away.Err() != ErrToldRemoved {
			t.Errorf("it stopped with %v", away.Err())
		}
	})
}

// A leader that others have replaced tells nobody that he was removed: it may
// be wrong.
func TestReplacedLeaderTellsNoRemoval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.configure = func(cfg *Config) { cfg.Raft.DisableCheckQuorum = true }
		c.three()
		old := c.leader()
		others := c.others(old)
		for _, s := range others {
			c.net.Cut(old.id, s.id, true)
			c.net.Cut(s.id, old.id, true)
		}
		c.until("the others elect", 3*time.Second, func() bool { l := c.leader(); return l != nil && l != old })
		fresh := c.start(4)
		c.until("it is let in", 3*time.Second, func() bool { return len(c.voters()) == 4 })
		c.net.Cut(others[0].id, fresh.id, true) // so that it campaigns
		c.net.Cut(others[1].id, fresh.id, true)
		time.Sleep(5 * time.Second)
		if err := fresh.Err(); err != nil {
			t.Errorf("a member was told that it is none: %v", err)
		}
	})
}

// recorder is a Transport that keeps the answers to Joins.
type recorder struct {
	Transport
	answers chan wire.JoinReply
}

func (r recorder) Send(to raft.ID, frame []byte) bool {
	if f, err := wire.Decode(frame); err == nil && f.Kind == wire.KindJoinReply && to > 100 {
		r.answers <- f.JoinReply
	}
	return r.Transport.Send(to, frame)
}

// Every Join is answered, and with something that the asker can act on.
func TestEveryJoinIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		answers := make(chan wire.JoinReply, 100)
		c.configure = func(cfg *Config) { cfg.Transport = recorder{cfg.Transport, answers} }
		ask := func(s *server, from raft.ID, cluster uint64, expelled bool) wire.JoinReply {
			t.Helper()
			h := wire.Header{Cluster: cluster, From: from, To: s.id}
			s.Deliver(from, wire.AppendJoin(nil, h, wire.Join{Expelled: expelled}))
			select {
			case r := <-answers:
				return r
			case <-time.After(time.Second):
				t.Errorf("no answer to %s, cluster %d, expelled %v", from, cluster, expelled)
				return wire.JoinReply{}
			}
		}
		check := func(what string, r wire.JoinReply, code wire.Code, leader raft.ID, words string) {
			t.Helper()
			if r.Code != code || r.Leader != leader || !strings.Contains(r.Message, words) || (r.Message == "") != (words == "") {
				t.Errorf("%s: %+v", what, r)
			}
		}
		outside := c.start(9)
		check("one outside", ask(outside, 101, 0, false), wire.CodeUnavailable, raft.None, "waits to be let in itself")
		outside.crash()
		delete(c.servers, 9)
		c.three()
		leader := c.leader()
		follower := c.others(leader)[0]
		check("a follower", ask(follower, 101, 0, false), wire.CodeNotLeader, leader.id, "")
		check("at first", ask(leader, 101, 0, false), wire.CodeOK, leader.id, "")
		check("another cluster", ask(leader, 101, 5, false), wire.CodeRefused, leader.id, "you belong to")
		check("another cluster, a follower", ask(follower, 101, 5, false), wire.CodeRefused, leader.id, "you belong to")
		check("expelled", ask(leader, 101, testCluster, true), wire.CodeRemoved, leader.id, "removed")

		for _, s := range c.others(leader) { // nothing commits
			c.net.Cut(leader.id, s.id, true)
			c.net.Cut(s.id, leader.id, true)
		}
		for id := raft.ID(101); id < 101+raft.MaxMembers-3; id++ {
			leader.PeerUp(id)
			check("one of many", ask(leader, id, testCluster, false), wire.CodeOK, leader.id, map[bool]string{true: changing}[id > 101])
		}
		check("one too many", ask(leader, 200, testCluster, false), wire.CodeRefused, leader.id, "full")
		check("one of the many again", ask(leader, 130, testCluster, false), wire.CodeOK, leader.id, changing)
		check("expelled meanwhile", ask(leader, 200, testCluster, true), wire.CodeUnavailable, leader.id, changing)
		time.Sleep(2 * time.Second)
		check("without a leader", ask(leader, 101, testCluster, false), wire.CodeUnavailable, raft.None, "no leader")
	})
}
