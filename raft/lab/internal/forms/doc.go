// Package forms has nothing but tests: that a Raft written for the course compiles with
// only its import paths changed, and passes, whichever year's form it has.
//
//	2020        form2020, a Raft of its own without snapshots
//	2021, 2022  the textbook with SaveStateAndSnapshot and CondInstallSnapshot
//	2023, 2024  the textbook as it is
//	2025        the textbook with raftapi and tester
//
// The last three are made by the test from the textbook's files, as they would
// look with the course's import paths; what `tabraft lab new` asks of a student, to change
// these paths and to use its persister.go, is then done to them.
package forms
