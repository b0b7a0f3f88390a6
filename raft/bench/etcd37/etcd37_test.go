package main

import (
	"testing"

	"tabraft/raft/bench/load"
)

func TestCoreCommitsWhatItCounts(t *testing.T) {
	for _, variant := range []string{"sync", "async"} {
		if err := load.VerifyCore(openCore, variant); err != nil {
			t.Errorf("%s: %v", variant, err)
		}
	}
}

func TestClusterCommitsWhatItCounts(t *testing.T) {
	if err := load.VerifyCluster(openServers, "sync"); err != nil {
		t.Error(err)
	}
}
