package node

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"tabraft/raft"
	"tabraft/raft/wire"
)

// Node is one running server. Its methods may be called from any goroutine.
type Node struct {
	cfg   Config
	inbox *inbox
	timer Timer
	done  chan struct{}

	// sending is held from the core's Ready until its messages are with the
	// Transport. Taken before mu.
	sending sync.Mutex
	// mu guards core, with cfg.Rand, err, cluster, left, removeAfter, due, foreign and parts of saving; the loop holds it while it
	// feeds the core, never while it calls out.
	mu      sync.Mutex
	core    *raft.Core
	cluster uint64
	err     error
	left    bool // HandOver was called: the core is done with
	// removeAfter is Config.RemoveAfter as it is now, due when which member is to
	// be removed; a map is replaced, not changed.
	removeAfter time.Duration
	due         map[raft.ID]time.Duration
	// foreign are the connected servers of other clusters. Only the loop
	// replaces the map.
	foreign map[raft.ID]uint64

	// What follows belongs to the loop.
	peers     map[raft.ID]bool // connected
	asks      map[raft.ID]*Meter
	doubts    map[raft.ID]*Meter // see doubt
	member    bool               // when it last looked
	applied   uint64             // last index that the state machine has
	proposals proposals
	reads     reads
	transfers transfers
	snapshots snapshots
	admission admission
	removal   removal
	saving    saving
	// heardLeader is when a leader was last heard, heardAgain when one was heard
	// after a silence of MinRemoveAfter or a restart; negative for never.
	heardLeader, heardAgain time.Duration
	seen                    seen
	ended                   bool
	armed                   time.Duration // what the timer is set to
	reported                []report      // room for the next reports

	reports reports
}

// Start loads the stored state and runs a server with it.
func Start(cfg Config) (*Node, error) {
	st, err := cfg.Storage.Load()
	if err != nil {
		return nil, fmt.Errorf("loading the server's state: %w", err)
	}
	if cfg.Raft.MaxAppendBytes > wire.MaxAppend || cfg.Raft.SnapshotChunkBytes > wire.MaxChunk {
		return nil, fmt.Errorf("messages of %d bytes of entries or %d of a snapshot do not fit into a frame, at most %d and %d do",
			cfg.Raft.MaxAppendBytes, cfg.Raft.SnapshotChunkBytes, wire.MaxAppend, wire.MaxChunk)
	}
	cfg.Raft.ID, cfg.Raft.Rand = cfg.ID, cfg.Rand
	if cfg.SnapshotBytes == 0 {
		cfg.SnapshotBytes = DefaultSnapshotBytes
	}
	core, err := raft.New(cfg.Raft, st, cfg.Clock.Now())
	if err != nil {
		return nil, err
	}
	n := &Node{
		cfg: cfg, inbox: newInbox(), done: make(chan struct{}),
		core: core, cluster: cfg.Cluster, peers: map[raft.ID]bool{}, asks: map[raft.ID]*Meter{}, doubts: map[raft.ID]*Meter{}, heardLeader: -1, heardAgain: -1,
		removeAfter: atLeastMin(cfg.RemoveAfter),
	}
	n.admission.stranded = -1
	n.proposals.init()
	n.planSnapshot(0)
	if st.Snapshot != nil {
		n.snapshots.durable = st.Snapshot.Index
	}
	n.timer = cfg.Clock.Timer(n.inbox.nudge)
	n.inbox.nudge()
	go n.run()
	return n, nil
}

// Deliver takes a frame that peer sent. The frame belongs to the node from
// then on. Beyond the inbox's limits it is dropped.
func (n *Node) Deliver(peer raft.ID, frame []byte) {
	n.inbox.put(input{kind: inputFrame, peer: peer, frame: frame})
}

// PeerUp tells that frames to peer can now be sent.
func (n *Node) PeerUp(peer raft.ID) { n.inbox.put(input{kind: inputPeerUp, peer: peer}) }

// PeerDown tells that the connection to peer was lost or closed, after the last
// frame that came over it.
func (n *Node) PeerDown(peer raft.ID) { n.inbox.put(input{kind: inputPeerDown, peer: peer}) }

// Stop ends the server as a crash would: memory is lost, what is stored stays.
// It returns when the loop has ended.
func (n *Node) Stop() {
	n.inbox.put(input{kind: inputStop, err: ErrStopped})
	<-n.done
}

// Done is closed when the server has stopped; Err then tells why.
func (n *Node) Done() <-chan struct{} { return n.done }

