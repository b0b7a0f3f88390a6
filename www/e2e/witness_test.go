package e2e

import (
	"strings"
	"testing"
)

// What the witness's rules find, and what they let pass.
func TestWitnessRules(t *testing.T) {
	at := func(ms int64, page, id, role string, term uint64) testimony {
		return testimony{Page: page, At: ms, ID: id, Role: role, Term: term, Cluster: "c"}
	}
	led := func(s testimony, leader string) testimony { s.Leader = leader; return s }
	var joins, joinsUnled, joinsAsleep []testimony
	for ms := int64(0); ms <= 12_000; ms += witnessEvery.Milliseconds() {
		leader, joining := at(ms, "p", "a", "leader", 1), at(ms, "q", "b", "joining", 0)
		joins = append(joins, leader, joining)
		if ms < 4000 || ms > 8000 {
			joinsUnled = append(joinsUnled, leader)
			joinsAsleep = append(joinsAsleep, joining)
		}
		joinsUnled = append(joinsUnled, joining)
		joinsAsleep = append(joinsAsleep, leader)
	}
	for _, c := range []struct {
		name string
		rule func([]testimony) error
		said []testimony
		want string
	}{
		{"one leader", oneLeader, []testimony{at(1, "p", "a", "leader", 1), led(at(2, "q", "b", "follower", 1), "a"), at(3, "q", "b", "leader", 2)}, ""},
		{"two leaders", oneLeader, []testimony{at(1, "p", "a", "leader", 1), at(2, "q", "b", "leader", 1)}, "two leaders"},
		{"two leaders followed", oneLeader, []testimony{led(at(1, "p", "a", "follower", 1), "x"), led(at(2, "q", "b", "follower", 1), "y")}, "two leaders"},
		{"one identity after the other", oneOfEach, []testimony{at(0, "p", "a", "follower", 1), at(500, "p", "a", "follower", 1), at(501, "q", "a", "follower", 1), at(900, "q", "a", "follower", 1)}, ""},
		{"one identity twice", oneOfEach, []testimony{at(0, "p", "a", "follower", 1), at(500, "q", "a", "follower", 1), at(1000, "p", "a", "follower", 1), at(1500, "q", "a", "follower", 1)}, "ran twice"},
		{"one identity inside the other", oneOfEach, []testimony{at(0, "p", "a", "follower", 1), at(500, "q", "a", "follower", 1), at(600, "q", "a", "follower", 1), at(1000, "p", "a", "follower", 1)}, "ran twice"},
		{"stopped meanwhile", oneOfEach, []testimony{at(0, "p", "a", "follower", 1), at(400, "p", "a", "stopped", 1), at(500, "q", "a", "follower", 1), at(900, "q", "a", "stopped", 1), at(1000, "p", "a", "follower", 1), at(2000, "p", "a", "follower", 1)}, ""},
		{"terms rise", termsRise, []testimony{at(0, "p", "a", "follower", 1), at(1, "q", "a", "follower", 2)}, ""},
		{"a term forgotten", termsRise, []testimony{at(0, "p", "a", "follower", 2), at(1, "q", "a", "follower", 1)}, "was in term 2"},
		{"stuck", stuck, joins, "was joining"},
		{"no leader to let it in", stuck, joinsUnled, ""},
		{"asleep while it joins", stuck, joinsAsleep, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.rule(c.said)
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want something about %q", err, c.want)
			}
		})
	}
}
