package e2e

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

// Point 1: three tabs are a cluster within 3 s of the third one, no click.
func TestThreeTabs(t *testing.T) {
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(2)
	start := time.Now()
	tabs = append(tabs, r.openTab())
	r.waitCluster(3, tabs...)
	t.Logf("a cluster %v after the third tab was opened", time.Since(start).Round(time.Millisecond))
	r.ids(tabs...)
}

// The same without waiting for one tab before the next is opened.
func TestThreeTabsAtOnce(t *testing.T) {
	r := startRoom(t, browserOptions{})
	tabs := r.openAll(r.server.url, 3)
	r.waitCluster(3, tabs...)
	r.ids(tabs...)
}

// Point 2: commands from every tab, with their answers.
func TestCommands(t *testing.T) {
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(3)
	for i, tb := range tabs {
		key := fmt.Sprintf("key %d", i)
		put := r.put(tb, key, "one")
		for _, other := range tabs {
			got := other.get(key)
			if got.value() != "one" || got.Index < put.Index || got.Term < put.Term {
				t.Errorf("%v put at index %d, then %v got %s at index %d", tb, put.Index, other, got.value(), got.Index)
			}
		}
		if got := tb.must("cas", key, "one", "two"); got.value() != "two" {
			t.Errorf("%v: cas from one to two left %s", tb, got.value())
		}
		_, err := tb.command("cas", key, "one", "three")
		wantFailure(t, err, "mismatch", "two")
		if got := tb.must("cas", key+" new", nil, "first"); got.value() != "first" {
			t.Errorf("%v: cas of an absent key left %s", tb, got.value())
		}
		tb.must("delete", key+" new")
		if got := tb.get(key + " new"); got.Value != nil {
			t.Errorf("%v: a deleted key is %s", tb, got.value())
		}
		r.acked[key] = "two"
	}
	r.waitAcked(tabs...)
	sameLogs(t, tabs)
}

// wantFailure wants a command to have failed with a code and some words.
func wantFailure(t *testing.T, err error, code, words string) {
	t.Helper()
	var failure *Failure
	if !errors.As(err, &failure) || failure.Code != code || !contains(failure.Message, words) {
		t.Errorf("got the error %v, want the code %q and a message about %q", err, code, words)
	}
}

// Point 5: a fourth and a fifth tab join while three live.
func TestFourthAndFifthTab(t *testing.T) {
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(3)
	r.fill(tabs[0], "early", 20)
	for range 2 {
		tabs = append(tabs, r.openTab())
		r.waitCluster(len(tabs), tabs...)
	}
	r.ids(tabs...)
	r.put(tabs[4], "from the fifth", "yes")
	r.waitAcked(tabs...)
	sameLogs(t, tabs)
	// Five servers carry on without two.
	leader := r.waitCluster(5, tabs...)
	leader.close()
	left := except(tabs, leader)
	left[0].close()
	r.put(left[1], "with three of five", "yes")
	r.waitAcked(left[1:]...)
}

// Point 5: a duplicated tab is a new server.
func TestDuplicatedTab(t *testing.T) {
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(3)
	original := tabs[1].state().ID
	tabs = append(tabs, tabs[1].duplicate())
	r.waitCluster(4, tabs...)
	r.ids(tabs...)
	if now := tabs[1].state().ID; now != original {
		t.Errorf("the tab that was duplicated was server %s and is now %s", original, now)
	}
	r.put(tabs[3], "from the copy", "yes")
	r.waitAcked(tabs...)
}

// Tabs opened in one go: one cluster, and never one identity twice.
func TestTenTabsAtOnce(t *testing.T) {
	const n = 10
	r := startRoom(t, browserOptions{})
	tabs := r.openAll(r.server.url, n)
	for _, tb := range tabs {
		waitFor(t, fmt.Sprintf("%v to be up", tb), loadTimeout, func() error {
			s, err := tb.tryState()
			if err == nil && s.ID == "" {
				err = errors.New("it has no identity")
			}
			return err
		})
	}
	r.ids(tabs...)
	r.waitLeader(loadTimeout, n, tabs...)
	r.waitCluster(n, tabs...)
	r.ids(tabs...)
	r.put(tabs[n-1], "from the last", "yes")
	r.waitAcked(tabs...)
}
