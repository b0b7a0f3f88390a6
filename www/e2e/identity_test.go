package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// identityTimeout bounds how long tabs take to sort out who they are, on a busy
// machine: a copy is refused for 4 s before it gives up, and then reloads.
const identityTimeout = 60 * time.Second

// noTwins looks, until it is stopped, for two tabs that are one live server at the
// same time: both connected to others.
func noTwins(t *testing.T, tabs func() []*tab) (stop func()) {
	done := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		for {
			live := map[string]*tab{}
			for _, tb := range tabs() {
				s, err := tb.tryState()
				if err != nil || s.Role == "stopped" || !slices.ContainsFunc(s.Members, func(m Member) bool { return m.Link == "open" }) {
					continue
				}
				if other := live[s.ID]; other != nil && other != tb {
					// The first look is a moment old by now.
					if again, err := other.tryState(); err == nil && again.ID == s.ID && again.Role != "stopped" {
						t.Errorf("%v of %s and %v of %s are both live as server %s", other, other.browser.profile, tb, tb.browser.profile, s.ID)
					}
				}
				live[s.ID] = tb
			}
			select {
			case <-done:
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	})
	return func() { close(done); watching.Wait() }
}

// copyProfile copies a profile as it is, also while a browser uses it.
func copyProfile(t *testing.T, from string) string {
	t.Helper()
	to := profileDir(t)
	if out, err := exec.Command("cp", "-a", from+"/.", to).CombinedOutput(); err != nil {
		// What the browser deletes meanwhile need not be copied.
		for line := range strings.Lines(string(out)) {
			if !strings.Contains(line, "No such file") {
				t.Fatalf("copy the profile: %s", line)
			}
		}
	}
	for _, lock := range []string{"SingletonLock", "SingletonCookie", "SingletonSocket", "DevToolsActivePort"} {
		os.Remove(filepath.Join(to, lock))
	}
	return to
}

// Two browsers on copies of one profile, at once: the tabs of the copy become new
// servers, and never is one server live twice.
func TestCopiedProfile(t *testing.T) {
	t.Parallel()
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(3)
	r.fill(tabs[1], "before", 10)
	ids := r.ids(tabs...)

	second := startBrowser(t, browserOptions{profile: copyProfile(t, r.profile)})
	stop := noTwins(t, func() []*tab { return append(r.live(), second.live()...) })
	defer stop()
	copies := second.openAll(r.server.url, 2)
	all := append(slices.Clone(tabs), copies...)
	waitFor(t, "the copies to be new servers", identityTimeout, func() error {
		for _, tb := range copies {
			s, err := tb.tryState()
			if err != nil {
				return err
			}
			if slices.Contains(ids, s.ID) || s.Role == "joining" || s.Role == "stopped" {
				return fmt.Errorf("%v is %s %s: %s", tb, s.Role, s.ID, s.Reason)
			}
		}
		return nil
	})
	r.waitLeader(identityTimeout, 5, all...)
	for i, tb := range tabs {
		if now := tb.state().ID; now != ids[i] {
			t.Errorf("%v was server %s and is now %s", tb, ids[i], now)
		}
	}
	r.put(copies[0], "from the copy", "yes")
	r.waitAcked(all...)
}

// A tab duplicated several times at once, as a restored session may do: every one is
// a server of its own.
func TestManyDuplicatesAtOnce(t *testing.T) {
	t.Parallel()
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(2)
	original := tabs[1].state().ID
	stop := noTwins(t, r.live)
	defer stop()
	for range 4 {
		tabs = append(tabs, tabs[1].duplicate()) // which does not wait for its server
	}
	r.waitLeader(identityTimeout, 6, tabs...)
	r.ids(tabs...)
	if now := tabs[1].state().ID; now != original {
		t.Errorf("the tab that was duplicated was server %s and is now %s", original, now)
	}
}

// A page that comes back from history finds that its server went on in another tab, and
// is another one. (Of such a page Chromium keeps nothing in the back-forward cache: the
// other tab's broadcasts end that.)
func TestBackToATakenServer(t *testing.T) {
	t.Parallel()
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(3)
	left := tabs[1].state().ID
	stop := noTwins(t, r.live)
	defer stop()
	tabs[1].navigate(r.server.url + "healthz")
	heir := r.openTab()
	waitFor(t, "a new tab to go on as the server that was left", identityTimeout, func() error {
		s, err := heir.tryState()
		if err == nil && s.ID != left {
			err = fmt.Errorf("it is %s", s.ID)
		}
		return err
	})
	r.waitLeader(identityTimeout, 3, tabs[0], tabs[2], heir)
	history := mustCall(tabs[1], page.GetNavigationHistory, cdp.Empty{})
	if history.CurrentIndex < 1 {
		t.Fatalf("%+v", history)
	}
	mustCall(tabs[1], page.NavigateToHistoryEntry, page.NavigateToHistoryEntryParams{EntryID: history.Entries[history.CurrentIndex-1].ID})
	r.waitLeader(identityTimeout, 4, tabs[0], tabs[1], tabs[2], heir)
	r.ids(tabs[0], tabs[1], tabs[2], heir)
	if now := heir.state().ID; now != left {
		t.Errorf("the heir was server %s and is now %s", left, now)
	}
}

