package main

// A mutant is the core with one guard taken out, or one rule broken: in a file
// of raft, old, which occurs there once, becomes new.
type mutant struct {
	name string // unique; what is broken, in a few words
	rule string // the clause of the paper or the promise of doc.go that it breaks
	// bugs are the numbers, in raft/bugs_doc_test.go, of the bugs that this is.
	// The tests named there have to notice it.
	bugs     []int
	file     string
	old, new string
	// survives says why no test can notice; empty for all that must be noticed.
	survives string
}

// mutants is the whole table, by the file that they change.
func mutants() []mutant {
	var all []mutant
	for _, group := range []struct {
		file string
		list []mutant
	}{
		{"core.go", coreMutants},
		{"term.go", termMutants},
		{"election.go", electionMutants},
		{"replication.go", replicationMutants},
		{"log.go", logMutants},
		{"progress.go", progressMutants},
		{"save.go", saveMutants},
		{"quorum.go", quorumMutants},
		{"membership.go", membershipMutants},
		{"snapshot.go", snapshotMutants},
		{"read.go", readMutants},
		{"transfer.go", transferMutants},
	} {
		for _, m := range group.list {
			m.file = group.file
			all = append(all, m)
		}
	}
	return all
}
