package textbook

import (
	"testing"

	"tabraft/raft/lab/suite"
)

// Part A: leader election.

func TestInitialElection2A(t *testing.T) { suite.Test(t, Make) }
func TestReElection2A(t *testing.T)      { suite.Test(t, Make) }
func TestManyElections2A(t *testing.T)   { suite.Test(t, Make) }

// Part B: the log.

func TestBasicAgree2B(t *testing.T)       { suite.Test(t, Make) }
func TestRPCBytes2B(t *testing.T)         { suite.Test(t, Make) }
func TestFollowerFailure2B(t *testing.T)  { suite.Test(t, Make) }
func TestLeaderFailure2B(t *testing.T)    { suite.Test(t, Make) }
func TestFailAgree2B(t *testing.T)        { suite.Test(t, Make) }
func TestFailNoAgree2B(t *testing.T)      { suite.Test(t, Make) }
func TestConcurrentStarts2B(t *testing.T) { suite.Test(t, Make) }
func TestRejoin2B(t *testing.T)           { suite.Test(t, Make) }
func TestBackup2B(t *testing.T)           { suite.Test(t, Make) }
func TestCount2B(t *testing.T)            { suite.Test(t, Make) }

// Part C: persistence.

func TestPersist12C(t *testing.T)          { suite.Test(t, Make) }
func TestPersist22C(t *testing.T)          { suite.Test(t, Make) }
func TestPersist32C(t *testing.T)          { suite.Test(t, Make) }
func TestFigure82C(t *testing.T)           { suite.Test(t, Make) }
func TestUnreliableAgree2C(t *testing.T)   { suite.Test(t, Make) }
func TestFigure8Unreliable2C(t *testing.T) { suite.Test(t, Make) }
func TestReliableChurn2C(t *testing.T)     { suite.Test(t, Make) }
func TestUnreliableChurn2C(t *testing.T)   { suite.Test(t, Make) }

// Part D: snapshots.

func TestSnapshotBasic2D(t *testing.T)             { suite.Test(t, Make) }
func TestSnapshotInstall2D(t *testing.T)           { suite.Test(t, Make) }
func TestSnapshotInstallUnreliable2D(t *testing.T) { suite.Test(t, Make) }
func TestSnapshotInstallCrash2D(t *testing.T)      { suite.Test(t, Make) }
func TestSnapshotInstallUnCrash2D(t *testing.T)    { suite.Test(t, Make) }
func TestSnapshotAllCrash2D(t *testing.T)          { suite.Test(t, Make) }
func TestSnapshotInit2D(t *testing.T)              { suite.Test(t, Make) }
