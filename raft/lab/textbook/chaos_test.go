package textbook

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tabraft/raft/lab/labrpc"
)

const chaosSeeds = 10 // minutes of virtual time

// service applies what a server sends, makes a snapshot of every tenth entry, and checks that
// all servers apply the same in the same order (State Machine Safety, Figure 3).
type service struct {
	mu      sync.Mutex
	t       *testing.T
	history []any // what was applied first at each index, from 1
	at      []int // the last index that each server applied
}

func (s *service) run(i int, rf *Raft, applyCh chan ApplyMsg, from int) {
	s.mu.Lock()
	s.at[i] = from
	s.mu.Unlock()
	for {
		select {
		case msg := <-applyCh:
			s.apply(i, msg)
			if msg.CommandValid && msg.CommandIndex%10 == 0 {
				rf.Snapshot(msg.CommandIndex, fmt.Append(nil, msg.CommandIndex))
			}
		case <-rf.stop:
			return
		}
	}
}

func (s *service) apply(i int, msg ApplyMsg) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if msg.SnapshotValid {
		if string(msg.Snapshot) != fmt.Sprint(msg.SnapshotIndex) || msg.SnapshotIndex <= s.at[i] {
			s.t.Errorf("server %d at %d got a snapshot %q of %d", i, s.at[i], msg.Snapshot, msg.SnapshotIndex)
		}
		s.at[i] = msg.SnapshotIndex
		return
	}
	s.at[i]++
	if msg.CommandIndex != s.at[i] {
		s.t.Errorf("server %d applied %d after %d", i, msg.CommandIndex, s.at[i]-1)
	}
	switch {
	case s.at[i] == len(s.history)+1:
		s.history = append(s.history, msg.Command)
	case s.history[s.at[i]-1] != msg.Command:
		s.t.Errorf("server %d applied %v at %d, another %v", i, msg.Command, s.at[i], s.history[s.at[i]-1])
	}
}

// lowest returns the index that all servers have applied.
func (s *service) lowest() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	least := s.at[0]
	for _, at := range s.at {
		least = min(least, at)
	}
	return least
}

func TestChaos(t *testing.T) {
	for seed := range uint64(chaosSeeds) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { chaos(t, seed) })
		})
	}
}

// chaos is a minute of crashes, cuts, losses and reordering, and then ten
// seconds of peace in which all must come to agree.
func chaos(t *testing.T, seed uint64) {
	const servers = 5
	rng := rand.New(rand.NewPCG(seed, 0))
	c := newCluster(t, servers, seed)
	defer c.kill()
	s := &service{t: t, at: make([]int, servers)}
	up := make([]bool, servers)
	start := func(i int) {
		from := 0 // what the service restores from its snapshot
		fmt.Sscan(string(c.saved[i].ReadSnapshot()), &from)
		if c.rafts[i].killed() {
			c.start(i)
		}
		up[i] = true
		go s.run(i, c.rafts[i], c.applied[i], from)
	}
	for i := range servers {
		start(i)
	}
	c.Reliable(false)
	for step := range 600 {
		for i := range servers {
			c.rafts[i].Start(step*10 + i)
		}
		switch i := rng.IntN(servers); {
		case rng.IntN(5) > 0:
		case rng.IntN(3) == 0:
			c.LongReordering(rng.IntN(2) == 0)
		case rng.IntN(2) == 0:
			c.cut(i, rng.IntN(2) == 0)
		case up[i]:
			c.crash(i)
			up[i] = false
		default:
			start(i)
		}
		time.Sleep(time.Duration(rng.IntN(200)) * time.Millisecond)
	}
	c.Reliable(true)
	c.LongReordering(false)
	for i := range servers {
		if !up[i] {
			start(i)
		}
		c.cut(i, false)
	}
	time.Sleep(5 * time.Second)
	index, _, _ := c.leader().Start("the last")
	time.Sleep(5 * time.Second)
	if got := s.lowest(); got < index || index < 10 {
		t.Errorf("after ten peaceful seconds all have applied %d entries, want %d", got, index)
	}
}

// cut disconnects a server from the others, or connects it again.
func (c *cluster) cut(i int, off bool) {
	for life := 1; life <= c.life; life++ {
		for j := range c.rafts {
			c.Enable(labrpc.Link{From: i, To: j, Life: life}, !off)
			c.Enable(labrpc.Link{From: j, To: i, Life: life}, !off)
		}
	}
}
