package raft

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// A log does what a list without tricks does, whatever is appended, cut and
// compacted in whatever order; what it handed out stays as it was, and it keeps
// no more memory than it says.
func TestLogAgainstList(t *testing.T) {
	type handed struct{ got, want []Entry }
	same := func(a, b []Entry) bool {
		return slices.EqualFunc(a, b, func(a, b Entry) bool {
			return a.Index == b.Index && a.Term == b.Term && len(a.Data) == len(b.Data)
		})
	}
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 9))
		l, base, baseTerm := &raftLog{}, uint64(0), uint64(0)
		var list []Entry
		var out []handed
		for range 400 {
			switch rng.IntN(10) {
			case 0, 1, 2, 3, 4:
				var es []Entry
				for range 1 + rng.IntN(30) {
					es = append(es, Entry{Index: base + uint64(len(list)+len(es)) + 1, Term: 1 + rng.Uint64N(9), Data: make([]byte, rng.IntN(50))})
				}
				l.append(es...)
				list = append(list, es...)
			case 5:
				if len(list) > 0 {
					n := len(list) - rng.IntN(min(len(list), 20))
					l.cut(base + uint64(n))
					list = slices.Clone(list[:n-1])
				}
			case 6, 7:
				if len(list) > 0 {
					n := 1 + rng.IntN(len(list))
					if rng.IntN(2) == 0 {
						n = min(n, 3)
					}
					l.compact(base + uint64(n))
					base, baseTerm, list = list[n-1].Index, list[n-1].Term, slices.Clone(list[n:])
					if l.dead > 0 && l.dead >= len(list) {
						t.Fatalf("seed %d: %d dead entries are kept with %d", seed, l.dead, len(list))
					}
				}
			case 8:
				if len(list) > 0 {
					from := rng.IntN(len(list))
					to := from + rng.IntN(len(list)-from)
					got := l.slice(list[from].Index, list[to].Index)
					out = append(out, handed{got, slices.Clone(got)})
				}
			case 9:
				if rng.IntN(20) == 0 {
					base, baseTerm, list = base+uint64(len(list))+rng.Uint64N(9), 5, nil
					l.reset(base, baseTerm)
				}
			}
			bytes := 0
			for i := range list {
				bytes += list[i].size()
			}
			if l.base != base || l.term(base) != baseTerm || !same(l.entries, list) || l.bytes != bytes {
				t.Fatalf("seed %d: the log goes from %d to %d with %d bytes, want %d to %d with %d", seed, l.base+1, l.lastIndex(), l.bytes,
					base+1, base+uint64(len(list)), bytes)
			}
			for _, h := range out {
				if !same(h.got, h.want) || cap(h.got) != len(h.got) {
					t.Fatalf("seed %d: what was handed out changed", seed)
				}
			}
		}
	}
}

// Compacting a long log a little at a time does not copy it each time.
func TestCompactionCopiesOnce(t *testing.T) {
	l, n := &raftLog{}, uint64(5000)
	for i := range n {
		l.append(noop(i+1, 1))
	}
	copied := 0
	for i := uint64(1); i < n; i++ {
		before := &l.entries[len(l.entries)-1]
		if l.compact(i); &l.entries[len(l.entries)-1] != before {
			copied += len(l.entries)
		}
	}
	if copied > int(n) {
		t.Fatalf("%d entries copied to compact %d", copied, n)
	}
}
