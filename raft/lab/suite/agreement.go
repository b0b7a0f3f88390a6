package suite

import (
	"strconv"
	"sync"
	"time"

	"tabraft/raft/lab/suite/rules"
)

// Part B: agreement.

// basicAgree: three commands, each applied by everybody at the next index, and none
// before it was given to Start.
func basicAgree(l *lab) {
	for index := 1; index <= 3; index++ {
		if n, _ := l.applied(index); n > 0 {
			l.failf(rules.BadState, "%d servers applied something at index %d before any command was given to Start", n, index)
		}
		if got := l.agree(index*100, l.n, false); got != index {
			l.failf(rules.BadState, "the command was applied at index %d, but should be at %d", got, index)
		}
	}
}

// rpcBytesSlack is what ten commands may cost beyond one copy for each server.
const rpcBytesSlack = 50_000

// rpcBytes: each command travels to each follower once.
func rpcBytes(l *lab) {
	const commands, size = 10, 5000
	l.agree(99, l.n, false)
	before := l.net.GetTotalBytes()
	for i := range commands {
		if got := l.agree(l.randText(size), l.n, false); got != i+2 {
			l.failf(rules.BadState, "the command was applied at index %d, but should be at %d", got, i+2)
		}
	}
	got, limit := l.net.GetTotalBytes()-before, int64(l.n*commands*size+rpcBytesSlack)
	l.gauge("bytes", float64(got), float64(limit), "for ten commands of 5,000")
	if got > limit {
		l.failf(rules.TooManyBytes, "%d bytes in RPCs for %d commands of %d bytes, but at most %d are allowed: one copy for each server",
			got, commands, size, limit)
	}
}

// followerFailure: with one follower away there is agreement, with both
// away there is none.
func followerFailure(l *lab) {
	l.agree(101, l.n, false)
	leader := l.oneLeader()
	l.disconnect((leader + 1) % l.n)
	l.agree(102, l.n-1, false)
	l.sleep(electionTimeout)
	l.agree(103, l.n-1, false)

	leader = l.oneLeader()
	l.disconnect((leader + 1) % l.n)
	l.disconnect((leader + 2) % l.n)
	index, _, ok := l.start(leader, 104)
	if !ok {
		l.failf(rules.BadState, "the leader, server %d, rejected Start, although nobody replaced it", leader)
	}
	if index != 4 {
		l.failf(rules.BadState, "Start returned index %d, but should return 4", index)
	}
	l.sleep(2 * electionTimeout)
	l.notApplied(index)
}

// leaderFailure: one leader lost is replaced, a second one cannot be.
func leaderFailure(l *lab) {
	l.agree(101, l.n, false)
	first := l.oneLeader()
	l.disconnect(first)
	l.agree(102, l.n-1, false)
	l.sleep(electionTimeout)
	l.agree(103, l.n-1, false)

	second := l.oneLeader()
	l.disconnect(second)
	for i := range l.n {
		l.start(i, 104)
	}
	l.sleep(2 * electionTimeout)
	l.notApplied(4)
}

// failAgree: a follower that was away gets what it missed.
func failAgree(l *lab) {
	l.agree(101, l.n, false)
	away := (l.oneLeader() + 1) % l.n
	l.disconnect(away)
	l.agree(102, l.n-1, false)
	l.agree(103, l.n-1, false)
	l.sleep(electionTimeout)
	l.agree(104, l.n-1, false)
	l.agree(105, l.n-1, false)

	l.connect(away)
	l.agree(106, l.n, true)
	l.sleep(electionTimeout)
	l.agree(107, l.n, true)
}

