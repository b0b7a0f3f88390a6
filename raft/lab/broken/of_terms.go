package broken

import "tabraft/raft/lab/suite/rules"

// All servers: "If RPC request or response contains term T > currentTerm: set
// currentTerm = T, convert to follower".
var termBugs = []Bug{
	{
		Name:   "vote-checked-before-term",
		Belief: "Who has voted refuses; the term is looked at afterwards.",
		Patches: []Patch{{"election.go",
			`	changed := rf.observeTerm(args.Term)
`, `	if rf.votedFor != nobody && rf.votedFor != args.CandidateId {
		reply.Term = rf.currentTerm
		return
	}
	changed := rf.observeTerm(args.Term)
`}},
		Test: "ReElection2A", Rule: rules.TermNotAdopted,
	},
	{
		Name:   "term-kept-on-requestvote",
		Belief: "A request for a vote is answered in one's own term.",
		Patches: []Patch{{"election.go",
			`	changed := rf.observeTerm(args.Term)
`, `	changed := false
`}, {"election.go",
			`	if args.Term == rf.currentTerm &&
`, `	if args.Term >= rf.currentTerm &&
`}},
		Test: "ReElection2A", Rule: rules.TermNotAdopted,
	},
	{
		Name:   "leader-stays-leader-in-new-term",
		Belief: "Taking over a higher term is all there is to it.",
		Patches: []Patch{{"raft.go",
			`	rf.votedFor = nobody
	rf.role = Follower
	return true
`, `	rf.votedFor = nobody
	return true
`}},
		Test: "Figure8Unreliable2C", Rule: rules.StaysLeader,
	},
	{
		Name:   "old-append-accepted",
		Belief: "AppendEntries comes from the leader, so it is obeyed.",
		Patches: []Patch{{"follower.go",
			`	if term < rf.currentTerm {
		return false
	}
`, ``}},
		Test: "Rejoin2B", Rule: rules.OldAppendAccepted,
	},
	{
		Name:   "term-set-to-that-of-any-append",
		Belief: "The leader's term is the term.",
		Patches: []Patch{{"follower.go",
			`	if term < rf.currentTerm {
		return false
	}
	if rf.observeTerm(term) {
		rf.persist()
	}
`, `	if term != rf.currentTerm {
		rf.currentTerm = term
		rf.votedFor = nobody
		rf.persist()
	}
`}},
		Test: "Rejoin2B", Rule: rules.OldAppendAccepted,
	},
	{
		Name:   "same-term-again",
		Belief: "A candidate that was not elected asks again.",
		Patches: []Patch{{"election.go",
			`	rf.role = Candidate
	rf.currentTerm++
`, `	if rf.role != Candidate {
		rf.role = Candidate
		rf.currentTerm++
	}
`}},
		Test: "ReElection2A", Rule: rules.ElectionInOldTerm,
	},
	{
		Name:   "old-reply-sets-term",
		Belief: "A reply with another term makes me a follower in that term.",
		Patches: []Patch{{"leader.go",
			`	if ok && rf.observeTerm(replyTerm) {
		rf.persist()
	}
`, `	if ok && replyTerm != rf.currentTerm {
		rf.currentTerm, rf.votedFor, rf.role = replyTerm, nobody, Follower
		rf.persist()
	}
`}},
		Test: "Figure8Unreliable2C", Rule: rules.DoubleVote,
	},
}