// Err is why the server stopped; nil while it runs.
func (n *Node) Err() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.err
}

// run is the loop.
func (n *Node) run() {
	defer close(n.done)
	defer n.timer.Stop()
	var queue []input
	for !n.ended {
		<-n.inbox.wake
		if n.cfg.Gather != nil {
			n.cfg.Gather()
		}
		var dropped map[raft.ID]uint64
		queue, dropped = n.inbox.take(queue)
		n.guard(func() { n.round(queue) })
		n.reportDropped(dropped)
		clear(queue)
	}
	n.failAll()
}

// guard turns a broken invariant into a stopped server.
func (n *Node) guard(f func()) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *raft.InvariantError:
			n.end(r)
		default:
			panic(r)
		}
	}()
	f()
}

// round takes a batch of inputs through the core and carries out what comes
// of it.
func (n *Node) round(queue []input) {
	for i := range queue {
		n.handle(&queue[i])
		if n.ended {
			return
		}
	}
	now := n.now()
	if slept := now - n.armed; n.armed > 0 && slept >= n.electionTimeout() {
		n.saving.slept(slept) // as the core has it
	}
	n.tick(now)
	n.submitProposals(now)
	n.lookForSilence(now)
	n.admit(now)
	n.moveTransfers(now)
	if n.takeReports(); n.ended {
		return
	}
	n.lookAtSaves(now)
	n.carryOut(now)
	n.observe(now)
	n.arm(now)
}

// arm sets the timer, unless it fires early enough as it is. Deadlines move
// later with almost every message; then the loop goes round once for nothing.
func (n *Node) arm(now time.Duration) {
	if at := n.nextDeadline(); at < n.armed || n.armed <= now {
		n.timer.Reset(at)
		n.armed = at
	}
}

func (n *Node) tick(now time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if now >= n.core.NextDeadline() {
		n.core.Tick(now)
	}
}

// view gives the core's state at a glance and the configuration in force.
func (n *Node) view() (raft.View, raft.Configuration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.core.View(), *n.core.Configuration()
}

// electionTimeout is the core's shortest one.
func (n *Node) electionTimeout() time.Duration {
	if d := n.cfg.Raft.ElectionTimeout; d > 0 {
		return d
	}
	return defaultElectionTimeout
}

func (n *Node) now() time.Duration { return n.cfg.Clock.Now() }

// nextDeadline is when the loop must go round without an input.
func (n *Node) nextDeadline() time.Duration {
	n.mu.Lock()
	at := n.core.NextDeadline()
	n.mu.Unlock()
	return min(at, n.proposals.deadline(), n.reads.deadline(), n.transfers.deadline(), n.admission.next, n.removal.next)
}

func (n *Node) handle(in *input) {
	switch in.kind {
	case inputFrame:
		n.handleFrame(in.peer, in.frame)
	case inputPeerUp:
		n.peers[in.peer] = true
		n.admission.next = 0
		n.greet(in.peer)
	case inputPeerDown:
		delete(n.peers, in.peer)
		delete(n.asks, in.peer)
		delete(n.doubts, in.peer)
		delete(n.admission.asked, in.peer)
		n.notForeign(in.peer)
		n.mu.Lock()
		n.core.PeerDown(n.now(), in.peer)
		n.mu.Unlock()
	case inputCall:
		in.call()
	case inputAsk:
		n.take(in.ask)
	case inputStop:
		n.end(in.err)
	}
}

func (n *Node) step(now time.Duration, m *raft.Message) error {
	n.mu.Lock()
	defer n.mu.Unlock() // also if an invariant is found broken
	return n.core.Step(now, *m)
}

// end stops the loop after this input.
func (n *Node) end(why error) {
	if n.ended {
		return
	}
	n.ended = true
	n.mu.Lock()
	n.err = why
	n.mu.Unlock()
	n.emit(Event{Kind: EventStopped, Err: why})
}

