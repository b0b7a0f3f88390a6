package raft

import (
	"math/rand/v2"
	"testing"
)

// subset gives the servers 1..5 whose bits are set.
func subset(bits int) []ID {
	var ids []ID
	for id := range 5 {
		if bits&(1<<id) != 0 {
			ids = append(ids, ID(id+1))
		}
	}
	return ids
}

// Any two majorities of one size share a member, and no smaller number does
// (bug 45: even sizes).
func TestBug45Majority(t *testing.T) {
	for n := 1; n <= MaxMembers; n++ {
		if m := majority(n); 2*m <= n || 2*(m-1) > n {
			t.Errorf("majority of %d is %d", n, m)
		}
	}
}

// Every vote of every configuration of up to five servers, joint or not,
// against the definition: won if both halves have a majority, lost if not even
// the missing votes could bring that about.
func TestTallyExhaustively(t *testing.T) {
	wins := func(voters []ID, yes func(ID) bool) bool {
		n := 0
		for _, id := range voters {
			if yes(id) {
				n++
			}
		}
		return 2*n > len(voters)
	}
	for in := 1; in < 32; in++ {
		for out := range 32 {
			c := Configuration{Voters: subset(in), Outgoing: subset(out)}
			for votes := range 3 * 3 * 3 * 3 * 3 {
				cast := map[ID]bool{}
				for id, v := ID(1), votes; id <= 5; id, v = id+1, v/3 {
					if v%3 > 0 {
						cast[id] = v%3 == 1
					}
				}
				yes := func(id ID) bool { return cast[id] }
				maybe := func(id ID) bool { y, answered := cast[id]; return y || !answered }
				want := ballotOpen
				if wins(c.Voters, yes) && (out == 0 || wins(c.Outgoing, yes)) {
					want = ballotWon
				} else if !wins(c.Voters, maybe) || out != 0 && !wins(c.Outgoing, maybe) {
					want = ballotLost
				}
				if got := c.tally(cast); got != want {
					t.Fatalf("%s with votes %v: %d, want %d", c, cast, got, want)
				}
			}
		}
	}
}

// quorumIndex against its definition, for matches in no order (bug 34).
func TestBug34QuorumIndex(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	most := func(voters []ID, match map[ID]uint64, n uint64) bool {
		have := 0
		for _, id := range voters {
			if match[id] >= n {
				have++
			}
		}
		return 2*have > len(voters)
	}
	for in := 1; in < 32; in++ {
		for out := range 32 {
			c := Configuration{Voters: subset(in), Outgoing: subset(out)}
			for range 40 {
				match := map[ID]uint64{}
				for id := ID(1); id <= 5; id++ {
					match[id] = rng.Uint64N(6)
				}
				want := uint64(0)
				for n := uint64(1); n <= 6; n++ {
					if most(c.Voters, match, n) && (out == 0 || most(c.Outgoing, match, n)) {
						want = n
					}
				}
				if got := c.quorumIndex(func(id ID) uint64 { return match[id] }); got != want {
					t.Fatalf("%s with %v: %d, want %d", c, match, got, want)
				}
				has := c.hasQuorum(func(id ID) bool { return match[id] > 0 })
				if has != (want > 0) {
					t.Fatalf("%s with %v: hasQuorum is %t", c, match, has)
				}
			}
		}
	}
}

// Larger than the array on the stack.
func TestQuorumIndexOfManyVoters(t *testing.T) {
	var c Configuration
	for id := ID(1); id <= MaxMembers; id++ {
		c.Voters = append(c.Voters, id)
	}
	if got := c.quorumIndex(func(id ID) uint64 { return uint64(id) }); got != MaxMembers/2 {
		t.Errorf("%d, want %d", got, MaxMembers/2)
	}
}

// Nobody decides in a configuration of nobody.
func TestNoVotersNoDecision(t *testing.T) {
	var c Configuration
	if c.tally(map[ID]bool{1: true}) != ballotLost || c.quorumIndex(func(ID) uint64 { return 9 }) != 0 {
		t.Error("a configuration without voters decides")
	}
}
