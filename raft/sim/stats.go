package sim

import (
	"fmt"
	"strings"
)

// stats.go: how often each thing happened that a simulator must meet to be
// worth its time.

// Stat is one such thing.
type Stat uint8

const (
	Steps Stat = iota
	Sent
	Delivered
	Dropped
	Repeated
	Overtaken
	OneWay
	Partitions
	Leaders
	Reelected
	PreVoteRefusals
	Conflicts
	Refusals
	Committed
	CommittedWhilePartitioned
	CommittedOlder
	Writes
	OutOfOrder
	Crashes
	LostWrites
	DiskErrors
	Starts
	Suspensions
	FrozenClocks
	ClockJumps
	WrongHints
	Joint
	JointByOther
	ConfigurationsUndone
	JointCompacted
	LearnersPromoted
	VotersReplaced
	LeadersRemoved
	Transfers
	TransfersDone
	TransfersCut
	HandOvers
	Snapshots
	SnapshotsInstalled
	SnapshotOverLog
	ChunksSent
	ChunksLost
	SnapshotsResumed
	StartsFromSnapshot
	ReadsByLeader
	ReadsByFollower
	ReadsBatched
	ReadsByLease
	ReadsRetried
	Commands
	CommandsRetried
	CommandsTwice
	Overloads
	RefusedTransferring
	Histories
	statCount
)

var statNames = [statCount]string{
	Steps:                     "events",
	Sent:                      "messages sent",
	Delivered:                 "messages delivered",
	Dropped:                   "messages lost",
	Repeated:                  "messages repeated",
	Overtaken:                 "messages overtaken",
	OneWay:                    "one-way partitions",
	Partitions:                "partitions",
	Leaders:                   "leaders elected",
	Reelected:                 "leaders that follow themselves",
	PreVoteRefusals:           "pre-votes refused",
	Conflicts:                 "conflicts repaired",
	Refusals:                  "AppendEntries refused",
	Committed:                 "entries committed",
	CommittedWhilePartitioned: "entries committed while partitioned",
	CommittedOlder:            "entries committed by a later term's leader",
	Writes:                    "saves stored",
	OutOfOrder:                "saves reported out of order",
	Crashes:                   "crashes",
	LostWrites:                "crashes that lost writes",
	DiskErrors:                "failed writes",
	Starts:                    "restarts",
	Suspensions:               "suspensions",
	FrozenClocks:              "suspensions in which the clock stood still",
	ClockJumps:                "clock jumps",
	WrongHints:                "wrong hints that a server is gone",
	Joint:                     "joint configurations entered",
	JointByOther:              "joint configurations left by another leader",
	ConfigurationsUndone:      "configurations undone",
	JointCompacted:            "snapshots of a joint configuration",
	LearnersPromoted:          "learners made voters",
	VotersReplaced:            "changes to other voters altogether",
	LeadersRemoved:            "leaders removed",
	Transfers:                 "transfers begun",
	TransfersDone:             "transfers done",
	TransfersCut:              "transfers cut short",
	HandOvers:                 "leaders that left at once",
	Snapshots:                 "snapshots taken",
	SnapshotsInstalled:        "snapshots installed",
	SnapshotOverLog:           "snapshots installed over a conflicting log",
	ChunksSent:                "snapshot chunks sent",
	ChunksLost:                "snapshot chunks lost",
	SnapshotsResumed:          "snapshots resumed behind a gap",
	StartsFromSnapshot:        "restarts from a snapshot",
	ReadsByLeader:             "reads served by a leader",
	ReadsByFollower:           "reads served by a follower",
	ReadsBatched:              "reads that shared a request",
	ReadsByLease:              "reads served under leases",
	ReadsRetried:              "reads asked again",
	Commands:                  "commands answered",
	CommandsRetried:           "commands sent again",
	CommandsTwice:             "commands committed twice and applied once",
	Overloads:                 "commands refused: overloaded",
	RefusedTransferring:       "commands refused: transferring",
	Histories:                 "histories checked for linearizability",
}

func (s Stat) String() string { return statNames[s] }

// Stats counts them.
type Stats [statCount]uint64

// Add adds another run's.
func (s *Stats) Add(other *Stats) {
	for i := range s {
		s[i] += other[i]
	}
}

// Missing lists what never happened.
func (s *Stats) Missing() []Stat {
	var none []Stat
	for i := range statCount {
		if s[i] == 0 {
			none = append(none, i)
		}
	}
	return none
}

// String is a table, a line for each.
func (s *Stats) String() string {
	var b strings.Builder
	for i, n := range s {
		fmt.Fprintf(&b, "%14d  %s\n", n, Stat(i))
	}
	return b.String()
}
