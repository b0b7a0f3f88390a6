package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tabraft/raft"
	"tabraft/raft/wire"
)

// admission.go: how servers come into the cluster and leave it.
//
// A server that is in no configuration asks whoever it is connected to, is
// pointed to the leader, and learns the cluster's id. Once it has stored that,
// it asks the leader again under it. The leader makes it a learner and, when it
// has caught up with the log, a voter. Several at once make one change.

const (
	// askInterval is how often a server that wants in, or out, asks.
	askInterval = 250 * time.Millisecond
	// growInterval is how often a leader looks whether learners caught up.
	growInterval = 50 * time.Millisecond
	// caughtUp is how many entries a learner's log may lack behind what is
	// committed when it becomes a voter: about what is on its way.
	caughtUp = 64
)

// ErrNotMember: the server to remove is not in the cluster.
var ErrNotMember = errors.New("there is no such server in the cluster")

// ErrLastVoter: a cluster without voters could never decide anything again.
var ErrLastVoter = errors.New("the cluster's only voter cannot be removed")

type admission struct {
	next time.Duration
	// As one who asks.
	leader   raft.ID // pointed to by another server
	turn     int     // whom of the peers to ask next
	adopting bool    // the cluster's id is being stored
	// As the leader.
	wanted  map[raft.ID]bool // asked to be let in
	removed map[raft.ID]bool // asked to be removed
}

// admit does this server's part in admissions, as far as it is due.
func (n *Node) admit(now time.Duration) {
	if now < n.admission.next {
		return
	}
	v, conf := n.view()
	switch {
	case !conf.IsMember(n.cfg.ID):
		n.askIn(v)
		n.admission.next = now + askInterval
	case v.Role == raft.Leader:
		n.change(now, v, conf)
		n.admission.next = never
		if v.ConfigurationIndex > v.CommitIndex || len(conf.Learners)+len(n.admission.wanted)+len(n.admission.removed) > 0 {
			n.admission.next = now + growInterval
		}
	default:
		n.admission.wanted, n.admission.removed = nil, nil
		n.admission.next = never
	}
}

// askIn sends a Join to the leader, or to one connected server after the other.
func (n *Node) askIn(v raft.View) {
	to := v.Leader
	if to == raft.None {
		to = n.admission.leader
	}
	if to == raft.None || !n.peers[to] {
		peers := make([]raft.ID, 0, len(n.peers))
		for id := range n.peers {
			peers = append(peers, id)
		}
		if len(peers) == 0 {
			return
		}
		slices.Sort(peers)
		n.admission.turn++
		to = peers[n.admission.turn%len(peers)]
	}
	n.cfg.Transport.Send(to, wire.AppendJoin(nil, n.header(to), wire.Join{Expelled: v.LeftOut}))
}

// handleJoin answers a server that wants in.
func (n *Node) handleJoin(f wire.Frame) {
	v, conf := n.view()
	if !conf.IsMember(n.cfg.ID) {
		return // outside, like it
	}
	reply := wire.JoinReply{Leader: v.Leader}
	switch {
	case f.Cluster != 0 && f.Cluster != n.cluster:
		reply.Code = wire.CodeRefused
		reply.Message = fmt.Sprintf("this is cluster %016x, you belong to %016x", n.cluster, f.Cluster)
	case v.Role != raft.Leader:
		reply.Code = wire.CodeNotLeader
	case conf.IsMember(f.From):
	case f.Join.Expelled:
		n.tellRemoved(f.From)
		return
	case len(conf.Members())+len(n.admission.wanted) >= raft.MaxMembers:
		reply.Code = wire.CodeRefused
		reply.Message = fmt.Sprintf("the cluster is full: %d servers", raft.MaxMembers)
	case f.Cluster == n.cluster:
		if n.admission.wanted == nil {
			n.admission.wanted = map[raft.ID]bool{}
		}
		n.admission.wanted[f.From] = true
		n.admission.next = 0
	}
	n.cfg.Transport.Send(f.From, wire.AppendJoinReply(nil, n.header(f.From), reply))
}

// handleJoinReply takes the answer to our Join, or the news of our removal.
func (n *Node) handleJoinReply(f wire.Frame) {
	_, conf := n.view()
	switch {
	case f.Cluster == 0:
	case n.cluster != 0 && f.Cluster != n.cluster:
		n.reject(f.From, fmt.Errorf("%w: %s", ErrOtherCluster, f.JoinReply.Message))
	case f.JoinReply.Code == wire.CodeRemoved:
		if conf.IsVoter(f.From) {
			n.end(ErrRemoved)
		}
	case f.JoinReply.Code == wire.CodeRefused:
		n.reject(f.From, errors.New(f.JoinReply.Message))
	case conf.IsMember(n.cfg.ID):
	default:
		n.adopt(f.Cluster)
		if n.admission.leader != f.JoinReply.Leader {
			n.admission.leader, n.admission.next = f.JoinReply.Leader, 0
		}
	}
}

