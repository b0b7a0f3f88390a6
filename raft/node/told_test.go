package node

import (
	"testing"
	"testing/synctest"
	"time"

	"tabraft/raft"
	"tabraft/raft/wire"
)

// tellRemoval has a server tell another that it was removed.
func tellRemoval(to *server, from raft.ID) {
	h := wire.Header{Cluster: testCluster, From: from, To: to.id}
	to.Deliver(from, wire.AppendJoinReply(nil, h, wire.JoinReply{Code: wire.CodeRemoved, Leader: from, Message: "you are none of us"}))
}

// Any server in the room could tell the last one of a cluster, or all of them during an
// election, that they were removed, and had them delete what they had stored.
func TestStrangerTellsRemoval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, leader, seen := watchedThree(t)
		told := func(when string, s *server) {
			t.Helper()
			tellRemoval(s, stranger)
			synctest.Wait()
			if err := s.Err(); err != nil {
				t.Fatalf("%s: %v", when, err)
			}
		}
		leader.PeerUp(stranger)
		told("it leads", leader)
		for _, s := range c.others(leader) {
			s.crash()
		}
		c.until("it leads no more", 5*time.Second, func() bool { return leader.Status().Leader == raft.None })
		told("it knows no leader", leader)
		if refused, offences := seen.of(stranger, errNotAsked.Error()); refused != 2 || offences != 0 {
			t.Errorf("%d refused, %d offences", refused, offences)
		}

		// It asks in the end: all that it knows may have been replaced.
		time.Sleep(strandedAfter + 2*askInterval)
		tellRemoval(leader, stranger)
		<-leader.Done()
		if err := leader.Err(); err != ErrToldRemoved {
			t.Errorf("it ended with %v", err)
		}
	})
}

// An answer that comes long after the question is none.
func TestLateNewsOfRemovalIsIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.start(1)
		late := c.start(2)
		late.PeerUp(stranger) // which it asks, too, until it is let in
		c.until("it is in", 5*time.Second, func() bool { st := late.Status(); return st.Configuration.IsVoter(2) && st.Leader == 1 })
		time.Sleep(answeredWithin + time.Second)
		c.servers[1].crash()
		c.until("it knows no leader", 5*time.Second, func() bool { return late.Status().Leader == raft.None })
		tellRemoval(late, stranger)
		synctest.Wait()
		if err := late.Err(); err != nil {
			t.Errorf("it ended with %v", err)
		}
	})
}

// A new server joined whatever cluster somebody named that it had not asked.
func TestNewServerJoinsWhomItAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		fresh := c.start(4)
		fresh.PeerUp(stranger)
		h := wire.Header{Cluster: testCluster + 1, From: stranger, To: 4}
		fresh.Deliver(stranger, wire.AppendJoinReply(nil, h, wire.JoinReply{Leader: stranger})) // before it was asked
		synctest.Wait()
		if cluster := fresh.Status().Cluster; cluster != 0 {
			t.Errorf("it is in cluster %d", cluster)
		}
	})
}
