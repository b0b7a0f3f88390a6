package node

import (
	"time"

	"tabraft/raft"
)

// EventKind says what happened.
type EventKind uint8

const (
	// EventRole: the role, term or known leader changed; see Role, Term, Peer.
	EventRole EventKind = iota
	// EventCommitted: commitIndex rose to Index.
	EventCommitted
	// EventApplied: Entries were applied.
	EventApplied
	// EventSent and EventReceived: Message went to or came from Peer.
	EventSent
	EventReceived
	// EventMembers: the configuration in force changed.
	EventMembers
	// EventExpired: this leader removes Peer, which it has not heard for
	// Config.RemoveAfter.
	EventExpired
	// EventNotYet: the cluster has not let this server in yet, says Peer, for the
	// reason Err.
	EventNotYet
	// EventRejected: something from Peer was refused, Count times, for the reason
	// Err. If Offence is set, no sound server would have sent it.
	EventRejected
	// EventForeign: Status.Foreign changed.
	EventForeign
	// EventSnapshot: a snapshot up to Index, of Size bytes, was taken.
	EventSnapshot
	// EventRestored: the state machine was set to a snapshot up to Index, of
	// Size bytes, from storage or from the leader.
	EventRestored
	// EventStorage: a save is under way for longer than SlowSave, Err, or, without
	// Err, that is over.
	EventStorage
	// EventStopped: the server stopped, for the reason Err.
	EventStopped
)

// Event is what an Observer is told. Only the fields of its kind are set; what
// it points to may be read during the call only.
type Event struct {
	Kind    EventKind
	Peer    raft.ID // EventRole: the leader, or raft.None
	Role    raft.Role
	Term    uint64
	Index   uint64
	Size    int
	Entries []raft.Entry
	Message *raft.Message
	Err     error
	Count   uint64
	Offence bool
}

func (n *Node) emit(e Event) {
	if n.cfg.Observer != nil {
		n.cfg.Observer(e)
	}
}

// seen is what the observer was last told.
type seen struct {
	role          raft.Role
	term          uint64
	leader        raft.ID
	commit        uint64
	configuration uint64
}

// observe tells the observer what changed in this round, and stops a server
// that learnt of its removal.
func (n *Node) observe(now time.Duration) {
	v, conf := n.view()
	is := seen{v.Role, v.Term, v.Leader, v.CommitIndex, v.ConfigurationIndex}
	was := n.seen
	n.seen = is
	if is.role != was.role || is.configuration != was.configuration {
		n.admission.next, n.removal.next = 0, 0
	}
	if is.leader != was.leader {
		n.admission.next = 0
	}
	if is.role != was.role || is.term != was.term || is.leader != was.leader {
		n.emit(Event{Kind: EventRole, Peer: is.leader, Role: is.role, Term: is.term})
	}
	if is.configuration != was.configuration {
		n.emit(Event{Kind: EventMembers, Index: is.configuration})
		if in := conf.IsMember(n.cfg.ID); in != n.member {
			n.member = in
			n.greetAll()
		}
	}
	if is.commit > was.commit {
		n.emit(Event{Kind: EventCommitted, Index: is.commit})
	}
	if v.LeftOut && v.ConfigurationIndex <= v.CommitIndex {
		n.end(n.removedWhen(false))
	}
}

// Status is a copy of what the server knows.
type Status struct {
	raft.Status
	Cluster uint64
	// Now is the Clock's time that the times in it compare with.
	Now time.Duration
	// Dropped counts frames that did not fit into the inbox.
	Dropped uint64
	// Foreign are the connected servers that belong to another cluster, and to
	// which. It must not be changed.
	Foreign map[raft.ID]uint64
	// StorageSilent is how long the storage has not answered, if that is SlowSave or
	// longer.
	StorageSilent time.Duration
	// RemoveAfter is Config.RemoveAfter as it is now.
	RemoveAfter time.Duration
	// Removals are the members that this leader is about to remove, and when: at
	// that time of the Clock, or when a majority answers again if that is later.
	Removals map[raft.ID]time.Duration
}

// Status copies the server's state, as of between two inputs.
func (n *Node) Status() Status {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.inbox.mu.Lock()
	dropped := n.inbox.dropped
	n.inbox.mu.Unlock()
	st := Status{Status: n.core.Status(), Cluster: n.cluster, Now: n.now(), Dropped: dropped,
		RemoveAfter: n.removeAfter, Removals: n.due, Foreign: n.foreign}
	if n.saving.slow {
		st.StorageSilent = max(SlowSave, st.Now-n.saving.since)
	}
	return st
}

// Entries gives the log's entries from..to, both included, as far as they
// exist. They must not be changed.
func (n *Node) Entries(from, to uint64) []raft.Entry {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.core.Entries(from, to)
}
