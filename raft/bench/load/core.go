package load

import (
	"errors"
	"fmt"
	"runtime"
	"time"
)

// ErrNoBatch: the implementation has no call that proposes many commands.
var ErrNoBatch = errors.New("there is no call for many commands")

// Core is a cluster of an implementation's consensus code, without goroutines:
// messages are delivered by function calls, and storage is memory. Server 0
// leads when it is opened.
type Core interface {
	// Propose has the leader append a command.
	Propose(command []byte) error
	// ProposeBatch does so with many in one call, or gives ErrNoBatch.
	ProposeBatch(commands [][]byte) error
	// Deliver carries out what the servers want, and carries messages, until
	// nothing is left to do. If everywhere is set, all that was proposed is
	// then applied on all servers, not only on the leader.
	Deliver(everywhere bool) error
	// Compact has the servers forget what all of them have applied.
	Compact() error
}

// OpenCore starts a cluster with as many servers as there are machines, which
// are in the order of the servers.
type OpenCore func(variant string, machines []*Machine) (Core, error)

const (
	// compactEvery is how many commands a log grows by before it is compacted.
	compactEvery = 16384
	// ring is how many different commands there are; they repeat, so that the
	// load itself allocates nothing. A power of two.
	ring = 4096
	// timeCheck is how many commands may pass between two looks at the clock.
	timeCheck = 64
)

// coreRun is one run of the core bench.
type coreRun struct {
	req      Request
	cluster  Core
	machines []*Machine
	commands [][]byte

	proposed  uint64
	sum       uint64
	compacted uint64
}

// CoreBench makes the bench of an implementation's core.
func CoreBench(open OpenCore) Bench {
	return func(req Request) (Result, error) {
		r, err := newCoreRun(req, open)
		if err != nil {
			return Result{}, err
		}
		if err := r.warmUp(); err != nil {
			return Result{}, err
		}
		m, err := begin(req)
		if err != nil {
			return Result{}, err
		}
		ops, err := r.loop(req.Ops, time.Duration(req.Millis)*time.Millisecond)
		if err != nil {
			return Result{}, err
		}
		res, err := m.end(req, ops)
		if err != nil {
			return res, err
		}
		return res, r.check()
	}
}

// GrowthBench makes the bench that measures with a long log: CoreBench with
// Prefill commands before, and what all of it occupies after.
func GrowthBench(open OpenCore) Bench {
	return func(req Request) (Result, error) {
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		var kept Core
		res, err := CoreBench(func(variant string, machines []*Machine) (Core, error) {
			c, err := open(variant, machines)
			kept = c
			return c, err
		})(req)
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(kept)
		res.HeapBytes = max(after.HeapAlloc, before.HeapAlloc) - before.HeapAlloc
		return res, err
	}
}

func newCoreRun(req Request, open OpenCore) (*coreRun, error) {
	r := &coreRun{req: req, machines: newMachines(req.Servers), commands: make([][]byte, ring)}
	for i := range r.commands {
		r.commands[i] = command(uint64(i), req.Size)
	}
	var err error
	r.cluster, err = open(req.Variant, r.machines)
	return r, err
}

func newMachines(n int) []*Machine {
	machines := make([]*Machine, n)
	for i := range machines {
		machines[i] = &Machine{}
	}
	return machines
}

// warmUp fills the log and the caches.
func (r *coreRun) warmUp() error {
	asked := r.req.Load
	if r.req.Prefill > 0 {
		r.req.Load = LoadSeparate
		if _, err := r.loop(r.req.Prefill, 0); err != nil {
			return err
		}
		r.req.Load = asked
	}
	_, err := r.loop(r.req.Ops/5, time.Duration(r.req.Millis)*time.Millisecond/5)
	return err
}

// loop proposes until ops commands are done or, if that is 0, until the time has
// passed, and tells how many were done.
func (r *coreRun) loop(ops int, limit time.Duration) (int, error) {
	start, from, checked := time.Now(), r.proposed, uint64(0)
	for {
		done := r.proposed - from
		if ops > 0 && done >= uint64(ops) {
			return int(done), nil
		}
		if ops <= 0 && done >= checked {
			if time.Since(start) >= limit {
				return int(done), nil
			}
			checked = done + timeCheck
		}
		if err := r.round(); err != nil {
			return int(done), err
		}
		if !r.req.Keep && r.proposed-r.compacted >= compactEvery {
			r.compacted = r.proposed
			if err := r.cluster.Deliver(true); err != nil {
				return int(done), err
			}
			if err := r.cluster.Compact(); err != nil {
				return int(done), err
			}
		}
	}
}

// round proposes one command or one batch, and sees it applied.
func (r *coreRun) round() error {
	switch r.req.Load {
	case LoadOne, LoadAnswered:
		if err := r.cluster.Propose(r.next()); err != nil {
			return err
		}
	case LoadSeparate:
		for range Batch {
			if err := r.cluster.Propose(r.next()); err != nil {
				return err
			}
		}
	case LoadBatch:
		at := r.proposed % ring // ring is a multiple of Batch
		for range Batch {
			r.next()
		}
		if err := r.cluster.ProposeBatch(r.commands[at : at+Batch]); err != nil {
			return err
		}
	default:
		return fmt.Errorf("there is no load %q", r.req.Load)
	}
	everywhere := r.req.Load != LoadAnswered
	if err := r.cluster.Deliver(everywhere); err != nil {
		return err
	}
	for i, m := range r.machines {
		if m.count != r.proposed && (everywhere || i == 0) {
			return fmt.Errorf("server %d has applied %d commands of %d", i, m.count, r.proposed)
		}
	}
	return nil
}

// next is the next command, counted as proposed.
func (r *coreRun) next() []byte {
	n := r.proposed % ring
	r.proposed++
	r.sum = addToSum(r.sum, n)
	return r.commands[n]
}

// check tells whether every server has applied every command, in order.
func (r *coreRun) check() error {
	if err := r.cluster.Deliver(true); err != nil {
		return err
	}
	for _, m := range r.machines {
		if err := m.check(r.proposed, r.sum); err != nil {
			return err
		}
	}
	return nil
}

// VerifyCore runs every load of the core bench for a moment, and gives an error
// if anything that it counts was not committed. It is for tests.
func VerifyCore(open OpenCore, variant string) error {
	bench := CoreBench(open)
	for _, servers := range []int{1, 3, 5} {
		for _, load := range []string{LoadOne, LoadAnswered, LoadSeparate, LoadBatch} {
			const ops = compactEvery + 2*Batch // it compacts once, at least
			req := Request{Variant: variant, Load: load, Servers: servers, Size: 100, Ops: ops}
			res, err := bench(req)
			if errors.Is(err, ErrNoBatch) {
				continue
			}
			if err != nil {
				return fmt.Errorf("%d servers, load %s: %w", servers, load, err)
			}
			if res.Ops < ops || res.Nanos <= 0 {
				return fmt.Errorf("%d servers, load %s: %d commands in %d ns", servers, load, res.Ops, res.Nanos)
			}
		}
	}
	return nil
}
