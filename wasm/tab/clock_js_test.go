package tab

import (
	"math/rand/v2"
	"slices"
	"strings"
	"syscall/js"
	"testing"
	"time"
)

func TestUptime(t *testing.T) {
	const s = time.Second
	type reading struct{ mono, wall, want time.Duration }
	for name, readings := range map[string][]reading{
		"both run":                 {{1 * s, 101 * s, 1 * s}, {3 * s, 103 * s, 3 * s}},
		"suspended, mono stops":    {{1 * s, 101 * s, 1 * s}, {1 * s, 111 * s, 11 * s}, {2 * s, 112 * s, 12 * s}},
		"suspended, mono runs":     {{1 * s, 101 * s, 1 * s}, {3601 * s, 3701 * s, 3601 * s}},
		"suspended for long":       {{1 * s, 101 * s, 1 * s}, {2 * s, 9000 * s, 32 * s}, {3 * s, 9001 * s, 33 * s}},
		"wall set forward":         {{1 * s, 9e9 * s, 1*s + maxSleep}, {2 * s, 9e9*s + s, 2*s + maxSleep}},
		"wall set back":            {{1 * s, 101 * s, 1 * s}, {2 * s, 5 * s, 2 * s}, {3 * s, 6 * s, 3 * s}},
		"wall set back, then on":   {{1 * s, 5 * s, 1 * s}, {2 * s, 102 * s, 2*s + maxSleep}},
		"wall slews":               {{1 * s, 101*s + 99e6, 1 * s}, {2 * s, 102*s + 198e6, 2 * s}, {3 * s, 103*s + 150e6, 3 * s}},
		"mono goes back":           {{2 * s, 102 * s, 2 * s}, {1 * s, 102 * s, 2 * s}, {3 * s, 103 * s, 3 * s}},
		"mono goes back, slept":    {{2 * s, 102 * s, 2 * s}, {1 * s, 107 * s, 7 * s}},
		"two sleeps, each limited": {{0, 9000 * s, maxSleep}, {0, 19000 * s, 2 * maxSleep}},
	} {
		u := uptime{wall: 100 * s}
		for i, r := range readings {
			before := u.now
			got, slept := u.advance(r.mono, r.wall)
			if got != r.want {
				t.Errorf("%s: reading %d gives %v, want %v", name, i, got, r.want)
			}
			if strings.HasPrefix(name, "both") && slept {
				t.Errorf("%s: reading %d counts as sleep", name, i)
			}
			if got < before {
				t.Errorf("%s: time goes back from %v to %v", name, before, got)
			}
		}
	}
}

func TestUptimeNeverGoesBack(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var u uptime
	for range 100_000 {
		before := u.now
		now, _ := u.advance(time.Duration(r.Int64N(1e12)), time.Duration(r.Int64N(2e18)))
		if now < before {
			t.Fatalf("from %v to %v", before, now)
		}
	}
}

// workerScript is www/src/timer.worker.ts as the browser sees it.
const workerScript = `let timer;
onmessage = (event) => { clearTimeout(timer); timer = setTimeout(() => postMessage(0), event.data); };
postMessage(0);`

func scriptURL(t *testing.T, script string) string {
	if js.Global().Get("Worker").IsUndefined() || js.Global().Get("document").IsUndefined() {
		t.Skip("there are no Workers: this test runs in a browser only")
	}
	blob := js.Global().Get("Blob").New([]any{script}, map[string]any{"type": "text/javascript"})
	url := js.Global().Get("URL").Call("createObjectURL", blob)
	t.Cleanup(func() { js.Global().Get("URL").Call("revokeObjectURL", url) })
	return url.String()
}

func workerClockFor(t *testing.T, url string) (*workerClock, chan error) {
	slow := make(chan error, 10)
	c := newWorkerClock(url, func(err error) { slow <- err })
	t.Cleanup(c.close)
	return c, slow
}

func (c *workerClock) isReady() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ready
}

func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !f(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 10 s: %s", what)
		}
	}
}

func fires(t *testing.T, what string, c chan time.Duration) time.Duration {
	t.Helper()
	select {
	case at := <-c:
		return at
	case <-time.After(10 * time.Second):
		t.Fatalf("%s did not fire", what)
		return 0
	}
}

// inEveryMode runs a test on the Worker, before it is up, and after it failed.
func inEveryMode(t *testing.T, test func(t *testing.T, c *workerClock)) {
	t.Run("worker", func(t *testing.T) {
		c, slow := workerClockFor(t, scriptURL(t, workerScript))
		eventually(t, "worker up", c.isReady)
		test(t, c)
		if len(slow) > 0 || !c.isReady() {
			t.Errorf("the worker failed: %v", <-slow)
		}
	})
	t.Run("early", func(t *testing.T) {
		c, _ := workerClockFor(t, scriptURL(t, workerScript))
		test(t, c)
	})
	t.Run("silent", func(t *testing.T) {
		c, _ := workerClockFor(t, scriptURL(t, "onmessage = () => {};"))
		test(t, c)
	})
	t.Run("broken", func(t *testing.T) {
		c, slow := workerClockFor(t, scriptURL(t, "throw new Error('broken on purpose');"))
		test(t, c)
		select {
		case err := <-slow:
			t.Log(err)
		case <-time.After(10 * time.Second):
			t.Error("nobody was told")
		}
	})
	t.Run("missing", func(t *testing.T) {
		scriptURL(t, "") // skips where there are no Workers
		c, slow := workerClockFor(t, "/there-is-no-such-worker.js")
		test(t, c)
		select {
		case <-slow:
		case <-time.After(10 * time.Second):
			t.Error("nobody was told")
		}
		test(t, c)
	})
	t.Run("forbidden", func(t *testing.T) {
		scriptURL(t, "")
		c, slow := workerClockFor(t, "https://other.example/worker.js")
		test(t, c)
		if err := <-slow; err == nil {
			t.Error("no reason")
		}
	})
}

