package broken

import "tabraft/raft/lab/suite/rules"

// Leaders: counting replies, and committing.
var commitBugs = []Bug{
	{
		Name:   "old-term-committed-by-counting",
		Belief: "What a majority has is committed.",
		Patches: []Patch{{"leader.go",
			`	if n > rf.commitIndex && rf.termAt(n) == rf.currentTerm {
`, `	if n > rf.commitIndex {
`}},
		Test: "Figure82C", Rule: rules.OldTermCommit,
	},
	{
		Name:   "committed-by-less-than-a-majority",
		Belief: "n/2 replies are a majority.",
		Patches: []Patch{{"leader.go",
			`	n := sorted[(len(sorted)-1)/2] // a majority has at least this
`, `	n := sorted[(len(sorted)+1)/2]
`}},
		Test: "FailNoAgree2B", Rule: rules.CommitWithoutMajority,
	},
	{
		Name:   "committed-by-first-reply",
		Belief: "An entry that a follower has is safe.",
		Patches: []Patch{{"leader.go",
			`	n := sorted[(len(sorted)-1)/2] // a majority has at least this
`, `	n := sorted[len(sorted)-2]
`}},
		Test: "FailNoAgree2B", Rule: rules.CommitWithoutMajority,
	},
	{
		Name:   "committed-by-start",
		Belief: "The leader has it, so it is committed.",
		Patches: []Patch{{"leader.go",
			`	n := sorted[(len(sorted)-1)/2] // a majority has at least this
`, `	n := sorted[len(sorted)-1]
`}},
		Test: "FailNoAgree2B", Rule: rules.CommitWithoutMajority,
	},
	{
		Name:   "committed-by-all",
		Belief: "An entry that everybody has is committed.",
		Patches: []Patch{{"leader.go",
			`	n := sorted[(len(sorted)-1)/2] // a majority has at least this
`, `	n := sorted[0]
`}},
		Test: "FollowerFailure2B", Rule: rules.NotCommitted,
	},
	{
		Name:   "own-copy-not-counted",
		Belief: "matchIndex is for the others.",
		Patches: []Patch{{"leader.go",
			`	rf.matchIndex[rf.me] = rf.lastIndex()
`, ``}},
		Test: "FollowerFailure2B", Rule: rules.NotCommitted,
	},
	{
		Name:   "matchindex-from-nextindex",
		Belief: "matchIndex is nextIndex-1, and nextIndex the end of my log.",
		Patches: []Patch{{"leader.go",
			`		rf.matched(peer, args.PrevLogIndex+len(args.Entries))
`, `		rf.nextIndex[peer] = rf.lastIndex() + 1
		rf.matched(peer, rf.nextIndex[peer]-1)
`}},
		Test: "Figure8Unreliable2C", Rule: rules.CommitWithoutMajority,
	},
	{
		Name:   "failures-counted",
		Belief: "A reply means that the follower has it.",
		Patches: []Patch{{"leader.go",
			`	if reply.Success {
`, `	if reply.Success || reply.Term == args.Term {
`}},
		Test: "FailAgree2B", Rule: rules.CommitWithoutMajority,
	},
	{
		Name:   "commit-not-told",
		Belief: "Each server finds out by itself what is committed.",
		Patches: []Patch{{"leader.go",
			`		LeaderCommit: rf.commitIndex,
`, ``}},
		Test: "BasicAgree2B", Rule: rules.CommitNotTold,
	},
}
