package e2e

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

const (
	// gatherTimeout bounds how long tabs take to become one cluster.
	gatherTimeout = 15 * time.Second
	// leadTimeout is how long after the loss of a leader another one leads at the
	// latest, also on a busy machine; the course allows as much. How long it takes
	// as a rule, make bench tells.
	leadTimeout = 5 * time.Second
	// spreadTimeout bounds how long a committed command takes to be applied
	// everywhere.
	spreadTimeout = 5 * time.Second
)

// A room is a server, a browser, and what its tabs did so far.
type room struct {
	*browser
	t      testing.TB
	server *server
	// acked is the map as acknowledged commands have made it.
	acked map[string]string
}

// startRoom starts a server and a browser of its own.
func startRoom(t testing.TB, options browserOptions) *room {
	t.Helper()
	s := startServer(t)
	return &room{browser: startBrowser(t, options), t: t, server: s, acked: map[string]string{}}
}

// openTab opens the page without a fragment, as a person does.
func (r *room) openTab() *tab {
	r.t.Helper()
	return r.open(r.server.url)
}

// openTabs opens n tabs, one after the other is a member, and waits for them
// to be a cluster.
func (r *room) openTabs(n int) []*tab {
	r.t.Helper()
	var tabs []*tab
	for range n {
		tabs = append(tabs, r.openTab())
		r.waitCluster(len(tabs), tabs...)
	}
	return tabs
}

// waitCluster waits until the tabs are in one cluster of this many voters, with
// a leader among them, which it returns, and every tab linked to every other:
// only then may one of them go without the others having to look for each other.
func (r *room) waitCluster(voters int, tabs ...*tab) (leader *tab) {
	r.t.Helper()
	waitFor(r.t, fmt.Sprintf("a linked cluster of %d", voters), gatherTimeout, func() (err error) {
		if leader, err = clusterOf(voters, tabs); err == nil {
			err = linked(tabs)
		}
		return err
	})
	return leader
}

// waitLeader is waitCluster without the links, in a given time. It also tells
// how long it took.
func (r *room) waitLeader(limit time.Duration, voters int, tabs ...*tab) (leader *tab, took time.Duration) {
	r.t.Helper()
	took = waitFor(r.t, fmt.Sprintf("a cluster of %d", voters), limit, func() (err error) {
		leader, err = clusterOf(voters, tabs)
		return err
	})
	return leader, took
}

// linked tells which link between the tabs is missing.
func linked(tabs []*tab) error {
	links := map[string]string{}
	names := map[string]*tab{}
	for _, tb := range tabs {
		s, err := tb.tryState()
		if err != nil {
			return fmt.Errorf("%v: %w", tb, err)
		}
		names[s.ID] = tb
		for _, m := range s.Members {
			links[s.ID+m.ID] = m.Link
		}
	}
	for from, a := range names {
		for to, b := range names {
			if link := links[from+to]; from != to && link != "open" {
				return fmt.Errorf("the link of %v to %v is %s", a, b, link)
			}
		}
	}
	return nil
}

// clusterOf finds the leader among tabs that agree on one cluster of so many
// voters, or says in what they do not agree.
func clusterOf(voters int, tabs []*tab) (*tab, error) {
	var leader *tab
	var first State
	for i, tb := range tabs {
		s, err := tb.tryState()
		if err != nil {
			return nil, fmt.Errorf("%v: %w", tb, err)
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
			if leader != nil {
				return nil, fmt.Errorf("%v and %v lead", leader, tb)
			}
			leader = tb
		case s.Role != "follower":
			return nil, fmt.Errorf("%v (%s) is %s, term %d: %s", tb, s.Name, s.Role, s.Term, s.Reason)
		}
		switch {
		case counted != voters || len(s.Members) != voters:
			return nil, fmt.Errorf("%v (%s) counts %d voters and %d members", tb, s.Name, counted, len(s.Members))
		case s.Leader == "" || s.Leader != first.Leader || s.Term != first.Term || s.Cluster != first.Cluster:
			return nil, fmt.Errorf("%v (%s) has leader %q in term %d of cluster %s, %v has %q in %d of %s",
				tb, s.Name, s.Leader, s.Term, s.Cluster, tabs[0], first.Leader, first.Term, first.Cluster)
		}
	}
	if leader == nil {
		return nil, errors.New("none of the tabs leads")
	}
	return leader, nil
}

// put sets a key from a tab and remembers that it was acknowledged.
func (r *room) put(tb *tab, key, value string) Result {
	r.t.Helper()
	result := tb.must("put", key, value)
	if result.value() != value || result.Index == 0 || result.Term == 0 {
		r.t.Errorf("%v: put %s %s gave %s at index %d of term %d", tb, key, value, result.value(), result.Index, result.Term)
	}
	r.acked[key] = value
	return result
}

// fill puts n keys from a tab.
func (r *room) fill(tb *tab, prefix string, n int) {
	r.t.Helper()
	for i := range n {
		r.put(tb, fmt.Sprintf("%s-%d", prefix, i), fmt.Sprint(i))
	}
}

// waitAcked waits until the tabs have applied every acknowledged command.
func (r *room) waitAcked(tabs ...*tab) {
	r.t.Helper()
	for _, tb := range tabs {
		waitFor(r.t, fmt.Sprintf("the acknowledged commands on %v", tb), spreadTimeout, func() error {
			entries, err := tb.entries()
			if err != nil {
				return err
			}
			for key, want := range r.acked {
				if got, ok := entries[key]; got != want {
					return fmt.Errorf("%s is %q (present: %v), acknowledged was %q", key, got, ok, want)
				}
			}
			return nil
		})
	}
}

// ids are the identities of the tabs; two tabs with one fail the test.
func (r *room) ids(tabs ...*tab) []string {
	r.t.Helper()
	var ids []string
	for _, tb := range tabs {
		id := tb.state().ID
		if i := slices.Index(ids, id); i >= 0 {
			r.t.Fatalf("%v and %v are both server %s", tabs[i], tb, id)
		}
		ids = append(ids, id)
	}
	return ids
}

// except are the tabs without one.
func except(tabs []*tab, out *tab) []*tab {
	return slices.DeleteFunc(slices.Clone(tabs), func(tb *tab) bool { return tb == out })
}
