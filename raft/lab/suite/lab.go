package suite

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime/pprof"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"tabraft/raft/lab/labrpc"
	"tabraft/raft/lab/suite/rules"
	"tabraft/raft/lab/tester"
)

// What the harness adds to the course's network so that runs differ by their
// seed, and so that work costs time also where time costs nothing.
const (
	// rpcCost is how long a server needs for an RPC it receives.
	rpcCost = 50 * time.Microsecond
	// netJitter is the longest random delay of a request or reply on a reliable network.
	netJitter = 500 * time.Microsecond
	// startSpread is the longest random time between the starts of two servers.
	// Servers that seed their random numbers with the clock must not all
	// find the same time on it.
	startSpread = time.Millisecond

	// MaxRPCs is how many RPCs a test may make before it is stopped. The
	// busiest of a good Raft makes about 10,000.
	MaxRPCs = 1_000_000
	// maxWarnings bounds the warnings of a test.
	maxWarnings = 20
)

// A lab is one run of one test: servers, their network, the service on each
// server, and what is known of them. It is used from within its bubble only.
type lab struct {
	Case
	n     int
	seed  uint64
	real  bool
	form  tester.Form
	id    string // tells this run's goroutines from others'
	began time.Time

	net   *labrpc.Network
	watch *rules.Watch

	ticks    atomic.Int64 // counts while time passes: see watchdog.go
	bubble   atomic.Pointer[string]
	stop     chan struct{} // closed at the end: services stop receiving
	asTester context.Context
	asServer []context.Context

	opened atomic.Bool // everything above exists

	// What the run came to, set at its end.
	seconds time.Duration
	rpcs    int
	bytes   int64

	mu       sync.Mutex
	rng      *rand.Rand
	servers  []*server
	chosen   []any // command by index, as first applied by any server; [0] is unused
	lives    int
	calls    map[*studentCall]bool
	gauges   []Gauge
	warnings []string
	failure  *Failure
	failed   chan struct{} // closed with the failure
	ended    bool
}

var runs atomic.Int64

func newLab(c Case, form tester.Form, seed uint64, real bool) *lab {
	l := &lab{
		Case: c, n: c.Servers, seed: seed, real: real, form: form,
		id:     strconv.FormatInt(runs.Add(1), 10),
		chosen: []any{nil},
		calls:  map[*studentCall]bool{},
	}
	h := fold(seed, c.Name)
	l.rng = rand.New(rand.NewPCG(h, h^0x9e3779b97f4a7c15))
	labels := func(server string) context.Context {
		return pprof.WithLabels(context.Background(), pprof.Labels("lab", l.id, "test", c.ID(), "seed", strconv.FormatUint(seed, 10), "server", server))
	}
	l.asTester = labels("tester")
	for i := range l.n {
		l.asServer = append(l.asServer, labels(strconv.Itoa(i)))
	}
	return l
}

// fold mixes a test's name into a seed, so that the tests of one run differ.
func fold(seed uint64, name string) uint64 {
	h := seed ^ 0xcbf29ce484222325
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * 0x100000001b3
	}
	return h
}

// open makes what must be made inside the bubble, and starts the servers.
func (l *lab) open() {
	l.stop, l.failed = make(chan struct{}), make(chan struct{})
	time.Sleep(time.Duration(l.randUint64() % uint64(time.Second)))
	l.began = time.Now()
	cfg := labrpc.Config{
		Seed:     l.randUint64(),
		Observe:  l.observe,
		Complain: func(err error) { l.warnf("%v", err) },
		Panicked: l.handlerPanicked,
	}
	if !l.real {
		cfg.Cost, cfg.Jitter = rpcCost, netJitter
	}
	l.net = labrpc.NewNetwork(cfg)
	l.net.Reliable(!l.unreliable)
	l.watch = rules.New(rules.Config{
		Servers: l.n, Began: l.began, Virtual: !l.real,
		Persistence: l.Part >= 'C',
		Broken:      func(f rules.Finding) { l.fail(rules.RuleBroken, f.Text) },
	})
	for i := range l.n {
		l.servers = append(l.servers, newServer(i))
	}
	for i := range l.n {
		l.launch(i)
		l.link(i, true)
	}
}

// observe is told every step of every RPC. A handler's goroutine, and whatever it
// starts, is marked as its server's.
func (l *lab) observe(e labrpc.Event) {
	if e.Step == labrpc.Delivered && e.To >= 0 && e.To < l.n {
		pprof.SetGoroutineLabels(l.asServer[e.To])
	}
	l.watch.RPC(e)
}

// now returns the time since the test began.
func (l *lab) now() time.Duration { return time.Since(l.began) }

// rand returns a command, or any other number that fits into 31 bits.
func (l *lab) rand() int { return int(l.randUint64() >> 33) }

func (l *lab) intn(n int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rng.IntN(n)
}

func (l *lab) perm(n int) []int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rng.Perm(n)
}

func (l *lab) randUint64() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rng.Uint64()
}

// randText returns a command of n bytes.
func (l *lab) randText(n int) string {
	const digits = "abcdefghijklmnopqrstuvwxyz0123456789"
	b := make([]byte, n)
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range b {
		b[i] = digits[l.rng.IntN(len(digits))]
	}
	return string(b)
}

// A stopped panic ends a goroutine of the test whose test has failed.
type stopped struct{}

// unlessStopped ends a goroutine of the test quietly if that is why it panics.
func unlessStopped() {
	if v := recover(); v != nil {
		if _, ok := v.(stopped); !ok {
			panic(v)
		}
	}
}

// fail records why the test failed, if it is the first reason.
func (l *lab) fail(kind rules.Kind, message string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failure != nil || l.ended {
		return
	}
	l.failure = &Failure{Kind: kind, Message: message, At: l.now().Seconds()}
	close(l.failed)
}

// failf fails the test and ends the calling goroutine, which must be the test's.
func (l *lab) failf(kind rules.Kind, format string, args ...any) {
	l.fail(kind, fmt.Sprintf(format, args...))
	panic(stopped{})
}

// check ends the calling goroutine of the test if the test has failed.
func (l *lab) check() {
	select {
	case <-l.failed:
		panic(stopped{})
	default:
	}
}

// sleep lets time pass for the test.
func (l *lab) sleep(d time.Duration) {
	l.check()
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-l.failed:
		panic(stopped{})
	}
	if l.now() > TestLimit {
		l.failf(rules.Timeout, "the test has taken longer than %v", TestLimit)
	}
}

// goAs runs f in a goroutine of the test.
func (l *lab) goAs(wg *sync.WaitGroup, f func()) {
	wg.Go(func() {
		defer unlessStopped()
		f()
	})
}

func (l *lab) warnf(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.warnings) < maxWarnings {
		l.warnings = append(l.warnings, fmt.Sprintf(format, args...))
	}
}

// gauge notes how near the run came to a limit. Of several of one kind the
// nearest counts.
func (l *lab) gauge(unit string, value, limit float64, what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.gauges {
		if g := &l.gauges[i]; g.Unit == unit && g.What == what {
			g.Value = max(g.Value, value)
			return
		}
	}
	l.gauges = append(l.gauges, Gauge{What: what, Unit: unit, Value: value, Limit: limit})
}
