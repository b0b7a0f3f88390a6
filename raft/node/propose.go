package node

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"tabraft/raft"
	"tabraft/raft/wire"
)

// propose.go: commands from clients. A command proposed at any server finds its
// way to the leader and its result back. It is handed over again when the
// leader changes or does not answer, so the state machine may see a command
// twice; package kv's sessions make it take effect once.

const (
	// ProposeTimeout is how long a command waits for its result.
	ProposeTimeout = 5 * time.Second
	// resubmitAfter is how long a forwarded command waits for the leader's
	// answer before it is sent again: the frame may have been lost.
	resubmitAfter = 500 * time.Millisecond
	// recheckInterval is how often waiting commands are looked at.
	recheckInterval = 100 * time.Millisecond
	// maxCommand is the largest command, in bytes.
	maxCommand = wire.MaxCommand

	never = time.Duration(math.MaxInt64)
)

// How a proposal fails.
var (
	// ErrNoLeader: no leader took the command in time; it was not executed.
	ErrNoLeader = fmt.Errorf("no leader was found within %v; the command was not executed", ProposeTimeout)
	// ErrUncertain: a leader took the command, and nothing was heard of it in
	// time. It may be executed or not.
	ErrUncertain = fmt.Errorf("no answer came within %v; the command may have been executed or not", ProposeTimeout)
	// ErrOverloaded: too many commands are waiting; this one was not executed.
	ErrOverloaded = errors.New("too many commands are waiting; try again when some have been answered")
	// ErrTooLarge: the command exceeds the limit; it was not executed.
	ErrTooLarge = fmt.Errorf("the command is larger than %d bytes", maxCommand)
)

// Result is what became of a command: where it stands in the log and what the
// state machine said.
type Result struct {
	Index, Term uint64
	Value       []byte
}

type proposals struct {
	last  uint64 // request number
	mine  map[uint64]*proposal
	order []*proposal // mine, oldest first, and some already answered
	fresh []*proposal // not looked at yet
	// inLog names who waits for the entry at an index.
	inLog map[uint64]waiter
	// loads are what other servers have in inLog.
	loads map[raft.ID]load
	// replies are results on their way to other servers.
	replies map[raft.ID][]wire.ProposalReply
	// leader and term are those that order was last submitted under.
	leader  raft.ID
	term    uint64
	recheck time.Duration
}

// proposal is a command of one of this server's own clients.
type proposal struct {
	request  uint64
	command  []byte
	deadline time.Duration
	done     func(Result, error)
	answered bool
	taken    bool // handed to some leader at least once

	leader raft.ID // whom it was last handed to
	term   uint64
	at     time.Duration
}

// waiter waits for the entry of a term at some index: a client of this server
// (peer is raft.None) or of another.
type waiter struct {
	term    uint64
	peer    raft.ID
	request uint64
	size    int // of the command, if it is another server's
}

func (p *proposals) init() {
	p.mine = map[uint64]*proposal{}
	p.inLog = map[uint64]waiter{}
	p.loads = map[raft.ID]load{}
	p.replies = map[raft.ID][]wire.ProposalReply{}
}

func (p *proposals) deadline() time.Duration {
	if len(p.mine) == 0 {
		return never
	}
	return p.recheck
}

// Propose has a command committed and applied and gives its result. It works
// on any server. Cancelling ctx gives up waiting; the command may still be
// executed.
func (n *Node) Propose(ctx context.Context, command []byte) (Result, error) {
	type answer struct {
		r   Result
		err error
	}
	ch := make(chan answer, 1)
	n.ProposeFunc(command, n.now()+ProposeTimeout, func(r Result, err error) { ch <- answer{r, err} })
	select {
	case a := <-ch:
		return a.r, a.err
	case <-ctx.Done():
		return Result{}, ctx.Err()
	}
}

// ProposeFunc is Propose for callers that do not wait: done is called once, from
// the loop or before ProposeFunc returns, and must not block. The command fails
// when the Clock has passed deadline, which is ProposeTimeout away or less. The
// command is the node's from then on.
func (n *Node) ProposeFunc(command []byte, deadline time.Duration, done func(Result, error)) {
	if len(command) > maxCommand {
		done(Result{}, ErrTooLarge)
		return
	}
	n.ask(&proposal{command: command, done: done, deadline: deadline})
}

