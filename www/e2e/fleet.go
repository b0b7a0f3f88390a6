package e2e

import (
	"fmt"
	"testing"
	"time"
)

// clientPause is the pause between two commands of one client, on average: a
// load that leaves the machine time for the browsers.
const clientPause = 30 * time.Millisecond

// recoverTimeout bounds how long browsers that were killed and started again
// take to be a cluster.
const recoverTimeout = 2 * time.Minute

// A fleet is several browsers whose tabs are in one room, with a witness to all
// that they do, and clients in every tab while there is a load.
type fleet struct {
	cluster[*tab]
	t        testing.TB
	server   *server
	browsers []*browser
	link     string // the invitation; empty before the first tab is up
	witness  *witness
	load     *load // nil while there is none
}

// startFleet starts a server and n browsers.
func startFleet(t testing.TB, n int) *fleet {
	t.Helper()
	f := &fleet{cluster: newCluster[*tab](t), t: t, server: startServer(t), witness: newWitness(t)}
	for range n {
		f.browsers = append(f.browsers, startBrowser(t, browserOptions{}))
	}
	return f
}

// open opens a tab in a browser: the very first one in a room of its own, the
// others by the invitation.
func (f *fleet) open(b *browser) *tab {
	f.t.Helper()
	url := f.link
	if url == "" {
		url = f.server.url
	}
	tb := b.open(url)
	f.add(tb)
	if f.link == "" {
		waitFor(f.t, "the first tab to have a room", loadTimeout, func() error {
			s, err := tb.tryState()
			f.link = s.Room.Link
			return err
		})
	}
	return tb
}

// add has a tab be watched and used.
func (f *fleet) add(tb *tab) {
	f.t.Helper()
	f.witness.follow(tb)
	if f.load != nil {
		f.load.use(tb, 1)
	}
}

// live are the tabs that nobody has ended, of all browsers.
func (f *fleet) live() []*tab {
	var tabs []*tab
	for _, b := range f.browsers {
		tabs = append(tabs, b.live()...)
	}
	return tabs
}

// startLoad has clients use all tabs, those that are opened later too.
func (f *fleet) startLoad(prefix string, seed uint64) {
	f.load = startLoad(f.t, prefix, seed, clientPause)
	for _, tb := range f.live() {
		f.load.use(tb, 1)
	}
}

// finish ends the load and checks its history.
func (f *fleet) finish(limit time.Duration) map[string]string {
	f.t.Helper()
	l := f.load
	f.load = nil
	return l.finish(limit, f.live()...)
}

// waitServed waits until n more commands are answered.
func (f *fleet) waitServed(n int) {
	f.t.Helper()
	enough := f.load.answered() + n
	waitFor(f.t, "commands to be answered", recoverTimeout, func() error {
		if now := f.load.answered(); now < enough {
			return fmt.Errorf("%d are answered, %d are to be", now, enough)
		}
		return nil
	})
}

// killBrowser ends a browser with all its tabs, as a crash would.
func (f *fleet) killBrowser(b *browser) {
	for _, tb := range b.live() {
		tb.markGone()
	}
	b.kill()
}

// reopen starts a killed browser and opens n tabs in it.
func (f *fleet) reopen(b *browser, n int) {
	f.t.Helper()
	b.again()
	for range n {
		f.open(b)
	}
}
