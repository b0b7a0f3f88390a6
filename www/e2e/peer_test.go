package e2e

import (
	"fmt"
	"testing"
)

// Point 7: a native server joins the tabs and counts as one of them, with what
// it stores in files.
func TestNativePeer(t *testing.T) {
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(2)
	r.fill(tabs[0], "before", 10)
	peer := startPeer(t, tabs[0].state().Room.Link)
	peer.waitVoter()
	waitVoters := func(n int, tabs ...*tab) {
		t.Helper()
		waitFor(t, "the native server to be counted", gatherTimeout, func() error {
			for _, tb := range tabs {
				s := tb.state()
				if s.Quorum.Voters != n || s.Quorum.Alive != n || s.Leader == "" {
					return fmt.Errorf("%v: leader %q, %+v", tb, s.Leader, s.Quorum)
				}
			}
			return nil
		})
	}
	waitVoters(3, tabs...)
	r.put(tabs[1], "with a native server", "yes")

	// It is the majority's second half.
	tabs[0].close()
	r.put(tabs[1], "one tab and a native server", "yes")

	// Killed, it is missed; started again on its files, it counts again.
	peer.kill()
	_, err := tabs[1].command("put", "alone", "no")
	wantWaitedInVain(t, err)
	peer.start()
	r.put(tabs[1], "after its restart", "yes")

	// What it holds reaches a tab that has nothing: the first is taken over.
	back := r.openTab()
	waitVoters(3, tabs[1], back)
	r.waitAcked(tabs[1], back)
	if err := peer.life.interrupt(stopTimeout); err != nil {
		t.Errorf("interrupted, it ends with %v", err)
	}
	r.put(back, "without it", "yes")
	r.waitAcked(tabs[1], back)
}