// A page that comes back from the back-forward cache has left its cluster for good: it
// starts anew, as the server that it was.
func TestBackForwardCache(t *testing.T) {
	t.Parallel()
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(1) // nobody's broadcasts end the caching
	tb := tabs[0]
	r.fill(tb, "before", 5)
	id := tb.state().ID
	tb.injectScript(`addEventListener("pageshow", (e) => { if (e.persisted) sessionStorage.setItem("e2ePersisted", "yes"); })`)
	tb.reload()
	r.waitCluster(1, tabs...)
	tb.navigate(r.server.url + "healthz")
	waitFor(t, "the other page", loadTimeout, func() error {
		var there bool
		err := tb.tryEval(`location.pathname === "/healthz" && document.readyState === "complete"`, &there)
		if err == nil && !there {
			err = errors.New("not there yet")
		}
		return err
	})
	tb.eval("history.back(), true", nil)
	r.waitLeader(identityTimeout, 1, tb)
	var persisted string
	waitFor(t, "the page to come back from the cache", loadTimeout, func() error {
		if err := tb.tryEval(`sessionStorage.getItem("e2ePersisted") ?? ""`, &persisted); err != nil || persisted != "yes" {
			return fmt.Errorf("it did not: %q, %v", persisted, err)
		}
		_, err := clusterOf(1, tabs)
		return err
	})
	if now := tb.state().ID; now != id {
		t.Errorf("it was server %s and is now %s", id, now)
	}
	r.put(tb, "after", "yes")
	r.waitAcked(tb)
}

// A browser is killed with its three tabs, and ten tabs open at once when it is back:
// three of them are the servers that there were, and none is two.
func TestTenTabsAfterACrash(t *testing.T) {
	t.Parallel()
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(3)
	r.fill(tabs[0], "before", 5)
	ids := r.ids(tabs...)
	r.kill()
	r.again()
	stop := noTwins(t, r.live)
	defer stop()
	tabs = r.openAll(r.server.url, 10)
	r.waitLeader(identityTimeout, 10, tabs...)
	now := r.ids(tabs...)
	for _, id := range ids {
		if !slices.Contains(now, id) {
			t.Errorf("server %s was not taken up", id)
		}
	}
	r.waitAcked(tabs...)
}

// A renderer is killed and a new tab opened at once, again and again: the new tab is
// the server that crashed, and is not taken for a copy of it.
func TestCrashAndReopenAtOnce(t *testing.T) {
	t.Parallel()
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(3)
	stop := noTwins(t, r.live)
	defer stop()
	for round := range 3 {
		crashed := tabs[round].state().ID
		tabs[round].startKill()
		tabs[round] = r.openTab()
		waitFor(t, "the server that crashed to be back", identityTimeout, func() error {
			s, err := tabs[round].tryState()
			switch {
			case err != nil:
				return err
			case s.Role == "stopped":
				return errors.New(s.Reason)
			case s.ID != crashed:
				return fmt.Errorf("it is %s, not %s", s.ID, crashed)
			}
			return nil
		})
		r.waitLeader(identityTimeout, 3, tabs...)
		r.put(tabs[round], fmt.Sprintf("round-%d", round), "yes")
	}
	r.waitAcked(tabs...)
}

// A browser is closed, and restores its tabs when it is opened again, all at once and with
// what they remember: they are the servers that they were, each once.
func TestRestoredSession(t *testing.T) {
	t.Parallel()
	r := startRoom(t, browserOptions{display: startDisplay(t), flags: map[string]any{"restore-last-session": true}})
	tabs := r.openTabs(3)
	r.fill(tabs[1], "before", 10)
	ids := r.ids(tabs...)
	r.close()
	r.again()
	stop := noTwins(t, r.live)
	defer stop()
	var restored []target.ID
	waitFor(t, "the browser to restore its tabs", loadTimeout, func() error {
		infos, err := chromedp.Targets(r.ctx)
		restored = nil
		for _, info := range infos {
			if info.Type == "page" && strings.HasPrefix(info.URL, r.server.url) {
				restored = append(restored, info.TargetID)
			}
		}
		if err == nil && len(restored) != len(tabs) {
			err = fmt.Errorf("%d of %d", len(restored), len(tabs))
		}
		return err
	})
	tabs = nil
	for _, id := range restored {
		tabs = append(tabs, r.adopt(id))
	}
	r.waitCluster(3, tabs...)
	now := r.ids(tabs...)
	slices.Sort(ids)
	slices.Sort(now)
	if !slices.Equal(ids, now) {
		t.Errorf("the servers were %v, and in the restored tabs are %v", ids, now)
	}
	r.waitAcked(tabs...)
}
