package broken

import "tabraft/raft/lab/suite/rules"

// emptyHeartbeats is a change that is no bug: heartbeats have no entries, also where
// the follower lacks some. They are sent when it has replied.
var emptyHeartbeats = []Patch{{"leader.go",
	`			if peer != rf.me {
				rf.replicate(peer)
			}
		}
		rf.mu.Unlock()
`, `			if peer != rf.me {
				rf.heartbeat(peer)
			}
		}
		rf.mu.Unlock()
`}, {"leader.go",
	`// sendEntries carries out`, `func (rf *Raft) heartbeat(peer int) {
	next := rf.nextIndex[peer]
	if next <= rf.snapshotIndex {
		rf.replicate(peer)
		return
	}
	go rf.sendEntries(peer, &AppendEntriesArgs{
		Term:         rf.currentTerm,
		LeaderId:     rf.me,
		PrevLogIndex: next - 1,
		PrevLogTerm:  rf.termAt(next - 1),
		LeaderCommit: rf.commitIndex,
	})
}

// sendEntries carries out`}}

// AppendEntries as received.
var appendBugs = []Bug{
	{
		Name:   "log-not-compared",
		Belief: "The leader knows where its entries go.",
		Patches: []Patch{{"follower.go",
			`	if rf.termAt(prev) != prevTerm {
`, `	if prevTerm < 0 {
`}},
		Test: "Rejoin2B", Rule: rules.LogNotChecked,
	},
	{
		Name:   "log-length-not-compared",
		Belief: "There is always an entry at prevLogIndex.",
		Patches: []Patch{{"follower.go",
			`	if prev > rf.lastIndex() {
		reply.XIndex = rf.lastIndex() + 1
		return
	}
`, ``}},
		Test: "FailAgree2B", Says: "index out of range",
	},
	{
		Name:   "conflicts-kept",
		Belief: "Entries that are there already are skipped by their index.",
		Patches: []Patch{{"follower.go",
			`			if rf.termAt(index) == entry.Term {
`, `			if entry.Term > 0 {
`}},
		Test: "Rejoin2B", Rule: rules.ConflictKept,
	},
	{
		Name:   "heartbeat-truncates",
		Belief: "What follows prevLogIndex is replaced by what came, also by nothing.",
		Patches: []Patch{{"follower.go",
			`	for i, entry := range entries {
`, `	if len(entries) == 0 && first <= rf.lastIndex() {
		rf.truncateFrom(first)
		rf.persist()
	}
	for i, entry := range entries {
`}},
		Test: "UnreliableChurn2C", Rule: rules.HeartbeatTruncates,
	},
	{
		Name:   "older-append-truncates",
		Belief: "What follows prevLogIndex is deleted before the new entries are appended.",
		Patches: []Patch{{"follower.go",
			`	for i, entry := range entries {
`, `	if len(entries) > 0 && first <= rf.lastIndex() {
		rf.truncateFrom(first)
	}
	for i, entry := range entries {
`}},
		Test: "UnreliableAgree2C", Rule: rules.OldAppendTruncates,
	},
	{
		Name:   "commit-without-min",
		Belief: "commitIndex is what the leader says.",
		Patches: append(emptyHeartbeats[:2:2], []Patch{{"follower.go",
			`	if commit := min(args.LeaderCommit, prev+len(entries)); commit > rf.commitIndex {
`, `	if commit := args.LeaderCommit; commit > rf.commitIndex {
`}, {"apply.go",
			`	for rf.pending == nil && rf.lastApplied >= rf.commitIndex && !rf.killed() {
`, `	for rf.pending == nil && rf.lastApplied >= min(rf.commitIndex, rf.lastIndex()) && !rf.killed() {
`}, {"apply.go",
			`	for rf.lastApplied < rf.commitIndex {
`, `	for rf.lastApplied < min(rf.commitIndex, rf.lastIndex()) {
`}, {"follower.go", `	reply.Success = true
`, `	rf.applyCond.Broadcast()
	reply.Success = true
`}}...),
		Test: "UnreliableChurn2C", Rule: rules.CommitUnchecked,
	},
	{
		Name:   "commit-min-of-own-log",
		Belief: "The last new entry is the last of the log.",
		Patches: append(emptyHeartbeats[:2:2], []Patch{{"follower.go",
			`	if commit := min(args.LeaderCommit, prev+len(entries)); commit > rf.commitIndex {
`, `	if commit := min(args.LeaderCommit, rf.lastIndex()); commit > rf.commitIndex {
`}}...),
		Test: "UnreliableChurn2C", Rule: rules.CommitUnchecked,
	},
	{
		Name:   "commit-before-check",
		Belief: "The commit index has nothing to do with the log, so it comes first.",
		Patches: []Patch{{"follower.go",
			`	// Entries that our snapshot includes are committed, hence the same in every
`, `	if commit := min(args.LeaderCommit, rf.lastIndex()); commit > rf.commitIndex {
		rf.commitIndex = commit
		rf.applyCond.Broadcast()
	}
	// Entries that our snapshot includes are committed, hence the same in every
`}},
		Test: "Rejoin2B", Rule: rules.CommitUnchecked,
	},
	{
		Name:   "heartbeat-without-commit",
		Belief: "A heartbeat carries nothing.",
		Patches: []Patch{{"follower.go",
			`	if commit := min(args.LeaderCommit, prev+len(entries)); commit > rf.commitIndex {
`, `	if commit := min(args.LeaderCommit, prev+len(entries)); commit > rf.commitIndex && len(entries) > 0 {
`}},
		Test: "BasicAgree2B", Rule: rules.NothingApplied,
	},
	{
		Name:   "acknowledged-before-appended",
		Belief: "The reply says that the request has come.",
		Patches: []Patch{{"follower.go",
			`	if prev > rf.lastIndex() {
		reply.XIndex = rf.lastIndex() + 1
		return
	}
`, `	if prev > rf.lastIndex() {
		reply.Success = true
		return
	}
`}},
		Test: "FailAgree2B", Rule: rules.LogNotChecked,
	},
}
