// Package textbook is a complete Raft for the course's lab, 2A to 2D, as plain as it
// gets: one lock, a few goroutines, and the rules of the paper's Figures 2 and 13
// in the paper's words and order. It is meant to be read beside the paper.
//
// If you take the course, write your own first. This package is kept out of what
// `tabraft lab new` copies for that reason.
//
// Read it in this order:
//
//	raft.go       the state of Figure 2, and what the service calls
//	log.go        the log, which may begin with a snapshot
//	election.go   2A: election timeouts, candidates, RequestVote
//	leader.go     2B: a leader's AppendEntries and what it does with replies
//	follower.go   2B: AppendEntries as received; where logs differ
//	apply.go      2B: committed entries go to the service
//	persist.go    2C: what a crash must not destroy
//	snapshot.go   2D: Figure 13
//
// # How it hangs together
//
// Every field of Raft is guarded by rf.mu. A method whose comment says "locked"
// is called with the lock held. The lock is never held while waiting: not during a
// call of another server, not while sending on applyCh, not while sleeping. So no
// server can stop another, and the service can call Snapshot from the goroutine
// that reads applyCh.
//
// The goroutines:
//
//	ticker      one: starts an election when the election timeout has passed
//	heartbeats  one while leading: AppendEntries to everybody every 100 ms
//	applier     one: the only sender on applyCh, which is what keeps the order
//	one for each call under way
//
// What happened while the lock was released may have changed everything, so
// whoever takes it again looks first: is this still the same term, and am I
// still what I was? Replies that fail the test are dropped.
package textbook
