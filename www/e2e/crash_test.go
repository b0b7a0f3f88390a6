package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// crashes are the ways in which servers crash: each ends something at once, and
// begins it again.
var crashes = []struct {
	name  string
	crash func(f *fleet, r *rand.Rand)
}{
	{"a renderer killed", func(f *fleet, r *rand.Rand) {
		tabs := f.live()
		tb := tabs[r.IntN(len(tabs))]
		tb.kill()
		tb.dismiss()
		f.open(tb.browser)
	}},
	{"a browser killed", func(f *fleet, r *rand.Rand) {
		b := f.browsers[r.IntN(len(f.browsers))]
		n := len(b.live())
		f.killBrowser(b)
		f.reopen(b, n)
	}},
	{"all browsers killed", func(f *fleet, _ *rand.Rand) {
		counts := make([]int, len(f.browsers))
		for i, b := range f.browsers {
			counts[i] = len(b.live())
		}
		for _, b := range f.browsers {
			f.killBrowser(b)
		}
		for i, b := range f.browsers {
			f.reopen(b, counts[i])
		}
	}},
}

// crashRounds is how many crashes there are: one of each kind, and in the long
// form a hundred.
func crashRounds() int {
	if longForm() {
		return 100
	}
	return len(crashes)
}

// seed is that of the run, SEED in the environment, or one of the time.
func seed(t testing.TB) uint64 {
	value := uint64(time.Now().UnixNano()) % 1e6
	if text := os.Getenv("SEED"); text != "" {
		var err error
		if value, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("SEED: %v", err)
		}
	}
	t.Logf("SEED=%d", value)
	return value
}

// Processes are killed while commands are in flight. When they are back, every
// acknowledged command is there, with those of all rounds before; what clients
// were told is linearizable; and no identity ran twice, nor is one new.
func TestCrashes(t *testing.T) {
	t.Parallel()
	s := seed(t)
	r := rand.New(rand.NewPCG(s, 0xc7a5))
	f := startFleet(t, 2)
	for _, b := range []*browser{f.browsers[0], f.browsers[0], f.browsers[1]} {
		f.open(b)
	}
	f.waitCluster(3, f.live()...)
	ids := map[string]bool{}
	for _, id := range f.ids(f.live()...) {
		ids[id] = true
	}
	settled := map[string]string{} // what all rounds so far left
	times := map[string][]float64{}
	counts := map[outcome]int{}
	for round := range crashRounds() {
		c := crashes[round%len(crashes)]
		f.startLoad(fmt.Sprintf("round %d ", round), s+uint64(round))
		f.waitServed(10)
		began := time.Now()
		c.crash(f, r)
		f.waitServed(10)
		times[c.name] = append(times[c.name], float64(time.Since(began).Milliseconds()))
		f.waitLeader(recoverTimeout, 3, f.live()...)
		for _, o := range f.load.seen() {
			counts[o.outcome]++
		}
		final := f.finish(recoverTimeout)
		for key, was := range settled {
			if is, ok := final[key]; is != was {
				t.Errorf("round %d, %s: %s was %q and is %v", round, c.name, key, was, content{ok, is})
			}
		}
		settled = final
		for _, id := range f.ids(f.live()...) {
			if !ids[id] {
				t.Errorf("round %d, %s: the new server %s is there", round, c.name, id)
			}
		}
		t.Logf("round %d, %s: %d keys so far, as they were", round+1, c.name, len(settled))
		if t.Failed() {
			t.Fatalf("round %d: %s", round, c.name)
		}
	}
	f.witness.check()
	t.Logf("commands: %v", counts)
	for _, name := range sortedKeys(times) {
		t.Logf("%s, %d times: commands answered again, with it back, after %s (median), %s (p99)", name, len(times[name]), millis(median(times[name])), millis(share(times[name], .99)))
	}
	if len(settled) == 0 {
		t.Error("no command was left to check")
	}
}
