package suite

import "tabraft/raft/lab/suite/rules"

// Part A: elections.

// initialElection: three servers elect a leader, and while nothing fails its
// term stays.
func initialElection(l *lab) {
	l.oneLeader()
	// The others must have heard of it.
	l.sleep(electionTimeout / 20)
	before := l.agreedTerm()
	if before < 1 {
		l.failf(rules.BadState, "the term is %d, but should be at least 1", before)
	}
	l.sleep(2 * electionTimeout)
	if after := l.agreedTerm(); after != before {
		l.warnf("the term went from %d to %d although nothing had failed", before, after)
	}
	l.oneLeader()
}

// reElection: a leader that is cut off is replaced, its return disturbs nobody,
// and without a majority there is no leader.
func reElection(l *lab) {
	first := l.oneLeader()
	l.disconnect(first)
	l.oneLeader()

	l.connect(first)
	second := l.oneLeader()

	other := (second + 1) % l.n
	l.disconnect(second)
	l.disconnect(other)
	l.sleep(2 * electionTimeout)
	l.noLeader()

	l.connect(other)
	l.oneLeader()
	l.connect(second)
	l.oneLeader()
}

// manyElections: again and again, any three of seven servers are cut off. Either
// the leader is still among the other four, or they elect one.
func manyElections(l *lab) {
	l.oneLeader()
	for range 10 {
		away := l.perm(l.n)[:3]
		for _, i := range away {
			l.disconnect(i)
		}
		l.oneLeader()
		for _, i := range away {
			l.connect(i)
		}
	}
	l.oneLeader()
}
