package broken

import "tabraft/raft/lab/suite/rules"

// Applying.
var applyBugs = []Bug{
	{
		Name:   "applied-by-several-goroutines",
		Belief: "Each entry gets a goroutine that applies it, so that nobody waits.",
		Patches: []Patch{{"apply.go",
			`		for _, msg := range rf.nextToApply() {
			select {
			case rf.applyCh <- msg:
			case <-rf.stop:
			}
		}
`, `		for _, msg := range rf.nextToApply() {
			go func() {
				select {
				case rf.applyCh <- msg:
				case <-rf.stop:
				}
			}()
		}
`}},
		Test: "ConcurrentStarts2B", Rule: rules.AppliedGap,
	},
	{
		Name:   "lastapplied-set-afterwards",
		Belief: "Two goroutines apply; each takes what is not applied yet, and notes it when it is sent.",
		Patches: []Patch{{"apply.go",
			`		rf.lastApplied++
		msgs = append(msgs, ApplyMsg{
			CommandValid: true,
			Command:      rf.log[rf.lastApplied-rf.snapshotIndex].Command,
			CommandIndex: rf.lastApplied,
		})
	}
	return msgs
`, `		index := rf.lastApplied + 1
		msg := ApplyMsg{
			CommandValid: true,
			Command:      rf.log[index-rf.snapshotIndex].Command,
			CommandIndex: index,
		}
		rf.mu.Unlock()
		rf.applyCh <- msg
		time.Sleep(time.Millisecond)
		rf.mu.Lock()
		rf.lastApplied = max(rf.lastApplied, index)
	}
	return msgs
`}, {"apply.go", `package textbook
`, `package textbook

import "time"
`}, {"raft.go", `	go rf.applier()
`, `	go rf.applier()
	go rf.applier()
`}},
		Test: "ConcurrentStarts2B", Rule: rules.AppliedTwice,
	},
	{
		Name:   "applied-again-by-new-leader",
		Belief: "A new leader begins with lastApplied = 0.",
		Patches: []Patch{{"election.go",
			`	rf.role = Leader
`, `	rf.role = Leader
	rf.lastApplied = rf.snapshotIndex
`}},
		Test: "LeaderFailure2B", Rule: rules.AppliedTwice,
	},
	{
		Name:   "first-entry-left-out",
		Belief: "The log begins at 0, and is applied from there.",
		Patches: []Patch{{"apply.go",
			`			Command:      rf.log[rf.lastApplied-rf.snapshotIndex].Command,
			CommandIndex: rf.lastApplied,
`, `			Command:      rf.log[rf.lastApplied-rf.snapshotIndex].Command,
			CommandIndex: rf.lastApplied - 1,
`}},
		Test: "BasicAgree2B", Rule: rules.AppliedGap,
	},
	{
		Name:   "followers-do-not-apply",
		Belief: "The leader answers clients, so it applies.",
		Patches: []Patch{{"apply.go",
			`	for rf.pending == nil && rf.lastApplied >= rf.commitIndex && !rf.killed() {
`, `	for rf.pending == nil && (rf.lastApplied >= rf.commitIndex || rf.role != Leader) && !rf.killed() {
`}},
		Test: "BasicAgree2B", Rule: rules.NothingApplied,
	},
	{
		Name:   "applied-when-received",
		Belief: "What the leader sends is to be applied.",
		Patches: []Patch{{"follower.go",
			`	if commit := min(args.LeaderCommit, prev+len(entries)); commit > rf.commitIndex {
`, `	if commit := prev + len(entries); commit > rf.commitIndex {
`}},
		Test: "FailNoAgree2B", Rule: rules.AppliedUncommitted,
	},
}
