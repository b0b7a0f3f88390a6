package e2e

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// A foxRoom is a server, a Firefox, and what its tabs did so far.
type foxRoom struct {
	*firefox
	cluster[*foxTab]
	t      testing.TB
	server *server
}

func startFoxRoom(t testing.TB, options firefoxOptions) *foxRoom {
	t.Helper()
	s := startServer(t)
	return &foxRoom{firefox: startFirefox(t, options), cluster: newCluster[*foxTab](t), t: t, server: s}
}

// openTabs opens n tabs, one after the other is a member.
func (r *foxRoom) openTabs(n int) []*foxTab {
	r.t.Helper()
	var tabs []*foxTab
	for range n {
		tabs = append(tabs, r.open(r.server.url))
		r.waitCluster(len(tabs), tabs...)
	}
	return tabs
}

// quiet wants the tabs' consoles so far to be without errors and warnings.
func (r *foxRoom) quiet() {
	r.t.Helper()
	for _, tb := range r.tabs {
		for _, m := range tb.messages() {
			if m.Level == "error" || m.Level == "warn" {
				r.t.Errorf("%v: %v", tb, m)
			} else {
				r.t.Logf("%v: %v", tb, m)
			}
		}
	}
}

// content wants Firefox to have no complaint so far about what it loaded, such
// as a breach of the content security policy.
func (r *foxRoom) content() {
	r.t.Helper()
	var complaints []string
	err := r.chrome(fmt.Sprintf(`Services.console.getMessageArray().filter((m) => m instanceof Ci.nsIScriptError && m.sourceName.startsWith(%q))
		.map((m) => m.category + ", " + m.sourceName + ":" + m.lineNumber + ": " + m.errorMessage)`, r.server.url), &complaints)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, c := range complaints {
		r.t.Errorf("Firefox complains: %s", c)
	}
}

// Three tabs of a Firefox: a cluster, commands from each, a new leader when the
// leader's tab is closed, and the identities of reloaded, duplicated and
// reopened tabs.
func TestFirefoxThreeTabs(t *testing.T) {
	t.Parallel()
	r := startFoxRoom(t, firefoxOptions{})
	tabs := r.openTabs(3)
	ids := r.ids(tabs...)
	r.content()
	for i, tb := range tabs {
		key := fmt.Sprintf("key %d", i)
		put := r.put(tb, key, "one")
		for _, other := range tabs {
			if got := other.get(key); got.value() != "one" || got.Index < put.Index {
				t.Errorf("%v put at index %d, then %v got %s at index %d", tb, put.Index, other, got.value(), got.Index)
			}
		}
		_, err := tb.command("cas", key, "two", "three")
		wantFailure(t, err, "mismatch", "one")
	}
	r.waitAcked(tabs...)
	sameLogs(t, tabs)

	leader := r.waitCluster(3, tabs...)
	for _, tb := range append(except(tabs, leader), leader) {
		before := tb.state()
		tb.reload()
		r.waitCluster(3, tabs...)
		if after := tb.state(); after.ID != before.ID || after.Term < before.Term || after.LastIndex < before.LastIndex {
			t.Errorf("%v was server %s in term %d with index %d, and after a reload %s, %d and %d", tb,
				before.ID, before.Term, before.LastIndex, after.ID, after.Term, after.LastIndex)
		}
	}

	tabs = append(tabs, tabs[1].duplicate())
	r.waitCluster(4, tabs...)
	if now := r.ids(tabs...); !slices.Equal(now[:3], ids) {
		t.Errorf("the servers were %v and are %v since a tab was duplicated", ids, now)
	}
	r.put(tabs[3], "from the copy", "yes")

	leader = r.waitCluster(4, tabs...)
	closed := leader.state().ID
	leader.startClose()
	left := except(tabs, leader)
	_, took := r.waitLeader(leadTimeout, 4, left...)
	t.Logf("a new leader %v after the old one's tab was closed", took.Round(time.Millisecond))
	r.put(left[0], "after", "yes")
	r.waitAcked(left...)

	back := r.open(r.server.url)
	tabs = append(left, back)
	r.waitCluster(4, tabs...)
	if id := back.state().ID; id != closed {
		t.Errorf("a new tab is server %s and not the closed %s", id, closed)
	}
	r.ids(tabs...)
	r.waitAcked(tabs...)
	sameLogs(t, tabs)
	r.quiet()
}

