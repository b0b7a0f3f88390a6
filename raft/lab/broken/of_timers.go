package broken

import "tabraft/raft/lab/suite/rules"

// Election timers and heartbeats.
var timerBugs = []Bug{
	{
		Name:   "timer-reset-by-old-append",
		Belief: "Any AppendEntries shows that there is a leader; \"reply false\" is what an empty reply says.",
		Patches: []Patch{{"follower.go",
			`	if !rf.acceptLeader(args.Term) {
		reply.Term = rf.currentTerm
		return
	}
`, `	rf.resetElectionTimer()
	if !rf.acceptLeader(args.Term) {
		reply.XIndex = args.PrevLogIndex + 1
		return
	}
`}},
		Test: "Rejoin2B", Rule: rules.TimerResetByOld,
	},
	{
		Name:   "timer-reset-by-refused-vote",
		Belief: "A candidate is at work, so one waits for it.",
		Patches: []Patch{{"election.go",
			`	changed := rf.observeTerm(args.Term)
`, `	changed := rf.observeTerm(args.Term)
	rf.resetElectionTimer()
`}},
		Test: "Persist22C", Rule: rules.TimerResetByRefused,
	},
	{
		Name:   "timer-not-reset-by-vote",
		Belief: "Only AppendEntries resets the timer.",
		Patches: []Patch{{"election.go",
			`		changed = true
		rf.resetElectionTimer()
`, `		changed = true
`}},
		Test: "Figure8Unreliable2C", Rule: rules.TimerNotResetByVote,
	},
	{
		Name:   "timer-not-reset-by-append",
		Belief: "The timer is reset when an election begins, and when a vote is granted.",
		Patches: []Patch{{"follower.go",
			`	rf.role = Follower
	rf.resetElectionTimer()
`, `	rf.role = Follower
`}},
		Test: "InitialElection2A", Rule: rules.TimerNotReset,
	},
	{
		Name:   "timer-not-reset-by-heartbeat",
		Belief: "The timer is reset when entries come.",
		Patches: []Patch{{"follower.go",
			`	rf.role = Follower
	rf.resetElectionTimer()
`, `	rf.role = Follower
`}, {"follower.go",
			`	rf.merge(prev+1, entries)
`, `	if len(entries) > 0 {
		rf.resetElectionTimer()
	}
	rf.merge(prev+1, entries)
`}},
		Test: "InitialElection2A", Rule: rules.TimerNotReset,
	},
	{
		Name:   "timer-stopped-by-first-leader",
		Belief: "Once there is a leader, no election is needed.",
		Patches: []Patch{{"follower.go",
			`	rf.role = Follower
	rf.resetElectionTimer()
`, `	rf.role = Follower
	rf.electionDeadline = time.Now().Add(time.Hour)
`}, {"follower.go",
			`package textbook
`, `package textbook

import "time"
`}},
		Test: "ReElection2A", Rule: rules.NeverCampaigns,
	},
	{
		Name:   "timeout-below-heartbeat",
		Belief: "The shorter the timeout, the faster a leader is replaced.",
		Patches: []Patch{{"election.go",
			`	electionTimeoutMin   = 400 * time.Millisecond
	electionTimeoutRange = 400 * time.Millisecond
`, `	electionTimeoutMin   = 50 * time.Millisecond
	electionTimeoutRange = 40 * time.Millisecond
`}},
		Test: "Figure8Unreliable2C", Rule: rules.TimeoutTooShort,
	},
	{
		Name:   "timeout-about-a-heartbeat",
		Belief: "A timeout a little longer than a heartbeat's interval finds a dead leader at once.",
		Patches: []Patch{{"election.go",
			`	electionTimeoutMin   = 400 * time.Millisecond
	electionTimeoutRange = 400 * time.Millisecond
`, `	electionTimeoutMin   = 80 * time.Millisecond
	electionTimeoutRange = 70 * time.Millisecond
`}},
		Test: "Count2B", Rule: rules.TimeoutTooShort,
	},
	{
		Name:   "same-timeouts",
		Belief: "A timeout is a constant.",
		Patches: []Patch{{"election.go",
			`	timeout := electionTimeoutMin + time.Duration(rand.Int63n(int64(electionTimeoutRange)))
	rf.electionDeadline = time.Now().Add(timeout)
`, `	rf.electionDeadline = time.Now().Add(electionTimeoutMin)
`}, {"election.go",
			`import (
	"math/rand"
	"time"
)
`, `import "time"
`}, {"election.go",
			`	electionTimeoutRange = 400 * time.Millisecond
`, ``}},
		Test: "SnapshotInstallUnreliable2D", Rule: rules.SameTimeouts,
	},
	{
		Name:   "no-idle-heartbeats",
		Belief: "A leader without new entries has nothing to send.",
		Patches: []Patch{{"leader.go",
			`			if peer != rf.me {
				rf.replicate(peer)
			}
		}
		rf.mu.Unlock()
`, `			if peer != rf.me && rf.nextIndex[peer] <= rf.lastIndex() {
				rf.replicate(peer)
			}
		}
		rf.mu.Unlock()
`}},
		Test: "ConcurrentStarts2B", Rule: rules.NoHeartbeats,
	},
	{
		Name:   "slow-heartbeats",
		Belief: "One heartbeat a second is plenty.",
		Patches: []Patch{{"leader.go",
			`const heartbeatInterval = 100 * time.Millisecond
`, `const heartbeatInterval = time.Second
`}},
		Test: "SnapshotInstall2D", Rule: rules.NoHeartbeats,
	},
	{
		Name:   "too-many-heartbeats",
		Belief: "The more heartbeats, the safer.",
		Patches: []Patch{{"leader.go",
			`const heartbeatInterval = 100 * time.Millisecond
`, `const heartbeatInterval = 10 * time.Millisecond
`}},
		Test: "Count2B", Rule: rules.TooManyHeartbeats,
	},
}
