package textbook

import (
	"slices"
	"time"
)

// heartbeatInterval keeps followers from timing out (section 5.2). The tester
// allows ten heartbeats a second.
const heartbeatInterval = 100 * time.Millisecond

// heartbeats runs while this server leads the given term.
func (rf *Raft) heartbeats(term int) {
	for {
		rf.mu.Lock()
		if rf.role != Leader || rf.currentTerm != term || rf.killed() {
			rf.mu.Unlock()
			return
		}
		for peer := range rf.peers {
			if peer != rf.me {
				rf.replicate(peer)
			}
		}
		rf.mu.Unlock()
		time.Sleep(heartbeatInterval)
	}
}

// replicate sends a follower all the entries that it lacks as far as we know, or
// none if it lacks none: a heartbeat is an AppendEntries like any other. If the
// entries are no longer in the log, it sends the snapshot instead. Locked.
func (rf *Raft) replicate(peer int) {
	rf.awaiting[peer] = true
	next := rf.nextIndex[peer]
	if next <= rf.snapshotIndex {
		go rf.sendSnapshot(peer, rf.snapshotArgs())
		return
	}
	go rf.sendEntries(peer, &AppendEntriesArgs{
		Term:         rf.currentTerm,
		LeaderId:     rf.me,
		PrevLogIndex: next - 1,
		PrevLogTerm:  rf.termAt(next - 1),
		Entries:      rf.entriesFrom(next),
		LeaderCommit: rf.commitIndex,
	})
}

// sendEntries carries out one AppendEntries. A lost one is not repeated here:
// the next heartbeat sends the same entries again.
func (rf *Raft) sendEntries(peer int, args *AppendEntriesArgs) {
	reply := &AppendEntriesReply{}
	ok := rf.peers[peer].Call("Raft.AppendEntries", args, reply)
	rf.mu.Lock()
	defer rf.mu.Unlock()
	if !rf.stillLeads(peer, args.Term, ok, reply.Term) {
		return
	}
	if reply.Success {
		// "If successful: update nextIndex and matchIndex." To what was sent:
		// the log may have grown since, and replies may overtake each other.
		rf.matched(peer, args.PrevLogIndex+len(args.Entries))
	} else {
		// "If AppendEntries fails because of log inconsistency: decrement
		// nextIndex and retry." A reply to an older request, which says
		// nothing new, must not take it back below what is known to match.
		next := rf.backUp(args, reply)
		if next >= rf.nextIndex[peer] {
			return
		}
		rf.nextIndex[peer] = max(next, rf.matchIndex[peer]+1)
	}
	if rf.nextIndex[peer] <= rf.lastIndex() {
		rf.replicate(peer)
	}
}

// stillLeads notes that a reply, or its loss, is no longer awaited, and tells
// whether the reply is of use: it has come, and the server still leads in the term
// in which it asked. Locked.
func (rf *Raft) stillLeads(peer, term int, ok bool, replyTerm int) bool {
	if ok && rf.observeTerm(replyTerm) {
		rf.persist()
	}
	if rf.role != Leader || rf.currentTerm != term {
		return false
	}
	rf.awaiting[peer] = false
	return ok
}

// matched notes that a follower's log is ours up to index. Locked.
func (rf *Raft) matched(peer, index int) {
	rf.matchIndex[peer] = max(rf.matchIndex[peer], index)
	rf.nextIndex[peer] = max(rf.nextIndex[peer], rf.matchIndex[peer]+1)
	rf.advanceCommit()
}

// backUp finds where to try next after a refusal, a whole term at a time (the
// end of section 5.3; AppendEntriesReply explains the fields). Locked.
func (rf *Raft) backUp(args *AppendEntriesArgs, reply *AppendEntriesReply) int {
	if reply.XTerm == 0 {
		return reply.XIndex // the follower's log is too short: go to its end
	}
	// If we have entries of the conflicting term, the logs may agree up to the last of
	// them. Otherwise they differ in that whole term: skip it.
	for index := args.PrevLogIndex; index > rf.snapshotIndex && rf.termAt(index) >= reply.XTerm; index-- {
		if rf.termAt(index) == reply.XTerm {
			return index + 1
		}
	}
	return reply.XIndex
}

// advanceCommit is the last rule for leaders: "If there exists an N such that
// N > commitIndex, a majority of matchIndex[i] >= N, and log[N].term == currentTerm:
// set commitIndex = N." Entries of earlier terms are never committed by counting; they
// are committed with the first of this term that follows them (section 5.4.2, Figure 8).
// Locked.
func (rf *Raft) advanceCommit() {
	rf.matchIndex[rf.me] = rf.lastIndex()
	sorted := slices.Sorted(slices.Values(rf.matchIndex))
	n := sorted[(len(sorted)-1)/2] // a majority has at least this
	if n > rf.commitIndex && rf.termAt(n) == rf.currentTerm {
		rf.commitIndex = n
		rf.applyCond.Broadcast()
	}
}
