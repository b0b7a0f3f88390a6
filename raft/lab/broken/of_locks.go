package broken

import "tabraft/raft/lab/suite/rules"

// Locks, goroutines, and panics.
var lockBugs = []Bug{
	{
		Name:   "applies-under-lock",
		Belief: "applyCh is read by somebody, so sending does not take long.",
		Patches: []Patch{{"apply.go",
			`			CommandIndex: rf.lastApplied,
		})
	}
	return msgs
`, `			CommandIndex: rf.lastApplied,
		})
		rf.applyCh <- msgs[0]
		msgs = nil
	}
	return msgs
`}},
		Test: "SnapshotBasic2D", Rule: rules.ApplyUnderLock, Seeds: 10,
	},
	{
		Name:   "rpc-under-lock",
		Belief: "RPCs are fast, so the lock is held.",
		Patches: []Patch{{"election.go",
			`			go rf.askForVote(peer, args, &votes)
`, `			rf.askForVote(peer, args, &votes)
`}, {"election.go",
			`		return
	}
	rf.mu.Lock()
	defer rf.mu.Unlock()
	if rf.observeTerm(reply.Term) {
`, `		return
	}
	if rf.observeTerm(reply.Term) {
`}},
		Test: "ManyElections2A", Rule: rules.RPCUnderLock, Seeds: 10,
	},
	{
		Name:   "lock-taken-twice",
		Belief: "Start asks GetState whether this server leads.",
		Patches: []Patch{{"raft.go",
			`	if rf.role != Leader || rf.killed() {
`, `	if _, leads := rf.GetState(); !leads || rf.killed() {
`}},
		Test: "BasicAgree2B", Rule: rules.LockNotReleased, Seeds: 10,
	},
	{
		Name:   "return-without-unlock",
		Belief: "Unlock comes at the end of the function.",
		Patches: []Patch{{"election.go",
			`	rf.mu.Lock()
	defer rf.mu.Unlock()
	if rf.observeTerm(reply.Term) {
		rf.persist()
	}
`, `	rf.mu.Lock()
	if rf.observeTerm(reply.Term) {
		rf.persist()
	}
`}, {"election.go",
			`	*votes++
	rf.becomeLeaderWith(*votes)
`, `	*votes++
	rf.becomeLeaderWith(*votes)
	rf.mu.Unlock()
`}},
		Test: "ManyElections2A", Rule: rules.LockNotReleased, Seeds: 10,
	},
	{
		Name:   "waits-for-all-votes",
		Belief: "The election waits, with the lock, until everybody has answered.",
		Patches: []Patch{{"election.go",
			`	for peer := range rf.peers {
		if peer != rf.me {
			go rf.askForVote(peer, args, &votes)
		}
	}
`, `	var wg sync.WaitGroup
	for peer := range rf.peers {
		if peer != rf.me {
			wg.Go(func() { rf.askForVote(peer, args, &votes) })
		}
	}
	wg.Wait()
`}, {"election.go", `	"math/rand"
`, `	"math/rand"
	"sync"
`}},
		Test: "InitialElection2A", Rule: rules.WaitUnderLock, Seeds: 10,
	},
	{
		Name:   "kill-does-nothing",
		Belief: "The tester throws the server away.",
		Patches: []Patch{{"raft.go", `	if rf.dead.Swap(true) {
		return
	}
	close(rf.stop)
`, `	if rf.dead.Load() {
		return
	}
`}},
		Test: "InitialElection2A", Says: "still run",
	},
	{
		Name:   "busy-loop",
		Belief: "The ticker looks as often as it can.",
		Patches: []Patch{{"election.go", `		rf.mu.Unlock()
		time.Sleep(tick)
`, `		rf.mu.Unlock()
`}},
		Test: "InitialElection2A", Says: "loop that never ends", Seeds: 2,
	},
	{
		Name:   "make-waits-for-a-leader",
		Belief: "Make returns a Raft that is ready.",
		Patches: []Patch{{"raft.go", `	go rf.applier()
	return rf
`, `	go rf.applier()
	for {
		rf.mu.Lock()
		ready := rf.currentTerm > 0
		rf.mu.Unlock()
		if ready {
			time.Sleep(10 * time.Second)
			return rf
		}
		time.Sleep(tick)
	}
`}},
		Test: "InitialElection2A", Says: "Make of server 0 has not returned",
	},
	{
		Name:   "log-begins-at-zero",
		Belief: "The log is empty at first, so its length is 0.",
		Patches: []Patch{{"raft.go", `		log:       make([]LogEntry, 1),
`, ``}},
		Test: "InitialElection2A", Says: "index out of range",
	},
}