// failNoAgree: with three of five away nothing is committed; when they are back
// a leader goes on, with or without the entry from before.
func failNoAgree(l *lab) {
	l.agree(10, l.n, false)
	leader := l.oneLeader()
	for i := 1; i <= 3; i++ {
		l.disconnect((leader + i) % l.n)
	}
	index, _, ok := l.start(leader, 20)
	if !ok {
		l.failf(rules.BadState, "the leader, server %d, rejected Start, although nobody replaced it", leader)
	}
	if index != 2 {
		l.failf(rules.BadState, "Start returned index %d, but should return 2", index)
	}
	l.sleep(2 * electionTimeout)
	l.notApplied(index)

	for i := 1; i <= 3; i++ {
		l.connect((leader + i) % l.n)
	}
	leader = l.oneLeader()
	index, _, ok = l.start(leader, 30)
	if !ok {
		l.failf(rules.BadState, "the leader, server %d, rejected Start", leader)
	}
	if index < 2 || index > 3 {
		l.failf(rules.BadState, "Start returned index %d, but should return 2 or 3", index)
	}
	l.agree(1000, l.n, true)
}

// tries is how often a test that needs one term to last begins anew.
const tries = 5

// concurrentStarts: commands given to Start at the same moment all get in.
func concurrentStarts(l *lab) {
	const commands = 5
	for try := range tries {
		if try > 0 {
			l.sleep(3 * electionTimeout) // let the election come to an end
		}
		leader := l.oneLeader()
		_, term, ok := l.start(leader, 1)
		if !ok {
			continue
		}
		indexes := make([]int, commands) // 0: not accepted in this term
		var wg sync.WaitGroup
		for i := range commands {
			l.goAs(&wg, func() {
				if index, t, ok := l.start(leader, 100+i); ok && t == term {
					indexes[i] = index
				}
			})
		}
		wg.Wait()
		l.check()
		if l.inTerm(term) && l.allApplied(indexes, term) {
			return
		}
	}
	l.failf(rules.Unstable, "the term changed in each of %d tries, although nothing had failed", tries)
}

// allApplied checks that the commands 100, 101, ... are what was applied, in any order,
// at the indexes that Start returned. It returns false if the term changed.
func (l *lab) allApplied(indexes []int, term int) bool {
	got := map[any]bool{}
	for _, index := range indexes {
		if index == 0 {
			continue // another term: found out below
		}
		cmd, ok := l.await(index, l.n, term)
		if !ok {
			return false
		}
		got[cmd] = true
	}
	for i := range indexes {
		if !got[100+i] {
			if !l.inTerm(term) {
				return false
			}
			l.failf(rules.NoAgreement, "command %d was given to Start together with others and is missing from what was applied", 100+i)
		}
	}
	return true
}

// rejoin: entries that a cut-off leader took in vain are replaced when it returns.
func rejoin(l *lab) {
	l.agree(101, l.n, true)
	first := l.oneLeader()
	l.disconnect(first)
	for _, cmd := range []int{102, 103, 104} {
		l.start(first, cmd)
	}
	l.agree(103, 2, true) // the others go on, at the same index

	second := l.oneLeader()
	l.disconnect(second)
	l.connect(first)
	l.agree(104, 2, true)

	l.connect(second)
	l.agree(105, l.n, true)
}

// backup: logs that differ in 50 entries and several terms are brought together
// within the time for one agreement.
func backup(l *lab) {
	const many = 50
	l.agree(l.rand(), l.n, true)

	// A leader with one follower takes many commands that cannot be committed.
	first := l.oneLeader()
	at := func(i int) int { return (first + i) % l.n }
	for i := 2; i <= 4; i++ {
		l.disconnect(at(i))
	}
	for range many {
		l.start(first, l.rand())
	}
	l.sleep(electionTimeout / 2)

	// The other three commit many.
	l.disconnect(at(0))
	l.disconnect(at(1))
	for i := 2; i <= 4; i++ {
		l.connect(at(i))
	}
	for range many {
		l.agree(l.rand(), 3, true)
	}

	// Their leader and one follower take many that cannot be committed.
	second := l.oneLeader()
	other := at(2)
	if second == other {
		other = (second + 1) % l.n
	}
	l.disconnect(other)
	for range many {
		l.start(second, l.rand())
	}
	l.sleep(electionTimeout / 2)

	// The first two, which lack all this, and the one that was away go on.
	for i := range l.n {
		l.disconnect(i)
	}
	l.connect(at(0))
	l.connect(at(1))
	l.connect(other)
	for range many {
		l.agree(l.rand(), 3, true)
	}

	for i := range l.n {
		l.connect(i)
	}
	l.agree(l.rand(), l.n, true)
}

