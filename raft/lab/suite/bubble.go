package suite

import (
	"bytes"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

// inBubble runs f in virtual time, and returns when every goroutine that it started has
// ended, or when all that are left wait for something that cannot come: then it
// returns false, and leaves them behind for good.
//
// t is the test that is running. It may be nil: package testing/synctest
// asks for a test because it wants to fail it and to attribute data races to it.
// In a program that is no test, an empty one serves.
func inBubble(t *testing.T, f func()) (clean bool) {
	if t == nil {
		t = new(testing.T)
	}
	defer func() {
		if v := recover(); v != nil {
			if err, ok := v.(error); !ok || !strings.HasPrefix(err.Error(), "deadlock: ") {
				panic(v)
			}
			clean = false
		}
	}()
	synctest.Test(t, func(*testing.T) { f() })
	return true
}

// markBubble notes the number of the bubble that the caller runs in, as stacks have it.
func (l *lab) markBubble() {
	buf := make([]byte, 200)
	buf = buf[:runtime.Stack(buf, false)]
	name := ""
	if _, rest, ok := bytes.Cut(buf, []byte("synctest bubble ")); ok {
		name = firstWord(string(rest))
	}
	l.bubble.Store(&name)
}

func (l *lab) setLabels() { pprof.SetGoroutineLabels(l.asTester) }

// prepare sets the process up for runs: stacks show whose goroutine it is, and
// rand.Seed seeds (see seedGlobal).
var prepare = sync.OnceFunc(func() {
	settings := "tracebacklabels=1,randseednop=0"
	if old := os.Getenv("GODEBUG"); old != "" {
		settings = old + "," + settings
	}
	os.Setenv("GODEBUG", settings)
})
