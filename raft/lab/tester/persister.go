package tester

import (
	"bytes"
	"sync"
)

// A Store keeps what a Persister saves where it outlives the process: a
// database of the browser, a file.
type Store interface {
	// Save replaces what was saved before by both values together, and returns
	// when they are durable. It is called by one goroutine at a time and must
	// not keep or change the slices. The caller promises things to others as
	// soon as it returns, so a store that cannot save must end the server, and
	// must not return.
	Save(raftstate, snapshot []byte)
}

// A Persister holds one server's persistent state: Raft's own and the service's
// latest snapshot. What was saved last is what the server finds when it is
// restarted. All methods may be called from any goroutine, and all copy what they
// are given and what they return.
type Persister struct {
	mu        sync.Mutex
	raftstate []byte
	snapshot  []byte
	saves     int
	store     Store
}

// MakePersister returns an empty Persister that keeps its state in memory.
func MakePersister() *Persister {
	return &Persister{}
}

// NewPersister returns a Persister that holds what was loaded from store, and
// saves to it. A nil store keeps the state in memory only.
func NewPersister(raftstate, snapshot []byte, store Store) *Persister {
	return &Persister{raftstate: bytes.Clone(raftstate), snapshot: bytes.Clone(snapshot), store: store}
}

// Save replaces Raft's state and the snapshot in one step, so that a crash finds
// both old or both new. (2023 and later.)
func (ps *Persister) Save(raftstate, snapshot []byte) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.save(bytes.Clone(raftstate), bytes.Clone(snapshot))
}

// SaveRaftState replaces Raft's state and leaves the snapshot. (Until 2022.)
func (ps *Persister) SaveRaftState(state []byte) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.save(bytes.Clone(state), ps.snapshot)
}

// SaveStateAndSnapshot is Save under the name it had until 2022.
func (ps *Persister) SaveStateAndSnapshot(state, snapshot []byte) {
	ps.Save(state, snapshot)
}

func (ps *Persister) save(raftstate, snapshot []byte) {
	if ps.store != nil {
		ps.store.Save(raftstate, snapshot)
	}
	ps.raftstate, ps.snapshot = raftstate, snapshot
	ps.saves++
}

// ReadRaftState returns Raft's state as saved last, nil if there is none.
func (ps *Persister) ReadRaftState() []byte {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return bytes.Clone(ps.raftstate)
}

// RaftStateSize returns the number of bytes of Raft's state.
func (ps *Persister) RaftStateSize() int {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return len(ps.raftstate)
}

// ReadSnapshot returns the snapshot saved last, nil if there is none.
func (ps *Persister) ReadSnapshot() []byte {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return bytes.Clone(ps.snapshot)
}

// SnapshotSize returns the number of bytes of the snapshot.
func (ps *Persister) SnapshotSize() int {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return len(ps.snapshot)
}

// Saves returns how many times something was saved.
func (ps *Persister) Saves() int {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return ps.saves
}

// Copy returns a Persister of its own with the same contents, in memory only.
// A tester that crashes a server hands a copy to the next life, so that what is
// left of the old one cannot write into it.
func (ps *Persister) Copy() *Persister {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return NewPersister(ps.raftstate, ps.snapshot, nil)
}
