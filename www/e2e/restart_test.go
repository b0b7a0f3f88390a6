package e2e

import (
	"slices"
	"testing"
)

// Point 4: all tabs and the server are closed, started and opened again: every
// acknowledged command is there.
func TestEverythingCloses(t *testing.T) {
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(3)
	r.fill(tabs[1], "before", 30)
	r.waitAcked(tabs...)
	ids := r.ids(tabs...)
	r.close()
	r.server.stop()

	r.server.start()
	r.again()
	tabs = r.reopen(ids)
	r.put(tabs[0], "after", "yes")
	r.waitAcked(tabs...)
	sameLogs(t, tabs)
}

// The same when nothing closes in order: browser and server are killed.
func TestBrowserAndServerKilled(t *testing.T) {
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(3)
	r.fill(tabs[1], "before", 30)
	ids := r.ids(tabs...)
	r.kill()
	r.server.kill()

	r.server.start()
	r.again()
	tabs = r.reopen(ids)
	r.put(tabs[0], "after", "yes")
	r.waitAcked(tabs...)
	sameLogs(t, tabs)
}

// reopen opens three tabs in a browser that starts again, waits for their
// cluster, and wants them to be the servers that there were.
func (r *room) reopen(ids []string) []*tab {
	r.t.Helper()
	tabs := []*tab{r.openTab(), r.openTab(), r.openTab()}
	r.waitCluster(3, tabs...)
	for _, id := range r.ids(tabs...) {
		if !slices.Contains(ids, id) {
			r.t.Errorf("a reopened tab is the new server %s", id)
		}
	}
	r.waitAcked(tabs...)
	return tabs
}
