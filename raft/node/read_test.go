package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"tabraft/raft"
)

// seen tells whether a read on s sees a command that was answered before.
func (c *cluster) seen(s *server, command string) bool {
	c.t.Helper()
	r, err := s.Read(c.t.Context())
	if err != nil {
		c.t.Fatalf("read at %s: %v", s.id, err)
	}
	if r.Index == 0 || r.Term == 0 {
		c.t.Errorf("read at %s: %+v", s.id, r)
	}
	return slices.Contains(s.machine.applied(), command)
}

func TestReadsEverywhere(t *testing.T) {
	for _, lease := range []bool{false, true} {
		t.Run(fmt.Sprint("lease=", lease), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t)
				c.configure = func(cfg *Config) { cfg.Raft.LeaseReads = lease }
				c.three()
				for i, writer := range c.running() {
					for j, reader := range c.running() {
						command := fmt.Sprint(i, j)
						c.propose(writer, command)
						if !c.seen(reader, command) {
							t.Errorf("what %s wrote is not seen at %s", writer.id, reader.id)
						}
					}
				}
				last := c.leader().Status().LastIndex
				for range 100 {
					c.seen(c.leader(), "00")
				}
				if now := c.leader().Status().LastIndex; now != last {
					t.Errorf("reads grew the log from %d to %d", last, now)
				}
			})
		})
	}
}

// A learner reads, too.
func TestLearnerReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.three()
		learner := c.start(4)
		c.until("it learns", time.Second, func() bool {
			return slices.Contains(learner.Status().Configuration.Learners, learner.id) && learner.Status().Leader != raft.None
		})
		c.propose(c.servers[1], "x")
		if !c.seen(learner, "x") {
			t.Error("the learner reads what is old")
		}
	})
}

// Many reads cost a few messages.
func TestReadsShareTickets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		var asked int
		c.configure = func(cfg *Config) {
			if cfg.ID == 2 {
				cfg.Observer = func(e Event) {
					if e.Kind == EventSent && e.Message.Type == raft.ReadIndex {
						asked++
					}
				}
			}
		}
		c.three()
		s := c.servers[2]
		if c.leader() == s {
			t.Skip("this seed makes it the leader")
		}
		done := make(chan error, 1000)
		for range 10 {
			for range 100 {
				s.ReadFunc(c.clock.Now()+ProposeTimeout, func(_ ReadResult, err error) { done <- err })
			}
			time.Sleep(time.Millisecond / 10)
		}
		for range 1000 {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if asked == 0 || asked > 3*maxTickets {
			t.Errorf("1000 reads took %d messages", asked)
		}
	})
}

func TestReadWithoutQuorum(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.three()
		left := c.leader()
		for _, s := range c.running() {
			if s != left {
				s.crash()
			}
		}
		start := c.clock.Now()
		if _, err := left.Read(t.Context()); !errors.Is(err, ErrNoLeader) {
			t.Errorf("by a leader that just lost its followers: %v", err)
		}
		if took := c.clock.Now() - start; took < ProposeTimeout || took > ProposeTimeout+2*recheckInterval {
			t.Errorf("it failed after %v, stated are %v", took, ProposeTimeout)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := left.Read(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("cancelled: %v", err)
		}
	})
}

// A leader that was replaced and does not know it yet must not answer.
func TestReadOfAReplacedLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.three()
		old := c.leader()
		for _, s := range c.running() {
			c.net.Cut(old.id, s.id, true)
			c.net.Cut(s.id, old.id, true)
		}
		read := make(chan bool, 1)
		go func() {
			_, err := old.Read(t.Context())
			read <- err == nil && !slices.Contains(old.machine.applied(), "new")
		}()
		var leader *server
		c.until("the others elect", 3*time.Second, func() bool { leader = c.leader(); return leader != nil && leader != old })
		c.propose(leader, "new")
		go func() { // asked for after the command was answered
			_, err := old.Read(t.Context())
			read <- err == nil && !slices.Contains(old.machine.applied(), "new")
		}()
		time.Sleep(time.Second)
		for _, s := range c.running() {
			c.net.Cut(old.id, s.id, false)
			c.net.Cut(s.id, old.id, false)
		}
		for range 2 {
			if <-read {
				t.Error("a stale read")
			}
		}
	})
}

// Reads under way outlive their leader, and lost answers.
func TestReadsAreAskedAgain(t *testing.T) {
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
		ask := func() {
			follower.ReadFunc(c.clock.Now()+ProposeTimeout, func(_ ReadResult, err error) { done <- err })
		}
		c.net.Cut(follower.id, leader.id, true) // the request is lost
		ask()
		time.Sleep(50 * time.Millisecond)
		c.net.Cut(follower.id, leader.id, false)
		start := c.clock.Now()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if took := c.clock.Now() - start; took > resubmitAfter+2*recheckInterval {
			t.Errorf("a lost request was made good after %v", took)
		}
		ask()
		time.Sleep(linkDelay / 2)
		leader.crash()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	})
}

func TestReadsOfAStoppedServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		s := c.start(2) // nobody lets it in
		done := make(chan error, maxOutstanding+2)
		for range maxOutstanding + 1 {
			s.ReadFunc(c.clock.Now()+ProposeTimeout, func(_ ReadResult, err error) { done <- err })
		}
		if err := <-done; err != ErrOverloaded {
			t.Errorf("one too many: %v", err)
		}
		synctest.Wait()
		s.Stop()
		for range maxOutstanding {
			if err := <-done; !errors.Is(err, ErrStopped) {
				t.Fatalf("error %v", err)
			}
		}
		if _, err := s.Read(t.Context()); !errors.Is(err, ErrStopped) {
			t.Errorf("after the stop: %v", err)
		}
	})
}
