package node

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tabraft/raft"
	"tabraft/raft/wire"
)

// sendTerm delivers one message of a high term to every server.
func (c *cluster) sendTerm(from raft.ID, typ raft.MessageType, term uint64) {
	for _, s := range c.running() {
		if s.id == from {
			continue
		}
		s.PeerUp(from)
		m := raft.Message{Type: typ, From: from, To: s.id, Term: term, Reject: typ != raft.AppendEntries && typ != raft.RequestVote}
		s.Deliver(from, wire.AppendRaft(nil, testCluster, []raft.Message{m}))
	}
}

// One frame of a server that was no member had all others store the last term there
// is, and refuse one another's candidacies: no leader, for ever.
func TestStrangerRaisesTerm(t *testing.T) {
	for _, typ := range []raft.MessageType{raft.AppendEntriesReply, raft.RequestVoteReply, raft.RequestPreVoteReply, raft.AppendEntries} {
		synctest.Test(t, func(t *testing.T) {
			c, leader, seen := watchedThree(t)
			before := leader.Status().Term
			c.sendTerm(stranger, typ, 1<<62)
			time.Sleep(3 * time.Second)
			if s := leader.Status(); s.Role != raft.Leader || s.Term != before {
				t.Errorf("type %d: %v of term %d, before it led term %d", typ, s.Role, s.Term, before)
			}
			if refused, offences := seen.of(stranger, "no configuration here names"); refused != 1 || offences != 0 {
				t.Errorf("type %d: %d refused, %d offences", typ, refused, offences)
			}
			c.propose(leader, "still works")
		})
	}
}

// While there is no leader, a stranger may be one that is not known here, and is heeded;
// a member always is. Neither takes more terms than the cluster can do without, and the
// servers that heard it and those that did not find together.
func TestTermIsRaisedFarByOne(t *testing.T) {
	for _, from := range []raft.ID{stranger, 3} {
		synctest.Test(t, func(t *testing.T) {
			c := newCluster(t)
			var offences atomic.Int32
			c.configure = func(cfg *Config) {
				cfg.Observer = func(e Event) {
					if e.Kind == EventRejected && e.Offence {
						offences.Add(1)
					}
				}
			}
			c.three()
			c.servers[1].crash()
			c.servers[3].crash()
			c.until("nobody leads", 5*time.Second, func() bool { return c.servers[2].Status().Leader == raft.None })
			for range 100 {
				c.sendTerm(from, raft.RequestVote, 1<<62)
				time.Sleep(10 * time.Millisecond)
			}
			if term := c.servers[2].Status().Term; term < 1<<26 || term > 1<<32 {
				t.Errorf("term %d", term)
			}
			c.start(1)
			c.start(3)
			c.until("they find together", 10*time.Second, func() bool {
				l := c.leader()
				for _, s := range c.running() {
					if l == nil || s.Status().Leader != l.id {
						return false
					}
				}
				return true
			})
			c.propose(c.servers[1], "goes on")
			if n := offences.Load(); n > 0 {
				t.Errorf("%d offences among sound servers", n)
			}
		})
	}
}

// What is possible and not believed is no offence, as long as it is not sent without end:
// nobody would have told whoever owns the connection to end it.
func TestDoubtsWithoutEndAreAnOffence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, leader, seen := watchedThree(t)
		leader.PeerUp(stranger)
		m := raft.Message{Type: raft.AppendEntriesReply, From: stranger, To: leader.id, Term: 1 << 62, Reject: true}
		many := make([]raft.Message, 100)
		for i := range many {
			many[i] = m
		}
		for range doubtBurst/len(many) + 1 {
			leader.Deliver(stranger, wire.AppendRaft(nil, testCluster, many))
			synctest.Wait()
		}
		if _, offences := seen.of(stranger, errManyDoubts.Error()); offences != uint64(len(many)) {
			t.Errorf("%d offences", offences)
		}
	})
}
