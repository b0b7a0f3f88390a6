// The program hashicorp drives github.com/hashicorp/raft v1.8.0 for the
// benchmark: three servers on its in-memory transport and store, with a state
// machine that takes batches and without a log. It has no core without
// goroutines, so that only the node bench exists. Variants:
//
//	default  the library's default settings
//	batched  BatchApplyCh, and 1024 entries a message, its maximum
package main

import (
	"fmt"
	"io"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"tabraft/raft/bench/load"
)

const (
	startTimeout = 10 * time.Second
	maxEntries   = 1024
	rpcTimeout   = 5 * time.Second
)

func main() {
	load.Serve(map[string]load.Bench{"node": load.ClusterBench(openCluster)})
}

type cluster struct {
	servers []*raft.Raft
}

func openCluster(variant string, machines []*load.Machine, answers *load.Answers) (load.Cluster, error) {
	c := &cluster{}
	var members raft.Configuration
	var transports []*raft.InmemTransport
	for i := range machines {
		id := raft.ServerID(fmt.Sprint(i + 1))
		_, t := raft.NewInmemTransportWithTimeout(raft.ServerAddress(id), rpcTimeout)
		transports = append(transports, t)
		members.Servers = append(members.Servers, raft.Server{ID: id, Address: raft.ServerAddress(id)})
	}
	for i, t := range transports {
		for j, other := range transports {
			if i != j {
				t.Connect(other.LocalAddr(), other)
			}
		}
		r, err := newServer(i, variant, members, t, machine{machines[i], answers, i == 0})
		if err != nil {
			return nil, err
		}
		c.servers = append(c.servers, r)
	}
	return c, c.waitForLeader()
}

func newServer(i int, variant string, members raft.Configuration, t *raft.InmemTransport, m machine) (*raft.Raft, error) {
	cfg := raft.DefaultConfig()
	cfg.LocalID = members.Servers[i].ID
	cfg.Logger = hclog.NewNullLogger()
	switch variant {
	case "", "default":
	case "batched":
		cfg.BatchApplyCh = true
		cfg.MaxAppendEntries = maxEntries
	default:
		return nil, fmt.Errorf("there is no variant %q", variant)
	}
	if i > 0 {
		// Server 0 is to lead; the others wait long before they campaign.
		cfg.HeartbeatTimeout, cfg.ElectionTimeout = 2*startTimeout, 2*startTimeout
	} else {
		cfg.HeartbeatTimeout, cfg.ElectionTimeout, cfg.LeaderLeaseTimeout = time.Second/4, time.Second/4, time.Second/4
	}
	store := raft.NewInmemStore()
	snapshots := raft.NewInmemSnapshotStore()
	if err := raft.BootstrapCluster(cfg, store, store, snapshots, t, members); err != nil {
		return nil, err
	}
	return raft.NewRaft(cfg, m, store, store, snapshots, t)
}

func (c *cluster) waitForLeader() error {
	for deadline := time.Now().Add(startTimeout); c.servers[0].State() != raft.Leader; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			return fmt.Errorf("no leader after %v", startTimeout)
		}
	}
	return c.servers[0].Barrier(startTimeout).Error()
}

// Propose leaves the answer to the leader's state machine: a goroutine for each
// client that waits for its future made this a third slower.
func (c *cluster) Propose(_ int, command []byte) { c.servers[0].Apply(command, 0) }

// Settle gives the leader something to send. A server that fell behind gets
// MaxAppendEntries for each thing that is proposed, and almost nothing when
// nothing is: with the default settings and many clients, the cluster commits
// with two servers, and the third lags by seconds.
func (c *cluster) Settle() error { return c.servers[0].Barrier(startTimeout).Error() }

func (c *cluster) Close() error {
	var err error
	for _, r := range c.servers {
		if e := r.Shutdown().Error(); err == nil {
			err = e
		}
	}
	return err
}

// machine is a raft.BatchingFSM.
type machine struct {
	*load.Machine
	answers *load.Answers
	leads   bool
}

func (m machine) Apply(l *raft.Log) any { return m.ApplyBatch([]*raft.Log{l})[0] }

func (m machine) ApplyBatch(logs []*raft.Log) []any {
	for _, l := range logs {
		if l.Type == raft.LogCommand {
			m.Machine.Apply(l.Data)
			if m.leads {
				m.answers.Done(load.Client(l.Data))
			}
		}
	}
	m.Publish()
	return make([]any, len(logs))
}

// Snapshot is not called in runs as short as these: the default settings take
// one after two minutes.
func (m machine) Snapshot() (raft.FSMSnapshot, error) { return empty{}, nil }

func (m machine) Restore(r io.ReadCloser) error { return r.Close() }

type empty struct{}

func (empty) Persist(sink raft.SnapshotSink) error { return sink.Close() }
func (empty) Release()                             {}
