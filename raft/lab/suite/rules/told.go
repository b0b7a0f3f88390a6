package rules

import (
	"hash/maphash"
	"math"
	"time"
)

// told.go: what the lab tells of servers and of the calls into them.

// Start notes that a server begins a life. restored is the index up to which its
// service has restored its state from a snapshot, 0 if from none.
func (w *Watch) Start(id, life, restored int) {
	w.locked(func(now time.Duration) {
		w.record(record{at: now, kind: restarted, server: int8(id), peer: -1})
		w.servers[id].begin(life, restored, now)
	})
}

// Crash notes that a server's life ends.
func (w *Watch) Crash(id int) {
	w.locked(func(now time.Duration) {
		w.record(record{at: now, kind: crashed, server: int8(id), peer: -1})
		s := w.servers[id]
		s.up = false
		s.log.dropOwn()
		for c := range s.open {
			s.limits(c) // it may have done it already
			s.given.take(c)
		}
	})
}

// Link notes that a server is connected or cut off.
func (w *Watch) Link(id int, up bool) {
	w.locked(func(now time.Duration) {
		kind := cut
		if up {
			kind = connected
		}
		w.record(record{at: now, kind: kind, server: int8(id), peer: -1})
		s := w.servers[id]
		s.connected, s.connectedAt = up, now
	})
}

// hashSeed is for telling saved states apart, within one run.
var hashSeed = maphash.MakeSeed()

// Saved notes that a server has saved its state.
func (w *Watch) Saved(id, life int, state, snapshot []byte) {
	w.locked(func(now time.Duration) {
		s := w.servers[id]
		if s.life != life || !s.up {
			return
		}
		h := maphash.Bytes(hashSeed, state)
		w.record(record{at: now, kind: saved, server: int8(id), peer: -1, term: len(state)})
		if h != s.savedHash {
			s.savedHash, s.changedAt, s.unsaved = h, now, 0
		}
		if s.hasSnapshot && len(snapshot) == 0 {
			w.certainly(SnapshotLost, now, id, "server %d saves its state without a snapshot, although it had saved one", id)
		}
		s.hasSnapshot = s.hasSnapshot || len(snapshot) > 0
	})
}

// Started notes what Start returned, which was called at began, on the clock of
// Now, and took so long. In real time others may have run since it returned.
func (w *Watch) Started(id, life int, cmd any, index, term int, ok bool, began, took time.Duration) {
	w.locked(func(now time.Duration) {
		s := w.servers[id]
		if took > startLimit {
			w.likely(StartWaits, now, id, "Start of server %d took %v; it must return at once, before the command is committed", id, took.Round(time.Millisecond))
		}
		if !ok {
			return
		}
		w.record(record{at: now, kind: started, server: int8(id), peer: -1, index: index, term: term, cmd: cmd})
		if s.life != life || !s.up {
			return
		}
		if term <= 0 && s.asked == 0 && !w.noVotes {
			w.certainly(ElectedWithoutMajority, now, id, "server %d takes a command as leader of term %d, and has never asked for votes", id, term)
		}
		w.isLeader(now, s, term)
		s.knows(term, now)
		if n, ok := cmd.(int); ok && len(w.started) < maxStarted {
			w.started[n] = append(w.started[n], index)
		}
		if !w.noLog && index > 0 && term > 0 {
			s.log.set(index, term, true, now)
			s.given.add(index, term)
			w.lastStart = now
			if s.unsaved == 0 && w.before(s.changedAt, began) {
				s.unsaved = index
			}
		}
	})
}

// State notes what GetState returned.
func (w *Watch) State(id, life, term int, leads bool) {
	w.locked(func(now time.Duration) {
		s := w.servers[id]
		if s.life != life || !s.up {
			return
		}
		if s.stateLife != life || s.stateTerm != term || s.stateLeads != leads {
			w.record(record{at: now, kind: stateSeen, server: int8(id), peer: -1, term: term, yes: leads})
		}
		w.checkState(now, s, term, leads)
		s.stateLife, s.stateTerm, s.stateLeads, s.stateAt = life, term, leads, now
	})
}

// Snapshot notes that the service gives a server a snapshot.
func (w *Watch) Snapshot(id, index int) {
	w.locked(func(now time.Duration) {
		w.snapshots = true
		w.record(record{at: now, kind: snapshotTaken, server: int8(id), peer: -1, index: index})
		s := w.servers[id]
		s.snapshot = max(s.snapshot, index)
		s.given.covered = max(s.given.covered, index)
		s.log.snapshot(index, s.log.at(index), true, now)
	})
}

// hash folds a command into a number, for the digest only.
func hash(cmd any) int {
	switch cmd := cmd.(type) {
	case int:
		return cmd & math.MaxInt32
	case string:
		return len(cmd)
	}
	return 0
}
