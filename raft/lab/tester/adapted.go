package tester

import (
	"sync"

	"tabraft/raft/lab/raftapi"
)

// An adapted is a Raft of any year as a raftapi.Raft. What the Raft does not
// have has a harmless answer.
type adapted struct {
	server
	persister *Persister
	killed    chan struct{} // closed by Kill
	kill      sync.Once
}

var (
	_ raftapi.Raft          = (*adapted)(nil)
	_ raftapi.Killer        = (*adapted)(nil)
	_ raftapi.CondInstaller = (*adapted)(nil)
)

// Unwrap lets labrpc.MakeService find the student's RPC methods.
func (a *adapted) Unwrap() any { return a.server }

func (a *adapted) Snapshot(index int, snapshot []byte) {
	if s, ok := a.server.(snapshotter); ok {
		s.Snapshot(index, snapshot)
	}
}

func (a *adapted) PersistBytes() int {
	if s, ok := a.server.(sizer); ok {
		return s.PersistBytes()
	}
	return a.persister.RaftStateSize()
}

func (a *adapted) Kill() {
	a.kill.Do(func() { close(a.killed) })
	if k, ok := a.server.(raftapi.Killer); ok {
		k.Kill()
	}
}

func (a *adapted) CondInstallSnapshot(term, index int, snapshot []byte) bool {
	if c, ok := a.server.(raftapi.CondInstaller); ok {
		return c.CondInstallSnapshot(term, index, snapshot)
	}
	return true
}
