package suite

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Limits of the course, on every Raft.
const (
	// electionTimeout is what the tests take for the time of an election: long
	// enough for a leader to be missed and replaced when nothing goes wrong.
	electionTimeout = time.Second
	// TestLimit is how long one test may take.
	TestLimit = 120 * time.Second
	// agreementLimit is how long a command may take to be applied by as many
	// servers as it should, all attempts together, and
	agreementLimit = 10 * time.Second
	// attemptLimit how long after one Start.
	attemptLimit = 2 * time.Second
	// leaderPolls times, about half a second apart, the tests look for a leader.
	leaderPolls = 10
)

// A Case is one of the 28 tests.
type Case struct {
	// Name is the course's, without Test in front and the part behind:
	// "InitialElection".
	Name string
	// Part is 'A', 'B', 'C' or 'D'.
	Part byte
	// Title says what is tested, for the line printed before it runs.
	Title   string
	Servers int

	unreliable bool // the network begins to lose and delay
	snapshots  bool // the service takes snapshots
	body       func(*lab)
}

// ID returns the name with the part, as it was numbered until 2024:
// "InitialElection2A".
func (c Case) ID() string { return fmt.Sprintf("%s2%c", c.Name, c.Part) }

// Cases returns the 28 tests in the course's order.
func Cases() []Case {
	return []Case{
		{Name: "InitialElection", Part: 'A', Servers: 3, Title: "initial election", body: initialElection},
		{Name: "ReElection", Part: 'A', Servers: 3, Title: "election after network failure", body: reElection},
		{Name: "ManyElections", Part: 'A', Servers: 7, Title: "multiple elections", body: manyElections},

		{Name: "BasicAgree", Part: 'B', Servers: 3, Title: "basic agreement", body: basicAgree},
		{Name: "RPCBytes", Part: 'B', Servers: 3, Title: "RPC byte count", body: rpcBytes},
		{Name: "FollowerFailure", Part: 'B', Servers: 3, Title: "progressive failure of followers", body: followerFailure},
		{Name: "LeaderFailure", Part: 'B', Servers: 3, Title: "failure of leaders", body: leaderFailure},
		{Name: "FailAgree", Part: 'B', Servers: 3, Title: "agreement after a follower reconnects", body: failAgree},
		{Name: "FailNoAgree", Part: 'B', Servers: 5, Title: "no agreement if too many followers disconnect", body: failNoAgree},
		{Name: "ConcurrentStarts", Part: 'B', Servers: 3, Title: "concurrent Start()s", body: concurrentStarts},
		{Name: "Rejoin", Part: 'B', Servers: 3, Title: "rejoin of a partitioned leader", body: rejoin},
		{Name: "Backup", Part: 'B', Servers: 5, Title: "leader backs up quickly over incorrect follower logs", body: backup},
		{Name: "Count", Part: 'B', Servers: 3, Title: "RPC counts aren't too high", body: count},

		{Name: "Persist1", Part: 'C', Servers: 3, Title: "basic persistence", body: persist1},
		{Name: "Persist2", Part: 'C', Servers: 5, Title: "more persistence", body: persist2},
		{Name: "Persist3", Part: 'C', Servers: 3, Title: "partitioned leader and one follower crash, leader restarts", body: persist3},
		{Name: "Figure8", Part: 'C', Servers: 5, Title: "Figure 8", body: figure8},
		{Name: "UnreliableAgree", Part: 'C', Servers: 5, Title: "unreliable agreement", unreliable: true, body: unreliableAgree},
		{Name: "Figure8Unreliable", Part: 'C', Servers: 5, Title: "Figure 8 (unreliable)", unreliable: true, body: figure8Unreliable},
		{Name: "ReliableChurn", Part: 'C', Servers: 5, Title: "churn", body: churn},
		{Name: "UnreliableChurn", Part: 'C', Servers: 5, Title: "unreliable churn", unreliable: true, body: churn},

		{Name: "SnapshotBasic", Part: 'D', Servers: 3, Title: "snapshots basic", snapshots: true, body: snapshotBasic},
		{Name: "SnapshotInstall", Part: 'D', Servers: 3, Title: "install snapshots (disconnect)", snapshots: true, body: snapshotInstall},
		{Name: "SnapshotInstallUnreliable", Part: 'D', Servers: 3, Title: "install snapshots (disconnect, unreliable)", unreliable: true, snapshots: true, body: snapshotInstall},
		{Name: "SnapshotInstallCrash", Part: 'D', Servers: 3, Title: "install snapshots (crash)", snapshots: true, body: snapshotInstallCrash},
		{Name: "SnapshotInstallUnCrash", Part: 'D', Servers: 3, Title: "install snapshots (unreliable, crash)", unreliable: true, snapshots: true, body: snapshotInstallCrash},
		{Name: "SnapshotAllCrash", Part: 'D', Servers: 3, Title: "crash and restart all servers", snapshots: true, body: snapshotAllCrash},
		{Name: "SnapshotInit", Part: 'D', Servers: 3, Title: "snapshot initialization after crash", snapshots: true, body: snapshotInit},
	}
}

// Find returns the case that a test function's name means. It takes the
// numbering of every year: "TestInitialElection2A", "TestInitialElection3A",
// and the name alone.
func Find(name string) (Case, error) {
	name = strings.TrimPrefix(name, "Test")
	for _, c := range Cases() {
		for _, suffix := range []string{"", "2" + string(c.Part), "3" + string(c.Part)} {
			if name == c.Name+suffix {
				return c, nil
			}
		}
	}
	return Case{}, fmt.Errorf("suite: there is no test %q", name)
}

// Select returns the cases that a pattern means, as `go test -run` would: a regular
// expression that is searched for in the names "TestInitialElection2A" and
// "TestInitialElection3A". The empty pattern means all.
func Select(pattern string) ([]Case, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("suite: not a pattern for tests: %w", err)
	}
	var chosen []Case
	for _, c := range Cases() {
		if re.MatchString("Test"+c.ID()) || re.MatchString(fmt.Sprintf("Test%s3%c", c.Name, c.Part)) {
			chosen = append(chosen, c)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("suite: no test matches %q", pattern)
	}
	return chosen, nil
}