func TestTimers(t *testing.T) {
	inEveryMode(t, func(t *testing.T, c *workerClock) {
		fired := map[string]chan time.Duration{}
		timer := func(name string) *workerTimer {
			ch := make(chan time.Duration, 100)
			fired[name] = ch
			return c.Timer(func() { ch <- c.Now() }).(*workerTimer)
		}
		start := c.Now()
		at := func(ms int) time.Duration { return start + time.Duration(ms)*time.Millisecond }
		timer("late").Reset(at(60))
		timer("early").Reset(at(20))
		stopped := timer("stopped")
		stopped.Reset(at(10))
		stopped.Stop()
		moved := timer("moved later")
		moved.Reset(at(5))
		moved.Reset(at(90))
		sooner := timer("moved sooner")
		sooner.Reset(at(9000))
		sooner.Reset(at(30))
		timer("past").Reset(start - time.Hour)
		for name, due := range map[string]time.Duration{"late": at(60), "early": at(20), "moved later": at(90),
			"moved sooner": at(30), "past": start} {
			if got := fires(t, name, fired[name]); got < due {
				t.Errorf("%s fired %v too early", name, due-got)
			}
		}
		moved.Reset(c.Now() + 5*time.Millisecond)
		fires(t, "a second time", fired["moved later"])
		for name, ch := range fired {
			if len(ch) > 0 {
				t.Errorf("%s fired once more", name)
			}
		}
		if len(c.timers) > 0 {
			t.Errorf("%d timers are left", len(c.timers))
		}
	})
}

// What fires may set timers and panic; neither hurts the others.
func TestTimersFromTimers(t *testing.T) {
	inEveryMode(t, func(t *testing.T, c *workerClock) {
		done := make(chan time.Duration, 1)
		n := 0
		var chain interface{ Reset(time.Duration) }
		chain = c.Timer(func() {
			if n++; n == 10 {
				done <- c.Now()
				return
			}
			chain.Reset(c.Now() + time.Millisecond)
			if n == 1 {
				panic("on purpose")
			}
		})
		chain.Reset(0)
		fires(t, "the chain", done)
	})
}

// A timer that is set again and again to a later time, as an election timer is
// at each heartbeat, costs no messages.
func TestLaterIsFree(t *testing.T) {
	c, _ := workerClockFor(t, scriptURL(t, workerScript))
	eventually(t, "worker up", c.isReady)
	posts := 0
	original := c.worker.Get("postMessage")
	spy := callback(func(ms js.Value) any { posts++; original.Call("call", c.worker, ms); return nil })
	defer spy.Release()
	c.worker.Set("postMessage", spy)
	timer := c.Timer(func() {})
	for i := range 1000 {
		timer.Reset(c.Now() + time.Hour + time.Duration(i)*time.Millisecond)
	}
	if posts != 1 {
		t.Errorf("%d messages", posts)
	}
	// After a sleep the wake-up is asked for anew.
	c.up.wall -= time.Minute
	c.Now()
	if posts != 2 {
		t.Errorf("%d messages after a sleep", posts)
	}
}

func TestClockClose(t *testing.T) {
	c, _ := workerClockFor(t, scriptURL(t, workerScript))
	eventually(t, "worker up", c.isReady)
	timer := c.Timer(func() { t.Error("fired after close") })
	timer.Reset(c.Now() + 10*time.Millisecond)
	c.close()
	c.close()
	timer.Reset(c.Now())
	time.Sleep(30 * time.Millisecond)
	if before := c.Now(); c.Now() < before {
		t.Error("time goes back")
	}
}

// How late timers of 50 ms are. In a hidden tab they must be no later than in a
// visible one: a second would show here.
func TestTick(t *testing.T) {
	c, _ := workerClockFor(t, scriptURL(t, workerScript))
	eventually(t, "worker up", c.isReady)
	fired := make(chan time.Duration, 1)
	timer := c.Timer(func() { fired <- c.Now() })
	var late []time.Duration
	for range 40 {
		at := c.Now() + 50*time.Millisecond
		timer.Reset(at)
		late = append(late, fires(t, "tick", fired)-at)
	}
	slices.Sort(late)
	t.Logf("the page is %s; late by %v (median), %v (max)",
		js.Global().Get("document").Get("visibilityState"), late[20], late[39])
	if late[20] > 200*time.Millisecond {
		t.Error("timers are slow")
	}
}
