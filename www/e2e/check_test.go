package e2e

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// A script is a history by hand: each step lasts one unit of time, from its own
// number to the next, unless it says otherwise.
type script struct {
	operations []operation
	index      uint64
}

func (s *script) add(o operation) *operation {
	if o.call == 0 {
		o.call = time.Duration(10 * (len(s.operations) + 1))
	}
	if o.ret == 0 {
		o.ret = o.call + 5
	}
	o.key, o.client = "k", "client"
	if o.outcome == "" {
		o.outcome = answered
		if o.writes() {
			s.index++
		}
		o.index, o.term = s.index, 1
	}
	s.operations = append(s.operations, o)
	return &s.operations[len(s.operations)-1]
}

func (s *script) put(value string) *operation {
	return s.add(operation{verb: verbPut, value: some(value), result: some(value)})
}

func (s *script) get(result content) *operation {
	return s.add(operation{verb: verbGet, result: result})
}

func (s *script) fails(o operation, how outcome) *operation {
	o.outcome, o.why = how, "test"
	return s.add(o)
}

func TestCheckHistory(t *testing.T) {
	holds := func(value string) map[string]string { return map[string]string{"k": value} }
	for _, c := range []struct {
		name  string
		make  func(s *script)
		final map[string]string
		want  string // part of the error; empty for a sound history
	}{
		{"sound", func(s *script) {
			s.get(none)
			s.put("a")
			s.get(some("a"))
			s.add(operation{verb: verbCAS, old: some("a"), value: some("b"), result: some("b")})
			s.fails(operation{verb: verbCAS, old: some("a"), value: some("c"), result: some("b")}, mismatched)
			s.add(operation{verb: verbDelete, result: some("b")})
			s.get(none)
			s.put("d")
		}, holds("d"), ""},
		{"lost write", func(s *script) { s.put("a"); s.put("b") }, holds("a"), "lost"},
		{"sent twice, the second copy behind another's command", func(s *script) {
			s.add(operation{verb: verbPut, value: some("a"), result: some("a"), call: 10, ret: 60, index: 9, term: 1, outcome: answered})
			s.add(operation{verb: verbGet, result: some("a"), call: 20, ret: 25, index: 3, term: 1, outcome: answered})
			s.add(operation{verb: verbPut, value: some("b"), result: some("b"), call: 30, ret: 40, index: 7, term: 1, outcome: answered})
		}, holds("b"), ""},
		{"write lost to nothing", func(s *script) { s.put("a") }, nil, "lost"},
		{"delete lost", func(s *script) { s.put("a"); s.add(operation{verb: verbDelete, result: some("a")}) }, holds("a"), "lost"},
		{"stale read", func(s *script) { s.put("a"); s.put("b"); s.get(some("a")) }, holds("b"), "not linearizable"},
		{"read by index from the past", func(s *script) { s.put("a"); s.put("b"); s.get(some("b")).index = 1 }, holds("b"), "not later in the log"},
		{"doubled command", func(s *script) { s.put("a"); s.put("b"); s.get(some("b")); s.get(some("a")) }, holds("a"), "not linearizable"},
		{"doubled command of unknown outcome", func(s *script) {
			s.fails(operation{verb: verbPut, value: some("a")}, unknown)
			s.get(some("a"))
			s.put("b")
			s.get(some("a"))
			s.put("c")
		}, holds("c"), "not linearizable"},
		{"doubled delete", func(s *script) {
			s.put("a")
			s.add(operation{verb: verbDelete, result: some("a")})
			s.put("b")
			s.get(none)
		}, holds("b"), "not linearizable"},
		{"unknown, took effect late", func(s *script) {
			s.fails(operation{verb: verbPut, value: some("a")}, unknown)
			s.put("b")
			s.get(some("b"))
			s.get(some("a"))
		}, holds("a"), ""},
		{"unknown, never took effect", func(s *script) {
			s.put("a")
			s.fails(operation{verb: verbPut, value: some("b")}, unknown)
			s.get(some("a"))
		}, holds("a"), ""},
		{"unknown, took effect before its call", func(s *script) {
			s.get(some("a"))
			s.fails(operation{verb: verbPut, value: some("a")}, unknown)
		}, holds("a"), "not linearizable"},
		{"unknown delete explains nothing there", func(s *script) {
			s.put("a")
			s.fails(operation{verb: verbDelete}, unknown)
			s.get(some("a"))
		}, nil, ""},
		{"unknown cas that others build on", func(s *script) {
			s.put("a")
			s.fails(operation{verb: verbCAS, old: some("a"), value: some("b")}, unknown)
			s.add(operation{verb: verbCAS, old: some("b"), value: some("c"), result: some("c")})
		}, holds("c"), ""},
		{"cas on what was never there", func(s *script) {
			s.put("a")
			s.add(operation{verb: verbCAS, old: some("b"), value: some("c"), result: some("c")})
		}, holds("c"), "not linearizable"},
		{"cas fails though its value is there", func(s *script) {
			s.put("a")
			s.fails(operation{verb: verbCAS, old: some("a"), value: some("b"), result: some("a")}, mismatched)
		}, holds("a"), "not linearizable"},
		{"refused and there all the same", func(s *script) {
			s.put("a")
			s.fails(operation{verb: verbPut, value: some("b")}, refused)
			s.get(some("b"))
		}, holds("b"), "to have no effect"},
		{"mismatch and there all the same", func(s *script) {
			s.put("a")
			s.fails(operation{verb: verbCAS, old: some("x"), value: some("b"), result: some("a")}, mismatched)
		}, holds("b"), "to have no effect"},
		{"phantom in the map", func(s *script) { s.put("a") }, map[string]string{"k": "a", "other": "x"}, "no client wrote"},
		{"phantom seen", func(s *script) { s.put("a"); s.get(some("x")); s.put("b") }, holds("b"), "never written"},
		{"two commands at one index", func(s *script) { s.put("a"); s.put("b").index = 1 }, holds("b"), "one index"},
		{"log against the clients' order", func(s *script) { s.put("a").index = 9; s.put("b") }, holds("b"), "not later in the log"},
		{"terms go back", func(s *script) { s.put("a").term = 3; s.put("b").term = 2 }, holds("b"), "terms go back"},
		{"a value twice in the record", func(s *script) { s.put("a"); s.put("a") }, holds("a"), "no use"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &script{}
			c.make(s)
			err := check(s.operations, c.final)
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want something about %q", err, c.want)
			}
		})
	}
}

