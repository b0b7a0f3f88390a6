package textbook

import (
	"sync"
	"sync/atomic"
	"time"

	"tabraft/raft/lab/labrpc"
)

// ApplyMsg is what a server sends on applyCh for each committed entry, and for
// a snapshot that replaces the service's state.
type ApplyMsg struct {
	CommandValid bool
	Command      any
	CommandIndex int

	SnapshotValid bool
	Snapshot      []byte
	SnapshotTerm  int
	SnapshotIndex int
}

// Role is what a server is at the moment (Figure 4).
type Role int

const (
	Follower Role = iota
	Candidate
	Leader
)

// nobody is the votedFor of a server that has not voted in its term.
const nobody = -1

// Raft is one server.
type Raft struct {
	mu        sync.Mutex
	peers     []*labrpc.ClientEnd
	persister *Persister
	me        int
	applyCh   chan ApplyMsg
	dead      atomic.Bool
	stop      chan struct{} // closed by Kill

	// Persistent state on all servers (Figure 2): saved before anybody is told
	// of a change.
	currentTerm int
	votedFor    int
	log         []LogEntry // log.go
	// The snapshot that the log begins after (section 7), also persistent.
	snapshotIndex int // its last included index; the term is log[0].Term
	snapshot      []byte

	// Volatile state on all servers.
	commitIndex int
	lastApplied int

	// Volatile state on leaders, made anew by each election won.
	nextIndex  []int
	matchIndex []int
	awaiting   []bool // a reply of this peer is awaited: do not send entries twice

	// Not in the figure: what the rules for servers need.
	role             Role
	electionDeadline time.Time  // when the election timeout elapses
	applyCond        *sync.Cond // there is something to apply, or the server was killed
	pending          *ApplyMsg  // an installed snapshot that the service has yet to get
}

// Make starts a server and returns at once. peers are all servers in the same
// order everywhere; this one is peers[me]. persister holds what it saved in an
// earlier life, if there was one.
func Make(peers []*labrpc.ClientEnd, me int, persister *Persister, applyCh chan ApplyMsg) *Raft {
	rf := &Raft{
		peers:     peers,
		persister: persister,
		me:        me,
		applyCh:   applyCh,
		stop:      make(chan struct{}),
		votedFor:  nobody,
		log:       make([]LogEntry, 1),
	}
	rf.applyCond = sync.NewCond(&rf.mu)
	rf.readPersist(persister.ReadRaftState(), persister.ReadSnapshot())
	// What a snapshot includes was committed and applied; the service
	// restores it by itself when it starts.
	rf.commitIndex = rf.snapshotIndex
	rf.lastApplied = rf.snapshotIndex
	rf.resetElectionTimer()

	go rf.ticker()
	go rf.applier()
	return rf
}

// GetState returns the current term, and whether this server believes that it is
// the leader.
func (rf *Raft) GetState() (int, bool) {
	rf.mu.Lock()
	defer rf.mu.Unlock()
	return rf.currentTerm, rf.role == Leader
}

// Start begins agreement on a command. A server that does not lead returns false.
// A leader appends the command to its log and returns at once (Figure 2, Leaders:
// "if command received from client").
func (rf *Raft) Start(command any) (index int, term int, isLeader bool) {
	rf.mu.Lock()
	defer rf.mu.Unlock()
	if rf.role != Leader || rf.killed() {
		return -1, rf.currentTerm, false
	}
	rf.log = append(rf.log, LogEntry{Term: rf.currentTerm, Command: command})
	rf.persist()
	rf.advanceCommit() // alone, a leader is a majority
	for peer := range rf.peers {
		// While a reply is awaited, commands gather; they travel together when it
		// has come, or with the next heartbeat.
		if peer != rf.me && !rf.awaiting[peer] {
			rf.replicate(peer)
		}
	}
	return rf.lastIndex(), rf.currentTerm, true
}

// Kill ends the server: all its goroutines return soon.
func (rf *Raft) Kill() {
	if rf.dead.Swap(true) {
		return
	}
	close(rf.stop)
	rf.mu.Lock()
	defer rf.mu.Unlock()
	rf.role = Follower
	rf.applyCond.Broadcast()
}

func (rf *Raft) killed() bool { return rf.dead.Load() }

// observeTerm is the first rule for all servers: "If RPC request or response
// contains term T > currentTerm: set currentTerm = T, convert to follower"
// (section 5.1). The vote is given up only because the term is new: in one
// term, a server votes once. Locked; the caller persists if it returns true.
func (rf *Raft) observeTerm(term int) bool {
	if term <= rf.currentTerm {
		return false
	}
	rf.currentTerm = term
	rf.votedFor = nobody
	rf.role = Follower
	return true
}
