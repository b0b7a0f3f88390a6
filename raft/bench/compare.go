package main

import (
	"cmp"
	"fmt"
	"slices"

	"tabraft/raft/bench/load"
)

// contender is one way to drive one implementation.
type contender struct {
	name    string // in tables; contenders of one name are ways to do the same, and the best counts
	program string
	variant string
	wasm    bool
}

// sample is what a contender made of a case, in all rounds.
type sample struct {
	contender contender
	results   []load.Result // ordered by throughput
	err       error
}

func (s *sample) ok() bool { return len(s.results) > 0 }

// median is the result in the middle.
func (s *sample) median() load.Result { return s.results[len(s.results)/2] }

func (s *sample) best() load.Result { return s.results[len(s.results)-1] }

// p99 is the middle of the rounds' 99th percentiles.
func (s *sample) p99() int64 {
	var all []int64
	for _, r := range s.results {
		all = append(all, r.P99)
	}
	slices.Sort(all)
	return all[len(all)/2]
}

func (s *sample) allocs() float64 {
	r := s.median()
	return float64(r.Allocs) / float64(r.Ops)
}

// time is what an operation took, in nanoseconds: processor time in the middle
// of all rounds or, where that is not known, time by the clock.
func (s *sample) time() float64 {
	var all []float64
	for _, r := range s.results {
		if r.CPUNanos > 0 {
			all = append(all, float64(r.CPUNanos)/float64(r.Ops))
		}
	}
	if len(all) == 0 {
		return s.median().NanosPerOp()
	}
	slices.Sort(all)
	return all[len(all)/2]
}

func (s *sample) bytes() float64 {
	r := s.median()
	return float64(r.AllocBytes) / float64(r.Ops)
}

// testCase is one request for several contenders.
type testCase struct {
	name       string
	request    load.Request
	contenders []contender
}

// compare runs the cases: in each round each case, and for each case each
// contender. It gives, for each case, one sample for each name.
func (s *session) compare(rounds int, cases []testCase) [][]*sample {
	all := make([][]*sample, len(cases))
	for i, c := range cases {
		for _, k := range c.contenders {
			all[i] = append(all[i], &sample{contender: k})
		}
	}
	for range rounds {
		for i, c := range cases {
			for j, k := range c.contenders {
				req := c.request
				req.Variant = k.variant
				res, err := s.ask(k.program, k.wasm, req)
				if err != nil {
					all[i][j].err = err
					continue
				}
				all[i][j].results = append(all[i][j].results, res)
			}
		}
	}
	for i := range all {
		for _, k := range all[i] {
			slices.SortFunc(k.results, func(a, b load.Result) int { return cmp.Compare(a.OpsPerSecond(), b.OpsPerSecond()) })
			if k.err != nil {
				s.failures = append(s.failures, fmt.Sprintf("%s, %s %s: %v", cases[i].name, k.contender.name, k.contender.variant, k.err))
			}
		}
		all[i] = bestOfEach(all[i])
	}
	return all
}

// bestOfEach keeps, of the samples of one name, the best one.
func bestOfEach(samples []*sample) []*sample {
	var kept []*sample
	for _, s := range samples {
		at := slices.IndexFunc(kept, func(k *sample) bool { return k.contender.name == s.contender.name })
		switch {
		case at < 0:
			kept = append(kept, s)
		case s.ok() && (!kept[at].ok() || s.beats(kept[at])):
			kept[at] = s
		}
	}
	return kept
}

// beats tells which of two ways is the better one: the one with more operations
// a second where servers wait for each other, else the one that takes less time.
func (s *sample) beats(other *sample) bool {
	if s.median().P50 > 0 {
		return s.median().OpsPerSecond() > other.median().OpsPerSecond()
	}
	return s.time() < other.time()
}

// find gives the sample of a name, nil if there is none with results.
func find(samples []*sample, name string) *sample {
	for _, s := range samples {
		if s.contender.name == name && s.ok() {
			return s
		}
	}
	return nil
}

// profile runs a case of ours once more, for profiles, if they are asked for.
func (s *session) profile(name string, req load.Request) error {
	if s.cpuprofile == "" && s.allocprofile == "" {
		return nil
	}
	req.Millis = 2000
	if s.cpuprofile != "" {
		req.Profile = s.cpuprofile + name + ".prof"
	}
	if s.allocprofile != "" {
		req.AllocProfile = s.allocprofile + name + ".prof"
	}
	_, err := s.ask("ours", false, req)
	return err
}
