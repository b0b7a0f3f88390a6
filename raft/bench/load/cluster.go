package load

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Cluster is one of servers with goroutines of their own in this process, with
// memory as storage. Server 0 leads.
type Cluster interface {
	// Do proposes a command on the leader and returns when it was applied
	// there. It is called by many goroutines; client is the caller's number,
	// and each client waits for one command at a time.
	Do(client int, command []byte) error
	// Close ends the servers. Their machines are not touched after it.
	Close() error
}

// Settler is a Cluster that has to be kept busy until all servers have caught
// up. Settle is called again and again after the last command.
type Settler interface {
	Settle() error
}

// OpenCluster starts a cluster with as many servers as there are machines, for
// that many clients. It returns when server 0 leads.
type OpenCluster func(variant string, machines []*Machine, clients int) (Cluster, error)

const (
	// clientRing is how many different commands each client has.
	clientRing = 16
	// settleTime is how long the last commands may take to reach all servers.
	settleTime = 5 * time.Second
)

// Client is whose command this is, as far as NodeBench made it.
func Client(command []byte) int { return int(Number(command) / clientRing) }

// Waiters lets a driver that has no answers of its own wake the client whose
// command it applied.
type Waiters []chan struct{}

// NewWaiters makes room for that many clients.
func NewWaiters(clients int) Waiters {
	w := make(Waiters, clients)
	for i := range w {
		w[i] = make(chan struct{}, 1)
	}
	return w
}

// Wait waits until Done is called with a command of this client.
func (w Waiters) Wait(client int) { <-w[client] }

// Done wakes the client whose command this is.
func (w Waiters) Done(command []byte) { w[Client(command)] <- struct{}{} }

// clients is a running load: each client proposes its next command when it has
// the answer to the last one.
type clients struct {
	cluster    Cluster
	measuring  atomic.Bool
	stop       atomic.Bool
	done       sync.WaitGroup
	submitted  atomic.Uint64
	histograms []histogram
	failed     atomic.Pointer[error]
}

// ClusterBench makes the bench of an implementation's servers.
func ClusterBench(open OpenCluster) Bench {
	return func(req Request) (Result, error) {
		if req.Outstanding < 1 || req.Outstanding > 1<<16 {
			return Result{}, fmt.Errorf("%d outstanding commands", req.Outstanding)
		}
		machines := newMachines(req.Servers)
		cluster, err := open(req.Variant, machines, req.Outstanding)
		if err != nil {
			return Result{}, err
		}
		c := &clients{cluster: cluster, histograms: make([]histogram, req.Outstanding)}
		res, err := c.measure(req)
		if err == nil {
			err = settle(cluster, machines, c.submitted.Load())
		}
		if closed := cluster.Close(); err == nil {
			err = closed
		}
		if err == nil {
			err = c.checkMachines(machines)
		}
		return res, err
	}
}

// measure runs the clients, through a warm-up and the time to be measured.
func (c *clients) measure(req Request) (Result, error) {
	limit := time.Duration(max(req.Millis, 1)) * time.Millisecond
	for i := range c.histograms {
		c.done.Add(1)
		go c.run(i, req.Size)
	}
	time.Sleep(limit / 5)
	m, err := begin(req)
	if err != nil {
		return Result{}, err
	}
	c.measuring.Store(true)
	time.Sleep(limit)
	c.measuring.Store(false)
	res, err := m.end(req, 1)
	c.stop.Store(true)
	c.done.Wait()
	if failed := c.failed.Load(); failed != nil {
		return res, *failed
	}
	if err != nil {
		return res, err
	}
	all := &c.histograms[0]
	for i := range c.histograms[1:] {
		all.merge(&c.histograms[i+1])
	}
	res.Ops = all.total()
	if res.Ops == 0 {
		return res, fmt.Errorf("nothing was committed in %v", limit)
	}
	res.P50, res.P99 = int64(all.percentile(0.5)), int64(all.percentile(0.99))
	return res, nil
}

// run is one client. What it finished while measuring counts.
func (c *clients) run(client, size int) {
	defer c.done.Done()
	commands := make([][]byte, clientRing)
	for i := range commands {
		commands[i] = command(uint64(client*clientRing+i), size)
	}
	n := uint64(0)
	defer func() { c.submitted.Add(n) }()
	for at := time.Now(); !c.stop.Load(); {
		if err := c.cluster.Do(client, commands[n%clientRing]); err != nil {
			c.failed.Store(&err)
			c.stop.Store(true)
			return
		}
		n++
		now := time.Now()
		if c.measuring.Load() {
			c.histograms[client].add(now.Sub(at))
		}
		at = now
	}
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

// checkMachines tells whether all servers applied what was answered, and in one
// order.
func (c *clients) checkMachines(machines []*Machine) error {
	sum := machines[0].sum
	for _, m := range machines {
		if err := m.check(c.submitted.Load(), sum); err != nil {
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
