package raft

import "tabraft/raft/lab/tester"

// Persister is what `tabraft lab new` puts in place of the course's persister.go.
type Persister = tester.Persister