// A content process is killed under the leader: no pagehide, no goodbye.
func TestFirefoxContentProcessKilled(t *testing.T) {
	t.Parallel()
	r := startFoxRoom(t, firefoxOptions{})
	tabs := r.openTabs(3)
	leader := r.waitCluster(3, tabs...)
	r.fill(leader, "before", 20)
	killed := leader.state().ID
	leader.kill()
	left := except(tabs, leader)
	_, took := r.waitLeader(leadTimeout, 3, left...)
	t.Logf("a new leader %v after the old one's content process was killed", took.Round(time.Millisecond))
	r.waitAcked(left...)
	r.put(left[0], "after", "yes")
	back := r.open(r.server.url)
	r.waitCluster(3, append(left, back)...)
	if id := back.state().ID; id != killed {
		t.Errorf("a new tab is server %s and not the killed %s", id, killed)
	}
	r.waitAcked(append(left, back)...)
}

// Three tabs in one window, of which only one shows: for a minute the leader,
// which is hidden, stays, and commands commit.
func TestFirefoxHidden(t *testing.T) {
	t.Parallel()
	r := startFoxRoom(t, firefoxOptions{})
	tabs := r.openTabs(3)
	leader := r.waitCluster(3, tabs...)
	shown := except(tabs, leader)[0]
	shown.front()
	hidden := func() error {
		for _, tb := range tabs {
			if tb.hidden() != (tb != shown) {
				return fmt.Errorf("%v is hidden: %v", tb, tb.hidden())
			}
		}
		return nil
	}
	waitFor(t, "the other tabs to be hidden", callTimeout, hidden)
	for _, tb := range tabs {
		tb.eval(watchChanges, nil)
	}
	before := leader.state()
	time.Sleep(hiddenFor)
	for _, tb := range tabs {
		var changes []string
		tb.eval("changes", &changes)
		if len(changes) > 0 {
			t.Errorf("%v saw changes: %s", tb, strings.Join(changes, ", "))
		}
		if s := tb.state(); s.Leader != before.ID || s.Term != before.Term || s.Reason != "" {
			t.Errorf("%v: leader %q and term %d were %q and %d: %s", tb, s.Leader, s.Term, before.ID, before.Term, s.Reason)
		}
		start := time.Now()
		r.put(tb, fmt.Sprintf("from %v", tb), "yes")
		if took := time.Since(start); took > hiddenCommandTimeout {
			t.Errorf("a command from %v took %v", tb, took)
		}
	}
	if err := hidden(); err != nil {
		t.Errorf("in the end %v", err)
	}
	r.waitAcked(tabs...)
}

// The browser is killed, and another time closed: what was acknowledged is there
// when it is opened again, in the same servers.
func TestFirefoxBrowserKilled(t *testing.T) {
	t.Parallel()
	r := startFoxRoom(t, firefoxOptions{})
	tabs := r.openTabs(3)
	ids := r.ids(tabs...)
	for _, end := range []func(){r.kill, r.close} {
		r.fill(tabs[1], fmt.Sprintf("term %d", tabs[1].state().Term), 30)
		end()
		r.again()
		tabs = nil
		for range 3 {
			tabs = append(tabs, r.open(r.server.url))
		}
		r.waitCluster(3, tabs...)
		for _, id := range r.ids(tabs...) {
			if !slices.Contains(ids, id) {
				t.Errorf("a reopened tab is the new server %s", id)
			}
		}
		r.waitAcked(tabs...)
	}
	r.put(tabs[0], "after", "yes")
	r.waitAcked(tabs...)
	sameLogs(t, tabs)
}

// Nothing sticks out of the page in Firefox either, light or dark.
func TestFirefoxLayout(t *testing.T) {
	t.Parallel()
	r := startFoxRoom(t, firefoxOptions{})
	tabs := r.openTabs(3)
	r.put(tabs[0], strings.Repeat("long", 60), strings.Repeat("value", 60))
	r.fill(tabs[0], "k", 30)
	r.waitAcked(tabs...)
	tb := tabs[2]
	for _, v := range views {
		tb.view(v.width, v.height, v.scheme)
		wantInside(t, tb, v.name, v.width, tb.screenshot)
	}
	r.content()
	r.quiet()
}

// view sets the size of the tab's page and the colour scheme it is asked for.
func (tb *foxTab) view(width, height int64, scheme string) {
	tb.t.Helper()
	tb.browser.call("browsingContext.setViewport", object{"context": tb.id, "viewport": object{"width": width, "height": height}}, nil)
	override := map[string]int{"dark": 0, "light": 1}[scheme]
	if err := tb.browser.chrome(fmt.Sprintf(`(Services.prefs.setIntPref("layout.css.prefers-color-scheme.content-override", %d), true)`, override), nil); err != nil {
		tb.t.Fatal(err)
	}
	waitFor(tb.t, "the scheme "+scheme, callTimeout, func() error {
		var matches bool
		err := tb.tryEval(fmt.Sprintf("matchMedia('(prefers-color-scheme: %s)').matches", scheme), &matches)
		if err == nil && !matches {
			err = errors.New("the page sees the other one")
		}
		return err
	})
}
