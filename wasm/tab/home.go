package tab

import (
	crand "crypto/rand"
	"encoding/binary"

	"tabraft/raft"
	"tabraft/raft/node"
)

// Home is where one identity lives: its id, the cluster it belongs to, and what
// its server must not forget. Whoever holds a Home is the only one to use that
// identity. Its methods may wait for storage.
type Home interface {
	// ID is the identity.
	ID() raft.ID
	// Cluster is the cluster it belongs to; 0 as long as none has let it in.
	Cluster() uint64
	// Begin opens the storage for one life. failed is called at most once if
	// the storage becomes useless while no save is asked for; it must not
	// wait.
	Begin(incarnation string, failed func(error)) (node.Storage, error)
	// SetCluster makes it durable that a cluster has let the server in.
	SetCluster(cluster uint64) error
	// Forget deletes the identity: the cluster removed it, and it must not
	// come back. It fails if another tab has taken it over meanwhile.
	Forget() error
	// SetAside keeps what is stored, out of use: by the word of somebody who may err
	// or lie it is the copy of a server that runs elsewhere, or that of one that the
	// cluster removed. It must not come back.
	SetAside() error
	// Kind says, for people, what kind of storage it is.
	Kind() string
	// Close gives the identity up.
	Close()
}

// newID makes a new identity, or cluster id: random and not zero.
func newID() raft.ID {
	for {
		var b [8]byte
		crand.Read(b[:]) // never fails
		if id := raft.ID(binary.BigEndian.Uint64(b[:])); id != raft.None {
			return id
		}
	}
}
