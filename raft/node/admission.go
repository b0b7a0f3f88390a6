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
// has caught up with the log, a voter. Several at once make one change. Whoever
// is asked answers, and be it that it cannot tell.

const (
	// askInterval is how often a server that wants in, or out, asks.
	askInterval = 250 * time.Millisecond
	// growInterval is how often a leader looks whether learners caught up.
	growInterval = 50 * time.Millisecond
	// caughtUp is how many entries a learner's log may lack behind what is
	// committed when it becomes a voter: about what is on its way.
	caughtUp = 64
	// strandedAfter is how long a member knows no leader before it asks whether it
	// still is one: see askWhetherIn.
	strandedAfter = 2 * time.Second
	// maxUnanswered is how often the server that is said to lead is asked without an
	// answer before others are asked, too.
	maxUnanswered = 4
	// awayAfter is how long a server has heard no leader that counts as away, and how
	// long after one was heard again a removal is taken for one of that silence.
	awayAfter = 5 * time.Second
	// answeredWithin is how long after a server was asked, to let this one in or to
	// vote for it, it may answer whether this one is a member: a leader makes sure by
	// a read before it says no. A later answer is ignored; who still wants to know
	// asks again.
	answeredWithin = 2 * ProposeTimeout
)

// errNotAsked: an answer to no question.
var errNotAsked = errors.New("it answers a request to be let in that it was not sent")

// ErrNotMember: the server to remove is not in the cluster.
var ErrNotMember = errors.New("there is no such server in the cluster")

// ErrLastVoter: a cluster without voters could never decide anything again.
var ErrLastVoter = errors.New("the cluster's only voter cannot be removed")

type admission struct {
	next time.Duration
	// As one who asks.
	leader     raft.ID // pointed to by another server
	unanswered int     // times that it was asked since it answered
	turn       int     // whom of the peers to ask next
	adopting   bool    // the cluster's id is being stored
	// asked is when connected servers were last asked what a JoinReply answers.
	asked map[raft.ID]time.Duration
	// stranded is since when this member knows no leader; negative if it does.
	stranded time.Duration
	// As the leader.
	wanted  map[raft.ID]bool // asked to be let in
	removed map[raft.ID]bool // asked to be removed
	telling map[raft.ID]bool // about to be told that they were removed
}

// admit does this server's part in admissions, as far as it is due.
func (n *Node) admit(now time.Duration) {
	if now < n.admission.next {
		return
	}
	v, conf := n.view()
	if v.Leader != raft.None || !conf.IsMember(n.cfg.ID) {
		n.admission.stranded = -1
	} else if n.admission.stranded < 0 {
		n.admission.stranded = now
	}
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
		if since := n.admission.stranded; since >= 0 {
			n.admission.next = max(since+strandedAfter, now+askInterval)
			if now-since >= strandedAfter {
				n.askWhetherIn(v, conf)
			}
		}
	}
}

// askWhetherIn asks connected servers whether this one is a member, which its log
// says. Perhaps it no longer is: all that it knows of were replaced while it was
// away, so it asks servers that its configuration does not know; a voter that others
// know is told when it campaigns. Or it has never been: a server that does not vote
// may have been let in by a leader that died before that was committed. It asks
// anybody, and to be let in as long as it does not know that it was.
func (n *Node) askWhetherIn(v raft.View, conf raft.Configuration) {
	voter := conf.IsVoter(n.cfg.ID)
	n.sendJoin(raft.None, voter || v.ConfigurationIndex <= v.CommitIndex, func(id raft.ID) bool { return !voter || !conf.IsMember(id) })
}

// pick gives the preferred server or else one after the other of those that
// are connected and fit.
func (n *Node) pick(preferred raft.ID, fits func(raft.ID) bool) raft.ID {
	if n.peers[preferred] && fits(preferred) {
		return preferred
	}
	var peers []raft.ID
	for id := range n.peers {
		if fits(id) {
			peers = append(peers, id)
		}
	}
	if len(peers) == 0 {
		return raft.None
	}
	slices.Sort(peers)
	n.admission.turn++
	return peers[n.admission.turn%len(peers)]
}

// askIn asks the leader, or one connected server after the other, to be let in.
func (n *Node) askIn(v raft.View) {
	n.sendJoin(v.Leader, v.LeftOut, func(raft.ID) bool { return true })
}

