package main

import (
	"fmt"

	"tabraft/raft/bench/load"
)

// growth.go: what it costs that the log is long, or the cluster large.

const growthMillis, shortGrowthMillis = 200, 60

func benchGrowth(s *session) error {
	if err := benchLog(s); err != nil {
		return err
	}
	return benchServers(s)
}

// benchLog measures with a log of ever more entries, none compacted.
func benchLog(s *session) error {
	lengths := []int{10_000, 100_000, 1_000_000}
	ops := 20_000
	if s.short {
		lengths, ops = lengths[:2], 5_000
	}
	mine := ours
	mine.variant = "discard"
	rows := [][]string{{"entries", "implementation", "one: CPU ns/op", "allocs/op", "separate: CPU ns/op", "allocs/op", "heap B/entry"}}
	heap := map[int]map[string]float64{}
	for _, n := range lengths {
		heap[n] = map[string]float64{}
		for _, k := range []contender{mine, etcd36[0]} {
			row := []string{fmt.Sprint(n), k.name}
			var last load.Result
			for _, l := range []string{load.LoadOne, load.LoadSeparate} {
				req := load.Request{Bench: "growth", Variant: k.variant, Load: l, Servers: 3, Size: 100, Ops: ops, Keep: true, Prefill: n}
				res, err := s.ask(k.program, false, req)
				if err != nil {
					return err
				}
				row = append(row, fmt.Sprintf("%.0f", (&sample{results: []load.Result{res}}).time()), fmt.Sprintf("%.2f", float64(res.Allocs)/float64(res.Ops)))
				last = res
			}
			heap[n][k.name] = float64(last.HeapBytes) / float64(n+ops+ops/5) / 3
			rows = append(rows, append(row, fmt.Sprintf("%.0f", heap[n][k.name])))
		}
		s.ratio(fmt.Sprintf("growth/log/%d/heap-bytes-per-entry", n), heap[n][ours.name], heap[n][etcd36[0].name])
	}
	table("A growing log, not compacted: 3 servers, 100 B. Heap is that of one server, without the commands, which all share.", rows)
	return nil
}

// benchServers measures with ever more servers.
func benchServers(s *session) error {
	millis, rounds := growthMillis, 3
	if s.short {
		millis, rounds = shortGrowthMillis, 1
	}
	var cases []testCase
	for n := 1; n <= 15; n += 2 {
		for _, l := range []string{load.LoadOne, load.LoadSeparate} {
			cases = append(cases, testCase{
				name:       fmt.Sprintf("%d/%s", n, l),
				request:    load.Request{Bench: "core", Load: l, Servers: n, Size: 100, Millis: millis},
				contenders: []contender{ours, etcd36[0]},
			})
		}
	}
	all := s.compare(rounds, cases)
	rows := [][]string{{"servers", "implementation", "one: CPU ns/op", "a follower", "allocs/op", "separate: CPU ns/op", "a follower", "allocs/op"}}
	for i := 0; i < len(cases); i += 2 {
		n := cases[i].request.Servers
		for j, k := range cases[i].contenders {
			row := []string{fmt.Sprint(n), k.name}
			for _, samples := range all[i : i+2] {
				if !samples[j].ok() {
					row = append(row, "failed", "", "")
					continue
				}
				each := samples[j].time()
				row = append(row, fmt.Sprintf("%.0f", each), fmt.Sprintf("%.0f", each/float64(max(n-1, 1))), fmt.Sprintf("%.2f", samples[j].allocs()))
			}
			rows = append(rows, row)
		}
		for k, l := range []string{load.LoadOne, load.LoadSeparate} {
			if us, them := all[i+k][0], all[i+k][1]; us.ok() && them.ok() {
				s.ratio(fmt.Sprintf("growth/servers/%d/%s", n, l), 1e9/us.time(), 1e9/them.time())
			}
		}
	}
	table("A growing cluster: 100 B, core loop", rows)
	return nil
}