func (p *proposal) refuse(err error) { p.done(Result{}, err) }

func (p *proposal) take(n *Node) error {
	ps := &n.proposals
	if len(ps.mine) >= maxOutstanding {
		return ErrOverloaded
	}
	ps.last++
	p.request = ps.last
	ps.mine[p.request] = p
	ps.fresh = append(ps.fresh, p)
	return nil
}

// submitProposals hands the leader what it has not been handed yet.
func (n *Node) submitProposals(now time.Duration) {
	ps := &n.proposals
	if len(ps.mine) == 0 {
		return
	}
	v, _ := n.view()
	look := ps.fresh
	if v.Leader != ps.leader || v.Term != ps.term || now >= ps.recheck {
		ps.leader, ps.term, ps.recheck = v.Leader, v.Term, now+recheckInterval
		ps.forgetAnswered()
		ps.order = append(ps.order, ps.fresh...)
		look = ps.order
	} else {
		ps.order = append(ps.order, ps.fresh...)
	}
	ps.fresh = ps.fresh[:0]

	var forward []wire.Proposal
	for _, p := range look {
		switch {
		case p.answered:
		case now >= p.deadline:
			n.finish(p, Result{}, p.lateError())
		case v.Leader == raft.None || p.leader == v.Leader && p.term == v.Term &&
			(v.Role == raft.Leader || now-p.at < resubmitAfter):
			// Nobody to hand it to, or handed over and not late yet.
		case v.Role == raft.Leader:
			n.proposeOwn(now, p)
		default:
			p.leader, p.term, p.at, p.taken = v.Leader, v.Term, now, true
			forward = append(forward, wire.Proposal{Request: p.request, Command: p.command})
		}
	}
	for len(forward) > 0 {
		k := wire.FitPropose(forward)
		n.cfg.Transport.Send(v.Leader, wire.AppendPropose(nil, n.header(v.Leader), forward[:k]))
		forward = forward[k:]
	}
}

func (p *proposal) lateError() error {
	if p.taken {
		return ErrUncertain
	}
	return ErrNoLeader
}

func (ps *proposals) forgetAnswered() {
	kept := ps.order[:0]
	for _, p := range ps.order {
		if !p.answered {
			kept = append(kept, p)
		}
	}
	clear(ps.order[len(kept):])
	ps.order = kept
}

func (n *Node) proposeOwn(now time.Duration, p *proposal) {
	n.mu.Lock()
	index, term, err := n.core.Propose(now, p.command)
	n.mu.Unlock()
	switch {
	case errors.Is(err, raft.ErrOverloaded):
		n.finish(p, Result{}, ErrOverloaded)
	case err == nil:
		p.leader, p.term, p.at, p.taken = n.cfg.ID, term, now, true
		n.proposals.await(index, waiter{term: term, request: p.request})
	}
}

// handlePropose takes commands that another member forwards.
func (n *Node) handlePropose(f wire.Frame) {
	now := n.now()
	if v, conf := n.view(); v.Role == raft.Leader && !conf.IsMember(f.From) {
		n.reject(f.From, errNotMember) // perhaps it was removed and does not know it yet
		return
	}
	for _, q := range f.Proposals {
		if !n.proposals.mayForward(f.From, len(q.Command)) {
			n.reply(f.From, wire.ProposalReply{Request: q.Request, Code: wire.CodeOverloaded, Leader: n.cfg.ID})
			continue
		}
		n.mu.Lock()
		index, term, err := n.core.Propose(now, q.Command)
		leader := n.core.View().Leader
		n.mu.Unlock()
		switch {
		case err == nil:
			n.proposals.await(index, waiter{term: term, peer: f.From, request: q.Request, size: len(q.Command)})
		case errors.Is(err, raft.ErrOverloaded):
			n.reply(f.From, wire.ProposalReply{Request: q.Request, Code: wire.CodeOverloaded, Leader: leader})
		case errors.Is(err, raft.ErrTransferring), leader == raft.None:
			n.reply(f.From, wire.ProposalReply{Request: q.Request, Code: wire.CodeUnavailable, Leader: leader})
		default:
			n.reply(f.From, wire.ProposalReply{Request: q.Request, Code: wire.CodeNotLeader, Leader: leader})
		}
	}
	n.flushReplies()
}

