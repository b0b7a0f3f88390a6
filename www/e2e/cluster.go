package e2e

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

// tabLike are the types of tabs that a cluster can be asked through: those of
// one browser, or anyTab.
type tabLike interface {
	comparable
	anyTab
}

// A cluster is what a test knows of the servers that it tries.
type cluster[T tabLike] struct {
	t testing.TB
	// acked is the map as acknowledged commands have made it.
	acked map[string]string
	// transport is what waitCluster wants the links to use.
	transport string
}

func newCluster[T tabLike](t testing.TB) cluster[T] {
	return cluster[T]{t: t, acked: map[string]string{}, transport: byWebRTC}
}

// waitCluster waits until the tabs are in one cluster of this many voters, with
// a leader among them, which it returns, and every tab linked to every other:
// only then may one of them go without the others having to look for each other.
func (c *cluster[T]) waitCluster(voters int, tabs ...T) (leader T) {
	c.t.Helper()
	waitFor(c.t, fmt.Sprintf("a linked cluster of %d", voters), gatherTimeout, func() (err error) {
		if leader, err = clusterOf(voters, tabs); err == nil {
			err = linked(tabs, c.transport)
		}
		return err
	})
	return leader
}

// waitLeader is waitCluster without the links, in a given time. It also tells
// how long it took.
func (c *cluster[T]) waitLeader(limit time.Duration, voters int, tabs ...T) (leader T, took time.Duration) {
	c.t.Helper()
	took = waitFor(c.t, fmt.Sprintf("a cluster of %d", voters), limit, func() (err error) {
		leader, err = clusterOf(voters, tabs)
		return err
	})
	return leader, took
}

// What Member.Transport may be.
const (
	byWebRTC    = "webrtc"
	byBroadcast = "broadcast"
)

// linked tells which link between the tabs is missing, or uses another transport.
func linked[T tabLike](tabs []T, transport string) error {
	links := map[string]string{}
	names := map[string]T{}
	for _, tb := range tabs {
		s, err := tb.tryState()
		if err != nil {
			return fmt.Errorf("%v: %w", tb, err)
		}
		names[s.ID] = tb
		for _, m := range s.Members {
			links[s.ID+m.ID] = m.Link + " " + m.Transport
		}
	}
	for from, a := range names {
		for to, b := range names {
			if link := links[from+to]; from != to && link != "open "+transport {
				return fmt.Errorf("the link of %v to %v is %s", a, b, link)
			}
		}
	}
	return nil
}

// clusterOf finds the leader among tabs that agree on one cluster of so many
// voters, or says in what they do not agree.
func clusterOf[T tabLike](voters int, tabs []T) (leader T, err error) {
	var none T
	var first State
	for i, tb := range tabs {
		s, err := tb.tryState()
		if err != nil {
			return none, fmt.Errorf("%v: %w", tb, err)
		}
		if i == 0 {
			first = s
		}
		counted := 0
		for _, m := range s.Members {
			if m.Voter {
				counted++
			}
		}
		switch {
		case s.Role == "leader":
			if leader != none {
				return none, fmt.Errorf("%v and %v lead", leader, tb)
			}
			leader = tb
		case s.Role != "follower":
			return none, fmt.Errorf("%v (%s) is %s, term %d: %s", tb, s.Name, s.Role, s.Term, s.Reason)
		}
		switch {
		case counted != voters || len(s.Members) != voters:
			return none, fmt.Errorf("%v (%s) counts %d voters and %d members", tb, s.Name, counted, len(s.Members))
		case s.Leader == "" || s.Leader != first.Leader || s.Term != first.Term || s.Cluster != first.Cluster:
			return none, fmt.Errorf("%v (%s) has leader %q in term %d of cluster %s, %v has %q in %d of %s",
				tb, s.Name, s.Leader, s.Term, s.Cluster, tabs[0], first.Leader, first.Term, first.Cluster)
		}
	}
	if leader == none {
		return none, errors.New("none of the tabs leads")
	}
	return leader, nil
}

// put sets a key from a tab and remembers that it was acknowledged.
func (c *cluster[T]) put(tb T, key, value string) Result {
	c.t.Helper()
	result := tb.must("put", key, value)
	if result.value() != value || result.Index == 0 || result.Term == 0 {
		c.t.Errorf("%v: put %s %s gave %s at index %d of term %d", tb, key, value, result.value(), result.Index, result.Term)
	}
	c.acked[key] = value
	return result
}

// fill puts n keys from a tab.
func (c *cluster[T]) fill(tb T, prefix string, n int) {
	c.t.Helper()
	for i := range n {
		c.put(tb, fmt.Sprintf("%s-%d", prefix, i), fmt.Sprint(i))
	}
}

// waitAcked waits until the tabs have applied every acknowledged command.
func (c *cluster[T]) waitAcked(tabs ...T) {
	c.t.Helper()
	for _, tb := range tabs {
		waitFor(c.t, fmt.Sprintf("the acknowledged commands on %v", tb), spreadTimeout, func() error {
			entries, err := tb.entries()
			if err != nil {
				return err
			}
			for key, want := range c.acked {
				if got, ok := entries[key]; got != want {
					return fmt.Errorf("%s is %q (present: %v), acknowledged was %q", key, got, ok, want)
				}
			}
			return nil
		})
	}
}

// ids are the identities of the tabs; two tabs with one fail the test.
func (c *cluster[T]) ids(tabs ...T) []string {
	c.t.Helper()
	var ids []string
	for _, tb := range tabs {
		id := tb.state().ID
		if i := slices.Index(ids, id); i >= 0 {
			c.t.Fatalf("%v and %v are both server %s", tabs[i], tb, id)
		}
		ids = append(ids, id)
	}
	return ids
}

// except are the tabs without one.
func except[T tabLike](tabs []T, out T) []T {
	return slices.DeleteFunc(slices.Clone(tabs), func(tb T) bool { return tb == out })
}

// sameLogs waits until the tabs have applied as much and compares their logs.
func sameLogs[T tabLike](t testing.TB, tabs []T) {
	t.Helper()
	waitFor(t, "equal logs", spreadTimeout, func() error {
		first := tabs[0].state()
		for _, tb := range tabs[1:] {
			if s := tb.state(); s.LastApplied != first.LastApplied || s.LastIndex != first.LastIndex {
				return fmt.Errorf("%v has applied %d of %d, %v %d of %d", tabs[0], first.LastApplied, first.LastIndex, tb, s.LastApplied, s.LastIndex)
			}
			if from := max(first.FirstIndex, tb.state().FirstIndex); !slices.Equal(tb.log(from, first.LastIndex), tabs[0].log(from, first.LastIndex)) {
				return fmt.Errorf("%v and %v have different logs", tabs[0], tb)
			}
		}
		return nil
	})
}

// leaderAmong finds the tab of these that leads.
func leaderAmong[T tabLike](tabs []T) (leader T, err error) {
	for _, tb := range tabs {
		s, err := tb.tryState()
		if err != nil {
			return leader, err
		}
		if s.Role == "leader" {
			return tb, nil
		}
	}
	return leader, errors.New("none of them leads")
}
