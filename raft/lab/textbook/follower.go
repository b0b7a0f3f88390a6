package textbook

// AppendEntriesArgs is the AppendEntries RPC of Figure 2.
type AppendEntriesArgs struct {
	Term         int
	LeaderId     int
	PrevLogIndex int
	PrevLogTerm  int
	Entries      []LogEntry
	LeaderCommit int
}

// AppendEntriesReply has two fields that are not in the figure. With a refusal
// they say where to try next, so that a leader needs one RPC for each term in which the logs
// differ, not one for each entry (the end of section 5.3):
//
//	the log ends before prevLogIndex   XTerm 0, XIndex the first index it lacks
//	another term at prevLogIndex       XTerm that term, XIndex its first index
type AppendEntriesReply struct {
	Term    int
	Success bool
	XTerm   int
	XIndex  int
}

// AppendEntries is called by the leader. The numbers are those of Figure 2,
// "Receiver implementation".
func (rf *Raft) AppendEntries(args *AppendEntriesArgs, reply *AppendEntriesReply) {
	rf.mu.Lock()
	defer rf.mu.Unlock()
	// 1. Reply false if term < currentTerm.
	if !rf.acceptLeader(args.Term) {
		reply.Term = rf.currentTerm
		return
	}
	reply.Term = rf.currentTerm

	// Entries that our snapshot includes are committed, hence the same in every
	// log: skip them.
	prev, prevTerm, entries := args.PrevLogIndex, args.PrevLogTerm, args.Entries
	if prev < rf.snapshotIndex {
		skip := min(rf.snapshotIndex-prev, len(entries))
		entries = entries[skip:]
		prev, prevTerm = rf.snapshotIndex, rf.log[0].Term
	}

	// 2. Reply false if log doesn't contain an entry at prevLogIndex whose term
	// matches prevLogTerm.
	if prev > rf.lastIndex() {
		reply.XIndex = rf.lastIndex() + 1
		return
	}
	if rf.termAt(prev) != prevTerm {
		reply.XTerm = rf.termAt(prev)
		reply.XIndex = prev
		for reply.XIndex-1 > rf.snapshotIndex && rf.termAt(reply.XIndex-1) == reply.XTerm {
			reply.XIndex--
		}
		return
	}

	rf.merge(prev+1, entries)

	// 5. If leaderCommit > commitIndex, set commitIndex = min(leaderCommit, index of last
	// new entry). The last new entry is the last that this request vouches
	// for; what follows it in our log may differ from the leader's.
	if commit := min(args.LeaderCommit, prev+len(entries)); commit > rf.commitIndex {
		rf.commitIndex = commit
		rf.applyCond.Broadcast()
	}
	reply.Success = true
}

// acceptLeader handles the term of a request that only a leader sends, and
// tells whether it is the current one's. Locked.
func (rf *Raft) acceptLeader(term int) bool {
	if term < rf.currentTerm {
		return false
	}
	if rf.observeTerm(term) {
		rf.persist()
	}
	// "If AppendEntries RPC received from new leader: convert to follower." The
	// term is the same, so the vote stays what it is.
	rf.role = Follower
	rf.resetElectionTimer()
	return true
}

// merge puts entries into the log from index first on. Locked.
func (rf *Raft) merge(first int, entries []LogEntry) {
	for i, entry := range entries {
		index := first + i
		if index <= rf.lastIndex() {
			if rf.termAt(index) == entry.Term {
				// We have it already. The request may be an old one that arrives
				// late: what follows in our log must stay.
				continue
			}
			// 3. If an existing entry conflicts with a new one (same index but
			// different terms), delete the existing entry and all that follow it.
			rf.truncateFrom(index)
		}
		// 4. Append any new entries not already in the log.
		rf.log = append(rf.log, entries[i:]...)
		rf.persist()
		return
	}
}