// answer tells who waits for an entry that it was applied, or that another
// took its place.
func (n *Node) answer(e *raft.Entry, result []byte) {
	w, ok := n.proposals.forget(e.Index)
	if !ok {
		return
	}
	lost := w.term != e.Term
	switch p := n.proposals.mine[w.request]; {
	case w.peer != raft.None && lost:
		n.reply(w.peer, wire.ProposalReply{Request: w.request, Code: wire.CodeNotLeader})
	case w.peer != raft.None:
		n.reply(w.peer, wire.ProposalReply{Request: w.request, Index: e.Index, Term: e.Term, Leader: n.cfg.ID, Result: result})
	case p == nil:
	case lost:
		p.leader = raft.None // to be submitted again
	default:
		n.finish(p, Result{e.Index, e.Term, result}, nil)
	}
}

// skipProposals deals with who waits for entries up to index after a snapshot
// took their place: their commands are in it, or others were committed there.
// Commands of this server go to the leader once more, as after any silence;
// other servers are told to do the same.
func (n *Node) skipProposals(index uint64) {
	for at, w := range n.proposals.inLog {
		if at > index {
			continue
		}
		n.proposals.forget(at)
		if w.peer != raft.None {
			n.reply(w.peer, wire.ProposalReply{Request: w.request, Code: wire.CodeUncertain})
		} else if p := n.proposals.mine[w.request]; p != nil {
			p.leader = raft.None
		}
	}
	n.flushReplies()
}

func (n *Node) finish(p *proposal, r Result, err error) {
	if !p.answered {
		p.answered = true
		delete(n.proposals.mine, p.request)
		p.done(r, err)
	}
}

func (n *Node) reply(to raft.ID, r wire.ProposalReply) {
	n.proposals.replies[to] = append(n.proposals.replies[to], r)
}

func (n *Node) flushReplies() {
	for to, rs := range n.proposals.replies {
		for len(rs) > 0 {
			k := wire.FitProposeReply(rs)
			n.cfg.Transport.Send(to, wire.AppendProposeReply(nil, n.header(to), rs[:k]))
			rs = rs[k:]
		}
		delete(n.proposals.replies, to)
	}
}

// handleReplies takes the leader's answers to what this server forwarded.
func (n *Node) handleReplies(f wire.Frame) {
	for _, r := range f.Replies {
		p := n.proposals.mine[r.Request]
		if p == nil {
			continue // answered before
		}
		switch r.Code {
		case wire.CodeOK:
			n.finish(p, Result{r.Index, r.Term, r.Result}, nil)
		case wire.CodeOverloaded:
			n.finish(p, Result{}, ErrOverloaded)
		case wire.CodeTooLarge:
			n.finish(p, Result{}, ErrTooLarge)
		default:
			// Not done, or perhaps done where this server cannot see it: it goes
			// to the leader known then.
			p.leader = raft.None
		}
	}
}

// failAll ends what still waits when the server has stopped.
func (n *Node) failAll() {
	for _, in := range n.inbox.close() {
		switch in.kind {
		case inputCall:
			in.call()
		case inputAsk:
			n.take(in.ask)
		}
	}
	n.snapshots.fail(n.err)
	n.failReads(n.err)
	n.transfers.fail(n.err)
	for _, p := range append(n.proposals.order, n.proposals.fresh...) {
		err := fmt.Errorf("%w: %w", n.err, p.stoppedError())
		n.finish(p, Result{}, err)
	}
}

func (p *proposal) stoppedError() error {
	if p.taken {
		return errors.New("the command may have been executed or not")
	}
	return errors.New("the command was not executed")
}
