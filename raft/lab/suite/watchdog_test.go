package suite

import (
	"testing"
	"time"
)

// A process that waits for a processor runs no loop; on a busy machine good Rafts
// were said to.
func TestStarvedIsNoLoop(t *testing.T) {
	const s = time.Second
	for _, c := range []struct {
		still, had time.Duration
		want       bool
	}{{19 * s, 19 * s, false}, {21 * s, 21 * s, true}, {21 * s, 2 * s, false}, {60 * s, 9 * s, false}, {60 * s, 11 * s, true}} {
		if got := spins(c.still, c.had, 20*s); got != c.want {
			t.Errorf("still for %v, %v of it on a processor: %v", c.still, c.had, got)
		}
	}
	before := processorTime()
	for end := time.Now().Add(50 * time.Millisecond); time.Now().Before(end); {
	}
	if used := processorTime() - before; used <= 0 {
		t.Errorf("a loop took %v of processor time", used)
	}
}
