package raft

import "testing"

// Found by the simulator: a leader that makes another server the only voter may
// hold a lease that rests on that server. Restarted, it must not win an election,
// which needs nobody else, before the lease is over.
func TestSoleVoterRespectsLeaseAfterRestart(t *testing.T) {
	for _, lease := range []bool{false, true} {
		cfg := testConfig()
		cfg.LeaseReads = lease
		c := newCore(t, cfg, storedTerms(1, 1))
		if at := c.NextDeadline(); lease != (at >= testTimeout) {
			t.Errorf("leases %t: it campaigns at %s", lease, at)
		}
	}
}
