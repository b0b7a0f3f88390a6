package raft

import (
	"testing"

	"tabraft/raft/lab/suite"
)

func TestInitialElection2A(t *testing.T) { suite.Test(t, Make) }
func TestReElection2A(t *testing.T)      { suite.Test(t, Make) }
func TestBasicAgree2B(t *testing.T)      { suite.Test(t, Make) }
func TestBackup2B(t *testing.T)          { suite.Test(t, Make) }
func TestPersist12C(t *testing.T)        { suite.Test(t, Make) }
func TestUnreliableAgree2C(t *testing.T) { suite.Test(t, Make) }

// There are no snapshots yet, so this is skipped.
func TestSnapshotBasic2D(t *testing.T) { suite.Test(t, Make) }
