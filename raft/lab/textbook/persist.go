package textbook

import (
	"bytes"
	"fmt"

	"tabraft/raft/lab/labgob"
)

// persist saves the persistent state of Figure 2, with the snapshot that the log
// begins after. It is called after each change and before anybody can learn of it: before
// the reply to an RPC leaves, before an RPC of our own does, before Start returns. Locked.
func (rf *Raft) persist() {
	var buf bytes.Buffer
	e := labgob.NewEncoder(&buf)
	for _, v := range []any{rf.currentTerm, rf.votedFor, rf.snapshotIndex, rf.log} {
		if err := e.Encode(v); err != nil {
			// A command of a type that was not registered. Going on would
			// break promises.
			panic(fmt.Sprintf("server %d cannot save its state: %v", rf.me, err))
		}
	}
	rf.persister.Save(buf.Bytes(), rf.snapshot)
}

// readPersist restores what persist saved in an earlier life. It decodes into
// fresh variables: gob does not send zeros, and would leave old values in place.
func (rf *Raft) readPersist(state, snapshot []byte) {
	if len(state) == 0 {
		return // the first life
	}
	var currentTerm, votedFor, snapshotIndex int
	var log []LogEntry
	d := labgob.NewDecoder(bytes.NewReader(state))
	for _, v := range []any{&currentTerm, &votedFor, &snapshotIndex, &log} {
		if err := d.Decode(v); err != nil {
			panic(fmt.Sprintf("server %d cannot read its state: %v", rf.me, err))
		}
	}
	rf.currentTerm, rf.votedFor = currentTerm, votedFor
	rf.snapshotIndex, rf.log, rf.snapshot = snapshotIndex, log, snapshot
}

// PersistBytes returns how many bytes of state are saved, without the snapshot.
func (rf *Raft) PersistBytes() int { return rf.persister.RaftStateSize() }
