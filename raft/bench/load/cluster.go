package load

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"
)

// Cluster is one of servers with goroutines of their own in this process, with
// memory as storage. Server 0 leads.
type Cluster interface {
	// Propose proposes a command on the leader and returns soon. When it was
	// applied there, Answers.Done is called, with the number of the client,
	// who waits for one command at a time.
	Propose(client int, command []byte)
	// Close ends the servers. Their machines are not touched after it.
	Close() error
}

// Settler is a Cluster that has to be kept busy until all servers have caught
// up. Settle is called again and again after the last command.
type Settler interface {
	Settle() error
}

// OpenCluster starts a cluster with as many servers as there are machines. It
// returns when server 0 leads.
type OpenCluster func(variant string, machines []*Machine, answers *Answers) (Cluster, error)

const (
	// clientRing is how many different commands each client has.
	clientRing = 16
	// settleTime is how long the last commands may take to reach all servers,
	// and patience how long any command may take to be answered.
	settleTime = 5 * time.Second
	patience   = 20 * time.Second
)

// Client is whose command this is.
func Client(command []byte) int { return int(Number(command) / clientRing) }

// Answers collects which clients have been answered. Its methods may be called
// from any goroutine.
type Answers struct {
	// Clients is how many there are, numbered from 0.
	Clients int

	mu   sync.Mutex
	done []int32
	err  error
	wake chan struct{} // holds a token if there is something to take
}

// Done tells that a client's command was applied by the leader.
func (a *Answers) Done(client int) {
	a.mu.Lock()
	a.done = append(a.done, int32(client))
	a.mu.Unlock()
	a.nudge()
}

// Fail ends the run.
func (a *Answers) Fail(err error) {
	a.mu.Lock()
	if a.err == nil {
		a.err = err
	}
	a.mu.Unlock()
	a.nudge()
}

func (a *Answers) nudge() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// Yield lets other goroutines run, so that more gathers in a queue before it is
// drained. Every driver with a loop of its own calls it, as it makes all of them
// two to three times as fast. With a single client there is nothing to gather.
func (a *Answers) Yield() {
	if a.Clients > 1 {
		runtime.Gosched()
	}
}

// take waits for answers, and gives them all; spare is room for the next ones.
func (a *Answers) take(spare []int32) ([]int32, error) {
	<-a.wake
	a.Yield()
	a.mu.Lock()
	defer a.mu.Unlock()
	all := a.done
	a.done = spare[:0]
	return all, a.err
}

// generator is a running load: one goroutine with many clients, as behind a
// connection that many share. Each client proposes its next command when it has
// the answer to the last one.
type generator struct {
	cluster  Cluster
	answers  *Answers
	commands [][]byte // clientRing for each client
	clients  []client
	latency  histogram

	proposed, answered uint64
	spare              []int32
}

type client struct {
	next uint32 // command
	at   time.Time
}

// ClusterBench makes the bench of an implementation's servers.
func ClusterBench(open OpenCluster) Bench {
	return func(req Request) (Result, error) {
		if req.Outstanding < 1 || req.Outstanding > 1<<16 {
			return Result{}, fmt.Errorf("%d outstanding commands", req.Outstanding)
		}
		machines := newMachines(req.Servers)
		g := newGenerator(req)
		var err error
		if g.cluster, err = open(req.Variant, machines, g.answers); err != nil {
			return Result{}, err
		}
		res, err := g.measure(req)
		if err == nil {
			err = settle(g.cluster, machines, g.proposed)
		}
		if closed := g.cluster.Close(); err == nil {
			err = closed
		}
		if err == nil {
			err = g.check(machines)
		}
		return res, err
	}
}

func newGenerator(req Request) *generator {
	g := &generator{
		answers:  &Answers{Clients: req.Outstanding, wake: make(chan struct{}, 1)},
		commands: make([][]byte, req.Outstanding*clientRing),
		clients:  make([]client, req.Outstanding),
	}
	for i := range g.commands {
		g.commands[i] = command(uint64(i), req.Size)
	}
	return g
}

// measure runs the load through a warm-up, the time to be measured, and the
// last answers.
func (g *generator) measure(req Request) (Result, error) {
	limit := time.Duration(max(req.Millis, 1)) * time.Millisecond
	watchdog := time.AfterFunc(limit+limit/5+patience, func() {
		g.answers.Fail(fmt.Errorf("the commands were not answered within %v", patience))
	})
	defer watchdog.Stop()

	now := time.Now()
	for i := range g.clients {
		g.propose(i, now)
	}
	if err := g.run(limit / 5); err != nil {
		return Result{}, err
	}
	g.latency, g.answered = histogram{}, 0
	m, err := begin(req)
	if err != nil {
		return Result{}, err
	}
	if err := g.run(limit); err != nil {
		return Result{}, err
	}
	res, err := m.end(req, int(g.answered))
	if err != nil {
		return res, err
	}
	res.P50, res.P99 = int64(g.latency.percentile(0.5)), int64(g.latency.percentile(0.99))
	return res, g.drain()
}

func (g *generator) propose(i int, now time.Time) {
	c := &g.clients[i]
	c.at = now
	c.next++
	g.proposed++
	g.cluster.Propose(i, g.commands[i*clientRing+int(c.next%clientRing)])
}

// run keeps all clients busy for some time.
func (g *generator) run(limit time.Duration) error {
	for end := time.Now().Add(limit); ; {
		done, err := g.answers.take(g.spare)
		if err != nil {
			return err
		}
		now := time.Now()
		for _, i := range done {
			g.latency.add(now.Sub(g.clients[i].at))
			g.propose(int(i), now)
		}
		g.answered += uint64(len(done))
		g.spare = done
		if now.After(end) {
			return nil
		}
	}
}

// drain waits for the answers that are still to come.
func (g *generator) drain() error {
	for waiting := len(g.clients); waiting > 0; {
		done, err := g.answers.take(g.spare)
		if err != nil {
			return err
		}
		waiting -= len(done)
		g.spare = done
	}
	return nil
}

// settle waits until every server has applied all commands.
func settle(cluster Cluster, machines []*Machine, commands uint64) error {
	for deadline := time.Now().Add(settleTime); ; time.Sleep(time.Millisecond) {
		behind := 0
		for _, m := range machines {
			if m.Published() < commands {
				behind++
			}
		}
		if behind == 0 {
			return nil
		}
		if s, ok := cluster.(Settler); ok {
			if err := s.Settle(); err != nil {
				return err
			}
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d servers have not applied the %d commands after %v", behind, commands, settleTime)
		}
	}
}

// check tells whether all servers applied what was answered, and in one order.
func (g *generator) check(machines []*Machine) error {
	if len(g.answers.done) > 0 {
		return errors.New("a command was answered twice")
	}
	for _, m := range machines {
		if err := m.check(g.proposed, machines[0].sum); err != nil {
			return err
		}
	}
	return nil
}

// VerifyCluster runs the node bench for a moment, and gives an error if anything
// that it counts was not committed. It is for tests.
func VerifyCluster(open OpenCluster, variant string) error {
	for _, outstanding := range []int{1, 64} {
		res, err := ClusterBench(open)(Request{Variant: variant, Servers: 3, Size: 100, Outstanding: outstanding, Millis: 50})
		if err != nil {
			return fmt.Errorf("%d outstanding: %w", outstanding, err)
		}
		if res.P50 <= 0 || res.P99 < res.P50 {
			return fmt.Errorf("%d outstanding: p50 %d ns, p99 %d ns", outstanding, res.P50, res.P99)
		}
	}
	return nil
}
