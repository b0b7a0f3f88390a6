package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tabraft/raft"
	"tabraft/raft/wire"
)

// transfer.go: leadership handed over, on request or by a server that leaves.

// transferSlack is added to the time a leader takes before it gives a transfer
// up: for the ways there and back.
const transferSlack = 500 * time.Millisecond

// ErrNotTransferred: the server did not take over in time. Perhaps it lacks much
// of the log, or cannot be reached; the cluster goes on with the leader it has.
var ErrNotTransferred = errors.New("the server did not take over in time")

// transfers are the calls of Transfer under way.
type transfers []*handover

type handover struct {
	target raft.ID
	until  time.Duration
	done   func(error)
	asked  bool
	leader raft.ID // who was asked, in term
	term   uint64
}

// Transfer has a voter lead, and waits until it does. It works from any server;
// another than the leader asks the leader once. It fails with ErrNotMember or
// raft.ErrNotVoter if the server cannot lead, with ErrNoLeader if there is
// nobody to hand the office over, with raft.ErrTransferring if it is on its way
// to another server, and with ErrNotTransferred if the server did not take it.
func (n *Node) Transfer(ctx context.Context, target raft.ID) error {
	ch := make(chan error, 1)
	done := func(err error) { ch <- err }
	n.call(func() { n.beginTransfer(target, done) }, done)
	select {
	case err := <-ch:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// transferTime is how long a transfer may take.
func (n *Node) transferTime() time.Duration {
	return 2*n.electionTimeout() + transferSlack
}

func (n *Node) beginTransfer(target raft.ID, done func(error)) {
	_, conf := n.view()
	switch {
	case !conf.IsMember(target):
		done(ErrNotMember)
	case !conf.IsVoter(target):
		done(fmt.Errorf("%w: %s is still learning the log", raft.ErrNotVoter, target))
	default:
		n.transfers = append(n.transfers, &handover{target: target, done: done, until: n.now() + n.transferTime()})
	}
}

// deadline is when a transfer under way must be looked at without an input.
func (ts transfers) deadline() time.Duration {
	at := never
	for _, t := range ts {
		at = min(at, t.until)
	}
	return at
}

// moveTransfers asks for what was not asked for, and answers what is decided.
func (n *Node) moveTransfers(now time.Duration) {
	if len(n.transfers) == 0 {
		return
	}
	waiting := n.transfers[:0]
	for _, t := range n.transfers {
		v, _ := n.view()
		if over, err := n.moveTransfer(now, t, v); over {
			t.done(err)
		} else {
			waiting = append(waiting, t)
		}
	}
	clear(n.transfers[len(waiting):])
	n.transfers = waiting
}

// moveTransfer tells whether a transfer is over, and how it ended.
func (n *Node) moveTransfer(now time.Duration, t *handover, v raft.View) (over bool, err error) {
	switch {
	case v.Leader == t.target:
		return true, nil
	case now >= t.until && t.asked:
		return true, ErrNotTransferred
	case now >= t.until:
		return true, ErrNoLeader
	case !t.asked && v.Role == raft.Leader:
		t.asked, t.leader, t.term = true, n.cfg.ID, v.Term
		n.mu.Lock()
		defer n.mu.Unlock()
		err := n.core.Transfer(now, t.target)
		return err != nil, err
	case !t.asked && v.Leader != raft.None:
		t.asked, t.leader, t.term = true, v.Leader, v.Term
		n.cfg.Transport.Send(v.Leader, wire.AppendTransfer(nil, n.header(v.Leader), t.target))
	case t.asked && t.leader == n.cfg.ID && v.Role == raft.Leader && v.Term == t.term && v.Transferring == raft.None:
		return true, ErrNotTransferred // it has given up
	case t.asked && v.Leader != raft.None && v.Leader != t.leader:
		return true, fmt.Errorf("%w: %s leads now", ErrNotTransferred, v.Leader)
	}
	return false, nil
}

func (ts transfers) fail(err error) {
	for _, t := range ts {
		t.done(err)
	}
}

// handleTransfer takes another member's wish. It has no answer: the asker sees
// who leads.
func (n *Node) handleTransfer(f wire.Frame) {
	v, conf := n.view()
	if v.Role != raft.Leader || !conf.IsMember(f.From) {
		return
	}
	n.mu.Lock()
	err := n.core.Transfer(n.now(), f.Transfer)
	n.mu.Unlock()
	if err != nil {
		n.reject(f.From, err)
	}
}

// HandOver is for a server that ends at once, such as a tab that is being
// closed. If it leads, the best follower is asked to campaign, by a frame that
// is with the Transport when HandOver returns. The server does nothing from
// then on; Stop it. HandOver does not wait for the loop.
func (n *Node) HandOver() {
	// The loop may be between Ready and the Transport.
	n.sending.Lock()
	defer n.sending.Unlock()
	n.mu.Lock()
	if n.left {
		n.mu.Unlock()
		return
	}
	n.left = true
	n.core.HandOver(n.now())
	rd, _ := n.core.Ready() // what is not carried out is lost as by a crash
	cluster := n.cluster
	n.mu.Unlock()
	n.send(cluster, rd.Messages, func(*raft.Message) {})
}
