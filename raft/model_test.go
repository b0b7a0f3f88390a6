package raft

import (
	"flag"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// model_test.go: an exhaustive small model. Breadth-first exploration of the
// real core, three servers of it, in every state that can be reached within
// bounds: any message may be delivered at any time, in any order, any number
// of times or never; timeouts fire whenever they like; saves are under way for
// as long as they like; servers crash with or without what was being saved.
// Each state is checked: Core.CheckInvariants; Election Safety, Log Matching,
// Leader Completeness and State Machine Safety (Figure 3); what is committed is
// on the disks of a quorum and stays there; what a message promises is on disk
// when it leaves; a read sees all that was committed when it was asked for.
//
// Bounds are the terms, and how often clients, crashes and in some models
// timeouts and heartbeats happen. Where a model is not called stale, one more:
// a request is lost if its receiver is in a later term when it comes. States
// that differ only in the servers' names are explored once. Not covered are
// leases, which rest on clocks, suspensions, learners, more than three servers,
// and a ReadIndex that arrives twice.
//
// Whether the model would notice a mistake, model_fault_test.go shows.
//
//	go test ./raft -run TestModel         the small models, seconds
//	make model                            the wide ones, minutes

const (
	mostStates     = 2_000_000  // of a small model: more means that something grows without bound
	mostWideStates = 60_000_000 // of a wide one: about 2.5 GB
)

var (
	flagWide = flag.Bool("model.wide", false, "explore the wide models")
	flagOnly = flag.String("model.only", "", "explore only the models whose name contains this")
)

// Settings of the servers. plainRaft is the paper's, without the refinements.
var (
	plainRaft  = Config{DisablePreVote: true, DisableCheckQuorum: true, DisableStickiness: true}
	preVote    = Config{DisableCheckQuorum: true, DisableStickiness: true}
	refined    = Config{}
	compacts   = plainWith(func(c *Config) { c.RetainedBytes, c.SnapshotChunkBytes = -1, 4 })
	smallSteps = plainWith(func(c *Config) { c.MaxAppendBytes = 1 }) // one entry a message
	oneFlight  = plainWith(func(c *Config) { c.MaxInflightMessages = 1 })
	twoSaves   = plainWith(func(c *Config) { c.MaxSaves = 2 })
)

func plainWith(change func(*Config)) Config {
	c := plainRaft
	change(&c)
	return c
}

const (
	serverOne       = 0b0010
	serversOneTwo   = 0b0110
	serversTwoThree = 0b1100
	serversOneThree = 0b1010
	allServers      = 0b1110
)

// smallModels are part of every test run.
var smallModels = []*model{
	{name: "election", cfg: plainRaft, voters: 3, maxTerm: 3,
		limits: limits{inTimeout: 2, inCrash: 1}, meets: "elections,depositions,crashes,saves lost,conflicts"},
	{name: "replication", cfg: plainRaft, voters: 3, maxTerm: 3,
		limits: limits{inTimeout: 2, inPropose: 1}, meets: "elections,commits,conflicts,refusals,ahead of the save"},
	{name: "crash", cfg: plainRaft, voters: 3, maxTerm: 2,
		limits: limits{inTimeout: unlimited, inPropose: 1, inCrash: 1}, meets: "elections,commits,crashes,saves lost"},
	{name: "stale", cfg: plainRaft, voters: 3, maxTerm: 3, sync: true, stale: true,
		limits: limits{inTimeout: 2, inPropose: 1, inCrash: 1}, meets: "elections,depositions,crashes,conflicts"},
	{name: "Figure 8", cfg: smallSteps, voters: 3, maxTerm: 5, sync: true,
		limits: limits{inTimeout: 4}, meets: "elections,commits,conflicts,refusals"},
	{name: "lazy", cfg: plainRaft, voters: 3, maxTerm: 2, lazy: true,
		limits: limits{inTimeout: 2}, meets: "elections,commits"},
	{name: "pre-vote", cfg: preVote, voters: 3, maxTerm: 3, sync: true,
		limits: limits{inTimeout: 2, inPropose: 1}, meets: "elections,pre-votes,commits"},
	{name: "refined", cfg: refined, voters: 3, maxTerm: 3, sync: true, elected: true,
		limits: limits{inTimeout: 1, inPropose: 1, inLapse: unlimited}, meets: "elections,pre-votes,ignored candidates,commits"},
	{name: "three to two", cfg: plainRaft, voters: 3, maxTerm: 3, elected: true, targets: []uint32{serversOneTwo},
		limits: limits{inTimeout: unlimited, inReconfigure: 1}, meets: "elections,joint,joint undone,C_new"},
	{name: "three to one", cfg: plainRaft, voters: 3, maxTerm: 3, elected: true, targets: []uint32{serverOne}, sync: true,
		limits: limits{inTimeout: unlimited, inReconfigure: 1, inCrash: 1}, meets: "elections,joint,joint undone,C_new,depositions"},
	{name: "the leader leaves", cfg: plainRaft, voters: 3, maxTerm: 3, elected: true, targets: []uint32{serversTwoThree}, sync: true, distinct: true,
		limits: limits{inTimeout: unlimited, inReconfigure: 1, inCrash: 1}, meets: "elections,joint,joint undone,C_new,depositions"},
	{name: "two to three", cfg: plainRaft, voters: 2, maxTerm: 3, elected: true, targets: []uint32{allServers},
		limits: limits{inTimeout: unlimited, inReconfigure: 1}, meets: "elections,joint,C_new"},
	{name: "one for another", cfg: plainRaft, voters: 2, maxTerm: 3, elected: true, targets: []uint32{serversOneThree, serversTwoThree}, sync: true, distinct: true,
		limits: limits{inTimeout: unlimited, inReconfigure: 1, inCrash: 1}, meets: "elections,joint,C_new,depositions"},
	{name: "snapshot", cfg: compacts, voters: 3, maxTerm: 3, elected: true, sync: true,
		limits: limits{inTimeout: 1, inPropose: 1, inCompact: 1}, meets: "compactions,installed,elections"},
	{name: "snapshot, saves under way", cfg: compacts, voters: 3, maxTerm: 3, elected: true,
		limits: limits{inTimeout: 1, inPropose: 1, inCompact: 1}, meets: "compactions,installed,elections,conflicts"},
	{name: "transfer", cfg: refined, voters: 3, maxTerm: 3, elected: true, sync: true,
		limits: limits{inTimeout: 1, inPropose: 1, inTransfer: 1, inGiveUp: unlimited}, meets: "takeovers,elections,commits"},
	{name: "read", cfg: plainRaft, voters: 3, maxTerm: 3, elected: true, sync: true,
		limits: limits{inTimeout: 1, inRead: 1}, meets: "reads,elections,commits"},
}

// modelsWhereSlow are all that is explored under GOOS=js, -race and -short.
var modelsWhereSlow = []string{"crash", "three to two"}

func TestModel(t *testing.T) {
	for _, m := range smallModels {
		t.Run(m.name, func(t *testing.T) {
			if slow := runtime.GOOS == "js" || raceEnabled || testing.Short(); slow && !slices.Contains(modelsWhereSlow, m.name) {
				t.Skip("explored natively, without the race detector")
			}
			exploreAll(t, m, mostStates)
		})
	}
}

func TestModelWide(t *testing.T) {
	if !*flagWide {
		t.Skip("minutes and gigabytes: make model")
	}
	for _, m := range wideModels {
		t.Run(m.name, func(t *testing.T) {
			if !strings.Contains(m.name, *flagOnly) {
				t.Skip()
			}
			exploreAll(t, m, mostWideStates)
			runtime.GC() // the tables of this one
		})
	}
}

func exploreAll(t *testing.T, m *model, most int) {
	t.Helper()
	x := newExplorer(m)
	v := x.explore(most)
	if v != nil {
		t.Fatalf("after %d states: %s", len(x.parents), x.trace(v))
	}
	t.Log(x.summary())
	if !x.complete() {
		t.Fatalf("not all within %d states", most)
	}
	for what := range strings.SplitSeq(m.meets, ",") {
		if what != "" && x.met[what] == 0 {
			t.Errorf("no %s were met", what)
		}
	}
}

// summary tells how far it went.
func (x *explorer) summary() string {
	took := time.Since(x.began)
	met := []string{}
	for what, n := range x.met {
		met = append(met, fmt.Sprintf("%s %d", what, n))
	}
	slices.Sort(met)
	extent := fmt.Sprintf("all of them, depth %d", x.depth-1)
	if !x.complete() {
		extent = fmt.Sprintf("complete up to depth %d", x.depth)
	}
	return fmt.Sprintf("%d states (%s), %d transitions, in %.1fs, %.0f states/s\n%s\n%d states of one server, %d messages; met in inputs to one server: %s",
		len(x.parents), extent, x.transitions, took.Seconds(), float64(len(x.parents))/took.Seconds(), x.bounds(),
		len(x.servers), len(x.messages), strings.Join(met, ", "))
}

func (x *explorer) bounds() string {
	b := []string{fmt.Sprintf("terms up to %d", x.maxTerm)}
	for kind, most := range x.limits {
		name := inputNames[kind]
		switch {
		case name == "" || most == 0:
		case most == unlimited:
			b = append(b, "any "+name)
		default:
			b = append(b, fmt.Sprintf("%d %s", most, name))
		}
	}
	for what, on := range map[string]bool{"saves at once": x.sync, "Ready on its own": x.lazy, "stale requests": x.stale, "names distinct": x.distinct} {
		if on {
			b = append(b, what)
		}
	}
	slices.Sort(b[1:])
	return "bounds: " + strings.Join(b, ", ")
}

// Merging states that differ in names alone must leave one of each orbit.
func TestModelMerging(t *testing.T) {
	merged := model{cfg: preVote, voters: 3, maxTerm: 2, sync: true, limits: limits{inTimeout: 2, inPropose: 1, inCrash: 1}}
	x := newExplorer(&merged)
	if v := x.explore(mostStates); v != nil || !x.complete() {
		t.Fatal(v)
	}
	y := newExplorer(&merged)
	y.orbits = &sumTable{}
	y.orbits.add(y.seen.sums[0])
	y.seen = sumTable{}
	total := y.total(&y.initial)
	y.seen.add(total[0])
	if v := y.explore(mostStates); v != nil || !y.complete() {
		t.Fatal(v)
	}
	if len(x.parents) != len(y.orbits.sums) || len(y.parents) < 4*len(x.parents) {
		t.Errorf("%d merged states, %d distinct ones that make %d", len(x.parents), len(y.parents), len(y.orbits.sums))
	}
}

// To leave out messages that can make no difference must make none.
func TestModelDeadMessages(t *testing.T) {
	for _, m := range []model{
		{cfg: plainRaft, voters: 3, maxTerm: 2, stale: true, limits: limits{inTimeout: unlimited}},
		{cfg: plainRaft, voters: 3, maxTerm: 3, stale: true, sync: true, limits: limits{inTimeout: 2}},
		{cfg: plainRaft, voters: 3, maxTerm: 2, stale: true, sync: true, limits: limits{inTimeout: 1, inPropose: 1, inHeartbeat: 1}},
		{cfg: plainRaft, voters: 3, maxTerm: 2, stale: true, sync: true, limits: limits{inTimeout: 2, inCrash: 1}},
		{cfg: preVote, voters: 3, maxTerm: 2, stale: true, sync: true, limits: limits{inTimeout: 2}},
		{cfg: refined, voters: 3, maxTerm: 3, stale: true, sync: true, elected: true, limits: limits{inTimeout: 1, inLapse: 1}},
		{cfg: compacts, voters: 3, maxTerm: 2, stale: true, sync: true, elected: true, limits: limits{inPropose: 1, inCompact: 1, inHeartbeat: 1}},
		{cfg: plainRaft, voters: 3, maxTerm: 2, stale: true, sync: true, elected: true, limits: limits{inPropose: 1, inRead: 1}},
	} {
		var states [2]int
		var bare [2]*sumTable
		for i, hoards := range []bool{false, true} {
			m.fault.hoards = hoards
			x := newExplorer(&m)
			bare[i] = &sumTable{}
			x.bare = bare[i]
			if v := x.explore(mostStates); v != nil || !x.complete() {
				t.Fatal(v)
			}
			states[i] = len(x.parents)
		}
		for _, s := range bare[1].sums {
			if bare[0].add(s) {
				t.Fatalf("%+v: without dead messages %d states, with them %d; but some servers' states are reached only with them", m.limits, states[0], states[1])
			}
		}
		t.Logf("%d states, %d with dead messages, %d of the servers alone", states[0], states[1], len(bare[0].sums))
	}
}
