package suite

import (
	"time"

	"tabraft/raft/lab/suite/rules"
)

// oneLeader waits until exactly one server leads in the highest term in which any
// connected one does, and returns it. Two leaders in one term fail the test.
func (l *lab) oneLeader() int {
	begun := l.now()
	for range leaderPolls {
		l.sleep(450*time.Millisecond + time.Duration(l.intn(100))*time.Millisecond)
		leaders := map[int]int{} // by term
		highest := -1
		for i := range l.n {
			if !l.connected(i) {
				continue
			}
			term, leads := l.state(i)
			if !leads {
				continue
			}
			if other, taken := leaders[term]; taken {
				l.failf(rules.TwoLeaders, "servers %d and %d both lead in term %d", other, i, term)
			}
			leaders[term] = i
			highest = max(highest, term)
		}
		if highest >= 0 {
			l.gauge("s", (l.now() - begun).Seconds(), 5, "to find a leader")
			return leaders[highest]
		}
	}
	l.failf(rules.NoLeader, "there should be one leader, but in %.1f s there was none", (l.now() - begun).Seconds())
	return -1
}

// noLeader fails the test if a connected server believes that it leads.
func (l *lab) noLeader() {
	for i := range l.n {
		if !l.connected(i) {
			continue
		}
		if term, leads := l.state(i); leads {
			l.failf(rules.UnexpectedLeader, "server %d says it leads (term %d), but there is no majority that could have elected it", i, term)
		}
	}
}

// agreedTerm returns the term, which all connected servers must agree on.
func (l *lab) agreedTerm() int {
	agreed := -1
	for i := range l.n {
		if !l.connected(i) {
			continue
		}
		term, _ := l.state(i)
		if agreed == -1 {
			agreed = term
		} else if agreed != term {
			l.failf(rules.BadState, "servers disagree on the term: server %d is in term %d, others in term %d", i, term, agreed)
		}
	}
	return agreed
}

// inTerm tells whether all servers that are alive are in the given term.
func (l *lab) inTerm(term int) bool {
	for i := range l.n {
		if l.alive(i) {
			if t, _ := l.state(i); t != term {
				return false
			}
		}
	}
	return true
}

// applied returns how many servers have applied an index, and the command. What
// crashed servers had applied counts until they restart.
func (l *lab) applied(index int) (n int, cmd any) {
	l.check()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.servers {
		if index < len(s.log) {
			n++
			cmd = s.log[index]
		}
	}
	return n, cmd
}

// notApplied fails the test if a command is applied that no majority can have.
func (l *lab) notApplied(index int) {
	if n, _ := l.applied(index); n > 0 {
		l.failf(rules.UnexpectedCommit, "%d servers applied index %d, but a majority cannot have it", n, index)
	}
}

// agree gives a command to whoever takes it, waits until as many servers as
// expected have applied it, and returns its index. If it is not applied within
// attemptLimit, and retry is set, it is given again.
func (l *lab) agree(cmd any, expected int, retry bool) int {
	begun := l.now()
	starts := 0
	reached := 0 // the most servers that applied it
	accepted := false
	for l.now()-begun < agreementLimit {
		index := 0
		for range l.n {
			starts = (starts + 1) % l.n
			if !l.connected(starts) {
				continue
			}
			if at, _, ok := l.start(starts, cmd); ok {
				index = at
				break
			}
		}
		if index == 0 {
			l.sleep(50 * time.Millisecond)
			continue
		}
		accepted = true
		for attempt := l.now(); l.now()-attempt < attemptLimit; {
			n, got := l.applied(index)
			if n > 0 && same(got, cmd) {
				reached = max(reached, n)
				if n >= expected {
					l.gauge("s", (l.now() - begun).Seconds(), agreementLimit.Seconds(), "to agree")
					return index
				}
			}
			l.sleep(20 * time.Millisecond)
		}
		if !retry {
			l.failf(rules.NoAgreement, "%v was given to Start and not applied by %d servers within %v (by %d)", brief(cmd), expected, attemptLimit, reached)
		}
	}
	if !accepted {
		l.failf(rules.NoAgreement, "no server took the command %v as leader in %v", brief(cmd), agreementLimit)
	}
	l.failf(rules.NoAgreement, "%v was not applied by %d servers within %v (by %d)", brief(cmd), expected, agreementLimit, reached)
	return 0
}
