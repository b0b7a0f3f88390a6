// Package node runs one server: a raft.Core, its storage, its connections to
// the others, and the state machine that the log is for.
//
// One goroutine, the loop, owns the server. Whatever happens (a frame arrives,
// a save is done, a client proposes, a timer fires) becomes an input in the
// inbox. The loop drains the inbox into the core, asks it for a raft.Ready, and
// carries that out: it sends the messages, starts the save, applies what is
// committed, and tells the observer what changed. Storage works while the loop
// goes on, and no lock that the loop's callers take is held while calling out.
//
//	frame, click, timer -> inbox -> core -> Ready -> Transport.Send
//	                                              -> Storage.Save       -> inbox
//	                                              -> StateMachine.Apply -> answer
//	                                              -> Observer
//
// Beyond the core, a node does what makes a cluster usable:
//
//   - Proposals work from any server: they are forwarded to the leader, kept
//     while there is none, and answered with the state machine's result
//     (propose.go).
//   - Reads work from any server, too, and enter nothing into the log (read.go).
//   - The state machine's snapshots take the place of the log as it grows
//     (snapshot.go).
//   - A new server asks to be admitted, and the leader takes it in: learner,
//     caught up, voter (admission.go). Servers are removed when somebody asks
//     for it or, if that is wanted, when they were silent for long (removal.go).
//   - Leadership is handed over on request, or by a server that ends (transfer.go).
//   - Storage that does not answer is told of, and a leader then makes way
//     (saving.go).
//
// The interfaces it needs (interfaces.go) have in-memory twins (memory.go), so
// that a whole cluster runs inside one test in virtual time; package
// testing/synctest does the rest.
package node
