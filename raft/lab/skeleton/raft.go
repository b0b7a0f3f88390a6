// Package raft is your Raft. What is here compiles and does nothing: fill in the places
// marked "Your code here", with the part of the lab in which they are due.
//
//	go test -run 2A          leader election
//	go test -run 2B          the log
//	go test -run 2C          persistence
//	go test -run 2D          snapshots
//	go test -race -run 2A    the same, looking for data races: do it often
//
// The best advice is the oldest: follow Figure 2 of the paper to the letter, each
// rule and each "if". When a test fails, read the figure again before the code.
//
// On locks: one mutex for everything is enough. Hold it wherever you touch Raft's fields, and
// let it go before anything that waits: Call, a send on applyCh, a sleep. When you have it
// back, the term or your role may have changed, so look again before you go on.
package raft

import (
	"sync"
	"sync/atomic"

	"tabraft/raft/lab/labrpc"
)

// ApplyMsg is what a server sends on applyCh for each entry that it learns to be
// committed, with CommandValid set. Part 2D also sends snapshots, with
// SnapshotValid set instead.
type ApplyMsg struct {
	CommandValid bool
	Command      any
	CommandIndex int

	// For 2D.
	SnapshotValid bool
	Snapshot      []byte
	SnapshotTerm  int
	SnapshotIndex int
}

// Raft is one server.
type Raft struct {
	mu        sync.Mutex          // guards what follows
	peers     []*labrpc.ClientEnd // all servers, to call them; peers[me] is this one
	persister *Persister          // keeps what must survive a crash
	me        int                 // this server's place in peers
	dead      int32               // set by Kill

	// Your data here (2A, 2B, 2C). Take names and meaning from Figure 2.
}

// GetState returns the current term, and whether this server believes that it is
// the leader. The tester asks all the time, so it must not wait.
func (rf *Raft) GetState() (int, bool) {
	rf.mu.Lock()
	defer rf.mu.Unlock()
	var term int
	var isLeader bool
	// Your code here (2A).
	return term, isLeader
}

// persist saves what Figure 2 calls persistent state. Call it after each change of it, and
// before anybody else can learn of the change by a reply or a request.
func (rf *Raft) persist() {
	// Your code here (2C). For example:
	//	w := new(bytes.Buffer)
	//	e := labgob.NewEncoder(w)
	//	e.Encode(rf.currentTerm)
	//	e.Encode(rf.log)
	//	rf.persister.Save(w.Bytes(), nil)
	// From 2D on the second argument is the latest snapshot, never nil once there is one.
}

// readPersist restores what persist saved in an earlier life.
func (rf *Raft) readPersist(data []byte) {
	if len(data) == 0 {
		return // the first life
	}
	// Your code here (2C). For example:
	//	d := labgob.NewDecoder(bytes.NewBuffer(data))
	//	var currentTerm int
	//	var log []LogEntry
	//	if d.Decode(&currentTerm) != nil || d.Decode(&log) != nil {
	//		panic("the saved state is damaged")
	//	}
	// in the order in which persist encodes. Decode into fresh variables, as here.
}

// PersistBytes returns the size of the saved state, without the snapshot.
func (rf *Raft) PersistBytes() int {
	return rf.persister.RaftStateSize()
}

// Snapshot is called by the service, which has put everything up to and including
// index into snapshot. The log is no longer needed up to there: cut it. The service
// may call this from the goroutine that reads applyCh, so nothing may hold the
// lock while sending there.
func (rf *Raft) Snapshot(index int, snapshot []byte) {
	// Your code here (2D).
}

// RequestVoteArgs is what a candidate asks with. Only fields with capital letters
// travel, here and in all structs inside: heed labgob's warnings.
type RequestVoteArgs struct {
	// Your data here (2A, 2B).
}

// RequestVoteReply is the answer.
type RequestVoteReply struct {
	// Your data here (2A).
}

// RequestVote is called by candidates.
func (rf *Raft) RequestVote(args *RequestVoteArgs, reply *RequestVoteReply) {
	// Your code here (2A, 2B). The rule for all servers comes first: a higher
	// term makes you a follower in that term, whatever else is true.
}

// sendRequestVote asks one server for its vote. It returns false if no reply
// came, and may take long to do so: ask all servers at once, each in a goroutine of its
// own. A reply may be old when it comes: compare the term in args with the current one
// before you count it.
func (rf *Raft) sendRequestVote(server int, args *RequestVoteArgs, reply *RequestVoteReply) bool {
	return rf.peers[server].Call("Raft.RequestVote", args, reply)
}

// Your code here (2A, 2B): AppendEntries with its arguments and its reply, in the same way. A
// heartbeat is an AppendEntries that happens to have no entries; treat it like any other.
//
// 2D: InstallSnapshot, Figure 13. Send the snapshot whole; offset and done are not needed.

// Start asks for agreement on a command. A server that is not the leader returns
// false. The leader appends the command to its log, and returns at once the index that
// it will have if it is ever committed, and the current term. It does not wait
// for agreement, which may never come.
func (rf *Raft) Start(command any) (int, int, bool) {
	index := -1
	term := -1
	isLeader := false
	// Your code here (2B).
	return index, term, isLeader
}

// Kill is called when this server is to end. Let every goroutine end soon after:
// the tester reports those that do not.
func (rf *Raft) Kill() {
	atomic.StoreInt32(&rf.dead, 1)
	// Your code here, if you want. A goroutine that waits for something (a
	// sync.Cond, a channel) has to be woken up.
}

// killed is what loops should ask.
func (rf *Raft) killed() bool {
	return atomic.LoadInt32(&rf.dead) == 1
}

// ticker starts an election when no leader has been heard of for a while.
func (rf *Raft) ticker() {
	for !rf.killed() {
		// Your code here (2A): has the election timeout passed? Then begin an
		// election.
		//
		// A leader may send ten heartbeats a second, so the paper's 150 to 300 ms
		// are too short a timeout here. There must be a new leader within 5 s of the
		// old one's end, even if votes are split once or twice, so a second
		// is long. Let the timeout be a random one, drawn anew each time, or
		// servers will split their votes for ever. What resets it is said in Figure 2: a
		// request of the current leader, and granting a vote. Nothing else.
		//
		// A loop with time.Sleep is easier to get right than timers and tickers.
		pause()
	}
}

// Make starts a server and returns at once: what goes on is for goroutines. applyCh
// takes committed entries, in the order of the log and each once. Send them from
// one goroutine only, or they will overtake each other.
func Make(peers []*labrpc.ClientEnd, me int, persister *Persister, applyCh chan ApplyMsg) *Raft {
	rf := &Raft{}
	rf.peers = peers
	rf.persister = persister
	rf.me = me

	// Your code here (2A, 2B, 2C).

	// What was saved before a crash.
	rf.readPersist(persister.ReadRaftState())

	go rf.ticker()

	return rf
}
