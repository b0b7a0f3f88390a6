package suite

import "tabraft/raft/lab/suite/rules"

// Part D: snapshots.

const (
	// snapshotEvery commands, the service takes a snapshot.
	snapshotEvery = 10
	// maxStateBytes is what Raft's saved state must stay below when the service
	// takes snapshots.
	maxStateBytes = 2000
)

func snapshotBasic(l *lab)        { snapshots(l, false, false) }
func snapshotInstall(l *lab)      { snapshots(l, true, false) }
func snapshotInstallCrash(l *lab) { snapshots(l, false, true) }

// snapshots commits commands while a server, in turn a follower or the leader of
// before, is cut off or crashed; when it returns, its log lacks what the others have in
// their snapshots.
func snapshots(l *lab, disconnect, crash bool) {
	l.agree(l.rand(), l.n, true)
	leader := l.oneLeader()
	largest := 0
	for i := range 30 {
		victim, sender := (leader+1)%l.n, leader
		if i%3 == 1 {
			victim, sender = sender, victim
		}
		here := l.n
		switch {
		case disconnect:
			l.disconnect(victim)
		case crash:
			l.crash(victim)
		}
		if disconnect || crash {
			here--
			l.agree(l.rand(), here, true)
		}

		for range snapshotEvery/2 + l.intn(snapshotEvery) {
			l.start(sender, l.rand())
		}
		l.agree(l.rand(), here, true) // the services have applied what came before

		largest = max(largest, l.largestState())
		if largest >= maxStateBytes {
			l.gauge("bytes", float64(largest), maxStateBytes, "of saved state")
			l.failf(rules.LogTooLarge, "a server's saved state has %d bytes although the service takes snapshots; it must stay below %d",
				largest, maxStateBytes)
		}
		switch {
		case disconnect:
			l.connect(victim)
		case crash:
			l.restart(victim)
		}
		if disconnect || crash {
			l.agree(l.rand(), l.n, true)
			leader = l.oneLeader()
		}
	}
	l.gauge("bytes", float64(largest), maxStateBytes, "of saved state")
}

// snapshotAllCrash: all servers crash and restart with snapshots.
func snapshotAllCrash(l *lab) {
	l.agree(l.rand(), l.n, true)
	for range 5 {
		for range snapshotEvery/2 + l.intn(snapshotEvery) {
			l.agree(l.rand(), l.n, true)
		}
		before := l.agree(l.rand(), l.n, true)
		l.restartAll()
		if after := l.agree(l.rand(), l.n, true); after < before+1 {
			l.failf(rules.BadState, "a command was applied at index %d after the restart, but index %d had been applied before", after, before)
		}
	}
}

// snapshotInit: servers that restarted from a snapshot save everything that
// they need for the next restart.
func snapshotInit(l *lab) {
	l.agree(l.rand(), l.n, true)
	for range snapshotEvery + 1 {
		l.agree(l.rand(), l.n, true)
	}
	l.restartAll()
	l.agree(l.rand(), l.n, true) // so that something is saved
	l.restartAll()
	l.agree(l.rand(), l.n, true)
}
