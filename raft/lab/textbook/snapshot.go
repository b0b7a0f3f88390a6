package textbook

// InstallSnapshotArgs is the InstallSnapshot RPC of Figure 13, without offset and done:
// the lab's snapshots travel whole.
type InstallSnapshotArgs struct {
	Term              int
	LeaderId          int
	LastIncludedIndex int
	LastIncludedTerm  int
	Data              []byte
}

type InstallSnapshotReply struct {
	Term int
}

// Snapshot is called by the service: snapshot is its state with everything up to
// index applied, so the log is no longer needed up to there (section 7).
func (rf *Raft) Snapshot(index int, snapshot []byte) {
	rf.mu.Lock()
	defer rf.mu.Unlock()
	// A snapshot of a leader may have come in between, and be newer.
	if index <= rf.snapshotIndex || index > rf.lastApplied {
		return
	}
	rf.compactTo(index, rf.termAt(index))
	rf.snapshot = snapshot
	rf.persist()
}

// snapshotArgs is the request for a follower that is behind our snapshot. Locked.
func (rf *Raft) snapshotArgs() *InstallSnapshotArgs {
	return &InstallSnapshotArgs{
		Term:              rf.currentTerm,
		LeaderId:          rf.me,
		LastIncludedIndex: rf.snapshotIndex,
		LastIncludedTerm:  rf.log[0].Term,
		Data:              rf.snapshot,
	}
}

// sendSnapshot carries out one InstallSnapshot. A reply means that the follower has
// everything that the snapshot includes.
func (rf *Raft) sendSnapshot(peer int, args *InstallSnapshotArgs) {
	reply := &InstallSnapshotReply{}
	ok := rf.peers[peer].Call("Raft.InstallSnapshot", args, reply)
	rf.mu.Lock()
	defer rf.mu.Unlock()
	if !rf.stillLeads(peer, args.Term, ok, reply.Term) {
		return
	}
	rf.matched(peer, args.LastIncludedIndex)
	if rf.nextIndex[peer] <= rf.lastIndex() {
		rf.replicate(peer)
	}
}

// InstallSnapshot is called by the leader. The numbers are those of Figure 13,
// "Receiver implementation"; 2 to 4 are about chunks.
func (rf *Raft) InstallSnapshot(args *InstallSnapshotArgs, reply *InstallSnapshotReply) {
	rf.mu.Lock()
	defer rf.mu.Unlock()
	// 1. Reply immediately if term < currentTerm.
	accepted := rf.acceptLeader(args.Term)
	reply.Term = rf.currentTerm
	// What is committed here is included in nothing newer: a snapshot that
	// arrives late must not roll it back.
	if !accepted || args.LastIncludedIndex <= rf.commitIndex {
		return
	}
	// 6. If existing log entry has same index and term as snapshot's last included
	// entry, retain log entries following it. 7. Otherwise discard the entire log.
	index, term := args.LastIncludedIndex, args.LastIncludedTerm
	if index < rf.lastIndex() && rf.termAt(index) != term {
		rf.truncateFrom(index)
	}
	rf.compactTo(index, term)
	// 5. Save snapshot file. In one step with the log that begins after it, so
	// that a crash finds both or neither.
	rf.snapshot = args.Data
	rf.persist()
	// 8. Reset state machine using snapshot contents. The applier does it, after
	// what it is sending already.
	rf.commitIndex = index
	rf.pending = &ApplyMsg{
		SnapshotValid: true,
		Snapshot:      args.Data,
		SnapshotTerm:  term,
		SnapshotIndex: index,
	}
	rf.applyCond.Broadcast()
}
