package raft

import "slices"

// quorum.go: the arithmetic of majorities, for one configuration and for the
// joint one (section 6: "agreement requires separate majorities from both the
// old and new configurations").

// majority is the smallest number of n voters that any two sets of that size
// share a member of.
func majority(n int) int { return n/2 + 1 }

// ballot is the state of a vote.
type ballot uint8

const (
	ballotOpen ballot = iota
	ballotWon
	ballotLost
)

// tally counts votes: granted and refused name the voters that answered.
func (c *Configuration) tally(votes map[ID]bool) ballot {
	in := tally(c.Voters, votes)
	if len(c.Outgoing) == 0 {
		return in
	}
	out := tally(c.Outgoing, votes)
	switch {
	case in == ballotLost || out == ballotLost:
		return ballotLost
	case in == ballotWon && out == ballotWon:
		return ballotWon
	}
	return ballotOpen
}

func tally(voters []ID, votes map[ID]bool) ballot {
	if len(voters) == 0 {
		return ballotLost
	}
	granted, refused := 0, 0
	for _, id := range voters {
		if yes, answered := votes[id]; answered && yes {
			granted++
		} else if answered {
			refused++
		}
	}
	switch need := majority(len(voters)); {
	case granted >= need:
		return ballotWon
	case len(voters)-refused < need:
		return ballotLost
	}
	return ballotOpen
}

// quorumIndex is the largest index that a quorum has: "if there exists an N
// such that a majority of matchIndex[i] >= N" (Figure 2).
func (c *Configuration) quorumIndex(match func(ID) uint64) uint64 {
	n := quorumIndex(c.Voters, match)
	if len(c.Outgoing) > 0 {
		n = min(n, quorumIndex(c.Outgoing, match))
	}
	return n
}

func quorumIndex(voters []ID, match func(ID) uint64) uint64 {
	if len(voters) == 0 {
		return 0
	}
	var room [16]uint64
	all := room[:0]
	for _, id := range voters {
		all = append(all, match(id))
	}
	slices.Sort(all)
	return all[len(all)-majority(len(all))]
}

// hasQuorum tells whether the servers for which in is true make a quorum.
func (c *Configuration) hasQuorum(in func(ID) bool) bool {
	return c.quorumIndex(func(id ID) uint64 {
		if in(id) {
			return 1
		}
		return 0
	}) == 1
}
