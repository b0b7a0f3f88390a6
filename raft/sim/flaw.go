package sim

import (
	"maps"
	"slices"
	"time"

	"tabraft/raft"
)

// flaw.go: worlds in which the core's contract is broken on purpose. A correct
// core then does wrong things; that proves that the checkers see and that the
// shrinker shrinks, and shows what each part of the contract is good for.

type flaw uint8

const (
	noFlaw flaw = iota
	forgetVote
	forgetTerm
	reportEarly
	loseTail
	staleReads
	badClocks
)

var flaws = map[string]flaw{
	// A restarted server does not know for whom it voted.
	"forget-vote": forgetVote,
	// Nor in which term it was, beyond that of its log.
	"forget-term": forgetTerm,
	// Saves are reported before they are stored.
	"report-early": reportEarly,
	// A crash takes the last stored entry along.
	"lose-tail": loseTail,
	// Reads are answered at once, from what is applied.
	"stale-reads": staleReads,
	// Leases are used, and clocks stand still while a machine sleeps.
	"bad-clocks": badClocks,
}

// Flaws lists what Settings.Flaw may be.
func Flaws() []string { return slices.Sorted(maps.Keys(flaws)) }

func (w *world) flawedStart(s *server, st *raft.Stored) {
	switch w.flaw {
	case forgetVote:
		st.HardState.Vote = raft.None
	case forgetTerm:
		st.HardState.Vote = raft.None
		st.HardState.Term = max(1, s.disk.term(s.disk.last()))
	}
}

func (w *world) flawedCrash(s *server) {
	if d := &s.disk; w.flaw == loseTail && len(d.entries) > 0 && d.last() > 1 {
		d.entries = d.entries[:len(d.entries)-1]
		d.hard.Commit = min(d.hard.Commit, d.last())
	}
}

// flawed gives the settings of a flawed world.
func (s Settings) flawed() Settings {
	if flaws[s.Flaw] == badClocks {
		s.LeaseReads, s.NoCheckQuorum, s.NoStickiness = true, false, false
		s.Skew, s.JumpEvery = min(s.Skew, leaseSkew), 0
		s.SuspendEvery, s.SuspendMax = 100*time.Millisecond, time.Second
	}
	return s
}
