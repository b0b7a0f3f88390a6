package main

import (
	"testing"

	"tabraft/raft/bench/load"
)

func TestClusterCommitsWhatItCounts(t *testing.T) {
	for _, variant := range []string{"default", "batched"} {
		if err := load.VerifyCluster(openCluster, variant); err != nil {
			t.Errorf("%s: %v", variant, err)
		}
	}
}
