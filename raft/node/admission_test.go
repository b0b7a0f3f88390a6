package node

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"tabraft/raft"
)

// part cuts or mends the wires between one server and the others of the first three,
// both ways.
func (c *cluster) part(from *server, cut bool) {
	for _, s := range c.others(from) {
		if s.id <= 3 {
			c.net.Cut(from.id, s.id, cut)
			c.net.Cut(s.id, from.id, cut)
		}
	}
}

// untilVoter waits until a leader counts a server among the voters.
func (c *cluster) untilVoter(id raft.ID) {
	c.t.Helper()
	c.until("it is a voter", 10*time.Second, func() bool { return slices.Contains(c.voters(), id) })
}

// untilLearner waits until a server knows that it is a learner.
func (c *cluster) untilLearner(s *server) {
	c.t.Helper()
	c.until("it is a learner", time.Second, func() bool {
		st := s.Status()
		return slices.Contains(st.Configuration.Learners, s.id) && st.ConfigurationIndex <= st.CommitIndex
	})
}

// untilRemoved waits until a leader has removed a server for its silence.
func (c *cluster) untilRemoved(leader *server, id raft.ID) {
	c.t.Helper()
	c.until("it is removed", 2*removeAfter, func() bool {
		st := leader.Status()
		return !st.Configuration.IsMember(id) && st.ConfigurationIndex <= st.CommitIndex
	})
}

// A server is let in by a leader that dies before that is committed. It believes to
// be a learner, as its log says, and nobody else does: it was left so for good.
func TestLetInByALeaderThatDies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.three()
		leader := c.leader()
		c.part(leader, true)
		late := c.start(4)
		c.until("it believes to be let in", time.Second, func() bool {
			st := late.Status()
			return st.Configuration.IsMember(4) && st.ConfigurationIndex > st.CommitIndex
		})
		leader.crash()
		c.untilVoter(4)
	})
}

// The same, when that leader lives, cut off from all but the one that it let in.
func TestLetInByALeaderThatIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.three()
		leader := c.leader()
		c.part(leader, true)
		c.start(4)
		c.untilVoter(4)
	})
}

// A server that wants in was pointed to a leader that is then cut off from the
// others, and leads no more. It asked nobody else, although the new leader is
// connected.
func TestPointedToALeaderThatIsNone(t *testing.T) {
	for _, deaf := range []bool{false, true} { // it says that it knows no leader, or nothing
		synctest.Test(t, func(t *testing.T) {
			c := newCluster(t)
			c.three()
			leader := c.leader()
			adopting := make(chan struct{})
			c.configure = func(cfg *Config) {
				admitted := cfg.Admitted
				cfg.Admitted = func(cluster uint64) error {
					close(adopting)
					time.Sleep(5 * time.Second) // slow storage: until then it asks, and is not let in
					return admitted(cluster)
				}
			}
			c.start(4)
			<-adopting
			time.Sleep(askInterval)
			c.part(leader, true)
			if deaf {
				c.net.Cut(leader.id, 4, true)
			}
			c.untilVoter(4)
		})
	}
}

// A learner goes and is removed for its silence. When it comes back the others know
// nothing of it, and it neither campaigns nor hears a leader: it was left so for good.
func TestLearnerRemovedWhileAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.configure = removing
		c.three()
		leader := c.leader()
		away := c.start(4)
		c.untilLearner(away)
		away.crash()
		c.untilRemoved(leader, 4)
		time.Sleep(time.Second)
		// What it stored need not tell that it ever was in; then it is let in again.
		c.start(4)
		c.until("it is in, or knows", 10*time.Second, func() bool {
			return away.Err() == ErrRemovedAway || slices.Contains(c.voters(), 4)
		})
	})
}

// The same, when it was stopped and goes on: it knows that it was let in, and so
// learns that it was removed.
func TestStoppedLearnerIsRemovedAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.configure = removing
		c.three()
		leader := c.leader()
		away := c.start(4)
		c.untilLearner(away)
		for id := raft.ID(1); id <= 3; id++ {
			c.net.Cut(4, id, true)
			c.net.Cut(id, 4, true)
		}
		c.untilRemoved(leader, 4)
		for id := raft.ID(1); id <= 3; id++ {
			c.net.Cut(4, id, false)
			c.net.Cut(id, 4, false)
		}
		c.until("it knows", 10*time.Second, func() bool { return away.Err() != nil })
		if away.Err() != ErrRemovedAway {
			t.Error(away.Err())
		}
	})
}
