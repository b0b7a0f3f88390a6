// Package labroom runs a student's Raft across real tabs: a room of the lab. It has a fixed
// number of seats; a tab takes one, makes the student's server with `me` its number, and carries
// the server's calls over the data channels to the tabs on the other seats.
//
//	Server   one student's server: its calls, what it applies, what others are told of it
//	peers    calls over frames, with the semantics of labrpc: at most once, may be lost
//	service  the service above the Raft: it keeps what was applied, and takes snapshots
//	order    which seat a new tab tries first
//
// All that runs natively, over any way of sending frames. The files ending in _js.go are the
// tab: connections by wasm/rtc, state in IndexedDB, seats claimed by Web Locks.
//
// A frame between two seats is one byte that says what follows, integers being
// big-endian:
//
//	request  1  | call u64 | length of the method u8 | method | arguments
//	reply    2  | call u64 | the reply
//	refused  3  | call u64
//	digest   4  | a Digest as JSON
//
// Calls are numbered from a random number on, so that a reply to an earlier life is
// nobody's. Arguments and replies are in labgob encoding.
package labroom
