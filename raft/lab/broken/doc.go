// Package broken is a table of Rafts with one bug each: what students get wrong, as
// small patches of package textbook, which has none of it. It tests the tester: the
// suite has to catch each of them, and its report has to name the rule that the bug
// breaks.
//
// No broken Raft is kept as a copy. [Bug.Patch] makes one of the textbook's files, and
// [Build] makes one program of many, by an overlay over the source tree; the file
// name under which the program is started tells it which Raft to test. The program
// takes the flags of package runner.
//
// Each patch must fit exactly once, so that the table cannot come apart from the
// textbook unnoticed.
//
// The tests here compile all and run a sample with a few seeds. `make lab-broken` runs all
// with fifty and compares with table.md, and with UPDATE=-update writes that anew. For work
// on the table, -bug takes a pattern of names, -in one of tests of the lab:
//
//	go test ./raft/lab/broken -v -bug 'heartbeat' -in 2B -seeds 5
package broken
