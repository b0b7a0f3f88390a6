// Package labrpc is the network of the Raft labs: remote procedure calls between
// servers of one process over a network that loses, delays and reorders them.
//
// # Calls
//
// A server's methods are found by reflection: exported methods of the form
//
//	func (rf *Raft) RequestVote(args *RequestVoteArgs, reply *RequestVoteReply)
//
// (args may also be a value) become callable as "Raft.RequestVote". A client calls
// them through a [ClientEnd]:
//
//	ok := peer.Call("Raft.RequestVote", &args, &reply)
//
// Arguments and replies travel in labgob encoding, so the two sides share no memory.
// A call is carried out at most once. It may take long, and calls may overtake each
// other. If it returns false, the request was lost, or the reply was, or the server is
// dead, slow or cut off; the caller cannot tell which, and the server may have
// carried out the call. Every call returns in the end. [Network] has the delays and rates.
//
// # Time and chance
//
// All waiting goes through package time, so a network that was made inside a
// testing/synctest bubble runs in virtual time, and must then be used in that bubble only.
// What happens to a call depends only on the network's seed, on which end it is made
// (counted in the order of MakeEnd), and on how many calls that end has made before:
// not on the order in which goroutines of different servers happen to run.
//
// Where time costs nothing, a program can do any amount of work in no time. [Config].Cost
// bounds it: a server takes that long for each RPC it receives, one after another.
//
// A lock of package sync does not let a bubble's time pass. Code that makes a call while it
// holds a lock that another goroutine waits for stands still in virtual time (the
// call needs time to pass), where in real time it would be slow.
//
// # Watching
//
// [Config].Observe is told of each step of every call, with arguments and reply.
//
// # Other transports
//
// A ClientEnd is a codec over a [Transport], which moves bytes. The Network
// is one; anything that can carry a request and bring back its reply is another:
//
//	end := labrpc.NewClientEnd(transport)            // the caller's side
//	reply, err := server.Handle(method, args)        // the callee's side
//
// where server is a [Server] with the same services as ever. A transport over
// messages gives each request a number, waits for the reply of that number or
// for a deadline, and returns false when its connection closes.
package labrpc