// Limits of the test Count, in RPCs of all servers together.
const (
	countElection = 30
	countEntries  = 10
	countLimit    = (countEntries + 1 + 3) * 3
	countIdle     = 3 * 20 // in one second
)

// count: an election, ten commands and an idle second cost a reasonable number of RPCs.
func count(l *lab) {
	l.oneLeader()
	n := l.net.GetTotalCount()
	l.gauge("RPCs", float64(n), countElection, "to the first leader")
	if n < 1 || n > countElection {
		l.failf(rules.TooManyRPCs, "%d RPCs until there was a leader, but 1 to %d are reasonable", n, countElection)
	}

	after := -1
	for try := 0; try < tries && after < 0; try++ {
		if try > 0 {
			l.sleep(3 * electionTimeout)
		}
		after = l.countRPCs(l.oneLeader())
	}
	if after < 0 {
		l.failf(rules.Unstable, "the term changed in each of %d tries, although nothing had failed", tries)
	}

	l.sleep(electionTimeout)
	n = l.net.GetTotalCount() - after
	l.gauge("RPCs", float64(n), countIdle, "in an idle second")
	if n > countIdle {
		l.failf(rules.TooManyRPCs, "%d RPCs in a second without commands, but at most %d are reasonable", n, countIdle)
	}
}

// countRPCs commits ten commands, checks what they cost, and returns the number of
// RPCs so far; or -1 if the term changed.
func (l *lab) countRPCs(leader int) int {
	before := l.net.GetTotalCount()
	first, term, ok := l.start(leader, 1)
	if !ok {
		return -1
	}
	var cmds []int
	for i := 1; i < countEntries+2; i++ {
		cmd := l.rand()
		index, t, ok := l.start(leader, cmd)
		if !ok || t != term {
			return -1
		}
		if index != first+i {
			l.failf(rules.BadState, "Start returned index %d, but should return %d", index, first+i)
		}
		cmds = append(cmds, cmd)
	}
	for i := 1; i <= countEntries; i++ {
		got, ok := l.await(first+i, l.n, term)
		if !ok {
			return -1
		}
		if got != cmds[i-1] {
			l.failf(rules.BadState, "%v was applied at index %d, but Start had been given %d there", got, first+i, cmds[i-1])
		}
	}
	if !l.inTerm(term) {
		return -1
	}
	after := l.net.GetTotalCount()
	l.gauge("RPCs", float64(after-before), countLimit, "for "+strconv.Itoa(countEntries)+" entries")
	if after-before > countLimit {
		l.failf(rules.TooManyRPCs, "%d RPCs for %d entries, but at most %d are reasonable", after-before, countEntries, countLimit)
	}
	return after
}

// awaitSteps bounds how often await looks; it waits 10 ms first, and
// twice as long each time up to a second.
const awaitSteps = 30

// await waits until n servers have applied an index, and returns the command.
// If term is not negative and a server is in a later one, it returns false.
func (l *lab) await(index, n, term int) (cmd any, ok bool) {
	wait := 10 * time.Millisecond
	for range awaitSteps {
		if got, cmd := l.applied(index); got >= n {
			return cmd, true
		}
		l.sleep(wait)
		wait = min(2*wait, time.Second)
		if term >= 0 && !l.inTerm(term) {
			return nil, false
		}
	}
	got, cmd := l.applied(index)
	if got < n {
		l.failf(rules.NoAgreement, "only %d of %d servers applied index %d", got, n, index)
	}
	return cmd, true
}
