// Package rules watches a run of a Raft from outside and says which of the
// paper's rules was broken first.
//
// A [Watch] is told of everything that can be seen: each RPC with its arguments and
// reply, what GetState says, what is applied, what is saved, and crashes. It knows
// nothing of the Raft's inside. Arguments are read by reflection, under the names that the
// paper gives them and the usual variants (see fields.go). From what it sees the watch keeps
// a model of each server: the terms it must know, the votes it gave, the entries
// it has acknowledged, the commit index it may have.
//
// # Certain and likely
//
// A rule is certain where a correct Raft cannot do what was seen: two votes in
// one term, a reply that promises what was not saved. Config.Broken is told at once, and
// fails the test, also if the test's own checks would have passed. Where a model can be
// wrong, it is wrong in the Raft's favour: it takes for granted less than the server has
// promised. Things that happen at the same instant of virtual time may have happened in
// either order.
//
// Other findings are likely causes: an election timer that nothing seems to reset, a
// log that is backed up entry by entry. They are shown if the test fails for a
// reason that they can explain.
//
// Rules about what a watch cannot see are left alone: if RPCs do not have the paper's
// fields, the rules about these fields are not checked.
package rules
