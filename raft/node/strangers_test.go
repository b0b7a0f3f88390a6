package node

import (
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tabraft/raft"
	"tabraft/raft/wire"
)

// refusals are what a server's observer was told that it refused.
type refusals struct {
	mu     sync.Mutex
	events []Event
}

func (r *refusals) observe(e Event) {
	if e.Kind == EventRejected {
		r.mu.Lock()
		r.events = append(r.events, e)
		r.mu.Unlock()
	}
}

// of gives how often a peer was refused with words, and how often that was an
// offence.
func (r *refusals) of(peer raft.ID, words string) (refused, offences uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		if e.Peer == peer && strings.Contains(e.Err.Error(), words) {
			refused += e.Count
			if e.Offence {
				offences += e.Count
			}
		}
	}
	return refused, offences
}

// watchedThree starts three servers and gives the leader and what it refuses.
func watchedThree(t *testing.T) (*cluster, *server, *refusals) {
	c := newCluster(t)
	seen := map[raft.ID]*refusals{}
	c.configure = func(cfg *Config) {
		seen[cfg.ID] = &refusals{}
		cfg.Observer = seen[cfg.ID].observe
	}
	c.three()
	leader := c.leader()
	return c, leader, seen[leader.id]
}

const stranger = raft.ID(9)

func from(peer raft.ID, to *server) wire.Header {
	return wire.Header{Cluster: testCluster, From: peer, To: to.id}
}

// A peer that forges its id, replays what others sent, or sends what cannot be
// read is refused and counted, and nothing changes.
func TestForgersAndReplayersAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, leader, seen := watchedThree(t)
		before := leader.Status()
		other := leader.id%3 + 1 // a follower
		leader.PeerUp(stranger)
		vote := []raft.Message{{Type: raft.RequestVoteReply, From: other, To: leader.id, Term: before.Term + 5, Reject: true}}
		forged := wire.AppendRaft(nil, testCluster, vote)
		long := wire.AppendRaft(nil, testCluster, []raft.Message{{Type: raft.AppendEntries, From: stranger, To: leader.id, Term: 1}})
		long = append(long[:wire.HeaderSize], 0xff, 0xff, 0xff, 0xff, 0x0f) // 4 GiB of messages
		for range 3 {
			leader.Deliver(stranger, forged)                                                                             // another's frame, replayed
			leader.Deliver(stranger, wire.AppendRemove(nil, from(other, leader), other))                                 // in another's name
			leader.Deliver(stranger, long)                                                                               // a length that is not there
			leader.Deliver(other, wire.AppendJoin(nil, wire.Header{Cluster: 1, From: other, To: stranger}, wire.Join{})) // for another
		}
		synctest.Wait()
		for words, want := range map[string]uint64{"came over the connection with": 6, "messages": 3} {
			if refused, offences := seen.of(stranger, words); refused != want || offences != want {
				t.Errorf("%q: %d refused, %d of them as offences, want %d", words, refused, offences, want)
			}
		}
		if refused, _ := seen.of(other, "came over the connection with"); refused != 3 {
			t.Errorf("%d frames to another server were refused", refused)
		}
		time.Sleep(3 * time.Second)
		if s := leader.Status(); s.Role != raft.Leader || s.Term != before.Term || len(s.Configuration.Voters) != 3 {
			t.Errorf("before %+v, after %+v", before, s)
		}
		c.propose(c.servers[other], "still works")
	})
}

// A flood of one peer keeps neither the others' frames out nor the heap full,
// and is counted as that peer's.
func TestFloodOfOnePeerLeavesRoomForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, leader, seen := watchedThree(t)
		term := leader.Status().Term
		leader.PeerUp(stranger)
		frame := wire.AppendJoin(nil, from(stranger, leader), wire.Join{})
		big := make([]byte, wire.MaxFrame)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for range 200 {
			for range maxInboxFrames / 10 {
				leader.Deliver(stranger, frame)
				leader.Deliver(stranger, big)
			}
			time.Sleep(10 * time.Millisecond)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 32<<20 {
			t.Errorf("the heap grew by %d bytes", grown)
		}
		if s := leader.Status(); s.Role != raft.Leader || s.Term != term {
			t.Errorf("%v in term %d, led in term %d", s.Role, s.Term, term)
		}
		if dropped, _ := seen.of(stranger, "faster than this server can work"); dropped == 0 {
			t.Error("nothing was dropped")
		}
		if _, offences := seen.of(stranger, "changes more than"); offences == 0 {
			t.Error("Joins without end were not refused")
		}
		for _, s := range c.servers {
			if refused, _ := seen.of(s.id, ""); refused > 0 {
				t.Errorf("%d frames of member %d were refused too", refused, s.id)
			}
		}
		c.propose(c.servers[leader.id%3+1], "still works")
	})
}

