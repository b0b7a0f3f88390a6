// Package raft is the Raft consensus algorithm as a pure state machine.
//
// It follows "In Search of an Understandable Consensus Algorithm (Extended
// Version)" by Ongaro and Ousterhout, cited here as "the paper", and where
// that is silent Ongaro's dissertation, "Consensus: Bridging Theory and
// Practice". Read the files in the paper's order:
//
//	message.go      the RPCs as messages, and what must be durable (Figure 2)
//	core.go         a server's state and the rules for all servers (5.1)
//	term.go         whose word raises the term, and how far
//	election.go     leader election (5.2, 5.4.1), pre-vote, stickiness (6)
//	replication.go  log replication (5.3) and commitment (5.4.2)
//	log.go          the log and its consistency check (5.3)
//	progress.go     nextIndex, matchIndex and pipelining
//	save.go         what is durable, and what waits for it
//	membership.go   joint consensus (6)
//	snapshot.go     log compaction (7)
//	read.go         reads without log entries (8; dissertation, 6.4)
//	transfer.go     leadership transfer (dissertation, 3.10)
//	quorum.go       majorities, of one configuration or two (6)
//	invariant.go    what must always be true (Figure 3)
//
// # The contract
//
// A Core has no goroutine, clock, I/O or randomness of its own: the same
// inputs in the same order give the same outputs. One driver owns it (package
// raft/node is one) and repeats:
//
//  1. Wait until something arrives or NextDeadline has come.
//  2. Give the core everything that has arrived: Step for a message from
//     another server, Propose, ReadIndex, Reconfigure and Transfer for what
//     clients ask, Saved for a save that has become durable, PeerDown for a
//     connection seen closed.
//  3. Tick, if NextDeadline has come. Messages go first: after a suspension
//     the words of the leader are in the inbox.
//  4. Ready, and do what it says, in any order:
//     - store Save, all of it or nothing, and report it with Saved. The
//     driver need not wait: it may go on with 1 while storage works. Saves
//     must reach storage in the order of their numbers.
//     - send Messages, in order; they may be lost, delayed, repeated or
//     overtake each other. They may leave before Save is durable: a leader
//     writes its own log while it replicates (the dissertation's 10.2.1).
//     The core keeps back every message that promises something (a vote, an
//     acknowledgement, a candidacy) until the saves that it rests on are
//     reported.
//     - set the state machine to Snapshot, if there is one, and apply
//     Committed. Each entry is handed out once in a core's life; a restarted
//     server is handed its snapshot and the log after it again.
//     - answer Reads, each once its index is applied.
//
// From time to time, say when as many bytes of commands were applied as its
// last snapshot had, the driver gives Compact the state machine's state, and the
// log before it is forgotten.
//
// A driver whose storage fails must drop the core: the server has crashed.
// New makes it anew from what is stored.
//
// Time is a duration from any zero, the same for all calls; it must not run
// backwards. Deadlines rather than tick counts: a hidden or suspended tab
// misses ticks. A Tick that comes later than a whole election timeout is taken
// for a suspension, after which timeouts are counted anew.
//
// Slices handed in (commands, the entries of messages) belong to the core from
// then on; slices handed out may be read for ever and never written.
//
// # Whom it believes
//
// Raft is not Byzantine: a core believes what members say, within what check
// refuses as impossible and term.go puts off. A server that none of its
// configurations names is believed as well when it leads or campaigns and no leader
// is heard, because section 6 wants it: only so is a server reached whose log is
// behind. Who merely poses as a leader then can replace what is not committed, and by
// a snapshot all that a server has; to keep such senders out is the driver's to do.
// What no stranger can do is to disturb servers that hear a leader, or, by raising
// terms, to end a cluster or part its servers for good.
//
// # What it does beyond Figure 2
//
//   - Pre-vote (dissertation 9.6): a server asks whether it could win before
//     it raises its term, so that one cut off for a while does not depose the
//     leader when it returns. Config.DisablePreVote.
//   - CheckQuorum (6.2): a leader that hears from no quorum for an election
//     timeout steps down. Config.DisableCheckQuorum.
//   - Stickiness (paper, end of section 6): a server that hears from a leader
//     ignores requests for votes. Config.DisableStickiness.
//   - Strangers, servers that no configuration here names, raise the term by
//     requests only, and not while a leader is heard; nobody raises it far at
//     once (term.go).
//   - Refusals carry the follower's conflicting term, and both sides skip
//     whole terms by it (end of 5.3).
//   - AppendEntries are pipelined, within Config.MaxInflightMessages and
//     MaxInflightBytes for each follower; a refusal ends the pipeline and
//     probes for the place where the logs meet.
//   - What committed is told with the next entries or, if none come, with a
//     heartbeat brought forward to a fifth of its interval.
//   - Membership changes are joint (section 6), one at a time, none before
//     the leader has committed in its own term; learners receive the log and
//     do not count. The leader leaves the joint configuration by itself.
//   - PeerDown shortens the wait for an election when a connection to the
//     leader was seen to close. A leader that steps down because it was removed
//     asks the best follower to campaign at once.
//   - Snapshots travel in chunks, a few ahead of the replies; after a lost one
//     the follower says where to go on. A chunk without data takes the place of
//     the heartbeat. Snapshot, term, vote and what is left of the log are stored
//     in one save. snapshot.go says how much of the log is kept behind one.
//   - ReadIndex serves any number of reads with one round of heartbeats, asked
//     for at any server, and none before the leader has committed in its term.
//     Config.LeaseReads saves the round; read.go says what it asks of clocks.
//   - Transfer hands leadership to a voter whose log is brought up to date
//     first, and gives up after an election timeout.
//
// # What shows it
//
//	feature                 sentence                          transcript in testdata
//	election                5.2, 5.4.1                        election_paper, election, split_vote
//	pre-vote                dissertation 9.6                  prevote, rejoin
//	CheckQuorum             dissertation 6.2                  check_quorum, check_quorum_off
//	stickiness              6, last paragraphs                stickiness
//	strangers               6                                 strangers, strange_leader
//	replication             5.3                               replication, conflict
//	commitment              5.4.2                             figure8, figure8e
//	membership              6                                 joint, joint_recovery, joint_undone, learner,
//	                                                          remove_leader, remove_leader_crash, single
//	saves in flight         dissertation 10.2.1               async_saves, saves_overtaken
//	suspension, PeerDown                                      suspension, peer_down
//	snapshots               7, Figure 13                      snapshot, snapshot_chunks, snapshot_install,
//	                                                          snapshot_configuration
//	reads                   8, dissertation 6.4               read_index, read_new_leader, read_lease
//	transfer                dissertation 3.10                 transfer, transfer_timeout, hand_over
package raft
