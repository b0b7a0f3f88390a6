package main

import (
	"testing"

	"tabraft/raft/bench/load"
)

func TestCoreCommitsWhatItCounts(t *testing.T) {
	for _, variant := range []string{"sync", "async", "window1"} {
		if err := load.VerifyCore(openCore, variant); err != nil {
			t.Errorf("%s: %v", variant, err)
		}
	}
}

func TestClusterCommitsWhatItCounts(t *testing.T) {
	for _, variant := range []string{"sync", "async", "encoded", "api"} {
		if err := load.VerifyCluster(openCluster, variant); err != nil {
			t.Errorf("%s: %v", variant, err)
		}
	}
}
