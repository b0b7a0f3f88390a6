package node

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"tabraft/raft"
)

// others are the running servers but one.
func (c *cluster) others(than *server) []*server {
	var all []*server
	for _, s := range c.running() {
		if s != than {
			all = append(all, s)
		}
	}
	return all
}

func TestTransfer(t *testing.T) {
	for _, by := range []string{"leader", "target", "third"} {
		t.Run(by, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t)
				c.three()
				leader := c.leader()
				others := c.others(leader)
				target := others[0]
				asker := map[string]*server{"leader": leader, "target": target, "third": others[1]}[by]
				// Commands flow all the time, from everywhere; none fails.
				ctx, cancel := context.WithCancel(t.Context())
				failed := make(chan error, 3)
				for _, s := range c.running() {
					go func() {
						var err error
						for i := 0; err == nil && ctx.Err() == nil; i++ {
							_, err = s.Propose(t.Context(), fmt.Append(nil, s.id, i))
						}
						failed <- err
					}()
				}
				time.Sleep(50 * time.Millisecond)
				start := c.clock.Now()
				if err := asker.Transfer(t.Context(), target.id); err != nil {
					t.Fatal(err)
				}
				if took := c.clock.Now() - start; took > 100*time.Millisecond {
					t.Errorf("it took %v", took)
				}
				c.until("it leads", time.Second, func() bool { return c.leader() == target })
				time.Sleep(50 * time.Millisecond)
				cancel()
				for range 3 {
					if err := <-failed; err != nil {
						t.Errorf("a command failed: %v", err)
					}
				}
				if err := asker.Transfer(t.Context(), target.id); err != nil {
					t.Errorf("to who leads: %v", err)
				}
				c.untilSame()
			})
		})
	}
}

func TestTransferFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.three()
		leader := c.leader()
		target, third := c.others(leader)[0], c.others(leader)[1]
		if err := third.Transfer(t.Context(), 99); !errors.Is(err, ErrNotMember) {
			t.Errorf("to a stranger: %v", err)
		}
		c.net.Cut(leader.id, target.id, true)
		for _, by := range []*server{leader, third} {
			start := c.clock.Now()
			failed := make(chan error, 1)
			go func() {
				_, err := third.Propose(t.Context(), []byte("meanwhile"))
				failed <- err
			}()
			if err := by.Transfer(t.Context(), target.id); !errors.Is(err, ErrNotTransferred) {
				t.Errorf("to a server that is cut off, by %s: %v", by.id, err)
			}
			if took := c.clock.Now() - start; took > 2*defaultElectionTimeout+transferSlack {
				t.Errorf("it took %v", took)
			}
			if err := <-failed; err != nil {
				t.Errorf("a command meanwhile: %v", err)
			}
			c.until("the leader leads on", 2*time.Second, func() bool { return c.leader() != nil && c.leader().Status().Transferring == raft.None })
			leader = c.leader()
		}
		go leader.Transfer(t.Context(), target.id)
		time.Sleep(10 * time.Millisecond)
		if leader == c.leader() {
			if err := leader.Transfer(t.Context(), third.id); !errors.Is(err, raft.ErrTransferring) {
				t.Errorf("while another is under way: %v", err)
			}
		}
		third.crash()
		time.Sleep(2 * time.Second)
		if err := target.Transfer(t.Context(), leader.id); !errors.Is(err, ErrNoLeader) {
			t.Errorf("without a leader: %v", err)
		}
		done := make(chan error, 1)
		go func() { done <- target.Transfer(t.Context(), leader.id) }()
		synctest.Wait()
		target.crash()
		if err := <-done; !errors.Is(err, ErrStopped) {
			t.Errorf("by a server that stops: %v", err)
		}
	})
}

// A learner cannot lead.
func TestTransferToALearner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.three()
		c.start(4)
		c.until("it learns", time.Second, func() bool { return len(c.leader().Status().Configuration.Learners) == 1 })
		if err := c.leader().Transfer(t.Context(), 4); !errors.Is(err, raft.ErrNotVoter) {
			t.Errorf("error %v", err)
		}
	})
}

func TestHandOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.three()
		c.propose(c.servers[1], "kept")
		old := c.leader()
		start := c.clock.Now()
		old.HandOver()
		old.HandOver() // a second one does nothing
		var leader *server
		c.until("another leads", time.Second, func() bool {
			leader = nil
			for _, s := range c.others(old) {
				if s.Status().Role == raft.Leader {
					leader = s
				}
			}
			return leader != nil
		})
		if took := c.clock.Now() - start; took > 20*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		old.crash()
		c.propose(leader, "after")
		back := c.start(old.id)
		c.untilSame()
		follower := c.others(leader)[0]
		follower.HandOver() // it has nothing to hand over
		time.Sleep(time.Second)
		if c.leader() != leader {
			t.Error("a follower that left has changed the leader")
		}
		if back.Err() != nil {
			t.Error(back.Err())
		}
	})
}

// Handing over may come at any moment of the loop's work.
func TestHandOverUnderLoad(t *testing.T) {
	for after := range 20 {
		synctest.Test(t, func(t *testing.T) {
			c := newCluster(t)
			c.configure = smallLogs
			c.three()
			old := c.leader()
			for _, s := range c.running() {
				for i := range 50 {
					s.ProposeFunc(fmt.Append(nil, s.id, i), c.clock.Now()+ProposeTimeout, func(Result, error) {})
				}
			}
			time.Sleep(time.Duration(after) * saveDelay / 4)
			old.HandOver()
			old.crash()
			c.until("another leads", time.Second, func() bool { return c.leader() != nil })
			c.propose(c.leader(), "after")
			c.start(old.id)
			c.untilSame()
		})
	}
}