// sendJoin sends a Join to the leader or, if none is known, to the server that is
// said to lead, as long as that answers, or to one after the other of those that fit.
func (n *Node) sendJoin(leader raft.ID, expelled bool, fits func(raft.ID) bool) {
	a := &n.admission
	if a.unanswered >= maxUnanswered {
		a.leader, a.unanswered = raft.None, 0
	}
	if leader == raft.None {
		leader = a.leader
	}
	to := n.pick(leader, fits)
	if to == raft.None {
		return
	}
	if to == a.leader {
		a.unanswered++
	}
	n.noteAsked(to)
	n.cfg.Transport.Send(to, wire.AppendJoin(nil, n.header(to), wire.Join{Expelled: expelled}))
}

// noteAsked notes that a server was asked what it may answer with a JoinReply.
func (n *Node) noteAsked(id raft.ID) {
	if !n.peers[id] {
		return // it will not get it
	}
	if n.admission.asked == nil {
		n.admission.asked = map[raft.ID]time.Duration{}
	}
	n.admission.asked[id] = n.now()
}

// handleJoin answers a server that wants in.
func (n *Node) handleJoin(f wire.Frame) {
	v, conf := n.view()
	reply := wire.JoinReply{Leader: v.Leader}
	switch {
	case f.Cluster != 0 && n.cluster != 0 && f.Cluster != n.cluster:
		reply.Code = wire.CodeRefused
		reply.Message = fmt.Sprintf("this is cluster %016x, you belong to %016x", n.cluster, f.Cluster)
	case !conf.IsMember(n.cfg.ID):
		reply.Code, reply.Message = wire.CodeUnavailable, "the server that was asked waits to be let in itself. Open the room in a browser that has a server of the cluster; if nobody can, open the page with #new at the end of its address to make a new room"
	case v.Leader == raft.None:
		reply.Code, reply.Message = wire.CodeUnavailable, "no leader is known at the moment"
	case v.Role != raft.Leader:
		reply.Code = wire.CodeNotLeader
	case conf.IsMember(f.From):
	case f.Join.Expelled:
		if n.tellRemoved(f.From) {
			return // soon
		}
		reply.Code, reply.Message = wire.CodeUnavailable, changing
	case !n.admission.wanted[f.From] && len(conf.Members())+len(n.admission.wanted) >= raft.MaxMembers:
		reply.Code = wire.CodeRefused
		reply.Message = fmt.Sprintf("the cluster is full: %d servers", raft.MaxMembers)
	case f.Cluster == n.cluster:
		if n.admission.wanted == nil {
			n.admission.wanted = map[raft.ID]bool{}
		}
		n.admission.wanted[f.From] = true
		n.admission.next = 0
		if conf.Joint() || v.ConfigurationIndex > v.CommitIndex || !v.TermCommitted {
			reply.Message = changing
		}
	}
	n.cfg.Transport.Send(f.From, wire.AppendJoinReply(nil, n.header(f.From), reply))
}

// changing is what a server is told that has to wait.
const changing = "another change of members has to be committed first"

// handleJoinReply takes the answer to our Join, or the news of our removal. Only who
// was asked is heard: a server ends by that news, and a new one joins the cluster that
// an answer names.
func (n *Node) handleJoinReply(f wire.Frame) {
	switch asked, ok := n.admission.asked[f.From]; {
	case !ok:
		n.reject(f.From, errNotAsked)
		return
	case n.now()-asked > answeredWithin:
		return
	}
	v, conf := n.view()
	reply := &f.JoinReply
	member := conf.IsMember(n.cfg.ID)
	if f.From == n.admission.leader {
		n.admission.unanswered = 0
		if reply.Code == wire.CodeUnavailable {
			n.admission.leader = raft.None // it does not lead; others may know who does
		}
	}
	switch {
	case reply.Code == wire.CodeUnavailable:
		if !member {
			n.emit(Event{Kind: EventNotYet, Peer: f.From, Err: errors.New(reply.Message)})
		}
	case f.Cluster == 0:
	case n.cluster != 0 && f.Cluster != n.cluster:
		n.reject(f.From, fmt.Errorf("%w: %s", ErrOtherCluster, reply.Message))
	case reply.Code == wire.CodeRemoved:
		if n.cluster != 0 && (member || v.LeftOut) && (v.Leader == raft.None || v.Leader == f.From) {
			n.end(n.toldRemoved(conf.IsMember(f.From), member))
		}
	case reply.Code == wire.CodeRefused:
		n.reject(f.From, errors.New(reply.Message))
	case member:
		n.admission.leader = reply.Leader
	default:
		if reply.Message != "" {
			n.emit(Event{Kind: EventNotYet, Peer: f.From, Err: errors.New(reply.Message)})
		}
		n.adopt(f.Cluster)
		if n.admission.leader != reply.Leader {
			n.admission.leader, n.admission.next = reply.Leader, 0
		}
	}
}

