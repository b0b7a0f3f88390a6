package broken

import "tabraft/raft/lab/suite/rules"

// RequestVote, and counting votes.
var voteBugs = []Bug{
	{
		Name:   "votes-counted-across-terms",
		Belief: "A yes is a yes while I am a candidate.",
		Patches: []Patch{{"election.go",
			`rf.role != Candidate || rf.currentTerm != args.Term || !reply.VoteGranted`,
			`rf.role != Candidate || !reply.VoteGranted`}},
		Test: "Figure8Unreliable2C", Rule: rules.VotesOfOtherTerms,
	},
	{
		Name:   "votes-never-reset",
		Belief: "The votes are a field of Raft, and counted up.",
		Patches: []Patch{{"raft.go",
			`	role             Role
`, `	role             Role
	votes            int
`}, {"election.go",
			`	votes := 1
	rf.becomeLeaderWith(votes)
`, `	votes := 1
	rf.votes++
`}, {"election.go",
			`	*votes++
	rf.becomeLeaderWith(*votes)
`, `	rf.votes++
	rf.becomeLeaderWith(rf.votes)
`}},
		Test: "ManyElections2A", Rule: rules.VotesOfOtherTerms,
	},
	{
		Name:   "votes-counted-twice",
		Belief: "The network loses requests, so each is sent twice.",
		Patches: []Patch{{"election.go",
			`			go rf.askForVote(peer, args, &votes)
`, `			go rf.askForVote(peer, args, &votes)
			go rf.askForVote(peer, args, &votes)
`}},
		Test: "ManyElections2A", Rule: rules.VoteCountedTwice,
	},
	{
		Name:   "replies-counted-not-votes",
		Belief: "A reply of a majority makes a leader.",
		Patches: []Patch{{"election.go",
			`rf.role != Candidate || rf.currentTerm != args.Term || !reply.VoteGranted`,
			`rf.role != Candidate || rf.currentTerm != args.Term`}},
		Test: "ManyElections2A", Rule: rules.ElectedWithoutMajority,
	},
	{
		Name:   "half-is-enough",
		Belief: "With n/2 votes one is elected.",
		Patches: []Patch{{"election.go",
			`	if votes <= len(rf.peers)/2 || rf.killed() {
`, `	if votes < len(rf.peers)/2 || rf.killed() {
`}},
		Test: "ManyElections2A", Rule: rules.ElectedWithoutMajority,
	},
	{
		Name:   "no-vote-for-itself",
		Belief: "Only others have to be asked.",
		Patches: []Patch{{"election.go",
			`	rf.votedFor = rf.me
`, `	rf.votedFor = nobody
`}},
		Test: "SnapshotInstallUnreliable2D", Rule: rules.DoubleVote,
	},
	{
		Name:   "vote-given-up-by-step-down",
		Belief: "A server that becomes a follower forgets its vote: one function for all.",
		Patches: []Patch{{"follower.go",
			`	rf.role = Follower
	rf.resetElectionTimer()
	return true
`, `	rf.role = Follower
	rf.votedFor = nobody
	rf.resetElectionTimer()
	return true
`}},
		Test: "ManyElections2A", Rule: rules.DoubleVote,
	},
	{
		Name:   "vote-given-up-in-same-term",
		Belief: "A term that is not older than mine makes me a follower without a vote.",
		Patches: []Patch{{"election.go",
			`	changed := rf.observeTerm(args.Term)
`, `	changed := rf.observeTerm(args.Term)
	if args.Term == rf.currentTerm && rf.role != Leader {
		rf.role, rf.votedFor = Follower, nobody
	}
`}},
		Test: "ManyElections2A", Rule: rules.DoubleVote,
	},
	{
		Name:   "votes-for-everybody",
		Belief: "A follower votes for whoever asks.",
		Patches: []Patch{{"election.go",
			`		(rf.votedFor == nobody || rf.votedFor == args.CandidateId) &&
`, ``}},
		Test: "ManyElections2A", Rule: rules.DoubleVote,
	},
	{
		Name:   "votes-in-old-terms",
		Belief: "The vote is free, so the term does not matter.",
		Patches: []Patch{{"election.go",
			`	if args.Term == rf.currentTerm &&
		(rf.votedFor`, `	if (rf.votedFor`}},
		Test: "Figure8Unreliable2C", Rule: rules.OldTermVote,
	},
	{
		Name:   "no-up-to-date-check",
		Belief: "Part A passes without looking at logs.",
		Patches: []Patch{{"election.go",
			`	return lastTerm > ours || lastTerm == ours && lastIndex >= rf.lastIndex()
`, `	return lastTerm > ours || true
`}},
		Test: "Rejoin2B", Rule: rules.StaleLogVote,
	},
	{
		Name:   "longer-log-wins",
		Belief: "Up-to-date means at least as long.",
		Patches: []Patch{{"election.go",
			`	return lastTerm > ours || lastTerm == ours && lastIndex >= rf.lastIndex()
`, `	return ours >= 0 && lastIndex >= rf.lastIndex()
`}},
		Test: "Backup2B", Rule: rules.StaleLogVote,
	},
	{
		Name:   "later-term-wins-alone",
		Belief: "Up-to-date means that the last term is not older.",
		Patches: []Patch{{"election.go",
			`	return lastTerm > ours || lastTerm == ours && lastIndex >= rf.lastIndex()
`, `	return lastTerm >= ours
`}},
		Test: "Persist22C", Rule: rules.StaleLogVote,
	},
	{
		Name:   "term-and-length-both",
		Belief: "Up-to-date means a term and a length that are not less.",
		Patches: []Patch{{"election.go",
			`	return lastTerm > ours || lastTerm == ours && lastIndex >= rf.lastIndex()
`, `	return lastTerm >= ours && lastIndex >= rf.lastIndex()
`}},
		Test: "Backup2B", Rule: rules.VoteRefused,
	},
	{
		Name:   "only-longer-logs-win",
		Belief: "Up-to-date means longer than mine.",
		Patches: []Patch{{"election.go",
			`	return lastTerm > ours || lastTerm == ours && lastIndex >= rf.lastIndex()
`, `	return lastTerm > ours || lastTerm == ours && lastIndex > rf.lastIndex()
`}},
		Test: "InitialElection2A", Rule: rules.VoteRefused,
	},
}
