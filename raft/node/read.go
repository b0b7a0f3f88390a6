package node

import (
	"context"
	"time"

	"tabraft/raft"
)

// read.go: reads from this server's own state machine that are as good as
// commands: they see all that was committed before they were asked for. The
// core finds out how far the state machine must be (raft/read.go); that costs
// one round of messages, whatever the number of reads, and no log entry.
//
// All reads that have come when the loop goes round share one ticket. Of
// tickets a few may be unanswered; reads that come then share the next one.

// maxTickets is how many tickets are unanswered at once.
const maxTickets = 4

// ReadResult says which state was read.
type ReadResult struct {
	// Index and Term are those of the last entry that the state machine has
	// applied.
	Index, Term uint64
}

// reads is the loop's.
type reads struct {
	fresh   []*read // no ticket stands for them
	asked   []ticket
	granted []ticket // those that wait for the state machine
	count   int      // of reads in the three
	// leader and term are those that asked was asked under.
	leader  raft.ID
	term    uint64
	recheck time.Duration
}

type read struct {
	deadline time.Duration
	done     func(ReadResult, error)
}

// ticket stands for some reads.
type ticket struct {
	number uint64
	at     time.Duration // when it was asked for
	index  uint64        // granted: what must be applied
	reads  []*read
}

func (r *reads) deadline() time.Duration {
	if r.count == 0 {
		return never
	}
	return r.recheck
}

// Read waits until what the state machine holds is at least what was committed
// when it was called. It works on any server, and fails with ErrNoLeader if no
// leader answers within ProposeTimeout. Of what is asked for at the same time
// as a read it may see the effect or not.
func (n *Node) Read(ctx context.Context) (ReadResult, error) {
	type answer struct {
		r   ReadResult
		err error
	}
	ch := make(chan answer, 1)
	n.ReadFunc(n.now()+ProposeTimeout, func(r ReadResult, err error) { ch <- answer{r, err} })
	select {
	case a := <-ch:
		return a.r, a.err
	case <-ctx.Done():
		return ReadResult{}, ctx.Err()
	}
}

// ReadFunc is Read for callers that do not wait: done is called once, from the
// loop or before ReadFunc returns, and must not block. While it runs the state
// machine is the one of the ReadResult. The read fails when the Clock has
// passed deadline.
func (n *Node) ReadFunc(deadline time.Duration, done func(ReadResult, error)) {
	n.ask(&read{deadline, done})
}

func (q *read) refuse(err error) { q.done(ReadResult{}, err) }

func (q *read) take(n *Node) error {
	r := &n.reads
	if r.count >= maxOutstanding {
		return ErrOverloaded
	}
	r.count++
	r.fresh = append(r.fresh, q)
	return nil
}

// submitReads asks for what has not been asked for, or not been answered.
func (n *Node) submitReads(now time.Duration) {
	r := &n.reads
	if r.count == 0 {
		return
	}
	v, _ := n.view()
	if v.Leader != r.leader || v.Term != r.term {
		r.leader, r.term = v.Leader, v.Term
		r.askAgain(never)
	}
	if now >= r.recheck {
		r.recheck = now + recheckInterval
		r.askAgain(now - resubmitAfter)
		n.failLateReads(now)
	}
	if len(r.fresh) == 0 || len(r.asked) >= maxTickets {
		return
	}
	n.mu.Lock()
	number, err := n.core.ReadIndex(now)
	n.mu.Unlock()
	if err != nil {
		return // no leader, or it has too much to do: later
	}
	r.asked = append(r.asked, ticket{number: number, at: now, reads: r.fresh})
	r.fresh = nil
}

// askAgain gives up the tickets that were asked for until then.
func (r *reads) askAgain(until time.Duration) {
	rest := r.asked[:0]
	for _, t := range r.asked {
		if t.at <= until {
			r.fresh = append(r.fresh, t.reads...)
		} else {
			rest = append(rest, t)
		}
	}
	clear(r.asked[len(rest):])
	r.asked = rest
}

// failLateReads answers those that have waited their time. Nothing about a read
// is uncertain: whoever got none may ask again.
func (n *Node) failLateReads(now time.Duration) {
	r := &n.reads
	var late []*read
	keep := func(reads []*read) []*read {
		rest := reads[:0]
		for _, q := range reads {
			if now >= q.deadline {
				late = append(late, q)
			} else {
				rest = append(rest, q)
			}
		}
		clear(reads[len(rest):])
		return rest
	}
	r.fresh = keep(r.fresh)
	for _, tickets := range [][]ticket{r.asked, r.granted} {
		for i := range tickets {
			tickets[i].reads = keep(tickets[i].reads)
		}
	}
	n.finishReads(late, ReadResult{}, ErrNoLeader)
}

// grant notes the core's answers.
func (n *Node) grant(answers []raft.Read) {
	r := &n.reads
	for _, a := range answers {
		for i, t := range r.asked {
			if t.number == a.Ticket {
				t.index = a.Index
				r.granted = append(r.granted, t)
				r.asked = append(r.asked[:i], r.asked[i+1:]...)
				break
			}
		}
	}
}

// serveReads answers the reads that the state machine is ready for.
func (n *Node) serveReads() {
	r := &n.reads
	if len(r.granted) == 0 {
		return
	}
	n.mu.Lock()
	term, _ := n.core.Term(n.applied)
	n.mu.Unlock()
	now := ReadResult{n.applied, term}
	waiting := r.granted
	r.granted = nil
	for _, t := range waiting {
		if t.index <= n.applied {
			n.finishReads(t.reads, now, nil)
		} else {
			r.granted = append(r.granted, t)
		}
	}
}

func (n *Node) finishReads(reads []*read, result ReadResult, err error) {
	n.reads.count -= len(reads)
	for _, q := range reads {
		q.done(result, err)
	}
}

// failReads ends all of them: the server has stopped.
func (n *Node) failReads(err error) {
	r := &n.reads
	r.askAgain(never)
	for _, t := range r.granted {
		r.fresh = append(r.fresh, t.reads...)
	}
	all := r.fresh
	r.fresh, r.granted = nil, nil
	n.finishReads(all, ReadResult{}, err)
}