// toldRemoved is why a server ends that was told of its removal. Whom the
// configuration names is believed. Whom it does not may tell the truth, if all that this
// server knew were replaced while it was away; so it ends, or it would be stranded for
// ever, and keeps what it stored.
func (n *Node) toldRemoved(byMember, unknown bool) error {
	if !byMember {
		return ErrToldRemoved
	}
	return n.removedWhen(unknown)
}

// removedWhen tells a removal that this server was there to see from one while
// it was away: its log does not know of it, and no leader was heard for long; or
// one was heard again a moment ago, as by a tab that was stopped, or opened again, and
// then finds the news of its removal among all that has come meanwhile.
func (n *Node) removedWhen(unknown bool) error {
	silent := n.heardLeader < 0 || n.now()-n.heardLeader > awayAfter
	cameBack := n.heardAgain >= 0 && n.now()-n.heardAgain < awayAfter
	if unknown && silent || cameBack {
		return ErrRemovedAway
	}
	return ErrRemoved
}

// noteLeader takes note that a leader was heard, perhaps again: after a silence for
// which leaders may remove a server, if that is how they are set. Of a server that was started again
// nobody knows how long it was away.
func (n *Node) noteLeader(now time.Duration) {
	if n.heardLeader < 0 && n.cfg.Cluster != 0 || n.heardLeader >= 0 && now-n.heardLeader > MinRemoveAfter {
		n.heardAgain = now
	}
	n.heardLeader = now
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
	expired := n.removal.chosen
	if len(n.admission.removed) > 0 || !conf.IsMember(expired) {
		expired = raft.None // one after the other
	}
	if conf.Joint() || v.ConfigurationIndex > v.CommitIndex || !v.TermCommitted || v.Transferring != raft.None ||
		len(conf.Learners)+len(n.admission.wanted)+len(n.admission.removed) == 0 && expired == raft.None {
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
	if expired != raft.None {
		voters, learners = without(voters, expired), without(learners, expired)
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
		return
	}
	if expired != raft.None {
		n.emit(Event{Kind: EventExpired, Peer: expired})
	}
}

func without(ids []raft.ID, id raft.ID) []raft.ID {
	return slices.DeleteFunc(ids, func(x raft.ID) bool { return x == id })
}

// tellRemoved tells a server that a committed configuration leaves it out, of
// which it may never have heard. The server will delete what it stored, so the
// leader first makes sure that it still is the leader, as for a read: another
// may have let that server in again. It reports whether it may come to that.
func (n *Node) tellRemoved(id raft.ID) bool {
	outside := func() bool {
		v, conf := n.view()
		return v.Role == raft.Leader && v.TermCommitted && v.ConfigurationIndex <= v.CommitIndex && !conf.IsMember(id)
	}
	if !outside() {
		return false
	}
	if n.admission.telling[id] {
		return true
	}
	if n.admission.telling == nil {
		n.admission.telling = map[raft.ID]bool{}
	}
	q := &read{deadline: n.now() + ProposeTimeout, done: func(_ ReadResult, err error) {
		delete(n.admission.telling, id)
		if err == nil && outside() {
			reply := wire.JoinReply{Code: wire.CodeRemoved, Leader: n.cfg.ID, Message: ErrRemoved.Error()}
			n.cfg.Transport.Send(id, wire.AppendJoinReply(nil, n.header(id), reply))
		}
	}}
	if q.take(n) != nil {
		return false
	}
	n.admission.telling[id] = true
	return true
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
