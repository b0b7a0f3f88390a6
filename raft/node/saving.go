package node

import (
	"errors"
	"slices"
	"time"

	"tabraft/raft"
)

// saving.go: storage that does not answer. It may be a disk that hangs or, in a
// browser, another tab that was stopped while it held the storage. Nothing fails, so
// nothing stops; but a server whose save does not end acknowledges nothing more, votes
// in no further term, and is of no more use to the cluster than one that is gone. So it
// says so, and a leader makes way for a voter that can take its place. What was waiting
// goes on by itself when the save ends.
//
// A leader that stays harms nobody: its log counts as far as it is stored, and
// the others can commit without it. But it is the server on which all others wait
// once more if it goes, as one with such storage well may, and it has nothing to lose.
// It makes way only if the others are a majority that stores what it cannot: else
// nobody could be elected.

const (
	// SlowSave is how long a save may be under way before Status and EventStorage
	// tell of it, and a leader makes way. Time that the server itself slept does not
	// count.
	SlowSave = 5 * time.Second
	// makeWayAgain is the wait after a leader could not make way, or nobody took its
	// place: each try holds up commands for as long as a transfer may take.
	makeWayAgain = 30 * time.Second
)

// ErrSlowSave is what EventStorage tells.
var ErrSlowSave = errors.New("the storage has not answered for 5 seconds")

// saving is the loop's, but slow and since, which Node.mu guards.
type saving struct {
	under []saveUnderWay // the oldest first
	slow  bool
	since time.Duration // when the oldest began, if slow
	next  time.Duration // when a leader is to make way
}

type saveUnderWay struct {
	seq   uint64
	began time.Duration
}

func (s *saving) begin(seq uint64, now time.Duration) {
	s.under = append(s.under, saveUnderWay{seq, now})
}

func (s *saving) end(seq uint64) {
	for i := range s.under {
		if s.under[i].seq == seq {
			s.under = append(s.under[:i], s.under[i+1:]...)
			return
		}
	}
}

// slept tells that nothing could happen for so long.
func (s *saving) slept(long time.Duration) {
	for i := range s.under {
		s.under[i].began += long
	}
}

// lookAtSaves notes whether the storage answers. The core's deadlines have the loop
// look often enough.
func (n *Node) lookAtSaves(now time.Duration) {
	s := &n.saving
	slow := len(s.under) > 0 && now-s.under[0].began >= SlowSave
	if slow || s.slow {
		was := s.slow
		n.mu.Lock()
		if s.slow = slow; slow {
			s.since = s.under[0].began
		}
		n.mu.Unlock()
		switch {
		case slow && !was:
			s.next = now
			n.emit(Event{Kind: EventStorage, Err: ErrSlowSave})
		case !slow:
			n.emit(Event{Kind: EventStorage})
		}
	}
	if slow && now >= s.next {
		s.next = now + makeWayAgain
		n.makeWay(now)
	}
}

// makeWay has the best voter take a leader's place, if one can.
func (n *Node) makeWay(now time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	st := n.core.Status()
	if st.Role != raft.Leader {
		return
	}
	able := map[raft.ID]bool{}
	best := raft.ProgressStatus{}
	for _, p := range st.Progress {
		// It answers, and has stored what this server has not.
		if now-p.LastHeard < n.electionTimeout() && (p.Match > st.DurableIndex || p.Match == st.LastIndex) {
			able[p.ID] = true
			if slices.Contains(st.Configuration.Voters, p.ID) && p.Match > best.Match {
				best = p
			}
		}
	}
	if best.ID != raft.None && majority(st.Configuration.Voters, able) && majority(st.Configuration.Outgoing, able) {
		_ = n.core.Transfer(now, best.ID) // another transfer is under way: it will do
	}
}

// majority tells whether most of the voters, of whom there may be none, are able.
func majority(voters []raft.ID, able map[raft.ID]bool) bool {
	count := 0
	for _, id := range voters {
		if able[id] {
			count++
		}
	}
	return len(voters) == 0 || count > len(voters)/2
}
