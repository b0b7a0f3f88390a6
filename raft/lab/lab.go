// Package lab is the Raft lab of MIT 6.824 and Princeton COS-418: bring your own
// Raft, have it graded in seconds, then run it across tabs.
//
//	labrpc, labgob, tester, raftapi   what a student's Raft imports
//	skeleton                          the package to begin with
//	suite                             the 28 tests, in virtual time; suite/rules says what rule was broken
//	textbook                          the plainest correct Raft in the course's style
//	reference                         tabraft's own core behind the course's interface
//	broken                            Rafts with one bug each, all of which the suite must catch
//	runner                            the program around a student's package
//	kit                               makes a student's module, and builds that program
package lab

import "embed"

// Sources are the packages that a student's module gets a copy of, so that it
// builds anywhere without this repository.
//
//go:embed labgob labrpc raftapi skeleton suite tester runner
var Sources embed.FS
