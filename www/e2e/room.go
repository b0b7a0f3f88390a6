package e2e

import (
	"testing"
	"time"
)

const (
	// gatherTimeout bounds how long tabs take to become one cluster, on a machine
	// that has much else to do.
	gatherTimeout = time.Minute
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
	cluster[*tab]
	t      testing.TB
	server *server
}

// startRoom starts a server and a browser of its own.
func startRoom(t testing.TB, options browserOptions) *room {
	t.Helper()
	s := startServer(t)
	return &room{browser: startBrowser(t, options), cluster: newCluster[*tab](t), t: t, server: s}
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
