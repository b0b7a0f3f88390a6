package main

import (
	"sync/atomic"

	"tabraft/raft"
	"tabraft/raft/node"
)

// port is a node.Transport within this process.
type port struct {
	id    raft.ID
	nodes atomic.Pointer[[]*node.Node]
}

func (p *port) Send(to raft.ID, frame []byte) bool {
	nodes := p.nodes.Load()
	if nodes == nil {
		return false // not connected yet
	}
	(*nodes)[to-1].Deliver(p.id, frame)
	return true
}

// memory is a node.Storage that needs no time.
type memory struct{ *store }

func newMemory(servers int) *memory { return &memory{bootstrap(servers)} }

func (m *memory) Load() (raft.Stored, error) { return m.load(), nil }

func (m *memory) Save(s *raft.Save, done func(error)) {
	m.save(s)
	done(nil)
}

func (m *memory) Close() error { return nil }
