package main

import (
	"errors"
	"testing"

	"tabraft/raft/bench/load"
)

func result(ops int) load.Result {
	return load.Result{Ops: ops, Nanos: 1e9, Allocs: uint64(3 * ops), P99: int64(ops)}
}

func TestTheBestVariantCounts(t *testing.T) {
	samples := bestOfEach([]*sample{
		{contender: contender{name: "a", variant: "1"}, results: []load.Result{result(1), result(5), result(9)}},
		{contender: contender{name: "b"}, err: errors.New("no")},
		{contender: contender{name: "a", variant: "2"}, results: []load.Result{result(2), result(6), result(7)}},
	})
	a := find(samples, "a")
	if len(samples) != 2 || a.contender.variant != "2" || a.median().Ops != 6 || a.best().Ops != 7 || a.allocs() != 3 || a.p99() != 6 {
		t.Errorf("%d samples, %+v", len(samples), a)
	}
	if find(samples, "b") != nil || find(samples, "c") != nil {
		t.Error("a sample without results was found")
	}
}

func TestAsk(t *testing.T) {
	s, err := newSession(options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	req := load.Request{Bench: "core", Load: load.LoadOne, Servers: 3, Size: 100, Ops: 100}
	if res, err := s.ask("ours", false, req); err != nil || res.Ops < 100 {
		t.Errorf("%+v, %v", res, err)
	}
	req.Load = "none"
	if _, err := s.ask("ours", false, req); err == nil {
		t.Error("an impossible request was answered")
	}
	req.Load = load.LoadOne
	if _, err := s.ask("ours", false, req); err != nil {
		t.Errorf("after an error: %v", err)
	}
	if _, err := s.ask("nobody", false, req); err == nil || len(s.failures) != 1 {
		t.Errorf("a program that is not there: %v, %q", err, s.failures)
	}
}

func TestFigures(t *testing.T) {
	for _, c := range []struct{ is, want string }{
		{count(123), "123"}, {count(12_345), "12k"}, {count(1_234_567), "1.23M"},
		{duration(999), "999 ns"}, {duration(12_345), "12.3 us"}, {duration(12_345_678), "12.35 ms"},
	} {
		if c.is != c.want {
			t.Errorf("%q, not %q", c.is, c.want)
		}
	}
}
