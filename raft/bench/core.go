package main

import (
	"fmt"
	"math"

	"tabraft/raft/bench/load"
)

// core.go: the consensus code alone, without goroutines, clocks and bytes.

var (
	ours   = contender{name: "tabraft", program: "ours"}
	etcd36 = []contender{
		{name: "etcd 3.6", program: "etcd36", variant: "sync"},
		{name: "etcd 3.6", program: "etcd36", variant: "async"},
	}
	etcd37 = []contender{
		{name: "etcd 3.7", program: "etcd37", variant: "sync"},
		{name: "etcd 3.7", program: "etcd37", variant: "async"},
	}
	// window1 is etcd's core with one message in flight, which makes it gather
	// proposals, at the price of a round trip where messages take time.
	window1 = contender{name: "etcd 3.6, 1 in flight", program: "etcd36", variant: "window1"}
)

const (
	coreRounds, coreMillis           = 5, 150
	shortCoreRounds, shortCoreMillis = 3, 60
)

func benchCore(s *session) error {
	rounds, millis := coreRounds, coreMillis
	sizes, counts := []int{100, 1024}, []int{3, 5}
	if s.short {
		rounds, millis = shortCoreRounds, shortCoreMillis
		sizes, counts = sizes[:1], counts[:1]
	}
	var cases []testCase
	for _, n := range counts {
		for _, size := range sizes {
			for _, l := range []string{load.LoadOne, load.LoadAnswered, load.LoadSeparate, load.LoadBatch} {
				cases = append(cases, coreCase(n, size, l, millis, false))
			}
		}
	}
	all := s.compare(rounds, cases)
	printCore("Core loop: messages by function call, memory as storage. One: a command at a time until all servers applied it;\n"+
		"answered: until the leader did; separate: 64 calls of Propose, then until all applied them; batch: one call for 64.\n"+
		"Ops/s are by the clock; CPU/op, by which it is compared, is the processor time in the median round, garbage collection included.", cases, all)
	for i, c := range cases {
		s.judgeCore("core/", c, all[i])
	}
	for _, l := range []string{load.LoadOne, load.LoadSeparate} {
		c := coreCase(3, 100, l, millis, false)
		if err := s.profile("core-"+l, c.request); err != nil {
			return err
		}
	}
	return nil
}

func coreCase(servers, size int, l string, millis int, wasm bool) testCase {
	c := testCase{
		name:       fmt.Sprintf("%dx%dB/%s", servers, size, l),
		request:    load.Request{Bench: "core", Load: l, Servers: servers, Size: size, Millis: millis},
		contenders: append(append([]contender{ours}, etcd36...), etcd37...),
	}
	switch l {
	case load.LoadBatch:
		c.contenders = c.contenders[1:] // ours needs no such call
	case load.LoadSeparate:
		c.contenders = append(c.contenders, window1)
	}
	for i := range c.contenders {
		c.contenders[i].wasm = wasm
	}
	return c
}

func printCore(title string, cases []testCase, all [][]*sample) {
	rows := [][]string{{"servers", "command", "load", "implementation", "ops/s, median", "best", "CPU/op", "allocs/op", "B/op", "ours is"}}
	for i, c := range cases {
		first := find(all[i], ours.name)
		for j, k := range all[i] {
			row := []string{"", "", "", k.contender.name}
			if j == 0 {
				row = []string{fmt.Sprint(c.request.Servers), fmt.Sprintf("%d B", c.request.Size), c.request.Load, k.contender.name}
			}
			if !k.ok() {
				rows = append(rows, append(row, "failed"))
				continue
			}
			m := k.median()
			row = append(row, count(m.OpsPerSecond()), count(k.best().OpsPerSecond()), fmt.Sprintf("%.0f ns", k.time()),
				fmt.Sprintf("%.2f", k.allocs()), fmt.Sprintf("%.0f", k.bytes()))
			if first != nil && k != first {
				row = append(row, fmt.Sprintf("%.2fx", k.time()/first.time()))
			}
			rows = append(rows, row)
		}
	}
	table(title, rows)
}

// judgeCore notes the comparisons of one case, and the goals that it has. They
// are judged by processor time, where it is known: the loop has one goroutine, so
// that on a machine with nothing else to do this is its time, and the garbage
// collector's, which other processors would hide.
func (s *session) judgeCore(prefix string, c testCase, samples []*sample) {
	first := find(samples, ours.name)
	if first == nil {
		return
	}
	for _, name := range []string{"etcd 3.6", "etcd 3.7", window1.name} {
		if k := find(samples, name); k != nil {
			line := prefix + c.name + "/" + k.contender.program + variantSuffix(k.contender)
			s.ratio(line+"/wall", first.median().OpsPerSecond(), k.median().OpsPerSecond())
			s.ratio(line, 1e9/first.time(), 1e9/k.time())
		}
	}
	rival := find(samples, "etcd 3.6")
	if rival == nil {
		return
	}
	times := rival.time() / first.time()
	allocs := math.Round(first.allocs()*100) / 100
	s.ratio(prefix+c.name+"/allocs", first.allocs(), rival.allocs())
	switch c.request.Load {
	case load.LoadOne:
		s.want(times >= 2, "%s%s: %.2fx etcd 3.6, to be 2x", prefix, c.name, times)
		s.want(allocs <= 5, "%s%s: %.2f allocs an operation, at most 5", prefix, c.name, allocs)
	case load.LoadSeparate:
		s.want(times >= 5, "%s%s: %.2fx etcd 3.6, to be 5x", prefix, c.name, times)
		s.want(allocs <= 1.3, "%s%s: %.2f allocs an operation, at most 1.3", prefix, c.name, allocs)
	}
}

func variantSuffix(c contender) string {
	if c.variant == "window1" {
		return "-window1"
	}
	return ""
}
