// Package reference is tabraft's own core, package raft, behind the interface
// of the course: Make, Start, GetState, Snapshot, Kill, and the RPCs RequestVote,
// AppendEntries and InstallSnapshot over labrpc. It shows that the core passes the
// course's tests, and is what a fast solution can be measured against. To learn
// from, read package textbook and then package raft.
//
// Two things differ from what the course expects, and are made up for here:
//
//   - The core's log has entries that are no commands (a leader's empty entry,
//     configurations). The lab numbers commands from 1 without gaps, so indexes
//     are translated: index.go.
//   - The core answers a request when what it promises is durable. The Persister
//     saves at once, so the answer is there when the handler returns: rpc.go.
package reference
