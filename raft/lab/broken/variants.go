package broken

// Variants returns Rafts that are correct in another way than the textbook. The suite
// must pass all of them, and its rules must accuse none: each is a choice that students
// make. A Bug's Test and Rule are empty here.
func Variants() []Bug {
	return []Bug{
		{
			Name:    "empty-heartbeats",
			Belief:  "A heartbeat has no entries; they are sent when it has been answered.",
			Patches: emptyHeartbeats,
		},
		{
			Name:    "snapshot-first",
			Belief:  "A new leader sends its snapshot first.",
			Patches: []Patch{snapshotFirst},
		},
		{
			Name:   "heartbeats-carry-everything",
			Belief: "Start only appends; the next heartbeat has the entries.",
			Patches: []Patch{{"raft.go",
				`		if peer != rf.me && !rf.awaiting[peer] {
			rf.replicate(peer)
		}
`, `		rf.awaiting[peer] = false
`}, {"leader.go",
				`const heartbeatInterval = 100 * time.Millisecond
`, `const heartbeatInterval = 50 * time.Millisecond
`}},
		},
		{
			Name:   "timeouts-of-the-paper",
			Belief: "150 to 300 ms, with heartbeats that fit.",
			Patches: []Patch{{"election.go",
				`	electionTimeoutMin   = 400 * time.Millisecond
	electionTimeoutRange = 400 * time.Millisecond
`, `	electionTimeoutMin   = 150 * time.Millisecond
	electionTimeoutRange = 150 * time.Millisecond
`}, {"leader.go",
				`const heartbeatInterval = 100 * time.Millisecond
`, `const heartbeatInterval = 50 * time.Millisecond
`}},
		},
		{
			Name:   "flag-and-sleep",
			Belief: "The ticker sleeps for a random time, and begins an election if nothing came meanwhile.",
			Patches: []Patch{{"election.go",
				`		time.Sleep(tick)
`, `		time.Sleep(250*time.Millisecond + time.Duration(rand.Int63n(int64(250*time.Millisecond))))
`}, {"election.go",
				`	timeout := electionTimeoutMin + time.Duration(rand.Int63n(int64(electionTimeoutRange)))
	rf.electionDeadline = time.Now().Add(timeout)
`, `	rf.heard = true
`}, {"election.go",
				`		if rf.role != Leader && !time.Now().Before(rf.electionDeadline) {
			rf.startElection()
		}
`, `		if rf.role != Leader && !rf.heard {
			rf.startElection()
		}
		rf.heard = false
`}, {"election.go",
				`	electionTimeoutMin   = 400 * time.Millisecond
	electionTimeoutRange = 400 * time.Millisecond
`, ``}, {"raft.go",
				`	electionDeadline time.Time  // when the election timeout elapses
`, `	heard            bool
`}, {"raft.go", `	"sync/atomic"
	"time"
`, `	"sync/atomic"
`}},
		},
		{
			Name:   "votes-asked-again",
			Belief: "A request for a vote that was lost is sent again, as long as the election lasts.",
			Patches: []Patch{{"election.go",
				`	if !rf.peers[peer].Call("Raft.RequestVote", args, reply) {
		return
	}
`, `	for !rf.peers[peer].Call("Raft.RequestVote", args, reply) {
		time.Sleep(20 * time.Millisecond)
		rf.mu.Lock()
		over := rf.role != Candidate || rf.currentTerm != args.Term || rf.killed()
		rf.mu.Unlock()
		if over {
			return
		}
		reply = &RequestVoteReply{}
	}
`}},
		},
		{
			Name:   "applies-late",
			Belief: "A goroutine looks every 10 ms whether there is something to apply.",
			Patches: []Patch{{"apply.go",
				`		if rf.killed() {
			return
		}
	}
}
`, `		if rf.killed() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}
`}, {"apply.go", `package textbook
`, `package textbook

import "time"
`}},
		},
		{
			Name:   "saves-at-every-end",
			Belief: "Each handler saves before it returns, whether something changed or not.",
			Patches: []Patch{{"follower.go",
				`	rf.mu.Lock()
	defer rf.mu.Unlock()
`, `	rf.mu.Lock()
	defer rf.mu.Unlock()
	defer rf.persist()
`}, {"follower.go",
				`	if rf.observeTerm(term) {
		rf.persist()
	}
`, `	rf.observeTerm(term)
`}, {"follower.go",
				`		rf.log = append(rf.log, entries[i:]...)
		rf.persist()
`, `		rf.log = append(rf.log, entries[i:]...)
`}, {"election.go",
				`	changed := rf.observeTerm(args.Term)
`, `	defer rf.persist()
	changed := rf.observeTerm(args.Term)
`}, {"snapshot.go",
				`	accepted := rf.acceptLeader(args.Term)
`, `	defer rf.persist()
	accepted := rf.acceptLeader(args.Term)
`}},
		},
		{
			Name:   "slow-handlers",
			Belief: "Requests wait a little before they take the lock.",
			Patches: []Patch{{"follower.go",
				`func (rf *Raft) AppendEntries(args *AppendEntriesArgs, reply *AppendEntriesReply) {
`, `func (rf *Raft) AppendEntries(args *AppendEntriesArgs, reply *AppendEntriesReply) {
	time.Sleep(time.Duration(rand.Int63n(int64(5 * time.Millisecond))))
	defer time.Sleep(time.Duration(rand.Int63n(int64(5 * time.Millisecond))))
`}, {"follower.go", `package textbook
`, `package textbook

import (
	"math/rand"
	"time"
)
`}},
		},
		{
			Name:   "conflicting-tail-deleted-at-refusal",
			Belief: "If prevLogTerm differs, the follower deletes its entries from there at once.",
			Patches: []Patch{{"follower.go",
				`		for reply.XIndex-1 > rf.snapshotIndex && rf.termAt(reply.XIndex-1) == reply.XTerm {
			reply.XIndex--
		}
		return
`, `		for reply.XIndex-1 > rf.snapshotIndex && rf.termAt(reply.XIndex-1) == reply.XTerm {
			reply.XIndex--
		}
		rf.truncateFrom(prev)
		rf.persist()
		return
`}},
		},
	}
}
