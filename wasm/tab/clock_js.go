package tab

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"syscall/js"
	"time"

	"tabraft/raft/node"
)

// A tab's time.
//
// The browser's monotonic clock (performance.now) is the measure, but on Linux
// and macOS it stands still while the machine sleeps. A leader that wakes must
// not think that its followers heard of it a moment ago. So what the wall clock
// gained over the monotonic one between two readings counts as time slept. That
// cannot be told from somebody setting the clock forward, hence its bounds:
//
//   - Less than minSleep is slewing and rounding, and does not count.
//   - No more than maxSleep counts at once: longer than any promise a server
//     makes of its time (elections, leases), so that all of them have run out
//     on waking; shorter than the minute after which a leader gives up on a
//     member, so that nobody is removed because a clock was set or a lid shut.
//   - A wall clock set back counts as nothing: time never goes back.
//
// Timers run in a dedicated Worker (www/src/timer.worker.ts), because a hidden
// page's own are slowed down to one a second or a minute. One wake-up, the
// earliest, is outstanding at a time; posting costs more than waking up for
// nothing, so it is moved only to be earlier.

const (
	minSleep = 100 * time.Millisecond
	maxSleep = 30 * time.Second
	// maxWait is the longest wake-up asked for; setTimeout takes more than 24
	// days for 0.
	maxWait = time.Hour
)

// uptime adds up what two clocks say.
type uptime struct {
	mono, wall time.Duration // last readings
	now        time.Duration
}

// advance takes a reading of both clocks. It gives the time, and whether some
// of it was slept through.
func (u *uptime) advance(mono, wall time.Duration) (now time.Duration, slept bool) {
	ran := max(mono-u.mono, 0)
	if sleep := wall - u.wall - ran; sleep >= minSleep {
		ran += min(sleep, maxSleep)
		slept = true
	}
	u.mono, u.wall = max(mono, u.mono), wall
	u.now += ran
	return u.now, slept
}

var errTimerWorker = errors.New("the timer worker does not start: this tab will be slow while it is hidden")

// workerClock is a node.Clock for a tab.
type workerClock struct {
	start time.Time
	slow  func(error)

	setTimeout, clearTimeout js.Value

	onMessage, onError js.Func // of the worker
	onTimeout          js.Func // of setTimeout

	mu      sync.Mutex
	up      uptime
	timers  []*workerTimer // armed, in no order: there are few
	wake    time.Duration  // when the wake-up asked for is due, or never
	worker  js.Value       // undefined if there is none (any more)
	ready   bool           // the worker has said that it is up
	timeout js.Value       // what setTimeout gave, undefined for none
	closed  bool
}

// never is the time of a wake-up that was not asked for.
const never = time.Duration(math.MaxInt64)

var _ node.Clock = (*workerClock)(nil)

// newWorkerClock starts a clock whose Worker has its script at workerURL. Until
// the Worker is up, the page's own timers do its work, and for good if it does
// not come up. In that case slow is called, once, with the reason for the user;
// it is called from a JavaScript callback or a goroutine and must not wait.
func newWorkerClock(workerURL string, slow func(error)) *workerClock {
	c := &workerClock{
		start:        time.Now(),
		slow:         slow,
		setTimeout:   js.Global().Get("setTimeout"),
		clearTimeout: js.Global().Get("clearTimeout"),
		wake:         never,
	}
	c.up.wall = time.Duration(c.start.UnixNano())
	c.onTimeout = callback(func(js.Value) any { c.woken(); return nil })
	c.onMessage = callback(func(js.Value) any { c.workerSpoke(); return nil })
	c.onError = callback(func(js.Value) any { c.workerFailed(nil); return nil })
	err := throws(func() { c.worker = js.Global().Get("Worker").New(workerURL) })
	if err != nil {
		go c.workerFailed(err)
		return c
	}
	c.worker.Set("onmessage", c.onMessage)
	c.worker.Set("onerror", c.onError)
	return c
}

// Now implements node.Clock.
func (c *workerClock) Now() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.read()
}

