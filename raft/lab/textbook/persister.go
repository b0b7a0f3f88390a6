package textbook

import "tabraft/raft/lab/tester"

// Persister holds what a crash does not destroy.
type Persister = tester.Persister

// MakePersister returns an empty Persister.
func MakePersister() *Persister { return tester.MakePersister() }
