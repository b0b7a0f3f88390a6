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

// memory is a node.Storage that needs no time. It reports from a goroutine of its
// own, since a Storage must not report a save before it has returned from it.
type memory struct {
	*store
	reports chan func(error)
}

// maxReports is more than a node has saves in flight.
const maxReports = 16

func newMemory(servers int) *memory {
	m := &memory{store: bootstrap(servers), reports: make(chan func(error), maxReports)}
	go func() {
		for done := range m.reports {
			done(nil)
		}
	}()
	return m
}

func (m *memory) Load() (raft.Stored, error) { return m.load(), nil }

func (m *memory) Save(s *raft.Save, done func(error)) {
	m.save(s)
	m.reports <- done
}

func (m *memory) Close() error {
	close(m.reports)
	return nil
}
