package main

import (
	"fmt"
	"math/rand/v2"
	"time"

	"tabraft/raft"
	"tabraft/raft/bench/load"
	"tabraft/raft/node"
	"tabraft/raft/wire"
)

// server.go: servers of package node, each with its own goroutine. The transport
// hands encoded frames straight to the receiver's inbox. Unlike most rivals here
// a node encodes and decodes every message, as for a network: that is part of it.

const (
	clusterID    = 77
	startTimeout = 10 * time.Second
)

type servers struct {
	clock *node.SystemClock
	nodes []*node.Node
	disks []*memory
	done  []func(node.Result, error) // for each client, what ProposeFunc calls
}

func openServers(variant string, machines []*load.Machine, answers *load.Answers) (load.Cluster, error) {
	if variant != "" {
		return nil, fmt.Errorf("there is no variant %q", variant)
	}
	c := &servers{clock: node.NewSystemClock()}
	for client := range answers.Clients {
		c.done = append(c.done, func(_ node.Result, err error) {
			if err != nil {
				answers.Fail(err)
			}
			answers.Done(client)
		})
	}
	ports := make([]*port, len(machines))
	for i, m := range machines {
		id := raft.ID(i + 1)
		ports[i] = &port{id: id}
		c.disks = append(c.disks, newMemory(len(machines)))
		cfg := limits
		cfg.MaxAppendBytes = wire.MaxAppend // all that a frame takes
		// Server 0 is to lead; the others wait long before they campaign.
		cfg.ElectionTimeout = 2 * startTimeout
		if i == 0 {
			cfg.ElectionTimeout = startTimeout / 50
		}
		n, err := node.Start(node.Config{
			ID: id, Cluster: clusterID, Storage: c.disks[i], Transport: ports[i], Machine: machine{m}, Clock: c.clock,
			Rand: rand.New(rand.NewPCG(uint64(id), 1)), Raft: cfg,
			Gather: answers.Yield,
		})
		if err != nil {
			return nil, err
		}
		c.nodes = append(c.nodes, n)
	}
	for i, p := range ports {
		nodes := c.nodes
		p.nodes.Store(&nodes)
		for j := range ports {
			if i != j {
				c.nodes[i].PeerUp(raft.ID(j + 1))
			}
		}
	}
	for deadline := time.Now().Add(startTimeout); c.nodes[0].Status().Role != raft.Leader; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("no leader after %v", startTimeout)
		}
	}
	return c, nil
}

func (c *servers) Propose(client int, command []byte) {
	c.nodes[0].ProposeFunc(command, c.clock.Now()+node.ProposeTimeout, c.done[client])
}

func (c *servers) Close() error {
	for i, n := range c.nodes {
		n.Stop()
		if err := c.disks[i].Close(); err != nil {
			return err
		}
	}
	return nil
}

// machine is a node.StateMachine.
type machine struct{ *load.Machine }

func (m machine) Apply(_ uint64, command []byte) []byte {
	m.Machine.Apply(command)
	m.Publish()
	return nil
}

func (m machine) Snapshot() []byte { return m.State() }

func (m machine) Restore(data []byte) error { return m.SetState(data) }
