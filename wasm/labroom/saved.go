package labroom

import (
	"sync"

	"tabraft/raft/lab/tester"
)

// saved is a Store that counts what it hands on. The Persister's own methods wait
// while it saves, and the page, which asks often, must not wait for storage.
type saved struct {
	store tester.Store

	mu              sync.Mutex
	saves           int
	state, snapshot int // bytes
}

// Save implements tester.Store.
func (s *saved) Save(state, snapshot []byte) {
	s.store.Save(state, snapshot)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.saves++
	s.state, s.snapshot = len(state), len(snapshot)
}

func (s *saved) sizes() (saves, state, snapshot int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.saves, s.state, s.snapshot
}