// Random concurrent histories of a register that works are sound, also where
// clients do not learn what became of their commands; with one effect undone or
// doubled, that is found.
func TestCheckRandomHistories(t *testing.T) {
	const rounds = 60
	for seed := range uint64(rounds) {
		operations, final := playRegister(rand.New(rand.NewPCG(seed, 1)), 120, "")
		if err := check(operations, final); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for _, flaw := range []string{"lose", "double"} {
			operations, final := playRegister(rand.New(rand.NewPCG(seed, 1)), 120, flaw)
			if check(operations, final) == nil {
				t.Errorf("seed %d: a command that the register was to %s was not noticed", seed, flaw)
			}
		}
	}
}

// playRegister has clients use one register at the same time. With a flaw it
// forgets its last answered write, or repeats the one before.
func playRegister(r *rand.Rand, n int, flaw string) ([]operation, map[string]string) {
	h := newHistory()
	value := none
	now, index := time.Duration(0), uint64(0)
	tick := func() time.Duration { now += time.Duration(1 + r.IntN(10)); return now }
	var open, writes []*operation
	finish := func() {
		i := r.IntN(len(open))
		o := open[i]
		open = append(open[:i], open[i+1:]...)
		was, effect := value, true
		lost := r.IntN(12) == 0
		if lost && r.IntN(2) == 0 {
			effect = false
		}
		if o.verb == verbCAS && was != o.old {
			effect = false
			o.outcome, o.result = mismatched, was
		} else {
			o.outcome = answered
		}
		if effect && o.writes() {
			index++
			value = o.leaves()
		}
		o.ret = tick()
		o.index, o.term = index, 1
		if o.outcome == answered {
			o.result = value
			if o.verb == verbDelete {
				o.result = was
			}
		}
		if lost {
			o.outcome, o.result, o.why = unknown, none, "test"
		} else if o.outcome == answered && o.verb == verbPut {
			writes = append(writes, o)
		}
	}
	for i := range n {
		for len(open) > r.IntN(4) {
			finish()
		}
		o := h.begin(operation{client: fmt.Sprint("client ", i%4), key: "k", verb: []verb{verbPut, verbGet, verbCAS, verbDelete}[r.IntN(4)]})
		o.value, o.old = some(fmt.Sprint(i)), value
		o.call = tick()
		open = append(open, o)
	}
	for len(open) > 0 {
		finish()
	}
	// The end is calm, so that a flaw cannot hide behind what is unknown.
	for i := range 2 {
		o := h.begin(operation{client: "last", key: "k", verb: verbPut, value: some(fmt.Sprint("last ", i))})
		o.call = tick()
		index++
		value = o.value
		o.outcome, o.result, o.index, o.term, o.ret = answered, value, index, 1, tick()
	}
	operations := h.seen()
	final := map[string]string{"k": value.text}
	switch flaw {
	case "lose":
		final["k"] = "last 0"
	case "double":
		final["k"] = writes[len(writes)-1].value.text
	}
	return operations, final
}
