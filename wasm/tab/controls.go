package tab

import (
	"context"
	"errors"

	"tabraft/raft"
	"tabraft/raft/kv"
	"tabraft/raft/node"
)

// controls.go: what can be done to a server, beyond commands.

// Entries gives the whole map as this server has applied it.
func (s *Server) Entries() []kv.Entry {
	if l, _ := s.current(); l != nil {
		return l.machine.Entries()
	}
	return nil
}

// Link puts a fault on the link to one server.
func (s *Server) Link(id raft.ID, f node.Fault) {
	if l, _ := s.current(); l != nil {
		l.links.Set(id, f)
	}
}

// Fault gives the fault on the link to one server.
func (s *Server) Fault(id raft.ID) node.Fault {
	if l, _ := s.current(); l != nil {
		return l.links.Get(id)
	}
	return node.Fault{}
}

// Isolate blocks every link, or restores them.
func (s *Server) Isolate(cut bool) {
	if l, _ := s.current(); l != nil {
		l.links.Isolate(cut)
	}
}

// running gives the life, or an error that says that there is none.
func (s *Server) running() (*life, error) {
	l, stopped := s.current()
	if l == nil {
		return nil, &CommandError{CodeStopped, "this server is stopped: " + errText(stopped)}
	}
	return l, nil
}

// Remove takes a server out of the cluster and waits until that is committed.
func (s *Server) Remove(ctx context.Context, id raft.ID) error {
	l, err := s.running()
	if err != nil {
		return err
	}
	return l.node.Remove(ctx, id)
}

// Transfer has a server lead and waits until it does.
func (s *Server) Transfer(ctx context.Context, id raft.ID) error {
	l, err := s.running()
	if err != nil {
		return err
	}
	err = l.node.Transfer(ctx, id)
	if errors.Is(err, node.ErrNoLeader) {
		return &CommandError{CodeNoLeader, "there is no leader who could hand its office over"}
	}
	return err
}

// Snapshot takes a snapshot of what is applied, waits until it is stored, and
// gives the last index that it stands for.
func (s *Server) Snapshot(ctx context.Context) (uint64, error) {
	l, err := s.running()
	if err != nil {
		return 0, err
	}
	return l.node.Snapshot(ctx)
}

// SetHidden notes whether the page is hidden, which the others are told. Who looks at
// a page again is not made to wait for a connection: see Retry.
func (s *Server) SetHidden(hidden bool) {
	s.mu.Lock()
	shown := s.hidden && !hidden
	s.hidden = hidden
	l := s.life
	s.mu.Unlock()
	if l != nil {
		l.telemetry.changed()
	}
	if shown {
		s.Retry()
	}
}

// Retry ends the waits before connections that are down are made again, to signaling
// and to servers, and looks whether those that are up still work, between tabs of this
// browser too: the network is back, or the page was frozen and goes on.
func (s *Server) Retry() {
	if l, _ := s.current(); l != nil {
		l.client.Retry()
		l.mesh.Retry()
		if b := l.bus.Load(); b != nil {
			b.Retry()
		}
	}
}