// read gives the time. The wake-up asked for was measured in time awake: after
// a sleep it would come too late, and is asked for anew.
func (c *workerClock) read() time.Duration {
	t := time.Now()
	now, slept := c.up.advance(t.Sub(c.start), time.Duration(t.UnixNano()))
	if slept {
		c.wake = never
		c.arm(now)
	}
	return now
}

// Timer implements node.Clock. fire is called from a JavaScript callback and
// must not wait for anything.
func (c *workerClock) Timer(fire func()) node.Timer {
	return &workerTimer{clock: c, fire: fire}
}

// workerTimer is a node.Timer.
type workerTimer struct {
	clock *workerClock
	fire  func()
	at    time.Duration
}

// Reset implements node.Timer.
func (t *workerTimer) Reset(at time.Duration) {
	c := t.clock
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	t.at = at
	if !slices.Contains(c.timers, t) {
		c.timers = append(c.timers, t)
	}
	if at < c.wake {
		c.arm(c.read())
	}
}

// Stop implements node.Timer. A wake-up that was asked for it still comes, and
// finds nothing to do.
func (t *workerTimer) Stop() {
	c := t.clock
	c.mu.Lock()
	defer c.mu.Unlock()
	c.timers = slices.DeleteFunc(c.timers, func(o *workerTimer) bool { return o == t })
}

// arm asks for a wake-up at the earliest time set, unless one is due before.
func (c *workerClock) arm(now time.Duration) {
	earliest := never
	for _, t := range c.timers {
		earliest = min(earliest, t.at)
	}
	if earliest >= c.wake || c.closed {
		return
	}
	wait := min(max(earliest-now, 0), maxWait)
	c.wake = now + wait
	// Rounded up: a wake-up that comes early would have to be repeated.
	ms := int((wait + time.Millisecond - 1) / time.Millisecond)
	if c.ready {
		c.worker.Call("postMessage", ms)
		return
	}
	c.dropTimeout()
	c.timeout = c.setTimeout.Invoke(c.onTimeout, ms)
}

func (c *workerClock) dropTimeout() {
	if !c.timeout.IsUndefined() {
		c.clearTimeout.Invoke(c.timeout)
		c.timeout = js.Undefined()
	}
}

// woken fires what is due, and asks for the next wake-up.
func (c *workerClock) woken() {
	c.mu.Lock()
	c.wake = never
	now := c.read()
	var due []*workerTimer
	c.timers = slices.DeleteFunc(c.timers, func(t *workerTimer) bool {
		if t.at <= now {
			due = append(due, t)
		}
		return t.at <= now
	})
	c.arm(now)
	c.mu.Unlock()
	for _, t := range due {
		c.call(t.fire)
	}
}

// call runs what belongs to others, so that its panic does not keep the other
// timers from firing.
func (c *workerClock) call(f func()) {
	defer func() {
		if p := recover(); p != nil {
			js.Global().Get("console").Call("error", fmt.Sprintf("tabraft: in a timer: %v", p))
		}
	}()
	f()
}

// workerSpoke is a wake-up from the Worker, or its first sign of life: then it
// takes over from the page's timers.
func (c *workerClock) workerSpoke() {
	c.mu.Lock()
	if !c.ready && !c.worker.IsUndefined() {
		c.ready = true
		c.dropTimeout()
	}
	c.mu.Unlock()
	c.woken()
}

// workerFailed goes back to the page's timers.
func (c *workerClock) workerFailed(reason error) {
	c.mu.Lock()
	c.ready = false
	c.dropWorker()
	slow := c.slow
	c.slow = nil
	closed := c.closed
	c.mu.Unlock()
	if closed || slow == nil {
		return
	}
	c.woken()
	c.call(func() { slow(errors.Join(errTimerWorker, reason)) })
}

func (c *workerClock) dropWorker() {
	if c.worker.IsUndefined() {
		return
	}
	c.worker.Set("onmessage", js.Null())
	c.worker.Set("onerror", js.Null())
	c.worker.Call("terminate")
	c.worker = js.Undefined()
}

// close stops the clock's timers for good; none fires any more. Now still
// works.
func (c *workerClock) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.closed = true
	c.timers = nil
	c.dropTimeout()
	c.dropWorker()
	c.onMessage.Release()
	c.onError.Release()
	c.onTimeout.Release()
}