// Whoever is not in the cluster can have no command committed, though it has the
// key and knows the cluster.
func TestCommandsOfAStrangerAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, leader, seen := watchedThree(t)
		leader.PeerUp(stranger)
		leader.Deliver(stranger, wire.AppendPropose(nil, from(stranger, leader), []wire.Proposal{{Request: 1, Command: []byte("strange")}}))
		synctest.Wait()
		c.propose(leader, "sound")
		if got := leader.machine.applied(); len(got) != 1 || got[0] != "sound" {
			t.Errorf("applied %q", got)
		}
		if refused, offences := seen.of(stranger, "not in the cluster"); refused != 1 || offences != 0 {
			t.Errorf("%d refused, %d offences", refused, offences)
		}
	})
}

// A member's commands take no more than a share of what may wait: the others'
// find room.
func TestCommandsOfOneMemberLeaveRoomForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, leader, _ := watchedThree(t)
		greedy, other := leader.id%3+1, (leader.id+1)%3+1
		for _, to := range []raft.ID{greedy, other} { // nothing commits meanwhile
			c.net.Cut(to, leader.id, true)
		}
		for n := uint64(1); n <= 3*maxForwarded; n += 512 {
			var many []wire.Proposal
			for i := range uint64(512) {
				many = append(many, wire.Proposal{Request: n + i, Command: []byte("x")})
			}
			leader.Deliver(greedy, wire.AppendPropose(nil, from(greedy, leader), many))
		}
		synctest.Wait()
		at := leader.Status().LastIndex
		if at > maxForwarded+10 {
			t.Errorf("%d commands of one member are in the log", at)
		}
		leader.Deliver(other, wire.AppendPropose(nil, from(other, leader), []wire.Proposal{{Request: 1, Command: []byte("y")}}))
		synctest.Wait()
		if now := leader.Status().LastIndex; now != at+1 {
			t.Errorf("another member's command was not taken: the log ends at %d, before at %d", now, at)
		}
		for _, to := range []raft.ID{greedy, other} {
			c.net.Cut(to, leader.id, false)
		}
		c.until("what waited is committed, and the share is free again", 10*time.Second, func() bool {
			s := leader.Status()
			return s.CommitIndex > at
		})
		c.propose(c.servers[greedy], "again")
	})
}

// An entry that took the place of one that a peer waited for frees its share.
func TestSharesAreGivenBack(t *testing.T) {
	var ps proposals
	ps.init()
	ps.await(5, waiter{term: 1, peer: 2, request: 1, size: 10})
	ps.await(6, waiter{term: 1, peer: 2, request: 2, size: 20})
	if got := ps.loads[2]; got != (load{2, 30}) {
		t.Fatalf("%+v", got)
	}
	ps.await(5, waiter{term: 2, request: 7})
	if got := ps.loads[2]; got != (load{1, 20}) {
		t.Fatalf("%+v", got)
	}
	ps.forget(6)
	ps.forget(6)
	if len(ps.loads) != 0 {
		t.Fatalf("%+v", ps.loads)
	}
}

// Two clusters under one key hear of each other, as soon as two of their servers
// are connected, and leave each other alone.
func TestTwoClustersHearOfEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, leader, seen := watchedThree(t)
		odd := &server{id: stranger, storage: NewMemoryStorage(saveDelay), cluster: testCluster + 1}
		c.servers[stranger] = odd
		odd.storage.Put(raft.Bootstrap(stranger))
		c.start(stranger)
		c.until("both know", time.Second, func() bool {
			return leader.Status().Foreign[stranger] == testCluster+1 && odd.Status().Foreign[leader.id] == testCluster
		})
		time.Sleep(time.Second)
		if refused, _ := seen.of(stranger, ""); refused != 0 {
			t.Errorf("%d frames were refused", refused)
		}
		odd.crash()
		c.until("it is forgotten when it has gone", time.Second, func() bool { return len(leader.Status().Foreign) == 0 })
	})
}

// A server that joins one of two clusters tells the other's servers.
func TestJoiningOneOfTwoClustersIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, _ := watchedThree(t)
		odd := &server{id: stranger, storage: NewMemoryStorage(saveDelay), cluster: testCluster + 1}
		c.servers[stranger] = odd
		odd.storage.Put(raft.Bootstrap(stranger))
		c.start(stranger)
		late := c.start(4)
		c.until("it is in one and knows of the other", 5*time.Second, func() bool {
			s := late.Status()
			if s.Cluster == testCluster {
				return s.Foreign[stranger] != 0 && odd.Status().Foreign[4] == testCluster
			}
			return s.Cluster != 0 && s.Foreign[1] == testCluster && c.servers[1].Status().Foreign[4] == testCluster+1
		})
	})
}

func TestOtherVersionsAreNoOffence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, leader, seen := watchedThree(t)
		leader.Deliver(stranger, []byte{wire.Version + 1, 1, 2, 3})
		synctest.Wait()
		if refused, offences := seen.of(stranger, "version"); refused != 1 || offences != 0 {
			t.Errorf("%d refused, %d offences", refused, offences)
		}
		if _, err := wire.Decode([]byte{wire.Version + 1}); !errors.Is(err, wire.ErrVersion) {
			t.Error(err)
		}
	})
}
