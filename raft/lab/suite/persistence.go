package suite

import (
	"sync"
	"sync/atomic"
	"time"

	"tabraft/raft/lab/suite/rules"
)

// Part C: crashes.

// persist1: commands outlive crashes of everybody, of the leader, of a leader that
// missed one, and of a follower that did.
func persist1(l *lab) {
	l.agree(11, l.n, true)
	l.restartAll()
	l.agree(12, l.n, true)

	leader := l.oneLeader()
	l.restart(leader)
	l.agree(13, l.n, true)

	leader = l.oneLeader()
	l.disconnect(leader)
	l.agree(14, l.n-1, true)
	l.restart(leader)
	l.await(4, l.n, -1) // it has to catch up before it can be in the way

	follower := (l.oneLeader() + 1) % l.n
	l.disconnect(follower)
	l.agree(15, l.n-1, true)
	l.restart(follower)
	l.agree(16, l.n, true)
}

// persist2: majorities that overlap in one server that has crashed.
func persist2(l *lab) {
	cmd := 10
	next := func(expected int) {
		cmd++
		l.agree(cmd, expected, true)
	}
	for range 5 {
		next(l.n)
		leader := l.oneLeader()
		at := func(i int) int { return (leader + i) % l.n }

		l.disconnect(at(1))
		l.disconnect(at(2))
		next(l.n - 2)

		l.disconnect(at(0))
		l.disconnect(at(3))
		l.disconnect(at(4))
		l.restart(at(1))
		l.restart(at(2))
		l.sleep(electionTimeout)

		l.restart(at(3))
		next(l.n - 2)

		l.connect(at(4))
		l.connect(at(0))
	}
	l.agree(1000, l.n, true)
}

// persist3: a command that two of three committed is kept although both crash.
func persist3(l *lab) {
	l.agree(101, l.n, true)
	leader := l.oneLeader()
	at := func(i int) int { return (leader + i) % l.n }
	l.disconnect(at(2))
	l.agree(102, l.n-1, true)

	l.crash(at(0))
	l.crash(at(1))
	l.connect(at(2))
	l.restart(at(0))
	l.agree(103, l.n-1, true)

	l.restart(at(1))
	l.agree(104, l.n, true)
}

// storms is how many times the tests after Figure 8 take a leader away.
const storms = 1000

// pause waits as the tests after Figure 8 do: mostly shorter than a commit
// takes, sometimes long enough for one.
func (l *lab) pause() {
	if l.intn(1000) < 100 {
		l.sleep(time.Duration(l.intn(500)) * time.Millisecond)
		return
	}
	l.sleep(time.Duration(l.intn(13)) * time.Millisecond)
}

// figure8 is the scenario of the paper's Figure 8: leaders that crash at once
// after they took a command, so that entries of old terms lie on some servers.
func figure8(l *lab) {
	l.agree(l.rand(), 1, true)
	up := l.n
	for range storms {
		leader := -1
		for i := range l.n {
			if l.alive(i) {
				if _, _, ok := l.start(i, l.rand()); ok {
					leader = i
				}
			}
		}
		l.pause()
		if leader >= 0 {
			l.crash(leader)
			up--
		}
		if up < l.n/2+1 {
			if i := l.intn(l.n); !l.alive(i) {
				l.restart(i)
				up++
			}
		}
	}
	for i := range l.n {
		if !l.alive(i) {
			l.restart(i)
		}
	}
	l.agree(l.rand(), l.n, true)
}

// unreliableAgree: many commands at the same time over a network that loses and delays.
func unreliableAgree(l *lab) {
	var wg sync.WaitGroup
	for round := 1; round < 50; round++ {
		for j := range 4 {
			l.goAs(&wg, func() { l.agree(100*round+j, 1, true) })
		}
		l.agree(round, 1, true)
	}
	l.reliable(true)
	wg.Wait()
	l.check()
	l.agree(100, l.n, true)
}

// figure8Unreliable is figure8 with leaders cut off instead of crashed, over a
// network that loses, delays, and from the 200th time on reorders.
func figure8Unreliable(l *lab) {
	l.agree(l.rand()%10000, 1, true)
	up := l.n
	for round := range storms {
		if round == 200 {
			l.longReordering(true)
		}
		leader := -1
		for i := range l.n {
			if _, _, ok := l.start(i, l.rand()%10000); ok && l.connected(i) {
				leader = i
			}
		}
		l.pause()
		if leader >= 0 && l.intn(1000) < 500 {
			l.disconnect(leader)
			up--
		}
		if up < l.n/2+1 {
			if i := l.intn(l.n); !l.connected(i) {
				l.connect(i)
				up++
			}
		}
	}
	for i := range l.n {
		if !l.connected(i) {
			l.connect(i)
		}
	}
	l.agree(l.rand()%10000, l.n, true)
}

// churn: three clients go on giving commands while servers crash, restart, and are cut
// off. Whatever a client saw applied is in the log at the end.
func churn(l *lab) {
	const clients = 3
	var stop atomic.Bool
	var wg sync.WaitGroup
	seen := make([][]int, clients)
	for me := range clients {
		l.goAs(&wg, func() { seen[me] = l.churnClient(me, &stop) })
	}

	for range 20 {
		if l.intn(1000) < 200 {
			l.disconnect(l.intn(l.n))
		}
		if l.intn(1000) < 500 {
			if i := l.intn(l.n); l.alive(i) {
				l.connect(i)
			} else {
				l.restart(i)
			}
		}
		if l.intn(1000) < 200 {
			if i := l.intn(l.n); l.alive(i) {
				l.crash(i)
			}
		}
		// Long enough for an election at times, and not at others.
		l.sleep(electionTimeout * 7 / 10)
	}

	l.sleep(electionTimeout)
	l.reliable(true)
	for i := range l.n {
		if l.alive(i) {
			l.connect(i)
		} else {
			l.restart(i)
		}
	}
	stop.Store(true)
	wg.Wait()
	l.check()
	l.sleep(electionTimeout)

	last := l.agree(l.rand(), l.n, true)
	really := map[any]bool{}
	for index := 1; index <= last; index++ {
		cmd, _ := l.await(index, l.n, -1)
		really[cmd] = true
	}
	for _, values := range seen {
		for _, v := range values {
			if !really[v] {
				l.failf(rules.LostCommand, "command %d had been applied, and is not in the log at the end", v)
			}
		}
	}
}

// churnCost is the time a client needs for a command, beside waiting for it.
// Without it, virtual time would let a client give any number of commands.
const churnCost = time.Millisecond

// churnClient gives commands to whoever takes them until it is stopped, and returns those
// that it saw applied. It does not insist: a leader may be lost with the command.
func (l *lab) churnClient(me int, stop *atomic.Bool) (seen []int) {
	for !stop.Load() {
		l.sleep(churnCost)
		cmd := l.rand()
		index := 0
		for i := range l.n {
			if !l.alive(i) {
				continue
			}
			if at, _, ok := l.start(i, cmd); ok {
				index = at
			}
		}
		if index == 0 {
			l.sleep(time.Duration(79+17*me) * time.Millisecond)
			continue
		}
		for _, ms := range []int{10, 20, 50, 100, 200} {
			if n, got := l.applied(index); n > 0 {
				if got == cmd {
					seen = append(seen, cmd)
				}
				break
			}
			l.sleep(time.Duration(ms) * time.Millisecond)
		}
	}
	return seen
}
