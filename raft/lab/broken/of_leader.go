package broken

import "tabraft/raft/lab/suite/rules"

// Leaders: Start, sending, and backing up.
var leaderBugs = []Bug{
	{
		Name:   "backs-up-one-by-one",
		Belief: "\"Decrement nextIndex and retry\": with the next heartbeat, four times a second.",
		Patches: []Patch{{"leader.go",
			`		next := rf.backUp(args, reply)
		if next >= rf.nextIndex[peer] {
			return
		}
		rf.nextIndex[peer] = max(next, rf.matchIndex[peer]+1)
	}
`, `		rf.nextIndex[peer] = max(args.PrevLogIndex, rf.matchIndex[peer]+1)
		return
	}
`}, {"leader.go", `const heartbeatInterval = 100 * time.Millisecond
`, `const heartbeatInterval = 250 * time.Millisecond
`}},
		Test: "Backup2B", Rule: rules.SlowBackup,
	},
	{
		Name:   "retries-one-by-one",
		Belief: "\"Decrement nextIndex and retry\", at once.",
		Patches: []Patch{{"leader.go",
			`		next := rf.backUp(args, reply)
		if next >= rf.nextIndex[peer] {
			return
		}
`, `		next := args.PrevLogIndex
		if next >= rf.nextIndex[peer] {
			return
		}
`}},
		Test: "Figure8Unreliable2C", Rule: rules.SlowBackup,
	},
	{
		Name:   "never-backs-up",
		Belief: "A follower that refuses will accept later.",
		Patches: []Patch{{"leader.go",
			`		next := rf.backUp(args, reply)
		if next >= rf.nextIndex[peer] {
			return
		}
		rf.nextIndex[peer] = max(next, rf.matchIndex[peer]+1)
	}
`, `		return
	}
`}},
		Test: "Rejoin2B", Rule: rules.NoBackup,
	},
	{
		Name:   "backs-up-to-the-beginning",
		Belief: "To be sure, everything is sent again, each time.",
		Patches: []Patch{{"leader.go",
			`	next := rf.nextIndex[peer]
	if next`, `	next := rf.snapshotIndex + 1
	if next`}},
		Test: "RPCBytes2B", Rule: rules.ResendsMatched,
	},
	{
		Name:   "nextindex-not-advanced",
		Belief: "nextIndex is for refusals.",
		Patches: []Patch{{"leader.go",
			`	rf.nextIndex[peer] = max(rf.nextIndex[peer], rf.matchIndex[peer]+1)
`, ``}},
		Test: "RPCBytes2B", Rule: rules.ResendsMatched,
	},
	{
		Name:   "start-on-followers",
		Belief: "Start appends; whoever leads sends it.",
		Patches: []Patch{{"raft.go",
			`	if rf.role != Leader || rf.killed() {
		return -1, rf.currentTerm, false
	}
`, `	if rf.role == Candidate || rf.killed() {
		return -1, rf.currentTerm, false
	}
`}, {"raft.go",
			`		if peer != rf.me && !rf.awaiting[peer] {
`, `		if peer != rf.me && rf.role == Leader && !rf.awaiting[peer] {
`}, {"raft.go",
			`	rf.advanceCommit() // alone, a leader is a majority
`, ``}},
		Test: "BasicAgree2B", Rule: rules.ElectedWithoutMajority,
	},
	{
		Name:   "start-returns-next-index",
		Belief: "Start returns the number of entries after this one.",
		Patches: []Patch{{"raft.go",
			`	return rf.lastIndex(), rf.currentTerm, true
`, `	return rf.lastIndex() + 1, rf.currentTerm, true
`}},
		Test: "BasicAgree2B", Rule: rules.StartIndex,
	},
	{
		Name:   "start-waits",
		Belief: "Start returns when the command is committed.",
		Patches: []Patch{{"raft.go",
			`	return rf.lastIndex(), rf.currentTerm, true
}
`, `	index, term = rf.lastIndex(), rf.currentTerm
	for rf.commitIndex < index && rf.role == Leader && !rf.killed() {
		rf.mu.Unlock()
		time.Sleep(10 * time.Millisecond)
		rf.mu.Lock()
	}
	return index, term, true
}
`}},
		Test: "FailNoAgree2B", Rule: rules.StartWaits,
	},
}
