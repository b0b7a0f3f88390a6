// Package raftapi is the interface between a Raft and the service above it, in
// the names of the course (2025 and later). It depends on nothing.
package raftapi

// An ApplyMsg is what a Raft sends on applyCh: a committed command, or a
// snapshot that replaces the service's state. Exactly one of CommandValid and
// SnapshotValid is set; a service ignores a message with neither.
type ApplyMsg struct {
	CommandValid bool
	Command      any
	CommandIndex int

	SnapshotValid bool
	Snapshot      []byte
	SnapshotTerm  int
	SnapshotIndex int
}

// Raft is one server, as the service above sees it.
type Raft interface {
	// Start begins agreement on a command and returns at once. If this server
	// does not lead, the last result is false. Otherwise the command will be at
	// that index if it is ever committed, and the term is the current one.
	Start(command any) (index int, term int, isLeader bool)

	// GetState returns the current term and whether this server believes that
	// it leads.
	GetState() (term int, isLeader bool)

	// Snapshot tells Raft that the service's state up to and including index is
	// in snapshot, so that Raft may forget the log up to there.
	Snapshot(index int, snapshot []byte)

	// PersistBytes returns the number of bytes of Raft's persistent state, the
	// snapshot not counted.
	PersistBytes() int
}

// A Killer can be shut down. Every Raft of the course has Kill, but the
// interface of 2025 does not ask for it.
type Killer interface {
	// Kill ends the server: its goroutines return soon.
	Kill()
}

// A CondInstaller wants to be asked before the service takes over a snapshot
// that arrived on applyCh, as Rafts of 2021 and 2022 do. If the answer is false,
// the snapshot is old and the service must ignore it.
type CondInstaller interface {
	CondInstallSnapshot(lastIncludedTerm int, lastIncludedIndex int, snapshot []byte) bool
}
