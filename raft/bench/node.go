package main

import (
	"fmt"

	"tabraft/raft/bench/load"
)

// node.go: servers with goroutines of their own, in one process.

// The drivers of etcd's core: the best of the first two counts, the others are
// there to compare.
var nodeContenders = []contender{
	ours,
	{name: "etcd 3.6 RawNode", program: "etcd36", variant: "sync"},
	{name: "etcd 3.6 RawNode", program: "etcd36", variant: "async"},
	{name: "etcd 3.6 RawNode, encoded", program: "etcd36", variant: "encoded"},
	{name: "etcd 3.6 Node", program: "etcd36", variant: "api"},
	{name: "etcd 3.7 RawNode", program: "etcd37", variant: "sync"},
	{name: "hashicorp 1.8", program: "hashicorp", variant: "default"},
	{name: "hashicorp 1.8", program: "hashicorp", variant: "batched"},
}

const (
	nodeRounds, nodeMillis           = 3, 600
	shortNodeRounds, shortNodeMillis = 1, 200
)

func benchNode(s *session) error {
	rounds, millis := nodeRounds, nodeMillis
	if s.short {
		rounds, millis = shortNodeRounds, shortNodeMillis
	}
	var cases []testCase
	for _, n := range []int{1, 64, 1024} {
		cases = append(cases, testCase{
			name:       fmt.Sprintf("3x100B/%d", n),
			request:    load.Request{Bench: "node", Servers: 3, Size: 100, Outstanding: n, Millis: millis},
			contenders: nodeContenders,
		})
	}
	all := s.compare(rounds, cases)
	rows := [][]string{{"outstanding", "implementation", "ops/s, median", "best", "p50", "p99", "CPU/op", "allocs/op", "B/op", "ours is"}}
	for i, c := range cases {
		first := find(all[i], ours.name)
		for j, k := range all[i] {
			row := []string{"", k.contender.name}
			if j == 0 {
				row[0] = fmt.Sprint(c.request.Outstanding)
			}
			if !k.ok() {
				rows = append(rows, append(row, "failed"))
				continue
			}
			m := k.median()
			row = append(row, count(m.OpsPerSecond()), count(k.best().OpsPerSecond()), duration(m.P50), duration(k.p99()),
				fmt.Sprintf("%.0f ns", k.time()), fmt.Sprintf("%.2f", k.allocs()), fmt.Sprintf("%.0f", k.bytes()))
			if first != nil && k != first {
				row = append(row, fmt.Sprintf("%.2fx", first.median().OpsPerSecond()/m.OpsPerSecond()))
			}
			rows = append(rows, row)
		}
		s.judgeNode(c, all[i])
		if err := s.profile(fmt.Sprintf("node-%d", c.request.Outstanding), c.request); err != nil {
			return err
		}
	}
	table("Clusters of 3 servers with goroutines in one process, 100 B, memory as storage. \"Encoded\" and tabraft turn messages\n"+
		"into bytes and back, as a network would have it; the others hand over pointers. CPU/op is the processor time of the\n"+
		"whole process, with the load; it suffers least from what else the machine does.", rows)
	return nil
}

func (s *session) judgeNode(c testCase, samples []*sample) {
	first := find(samples, ours.name)
	if first == nil {
		return
	}
	us := first.median().OpsPerSecond()
	names := []string{"etcd36-rawnode", "etcd36-encoded", "etcd36-node", "etcd37-rawnode", "hashicorp"}
	for i, k := range []string{"etcd 3.6 RawNode", "etcd 3.6 RawNode, encoded", "etcd 3.6 Node", "etcd 3.7 RawNode", "hashicorp 1.8"} {
		if rival := find(samples, k); rival != nil {
			s.ratio("node/"+c.name+"/"+names[i], us, rival.median().OpsPerSecond())
		}
	}
	if rival := find(samples, "etcd 3.6 RawNode"); rival != nil {
		them := rival.median().OpsPerSecond()
		s.ratio("node/"+c.name+"/cpu-ns", first.time(), rival.time())
		s.ratio("node/"+c.name+"/p99-ns", float64(first.p99()), float64(rival.p99()))
		s.want(us >= 2*them, "node/%s: %.2fx etcd 3.6's best driver, to be 2x", c.name, us/them)
		s.want(first.p99() <= rival.p99(), "node/%s: p99 %s, etcd 3.6's best driver %s", c.name, duration(first.p99()), duration(rival.p99()))
	}
}
