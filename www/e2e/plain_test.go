package e2e

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

// Point 9: a page served by plain http from another computer's address is no
// secure context: no Web Locks, no crypto.subtle, no OPFS, no brotli.

// startPlainRoom is startRoom with a page that is no secure context.
func startPlainRoom(t *testing.T) *room {
	t.Helper()
	if !inPrivateNetwork() {
		t.Skip("an address that is not localhost is only in the private network")
	}
	s := startServerAt(t, "")
	s.url = "http://" + lanAddress + ":" + s.port + "/"
	return &room{browser: startBrowser(t, browserOptions{}), cluster: newCluster[*tab](t), t: t, server: s}
}

// lacks checks that the page has none of what a secure one has, and works with
// gzip.
func lacks(t *testing.T, tb *tab) {
	t.Helper()
	var has []string
	tb.eval(`Object.entries({
		isSecureContext, locks: navigator.locks, subtle: crypto.subtle, randomUUID: crypto.randomUUID,
		storage: navigator.storage?.getDirectory, serviceWorker: navigator.serviceWorker,
	}).filter(([, value]) => value).map(([name]) => name)`, &has)
	if len(has) != 0 {
		t.Fatalf("the page has %v: this is a secure context", has)
	}
	var encoding string
	tb.eval(`fetch(performance.getEntriesByType("resource").map((e) => e.name).find((name) => name.endsWith(".wasm")))
		.then((answer) => answer.headers.get("content-encoding"))`, &encoding)
	if encoding != "gzip" {
		t.Errorf("the program came with encoding %q", encoding)
	}
}

func TestPlainHTTP(t *testing.T) {
	t.Parallel()
	r := startPlainRoom(t)
	tabs := r.openTabs(3)
	lacks(t, tabs[0])
	w, l := newWitness(t), startLoad(t, "", 3, 50*time.Millisecond)
	for _, tb := range tabs {
		w.follow(tb)
		l.use(tb, 1)
	}
	before := r.ids(tabs...)

	tabs[1].reload()
	w.follow(tabs[1])
	l.use(tabs[1], 1)
	r.waitCluster(3, tabs...)
	if now := r.ids(tabs...); !slices.Equal(now, before) {
		t.Errorf("the servers were %v, and after a reload are %v", before, now)
	}

	tabs = append(tabs, tabs[1].duplicate())
	r.waitCluster(4, tabs...)
	if now := r.ids(tabs...); !slices.Equal(now[:3], before) {
		t.Errorf("the servers were %v, and beside a duplicated tab are %v", before, now)
	}

	leader := r.waitCluster(4, tabs...)
	gone := leader.state().ID
	leader.startClose()
	left := except(tabs, leader)
	_, took := r.waitLeader(leadTimeout, 4, left...)
	t.Logf("a new leader %v after the old one was closed", took.Round(time.Millisecond))

	// A new tab takes the closed one's server over.
	tabs = append(left, r.openTab())
	w.follow(tabs[3])
	r.waitCluster(4, tabs...)
	if now := tabs[3].state().ID; now != gone {
		t.Errorf("a new tab is server %s, and not %s, which nobody is", now, gone)
	}
	l.finish(moveTimeout, tabs...)
	w.check()
}

// Ten tabs at once, none of which can lock anything: never two of them are one
// server. After a crash of the browser all come back as they were.
func TestPlainHTTPTenTabsAtOnce(t *testing.T) {
	t.Parallel()
	r := startPlainRoom(t)
	const n = 10
	var before []string
	for round := range 2 {
		tabs := r.openAll(r.server.url, n)
		waitFor(t, "ten different servers", loadTimeout, func() error {
			live := map[string]*tab{}
			for _, tb := range tabs {
				s, err := tb.tryState()
				switch {
				case err != nil:
					return fmt.Errorf("%v: %w", tb, err)
				case s.ID == "":
					return fmt.Errorf("%v has no identity", tb)
				case s.Role == "stopped":
					return fmt.Errorf("%v is stopped: %s", tb, s.Reason)
				case live[s.ID] != nil:
					t.Fatalf("%v and %v are both server %s", live[s.ID], tb, s.ID)
				}
				live[s.ID] = tb
			}
			if len(live) != n {
				return errors.New("not all")
			}
			return nil
		})
		r.waitCluster(n, tabs...)
		now := r.ids(tabs...)
		slices.Sort(now)
		if round > 0 && !slices.Equal(now, before) {
			t.Errorf("after a crash of the browser the servers are %v, before they were %v", now, before)
		}
		before = now
		r.put(tabs[n-1], fmt.Sprint("round ", round), "yes")
		r.waitAcked(tabs...)
		if round == 0 {
			r.browser.kill()
			r.again()
		}
	}
}

// Without locks a tab that is stopped cannot object when another one takes its server
// over. Once it goes on it finds that it is that server no more, before it can do any
// harm.
func TestPlainHTTPStoppedTab(t *testing.T) {
	t.Parallel()
	r := startPlainRoom(t)
	tabs := r.openTabs(3)
	w, l := newWitness(t), startLoad(t, "", 4, 50*time.Millisecond)
	for _, tb := range tabs {
		w.follow(tb)
		l.use(tb, 1)
	}
	stopped := r.waitCluster(3, tabs...)
	id := stopped.state().ID
	suspensions[0].begin(stopped)
	heir := r.openTab()
	w.follow(heir)
	l.use(heir, 1)
	now := append(except(tabs, stopped), heir)
	r.waitLeader(identityTimeout, 3, now...)
	if got := heir.state().ID; got != id {
		t.Errorf("a new tab is server %s, not %s, whose tab is stopped", got, id)
	}
	suspensions[0].wake(stopped)
	took := waitFor(t, "the woken tab to be that server no more", identityTimeout, func() error {
		s, err := stopped.tryState()
		if err == nil && s.ID == id && s.Role != "stopped" {
			err = fmt.Errorf("it is %s", s.Role)
		}
		return err
	})
	s := stopped.state()
	t.Logf("after %v it is server %s, %s: %s", took.Round(time.Millisecond), s.ID, s.Role, s.Reason)
	r.waitLeader(identityTimeout, 3, now...)
	if got := heir.state().ID; got != id {
		t.Errorf("the heir was server %s and is %s since the other tab woke", id, got)
	}
	l.finish(moveTimeout, now...)
	if err := oneLeader(w.all()); err != nil {
		t.Error(err)
	}
}