// handleFrame takes a frame from outside: it changes nothing unless it is well
// formed, from whom it says, for us and of our cluster.
func (n *Node) handleFrame(peer raft.ID, b []byte) {
	f, err := wire.Decode(b)
	if err != nil {
		n.rejectFrame(peer, err)
		return
	}
	if f.From != peer || f.To != n.cfg.ID {
		n.offend(peer, fmt.Errorf("a frame from %s to %s came over the connection with %s", f.From, f.To, peer))
		return
	}
	switch f.Kind {
	case wire.KindJoin, wire.KindRemove, wire.KindTransfer, wire.KindGreet:
		if !n.mayAsk(peer) {
			n.offend(peer, errAsksTooOften)
			return
		}
	}
	switch f.Kind {
	case wire.KindJoin:
		n.handleJoin(f)
		return
	case wire.KindJoinReply:
		n.handleJoinReply(f)
		return
	}
	if n.cluster == 0 {
		return // not let in yet
	}
	if !n.checkCluster(&f) {
		return
	}
	switch f.Kind {
	case wire.KindRaft:
		n.handleMessages(f)
	case wire.KindPropose:
		n.handlePropose(f)
	case wire.KindProposeReply:
		n.handleReplies(f)
	case wire.KindRemove:
		n.handleRemove(f)
	case wire.KindTransfer:
		n.handleTransfer(f)
	case wire.KindGreet: // of the same cluster: no news
	}
}

func (n *Node) handleMessages(f wire.Frame) {
	now := n.now()
	for i := range f.Messages {
		m := &f.Messages[i]
		n.emit(Event{Kind: EventReceived, Peer: m.From, Message: m})
		err := n.step(now, m)
		switch {
		case errors.Is(err, raft.ErrImpossible):
			n.offend(f.From, err)
		case err != nil: // sound servers may meet with that
			n.doubt(f.From, err)
		}
		switch m.Type {
		case raft.AppendEntries, raft.InstallSnapshot:
			if err == nil {
				n.noteLeader(now)
			}
		case raft.RequestPreVote, raft.RequestVote:
			n.tellRemoved(f.From)
		}
	}
}

// carryOut does what the core wants, until it wants nothing more.
func (n *Node) carryOut(now time.Duration) {
	n.reports.watch(true)
	for !n.ended {
		n.takeReports()
		n.submitReads(now)
		rd, ok := n.ready()
		if !ok {
			if n.ended || n.reports.watch(false) {
				return
			}
			continue
		}
		if rd.Save != nil {
			seq := rd.Save.Seq
			n.noteSave(rd.Save)
			n.saving.begin(rd.Save.Seq, now)
			n.cfg.Storage.Save(rd.Save, func(err error) {
				if n.reports.put(report{seq, err}) {
					n.inbox.nudge()
				}
			})
		}
		if rd.Snapshot != nil {
			if n.restore(rd.Snapshot); n.ended {
				return
			}
		}
		n.apply(rd.Committed)
		n.grant(rd.Reads)
		n.serveReads()
	}
}

// ready takes what the core wants and sends the messages. What others wait for
// goes first: they work while this server stores and applies.
func (n *Node) ready() (raft.Ready, bool) {
	n.sending.Lock()
	defer n.sending.Unlock()
	rd, ok := n.coreReady()
	n.send(n.cluster, rd.Messages, func(m *raft.Message) {
		if m.Type == raft.RequestPreVote || m.Type == raft.RequestVote {
			n.noteAsked(m.To) // a leader may answer that it was removed
		}
		n.emit(Event{Kind: EventSent, Peer: m.To, Message: m})
	})
	return rd, ok
}

func (n *Node) coreReady() (raft.Ready, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.left {
		return raft.Ready{}, false
	}
	return n.core.Ready()
}

// send puts the messages for one server into as few frames as fit. They come in
// runs for the same server; order within one is kept.
func (n *Node) send(cluster uint64, ms []raft.Message, tell func(*raft.Message)) {
	for len(ms) > 0 {
		k := wire.FitRaft(ms)
		for i := range ms[:k] {
			tell(&ms[i])
		}
		n.cfg.Transport.Send(ms[0].To, wire.AppendRaft(nil, cluster, ms[:k]))
		ms = ms[k:]
	}
}

func (n *Node) header(to raft.ID) wire.Header {
	return wire.Header{Cluster: n.cluster, From: n.cfg.ID, To: to}
}

// apply runs committed commands and answers who waits for them.
func (n *Node) apply(entries []raft.Entry) {
	if len(entries) == 0 {
		return
	}
	for i := range entries {
		e := &entries[i]
		var result []byte
		if e.Kind == raft.EntryCommand {
			result = n.cfg.Machine.Apply(e.Index, e.Data)
		}
		n.answer(e, result)
	}
	n.applied = entries[len(entries)-1].Index
	n.emit(Event{Kind: EventApplied, Entries: entries})
	n.flushReplies()
	n.noteApplied(entries)
}
