// The program etcd37 drives go.etcd.io/raft/v3 v3.7.0 for the benchmark, as
// etcd36 does the version before: the same settings, the same loops, with the
// pointers that this version's messages and entries are. Variants of the core
// bench: sync and async; of the node bench: sync.
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
		"node":   load.ClusterBench(openServers),
	})
}

// newStorage holds what a server of this cluster starts from: a snapshot with
// the members.
func newStorage(servers int) (*raft.MemoryStorage, error) {
	s := raft.NewMemoryStorage()
	var voters []uint64
	for id := 1; id <= servers; id++ {
		voters = append(voters, uint64(id))
	}
	return s, s.ApplySnapshot(&pb.Snapshot{Metadata: &pb.SnapshotMetadata{
		Index: new(uint64(1)), Term: new(uint64(1)), ConfState: &pb.ConfState{Voters: voters}}})
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
	case "", "sync":
	case "async":
		c.AsyncStorageWrites = true
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
