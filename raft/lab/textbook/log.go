package textbook

// LogEntry is one entry of the log. Its index is its place.
type LogEntry struct {
	Term    int
	Command any
}

// The log's first index is 1, as in the paper, or what follows the snapshot.
// rf.log[0] is no entry: it stands for the last one that the snapshot includes, and
// has its term. Without a snapshot that is index 0, term 0, which every log has.
// So entry i is rf.log[i-rf.snapshotIndex], and the entry before the first always has a
// term to compare. All functions here are locked.

// lastIndex returns the index of the last entry.
func (rf *Raft) lastIndex() int { return rf.snapshotIndex + len(rf.log) - 1 }

// termAt returns the term of an entry between snapshotIndex and lastIndex.
func (rf *Raft) termAt(index int) int { return rf.log[index-rf.snapshotIndex].Term }

// entriesFrom returns a copy of the log from index on. A copy, since it is read
// without the lock while the log goes on changing.
func (rf *Raft) entriesFrom(index int) []LogEntry {
	return append([]LogEntry(nil), rf.log[index-rf.snapshotIndex:]...)
}

// truncateFrom deletes the entry at index and all that follow it.
func (rf *Raft) truncateFrom(index int) { rf.log = rf.log[:index-rf.snapshotIndex] }

// compactTo drops the entries up to index, whose term is given: a snapshot has
// them. Entries behind it stay. The new slice lets go of the old entries' memory.
func (rf *Raft) compactTo(index, term int) {
	log := []LogEntry{{Term: term}}
	if index < rf.lastIndex() {
		log = append(log, rf.log[index+1-rf.snapshotIndex:]...)
	}
	rf.log = log
	rf.snapshotIndex = index
}
