package sim

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"tabraft/raft"
)

// Limits of a world.
const (
	// MaxServers is how many servers a world may have: a set of them is a
	// byte in an Event.
	MaxServers = 8
	// MaxClients is how many clients a world may have.
	MaxClients = 32
	// MaxSteps is the length of the longest run, so that what is recorded of
	// it fits into memory.
	MaxSteps = 50_000_000
	// maxKeys is how many keys the clients may use: a byte in an Event.
	maxKeys = 256
	// maxBytes bounds the sizes in Settings.
	maxBytes = 1 << 20
	// leaseSkew is the largest Skew with which leases are safe: the rates of
	// two clocks then differ by less than a tenth.
	leaseSkew = 47
)

// Settings are what a world is like: everything that a run depends on besides
// its events. Chances are out of 1000. Durations are in nanoseconds of virtual
// time; a fault with an Every of 0 never happens, else twice that is the
// longest time between two of its kind.
type Settings struct {
	// Seed feeds the servers' random election timeouts and, through chaos,
	// everything that happens.
	Seed uint64
	// Steps is the number of events before the calm phase.
	Steps int

	Servers  int // 1 to MaxServers
	Founders int // of them are voters from the start
	Clients  int // 0 to MaxClients
	Keys     int // that the clients use
	Think    time.Duration
	Reads    int // chance that an operation is a linearizable read

	// The network. A message takes [DelayMin, DelayMax), on a slow link ten
	// times as long.
	DelayMin, DelayMax time.Duration
	Ordered            bool // messages of one link do not overtake each other
	Drop, Repeat, Late int  // chances; Late ones come after up to Long
	Long               time.Duration
	SlowLinks          int // chance that a link is slow
	PartitionEvery     time.Duration

	// The disks.
	WriteMin, WriteMax time.Duration
	FailEvery          time.Duration // a write fails: the server crashes

	// The servers.
	Pace         time.Duration // the longest wait from input to Ready
	CrashEvery   time.Duration
	DownMax      time.Duration
	SuspendEvery time.Duration
	SuspendMax   time.Duration
	Skew         int // clocks run at 1000 ± Skew thousandths of the true rate
	JumpEvery    time.Duration
	Hasty        int           // chance that a random wait of a core is the shortest
	PeerDowns    time.Duration // hints that a server is gone, mostly wrong

	// The cluster.
	ReconfigureEvery time.Duration
	TransferEvery    time.Duration
	CompactEvery     time.Duration // a snapshot at a random time,
	CompactEntries   int           // and whenever so many entries were applied since the last one; 0: never
	SnapshotBytes    int           // of a snapshot; sizes vary up to this

	// The core's own settings (raft.Config).
	ElectionTimeout, HeartbeatInterval                    time.Duration
	MaxAppendBytes, MaxInflightMessages, MaxInflightBytes int
	MaxUncommittedBytes, MaxSaves                         int
	SnapshotChunkBytes, RetainedBytes                     int
	LeaseReads                                            bool
	NoPreVote, NoCheckQuorum, NoStickiness                bool

	// Maps: every server has a map of its own, and snapshots are of it. Else one
	// map stands for all (check_machine.go), which is faster.
	Maps bool
	// Wire: messages and saves are encoded and decoded on their way.
	Wire bool

	// Flaw names a way in which the world breaks the core's contract; see
	// Flaws. It shows that the checkers see and that the shrinker shrinks.
	Flaw string `json:",omitempty"`
}

