// Package tester has what a Raft of the course takes from the tester: the
// Persister with the state that outlives a crash, and Annotate for notes in the
// trace of a test. A test suite takes from it [Adapt], which gives a Raft of
// any year one shape.
//
// The course's forms differ in where things live. Until 2024 a Raft was one
// package that also contained persister.go; what `tabraft lab new` puts there
// instead is
//
//	type Persister = tester.Persister
//
// and ApplyMsg stays what it was, a type of the student's own package. From 2025
// on, Persister is tester.Persister and ApplyMsg is raftapi.ApplyMsg. Either way
// Make is handed to [Adapt] as it is.
package tester
