package broken

import "tabraft/raft/lab/suite/rules"

// snapshotFirst is a change that is no bug: a new leader begins with its snapshot.
var snapshotFirst = Patch{"election.go",
	`		rf.nextIndex[peer] = rf.lastIndex() + 1
`, `		rf.nextIndex[peer] = max(1, rf.snapshotIndex)
`}

// Snapshots.
var snapshotBugs = []Bug{
	{
		Name:   "snapshot-rolls-back",
		Belief: "A snapshot of the leader is newer than what I have.",
		Patches: []Patch{snapshotFirst, {"snapshot.go",
			`	if !accepted || args.LastIncludedIndex <= rf.commitIndex {
`, `	if !accepted {
`}, {"snapshot.go",
			`	rf.compactTo(index, term)
	// 5.`, `	if index >= rf.snapshotIndex {
		rf.compactTo(index, term)
	} else {
		rf.log, rf.snapshotIndex = []LogEntry{{Term: term}}, index
	}
	// 5.`}, {"apply.go",
			`		if msg.SnapshotIndex > rf.lastApplied {
`, `		if msg.SnapshotIndex > 0 {
`}},
		Test: "SnapshotInstallUnreliable2D", Rule: rules.SnapshotRollback,
	},
	{
		Name:   "log-not-cut",
		Belief: "The service keeps its snapshot; the log stays as it is.",
		Patches: []Patch{{"snapshot.go",
			`	rf.compactTo(index, rf.termAt(index))
	rf.snapshot = snapshot
	rf.persist()
`, ``}},
		Test: "SnapshotBasic2D", Rule: rules.LogNotCut,
	},
	{
		Name:   "log-cut-in-memory-only",
		Belief: "Snapshot shortens the log; what is saved can stay.",
		Patches: []Patch{{"persist.go", saved, `[]any{rf.currentTerm, rf.votedFor, 0, rf.all} {`}, {"raft.go",
			`	snapshot      []byte
`, `	snapshot      []byte
	all           []LogEntry
`}, {"persist.go",
			`	var buf bytes.Buffer
`, `	rf.all = append(rf.all[:min(rf.snapshotIndex, len(rf.all))], rf.log...)
	var buf bytes.Buffer
`}},
		Test: "SnapshotBasic2D", Rule: rules.LogNotCut,
	},
	{
		Name:    "snapshot-lost-at-restart",
		Belief:  "The service has the snapshot; Raft need not read it.",
		Patches: []Patch{{"persist.go", `rf.snapshotIndex, rf.log, rf.snapshot = snapshotIndex, log, snapshot`, `rf.snapshotIndex, rf.log = snapshotIndex, log`}},
		Test:    "SnapshotInit2D", Rule: rules.SnapshotLost,
	},
	{
		Name:   "saved-without-snapshot",
		Belief: "The snapshot is saved when it is made.",
		Patches: []Patch{{"persist.go", saveNow, `	rf.persister.Save(buf.Bytes(), nil)
`}, {"snapshot.go",
			`	rf.snapshot = snapshot
	rf.persist()
`, `	rf.snapshot = snapshot
	rf.persist()
	rf.persister.Save(rf.persister.ReadRaftState(), snapshot)
`}, {"snapshot.go",
			`	rf.snapshot = args.Data
	rf.persist()
`, `	rf.snapshot = args.Data
	rf.persist()
	rf.persister.Save(rf.persister.ReadRaftState(), args.Data)
`}},
		Test: "SnapshotAllCrash2D", Rule: rules.SnapshotLost,
	},
	{
		Name:   "lastapplied-not-restored",
		Belief: "lastApplied is volatile: it begins at 0.",
		Patches: []Patch{{"raft.go",
			`	rf.lastApplied = rf.snapshotIndex
	rf.resetElectionTimer()
`, `	rf.resetElectionTimer()
`}},
		Test: "SnapshotAllCrash2D", Says: "index out of range",
	},
	{
		Name:   "lastapplied-one-short",
		Belief: "The snapshot's last index is the first that is applied.",
		Patches: []Patch{{"raft.go",
			`	rf.lastApplied = rf.snapshotIndex
	rf.resetElectionTimer()
`, `	rf.lastApplied = max(0, rf.snapshotIndex-1)
	rf.resetElectionTimer()
`}},
		Test: "SnapshotAllCrash2D", Rule: rules.AppliedNotRestored,
	},
	{
		Name:    "snapshotindex-not-saved",
		Belief:  "The log's length tells its indexes.",
		Patches: []Patch{{"persist.go", `	rf.snapshotIndex, rf.log, rf.snapshot = snapshotIndex, log, snapshot`, "\trf.log, rf.snapshot = log, snapshot\n\t_ = snapshotIndex"}},
		Test:    "SnapshotAllCrash2D", Rule: rules.LogNotSaved,
	},
	{
		Name:   "snapshot-term-forgotten",
		Belief: "Of the snapshot only the index is needed.",
		Patches: []Patch{{"log.go",
			`	log := []LogEntry{{Term: term}}
`, `	log := []LogEntry{{}}
`}},
		Test: "SnapshotInstallUnreliable2D", Rule: rules.LogMisstated,
	},
	{
		Name:   "snapshot-never-sent",
		Belief: "The log is all that a follower needs.",
		Patches: []Patch{{"leader.go",
			`	next := rf.nextIndex[peer]
	if next <= rf.snapshotIndex {
		go rf.sendSnapshot(peer, rf.snapshotArgs())
		return
	}
`, `	next := max(rf.nextIndex[peer], rf.snapshotIndex+1)
`}},
		Test: "SnapshotInstall2D", Rule: rules.NoBackup,
	},
	{
		Name:   "snapshot-sent-for-ever",
		Belief: "nextIndex is what AppendEntries says.",
		Patches: []Patch{{"snapshot.go",
			`	rf.matched(peer, args.LastIncludedIndex)
	if rf.nextIndex[peer] <= rf.lastIndex() {
		rf.replicate(peer)
	}
`, ``}},
		Test: "SnapshotInstall2D", Rule: rules.ResendsMatched,
	},
	{
		Name:   "snapshot-not-applied",
		Belief: "InstallSnapshot replaces the log; the service goes on.",
		Patches: []Patch{{"snapshot.go",
			`	rf.pending = &ApplyMsg{
		SnapshotValid: true,
		Snapshot:      args.Data,
		SnapshotTerm:  term,
		SnapshotIndex: index,
	}
	rf.applyCond.Broadcast()
`, `	rf.lastApplied = index
`}},
		Test: "SnapshotInstall2D", Rule: rules.AppliedGap,
	},
	{
		Name:   "snapshot-of-another-index",
		Belief: "The snapshot goes up to the first entry of the log.",
		Patches: []Patch{{"snapshot.go",
			`		SnapshotIndex: index,
	}
`, `		SnapshotIndex: index + 1,
	}
`}},
		Test: "SnapshotInstall2D", Rule: rules.SnapshotContent,
	},
	{
		Name:   "log-not-cut-by-installed-snapshot",
		Belief: "InstallSnapshot is about the service's state, the log stays.",
		Patches: []Patch{{"snapshot.go",
			`	rf.compactTo(index, term)
	// 5.`, `	rf.snapshotIndex = index
	// 5.`}},
		Test: "SnapshotInstall2D", Rule: rules.LogMisstated, Seeds: 10,
	},
}
