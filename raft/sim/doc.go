// Package sim is a seeded world in virtual time that tries to break package
// raft: servers with disks, clocks and a network between them, clients, and one
// checker for each rule that must hold.
//
// Everything that happens is drawn from a seed (chaos.go, faults.go). Messages
// are lost, repeated, overtaken and late; links are slow or cut, in one
// direction or both; disks are slow, fail, lose what was under way at a crash
// and report out of order; clocks run fast, slow, jump and stand still; servers
// crash, sleep and restart; members change in any way; leaders hand over;
// snapshots are taken and sent. Clients with sessions write, and read with and
// without the log. After every event the rules of rules.go are checked. In the
// end all is calm (calm.go), and the cluster must work again.
//
// A world moves by events (event.go), and the same events make the same run,
// byte for byte, on any machine. So a run that breaks a rule is recorded, and
// Shrink leaves out event after event as long as the rule still breaks. What
// remains is written to a trace file, which Replay plays again: see
// testdata.
//
//	tabraft sim -seeds 1000 -steps 20000     many worlds, on all cores
//	tabraft sim -seed 42                     one, and its trace if it breaks a rule
//	tabraft sim -replay FILE                 a trace, as a transcript
package sim
