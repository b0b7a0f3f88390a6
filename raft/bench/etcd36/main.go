// The program etcd36 drives go.etcd.io/raft/v3 v3.6.0 for the benchmark.
//
// Settings are those that its authors give for throughput: messages of up to
// 1 MiB and 256 of them in flight (etcd's server has 512 KiB and 512; 64 to 4096
// made no difference here), pre-vote and quorum check as in etcd's server, and
// its MemoryStorage, compacted. Variants of the core bench:
//
//	sync    Ready, then Advance
//	async   AsyncStorageWrites, its messages carried out at once
//	window1 sync with one message in flight for each follower, see core.go
//
// Variants of the node bench: sync and async (a loop around RawNode, see
// server.go), encoded (sync, messages as bytes) and api (the Node interface, see
// api.go).
package main

import (
	"fmt"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"

	"tabraft/raft/bench/load"
)

const (
	maxMessageBytes = 1 << 20
	maxInflight     = 256
	electionTicks   = 10
	heartbeatTicks  = 1
)

func main() {
	load.Serve(map[string]load.Bench{
		"core":   load.CoreBench(openCore),
		"growth": load.GrowthBench(openCore),
		"node":   load.ClusterBench(openCluster),
	})
}

// openCluster starts servers in the way that the variant names.
func openCluster(variant string, machines []*load.Machine, answers *load.Answers) (load.Cluster, error) {
	if variant == "api" {
		return openNodes(machines, answers)
	}
	return openServers(variant, machines, answers)
}

// newStorage holds what a server of this cluster starts from, in the way that
// the documentation of RawNode recommends: a snapshot with the members.
func newStorage(servers int) (*raft.MemoryStorage, error) {
	s := raft.NewMemoryStorage()
	var voters []uint64
	for id := 1; id <= servers; id++ {
		voters = append(voters, uint64(id))
	}
	return s, s.ApplySnapshot(pb.Snapshot{Metadata: pb.SnapshotMetadata{
		Index: 1, Term: 1, ConfState: pb.ConfState{Voters: voters}}})
}

func newConfig(id int, storage raft.Storage, variant string) (*raft.Config, error) {
	c := &raft.Config{
		ID:              uint64(id),
		ElectionTick:    electionTicks,
		HeartbeatTick:   heartbeatTicks,
		Storage:         storage,
		Applied:         1,
		MaxSizePerMsg:   maxMessageBytes,
		MaxInflightMsgs: maxInflight,
		CheckQuorum:     true,
		PreVote:         true,
		Logger:          silent{},
	}
	switch variant {
	case "", "sync", "encoded", "api":
	case "async":
		c.AsyncStorageWrites = true
	case "window1":
		c.MaxInflightMsgs = 1
	default:
		return nil, fmt.Errorf("there is no variant %q", variant)
	}
	return c, nil
}

// silent is a logger that formats nothing.
type silent struct{}

func (silent) Debug(...any)            {}
func (silent) Debugf(string, ...any)   {}
func (silent) Info(...any)             {}
func (silent) Infof(string, ...any)    {}
func (silent) Warning(...any)          {}
func (silent) Warningf(string, ...any) {}
func (silent) Error(...any)            {}
func (silent) Errorf(string, ...any)   {}
func (silent) Fatal(v ...any)          { panic(fmt.Sprint(v...)) }
func (silent) Fatalf(f string, v ...any) {
	panic(fmt.Sprintf(f, v...))
}
func (silent) Panic(v ...any) { panic(fmt.Sprint(v...)) }
func (silent) Panicf(f string, v ...any) {
	panic(fmt.Sprintf(f, v...))
}