// Draw makes the settings of a seed: mild for some, wild for others.
func Draw(seed uint64, steps int) Settings {
	rng := rand.New(rand.NewPCG(seed, 1))
	pick := func(from ...int) int { return from[rng.IntN(len(from))] }
	ms := func(from ...int) time.Duration { return time.Duration(pick(from...)) * time.Millisecond }
	us := func(from ...int) time.Duration { return time.Duration(pick(from...)) * time.Microsecond }
	s := Settings{Seed: seed, Steps: steps}
	s.Servers = pick(2, 3, 3, 3, 4, 5, 5, 5, 5, 6, 7)
	s.Founders = s.Servers
	s.Clients, s.Keys = pick(1, 3, 4, 6), pick(1, 2, 3)
	s.Think, s.Reads = ms(1, 10, 50, 100), pick(0, 200, 500)

	s.DelayMin = us(50, 500)
	s.DelayMax = s.DelayMin + us(100, 2000, 10000)
	s.Ordered = pick(0, 1) == 1
	s.Drop, s.Repeat, s.Late = pick(0, 0, 10, 100), pick(0, 0, 20, 200), pick(0, 0, 5, 50)
	s.Long = ms(100, 1000)
	s.SlowLinks = pick(0, 0, 100)
	s.PartitionEvery = ms(0, 100, 300, 800)

	s.WriteMin = us(0, 20, 500)
	s.WriteMax = s.WriteMin + us(50, 1000, 20000)
	s.FailEvery = ms(0, 0, 600)

	s.Pace = us(0, 0, 100, 3000)
	s.CrashEvery, s.DownMax = ms(0, 200, 600), ms(50, 500)
	s.SuspendEvery, s.SuspendMax = ms(0, 0, 300), ms(100, 1000)
	s.Skew = pick(0, 40, 300)
	s.JumpEvery = ms(0, 0, 500)
	s.PeerDowns = ms(0, 200, 1000)
	s.ReconfigureEvery = ms(0, 50, 300)
	if s.ReconfigureEvery > 0 { // the others can join
		s.Founders = 1 + rng.IntN(s.Servers)
	}
	s.TransferEvery = ms(0, 0, 100)
	s.CompactEvery, s.CompactEntries = ms(0, 0, 300), pick(0, 5, 50, 50)
	s.SnapshotBytes = pick(16, 300, 2000)

	s.ElectionTimeout, s.HeartbeatInterval = ms(60, 100, 200), ms(10, 25)
	s.MaxAppendBytes = pick(0, 1, 200, 1000)
	s.MaxInflightMessages = pick(0, 1, 3)
	s.MaxInflightBytes = pick(0, 0, 300)
	s.MaxUncommittedBytes = pick(0, 0, 600)
	s.MaxSaves = pick(1, 1, 3, 8)
	s.SnapshotChunkBytes, s.RetainedBytes = pick(50, 200, 0), pick(-1, 500, 5000)
	s.NoPreVote, s.NoCheckQuorum, s.NoStickiness = pick(0, 0, 0, 1) == 1, pick(0, 0, 0, 1) == 1, pick(0, 0, 0, 1) == 1
	if pick(0, 0, 1) == 1 {
		// Leases rest on stickiness, CheckQuorum and clocks.
		s.LeaseReads, s.NoCheckQuorum, s.NoStickiness = true, false, false
		s.Skew, s.JumpEvery = min(s.Skew, leaseSkew), 0
		s.Reads = max(s.Reads, 200)
	}
	s.Hasty = pick(0, 0, 300, 700)
	s.Maps, s.Wire = rng.IntN(8) == 0, rng.IntN(8) == 0
	return s
}

// validate refuses settings that no world can have; they may come from a file.
func (s *Settings) validate() error {
	switch {
	case s.Servers < 1 || s.Servers > MaxServers || s.Founders < 1 || s.Founders > s.Servers:
		return fmt.Errorf("sim: %d founders of %d servers, there may be 1 to %d", s.Founders, s.Servers, MaxServers)
	case s.Clients < 0 || s.Clients > MaxClients || s.Keys < 1 || s.Keys > maxKeys:
		return fmt.Errorf("sim: %d clients and %d keys, there may be up to %d and 1 to %d", s.Clients, s.Keys, MaxClients, maxKeys)
	case s.Steps < 0 || s.Steps > MaxSteps:
		return fmt.Errorf("sim: %d steps, there may be up to %d", s.Steps, MaxSteps)
	case min(s.DelayMin, s.DelayMax-s.DelayMin, s.WriteMin, s.WriteMax-s.WriteMin, s.Think, s.Long, s.Pace, s.DownMax, s.SuspendMax) < 0,
		min(s.PartitionEvery, s.FailEvery, s.CrashEvery, s.SuspendEvery, s.JumpEvery, s.PeerDowns, s.ReconfigureEvery, s.TransferEvery, s.CompactEvery) < 0:
		return fmt.Errorf("sim: a duration is negative")
	case min(s.CompactEntries, s.SnapshotBytes, s.SnapshotChunkBytes) < 0 || max(s.SnapshotBytes, s.SnapshotChunkBytes) > maxBytes:
		return fmt.Errorf("sim: snapshots every %d entries, of %d bytes, in chunks of %d, cannot be", s.CompactEntries, s.SnapshotBytes, s.SnapshotChunkBytes)
	case s.Skew < 0 || s.Skew >= 1000:
		return fmt.Errorf("sim: clocks cannot run at 1000 ± %d thousandths", s.Skew)
	}
	if _, ok := flaws[s.Flaw]; !ok && s.Flaw != "" {
		return fmt.Errorf("sim: there is no flaw %q; there are: %s", s.Flaw, strings.Join(Flaws(), ", "))
	}
	return nil
}

// refined tells whether pre-vote, CheckQuorum and stickiness are on: then a
// leader without faults around it stays.
func (s *Settings) refined() bool { return !s.NoPreVote && !s.NoCheckQuorum && !s.NoStickiness }

func (s *Settings) config(id raft.ID) raft.Config {
	return raft.Config{
		ID:                  id,
		ElectionTimeout:     s.ElectionTimeout,
		HeartbeatInterval:   s.HeartbeatInterval,
		MaxAppendBytes:      s.MaxAppendBytes,
		MaxInflightMessages: s.MaxInflightMessages,
		MaxInflightBytes:    s.MaxInflightBytes,
		MaxUncommittedBytes: s.MaxUncommittedBytes,
		MaxSaves:            s.MaxSaves,
		SnapshotChunkBytes:  s.SnapshotChunkBytes,
		RetainedBytes:       s.RetainedBytes,
		LeaseReads:          s.LeaseReads,
		DisablePreVote:      s.NoPreVote,
		DisableCheckQuorum:  s.NoCheckQuorum,
		DisableStickiness:   s.NoStickiness,
	}
}

// String gives the settings as they are written in a trace file.
func (s Settings) String() string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // numbers, booleans and a string can be written
	}
	return string(b)
}
