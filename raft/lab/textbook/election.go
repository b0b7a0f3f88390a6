package textbook

import (
	"math/rand"
	"time"
)

const (
	// The election timeout is drawn anew from this range each time, so that servers
	// rarely time out together (section 5.2). It is several heartbeats long, since the
	// network loses some, and short enough that a few split votes fit into the 5 s
	// that the tester gives an election.
	electionTimeoutMin   = 400 * time.Millisecond
	electionTimeoutRange = 400 * time.Millisecond

	// How often the ticker looks whether it has passed.
	tick = 10 * time.Millisecond
)

// RequestVoteArgs and RequestVoteReply are the RequestVote RPC of Figure 2.
type RequestVoteArgs struct {
	Term         int
	CandidateId  int
	LastLogIndex int
	LastLogTerm  int
}

type RequestVoteReply struct {
	Term        int
	VoteGranted bool
}

// resetElectionTimer is called at three events and at no other: an AppendEntries
// (or InstallSnapshot) of the current leader, a vote granted, an election begun.
// If anything else reset it, servers that cannot win could keep those from
// trying that can. Locked.
func (rf *Raft) resetElectionTimer() {
	timeout := electionTimeoutMin + time.Duration(rand.Int63n(int64(electionTimeoutRange)))
	rf.electionDeadline = time.Now().Add(timeout)
}

// ticker starts an election whenever the election timeout elapses on a server
// that is not the leader (Figure 2, Followers and Candidates).
func (rf *Raft) ticker() {
	for !rf.killed() {
		rf.mu.Lock()
		if rf.role != Leader && !time.Now().Before(rf.electionDeadline) {
			rf.startElection()
		}
		rf.mu.Unlock()
		time.Sleep(tick)
	}
}

// startElection is what Figure 2 has under Candidates, "on conversion to
// candidate": a new term, a vote for oneself, a new timeout, and RequestVote to all
// others. Locked.
func (rf *Raft) startElection() {
	rf.role = Candidate
	rf.currentTerm++
	rf.votedFor = rf.me
	rf.persist()
	rf.resetElectionTimer()

	args := &RequestVoteArgs{
		Term:         rf.currentTerm,
		CandidateId:  rf.me,
		LastLogIndex: rf.lastIndex(),
		LastLogTerm:  rf.termAt(rf.lastIndex()),
	}
	// The count belongs to this election alone: votes of an earlier one have a
	// variable of their own, and each server is asked once.
	votes := 1
	rf.becomeLeaderWith(votes)
	for peer := range rf.peers {
		if peer != rf.me {
			go rf.askForVote(peer, args, &votes)
		}
	}
}

// askForVote asks one server and counts its vote. votes is guarded by rf.mu.
func (rf *Raft) askForVote(peer int, args *RequestVoteArgs, votes *int) {
	reply := &RequestVoteReply{}
	if !rf.peers[peer].Call("Raft.RequestVote", args, reply) {
		return
	}
	rf.mu.Lock()
	defer rf.mu.Unlock()
	if rf.observeTerm(reply.Term) {
		rf.persist()
	}
	// A vote counts for the term it was asked for, and only while this server
	// is still a candidate in that term.
	if rf.role != Candidate || rf.currentTerm != args.Term || !reply.VoteGranted {
		return
	}
	*votes++
	rf.becomeLeaderWith(*votes)
}

// becomeLeaderWith makes a candidate with that many votes the leader if they
// are a majority. Locked.
func (rf *Raft) becomeLeaderWith(votes int) {
	if votes <= len(rf.peers)/2 || rf.killed() {
		return
	}
	rf.role = Leader
	rf.nextIndex = make([]int, len(rf.peers))
	rf.matchIndex = make([]int, len(rf.peers))
	rf.awaiting = make([]bool, len(rf.peers))
	for peer := range rf.peers {
		rf.nextIndex[peer] = rf.lastIndex() + 1
	}
	go rf.heartbeats(rf.currentTerm)
}

// RequestVote is called by candidates. The numbers are those of Figure 2,
// "Receiver implementation".
func (rf *Raft) RequestVote(args *RequestVoteArgs, reply *RequestVoteReply) {
	rf.mu.Lock()
	defer rf.mu.Unlock()
	// Whatever changes here is saved before the reply leaves (section 5.1, and
	// the heading of Figure 2's persistent state).
	changed := rf.observeTerm(args.Term)
	// 1. Reply false if term < currentTerm. 2. If votedFor is null or candidateId,
	// and the candidate's log is at least as up-to-date as ours, grant vote.
	if args.Term == rf.currentTerm &&
		(rf.votedFor == nobody || rf.votedFor == args.CandidateId) &&
		rf.upToDate(args.LastLogTerm, args.LastLogIndex) {
		rf.votedFor = args.CandidateId
		reply.VoteGranted = true
		changed = true
		rf.resetElectionTimer()
	}
	if changed {
		rf.persist()
	}
	reply.Term = rf.currentTerm
}

// upToDate tells whether a log that ends with this term and index is at least as
// up-to-date as ours: the later last term wins, and with equal terms the longer log
// (section 5.4.1). Length alone says nothing. Locked.
func (rf *Raft) upToDate(lastTerm, lastIndex int) bool {
	ours := rf.termAt(rf.lastIndex())
	return lastTerm > ours || lastTerm == ours && lastIndex >= rf.lastIndex()
}
