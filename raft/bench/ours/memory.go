package main

import (
	"fmt"
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
type memory struct {
	*store
	reports chan func(error) // saves to be reported, nil if that is done at once
}

func newStorage(variant string, servers int) (*memory, error) {
	m := &memory{store: bootstrap(servers)}
	switch variant {
	case "", "queued":
		m.reports = make(chan func(error), 16)
		go m.report()
	case "direct":
	default:
		return nil, fmt.Errorf("there is no variant %q", variant)
	}
	return m, nil
}

func (m *memory) Load() (raft.Stored, error) { return m.load(), nil }

func (m *memory) Save(s *raft.Save, done func(error)) {
	m.save(s)
	if m.reports == nil {
		done(nil)
		return
	}
	m.reports <- done
}

func (m *memory) report() {
	for done := range m.reports {
		done(nil)
	}
}

func (m *memory) Close() error { return nil }
