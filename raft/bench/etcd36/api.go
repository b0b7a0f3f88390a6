package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"

	"tabraft/raft/bench/load"
)

// api.go: the library's own driver, the Node interface, used as its
// documentation and etcd's server do: one goroutine a server carries out what
// comes out of Ready, another steps what arrives.

type nodes struct {
	all      []*apiNode
	machines []*load.Machine
	answers  *load.Answers
	clients  []chan []byte // a goroutine for each, as Propose waits
	ctx      context.Context
	cancel   context.CancelFunc
}

type apiNode struct {
	cluster *nodes
	id      uint64
	node    raft.Node
	storage *raft.MemoryStorage
	machine *load.Machine
	inbox   chan pb.Message
	leads   chan struct{}
	done    sync.WaitGroup
	err     error
}

// inboxRoom is how many messages wait for a server before senders do.
const inboxRoom = 8192

func openNodes(machines []*load.Machine, answers *load.Answers) (load.Cluster, error) {
	c := &nodes{machines: machines, answers: answers}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	for i, m := range machines {
		storage, err := newStorage(len(machines))
		if err != nil {
			return nil, err
		}
		cfg, err := newConfig(i+1, storage, "api")
		if err != nil {
			return nil, err
		}
		c.all = append(c.all, &apiNode{cluster: c, id: cfg.ID, node: raft.RestartNode(cfg), storage: storage,
			machine: m, inbox: make(chan pb.Message, inboxRoom), leads: make(chan struct{})})
	}
	for _, n := range c.all {
		n.done.Add(2)
		go n.receive()
		go n.run()
	}
	if err := c.all[0].node.Campaign(c.ctx); err != nil {
		return nil, err
	}
	for range answers.Clients {
		commands := make(chan []byte, 1)
		c.clients = append(c.clients, commands)
		go c.client(commands)
	}
	select {
	case <-c.all[0].leads:
		return c, nil
	case <-time.After(startTimeout):
		return nil, fmt.Errorf("no leader after %v", startTimeout)
	}
}

func (c *nodes) Propose(client int, command []byte) { c.clients[client] <- command }

func (c *nodes) client(commands chan []byte) {
	for command := range commands {
		if err := c.all[0].node.Propose(c.ctx, command); err != nil {
			c.answers.Fail(err)
			return
		}
	}
}

func (c *nodes) Close() error {
	for _, commands := range c.clients {
		close(commands)
	}
	c.cancel()
	var err error
	for _, n := range c.all {
		n.done.Wait()
		n.node.Stop()
		if err == nil {
			err = n.err
		}
	}
	return err
}

func (n *apiNode) receive() {
	defer n.done.Done()
	for {
		select {
		case m := <-n.inbox:
			// It fails only when the cluster ends.
			_ = n.node.Step(n.cluster.ctx, m)
		case <-n.cluster.ctx.Done():
			return
		}
	}
}

func (n *apiNode) run() {
	defer n.done.Done()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			n.node.Tick()
		case rd := <-n.node.Ready():
			if n.err = n.carryOut(rd); n.err != nil {
				n.cluster.answers.Fail(n.err)
				return
			}
			n.node.Advance()
		case <-n.cluster.ctx.Done():
			return
		}
	}
}

func (n *apiNode) carryOut(rd raft.Ready) error {
	if !raft.IsEmptyHardState(rd.HardState) {
		if err := n.storage.SetHardState(rd.HardState); err != nil {
			return err
		}
	}
	if err := n.storage.Append(rd.Entries); err != nil {
		return err
	}
	for _, m := range rd.Messages {
		select {
		case n.cluster.all[m.To-1].inbox <- m:
		case <-n.cluster.ctx.Done():
			return nil
		}
	}
	return n.apply(rd.CommittedEntries)
}

func (n *apiNode) apply(entries []pb.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	for i := range entries {
		e := &entries[i]
		if len(e.Data) > 0 {
			n.machine.Apply(e.Data)
			if n.id == 1 {
				n.cluster.answers.Done(load.Client(e.Data))
			}
		} else if n.id == 1 {
			close(n.leads)
		}
	}
	n.machine.Publish()
	return compact(n.storage, entries[len(entries)-1].Index, n.cluster.machines)
}
