package node

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"tabraft/raft"
)

// Config is what a node is made of. Needed are ID, Storage, Transport, Machine,
// Clock and Rand.
type Config struct {
	ID raft.ID
	// Cluster is the id of the cluster that this server belongs to; 0 for one
	// that waits to be admitted to the first cluster that takes it.
	Cluster   uint64
	Storage   Storage
	Transport Transport
	Machine   StateMachine
	Clock     Clock
	Rand      *rand.Rand
	// Admitted makes the id of the cluster that admits this server durable.
	// It is called once, only if Cluster is 0, from a goroutine of its own;
	// after an error the server stops.
	Admitted func(cluster uint64) error
	// Observer is told what happens, from the loop; it must not block and may
	// call the node only from another goroutine.
	Observer func(Event)
	// Gather, if set, is called by the loop before it drains the inbox, and
	// waits for what else is about to arrive: where every input is a call from
	// outside of its own, as in a browser, batches form only this way.
	Gather func()
	// SnapshotBytes is how many bytes of entries, each counted with 64 more than
	// its data, are applied before a snapshot takes their place; snapshot.go has
	// the whole rule. Default DefaultSnapshotBytes; negative for no snapshots
	// but those that Node.Snapshot asks for.
	SnapshotBytes int
	// RemoveAfter has this server, while it leads, remove members that it has not
	// heard for that long; removal.go says when not. 0 for never, and
	// SetRemoveAfter changes it.
	RemoveAfter time.Duration
	// Raft tunes the core; its ID and Rand are set from this Config.
	Raft raft.Config
}

// defaultElectionTimeout is that of raft.Config.
const defaultElectionTimeout = 400 * time.Millisecond

// Reasons for a node to stop.
var (
	// ErrStopped: Stop was called.
	ErrStopped = errors.New("this server was stopped")
	// ErrRemoved: the cluster removed this server.
	ErrRemoved = errors.New("this server was removed from the cluster")
	// ErrRemovedAway is an ErrRemoved: it happened while the server was away, so
	// that it may be welcome as a new one.
	ErrRemovedAway = fmt.Errorf("%w while it was away", ErrRemoved)
	// ErrToldRemoved is an ErrRemovedAway by the word of a server that the
	// configuration here does not name: all that it names may have been replaced, or
	// the word may be a lie. What is stored must not be deleted for it.
	ErrToldRemoved = fmt.Errorf("%w, says a server that it does not know", ErrRemovedAway)
	// ErrOtherCluster: the room's cluster is not the one this server's stored
	// state belongs to.
	ErrOtherCluster = errors.New("this server belongs to another cluster")
)