// adopt stores the id of the cluster that lets this server in, and only then
// lets the server take part.
func (n *Node) adopt(cluster uint64) {
	if n.cluster != 0 || n.admission.adopting {
		return
	}
	n.admission.adopting = true
	go func() {
		var err error
		if n.cfg.Admitted != nil {
			err = n.cfg.Admitted(cluster)
		}
		n.inbox.put(input{kind: inputCall, call: func() {
			if err != nil {
				n.end(fmt.Errorf("storing the cluster's id: %w", err))
				return
			}
			n.mu.Lock()
			n.cluster = cluster
			n.mu.Unlock()
			n.admission.next = 0
		}})
	}()
}

// change makes the next change of members, if one is due and possible.
func (n *Node) change(now time.Duration, v raft.View, conf raft.Configuration) {
	for id := range n.admission.wanted {
		if conf.IsMember(id) || !n.peers[id] {
			delete(n.admission.wanted, id)
		}
	}
	for id := range n.admission.removed {
		if !conf.IsMember(id) {
			delete(n.admission.removed, id)
		}
	}
	if conf.Joint() || v.ConfigurationIndex > v.CommitIndex || !v.TermCommitted ||
		len(conf.Learners)+len(n.admission.wanted)+len(n.admission.removed) == 0 {
		return
	}
	voters, learners := slices.Clone(conf.Voters), slices.Clone(conf.Learners)
	n.mu.Lock()
	progress := n.core.Status().Progress
	n.mu.Unlock()
	for _, p := range progress {
		if slices.Contains(learners, p.ID) && p.State == raft.Replicate && p.Match+caughtUp >= v.CommitIndex &&
			now-p.LastHeard < askInterval {
			learners = without(learners, p.ID)
			voters = append(voters, p.ID)
		}
	}
	for id := range n.admission.wanted {
		learners = append(learners, id)
	}
	for id := range n.admission.removed {
		voters, learners = without(voters, id), without(learners, id)
	}
	if len(voters) == len(conf.Voters) && len(learners) == len(conf.Learners) &&
		len(n.admission.wanted)+len(n.admission.removed) == 0 {
		return
	}
	n.mu.Lock()
	_, err := n.core.Reconfigure(voters, learners)
	n.mu.Unlock()
	if err != nil {
		n.reject(raft.None, fmt.Errorf("changing the members: %w", err))
		n.admission.removed = nil
	}
}

func without(ids []raft.ID, id raft.ID) []raft.ID {
	return slices.DeleteFunc(ids, func(x raft.ID) bool { return x == id })
}

// tellRemoved tells a server that campaigns although a committed configuration
// leaves it out: it may never have received that configuration.
func (n *Node) tellRemoved(id raft.ID) {
	v, conf := n.view()
	if v.Role == raft.Leader && v.TermCommitted && v.ConfigurationIndex <= v.CommitIndex && !conf.IsMember(id) {
		reply := wire.JoinReply{Code: wire.CodeRemoved, Leader: n.cfg.ID, Message: ErrRemoved.Error()}
		n.cfg.Transport.Send(id, wire.AppendJoinReply(nil, n.header(id), reply))
	}
}

// handleRemove takes another member's wish to remove a server.
func (n *Node) handleRemove(f wire.Frame) {
	if v, conf := n.view(); v.Role == raft.Leader && conf.IsMember(f.From) {
		n.wantRemoved(f.Remove)
	}
}

func (n *Node) wantRemoved(id raft.ID) {
	if n.admission.removed == nil {
		n.admission.removed = map[raft.ID]bool{}
	}
	if len(n.admission.removed) < raft.MaxMembers {
		n.admission.removed[id] = true
		n.admission.next = 0
	}
}

// Remove has a server taken out of the cluster and waits until that is
// committed. It works on any member, and for the leader and this server too;
// the removed server stops with ErrRemoved.
func (n *Node) Remove(ctx context.Context, id raft.ID) error {
	conf := n.Status().Configuration
	switch {
	case !conf.IsMember(id):
		return ErrNotMember
	case len(conf.Voters) == 1 && conf.Voters[0] == id:
		return ErrLastVoter
	}
	for {
		n.inbox.put(input{kind: inputCall, call: func() { n.askRemoval(id) }})
		if err := n.wait(ctx, askInterval); err != nil {
			return err
		}
		s := n.Status()
		if n.Err() == ErrRemoved && id == n.cfg.ID {
			return nil
		}
		if err := n.Err(); err != nil {
			return err
		}
		if !s.Configuration.IsMember(id) && s.ConfigurationIndex <= s.CommitIndex {
			return nil
		}
	}
}

func (n *Node) askRemoval(id raft.ID) {
	v, _ := n.view()
	switch {
	case v.Role == raft.Leader:
		n.wantRemoved(id)
	case v.Leader != raft.None:
		n.cfg.Transport.Send(v.Leader, wire.AppendRemove(nil, n.header(v.Leader), id))
	}
}

// wait is a sleep on the node's Clock.
func (n *Node) wait(ctx context.Context, d time.Duration) error {
	ch := make(chan struct{}, 1)
	t := n.cfg.Clock.Timer(func() { ch <- struct{}{} })
	t.Reset(n.now() + d)
	defer t.Stop()
	select {
	case <-ch:
		return nil
	case <-n.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
