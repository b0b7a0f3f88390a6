package e2e

import (
	"fmt"
	"testing"
	"time"
)

// rejoinTimeout bounds how long tabs take to find a signaling server that is
// back, with the back-off they have built up.
const rejoinTimeout = 40 * time.Second

// Point 6: without its signaling server the cluster goes on electing and
// committing; when that is back, tabs find it and new tabs can join.
func TestSignalingKilled(t *testing.T) {
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(4)
	r.put(tabs[0], "with", "yes")
	r.server.kill()
	for _, tb := range tabs {
		waitFor(t, fmt.Sprintf("%v to miss the signaling server", tb), 10*time.Second, func() error {
			if s := tb.state(); s.Signaling == "connected" {
				return fmt.Errorf("signaling is %s", s.Signaling)
			}
			return nil
		})
	}
	r.put(tabs[1], "without", "yes")
	r.waitAcked(tabs...)
	leader := r.waitCluster(4, tabs...)
	leader.startClose()
	tabs = except(tabs, leader)
	r.waitLeader(leadTimeout, 4, tabs...)
	r.put(tabs[0], "without, under a new leader", "yes")
	r.waitAcked(tabs...)

	r.server.start()
	for _, tb := range tabs {
		waitFor(t, fmt.Sprintf("%v to find the signaling server again", tb), rejoinTimeout, func() error {
			if s := tb.state(); s.Signaling != "connected" {
				return fmt.Errorf("signaling is %s", s.Signaling)
			}
			return nil
		})
	}
	tabs = append(tabs, r.openTab())
	r.waitCluster(4, tabs...)
	r.put(tabs[3], "with again", "yes")
	r.waitAcked(tabs...)
}
