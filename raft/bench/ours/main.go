// The program ours drives tabraft's raft.Core, and servers of tabraft's
// raft/node, for the benchmark.
package main

import "tabraft/raft/bench/load"

func main() {
	load.Serve(map[string]load.Bench{
		"core":   load.CoreBench(openCore),
		"growth": load.GrowthBench(openCore),
		"node":   load.ClusterBench(openServers),
	})
}
