// Package raft is a Raft as somebody may have written it for the course in 2020: one
// package, no snapshots, SaveRaftState, and habits unlike the textbook's (timers and channels,
// RPC arguments by value, entries that know their index). It is here to be run by the
// tests, and shows that such a Raft needs nothing but other import paths.
package raft

import (
	"bytes"
	"math/rand"
	"sync"
	"sync/atomic"
	"time"

	"tabraft/raft/lab/labgob"
	"tabraft/raft/lab/labrpc"
)

type ApplyMsg struct {
	CommandValid bool
	Command      interface{}
	CommandIndex int
}

type Log struct {
	Index, Term int
	Command     interface{}
}

const (
	FOLLOWER = iota
	CANDIDATE
	LEADER
)

type Raft struct {
	mu        sync.Mutex
	peers     []*labrpc.ClientEnd
	persister *Persister
	me        int
	dead      int32

	currentTerm int
	votedFor    int
	logs        []Log

	commitIndex, lastApplied int
	nextIndex, matchIndex    []int

	state     int
	votes     int
	heard     chan struct{} // the election timer is to be reset
	newCommit chan struct{}
	quit      chan struct{}
	applyCh   chan ApplyMsg
}

func (rf *Raft) GetState() (int, bool) {
	rf.mu.Lock()
	defer rf.mu.Unlock()
	return rf.currentTerm, rf.state == LEADER
}

func (rf *Raft) persist() {
	w := new(bytes.Buffer)
	e := labgob.NewEncoder(w)
	e.Encode(rf.currentTerm)
	e.Encode(rf.votedFor)
	e.Encode(rf.logs)
	rf.persister.SaveRaftState(w.Bytes())
}

func (rf *Raft) readPersist(data []byte) {
	if len(data) < 1 {
		return
	}
	d := labgob.NewDecoder(bytes.NewBuffer(data))
	var term, voted int
	var logs []Log
	if d.Decode(&term) != nil || d.Decode(&voted) != nil || d.Decode(&logs) != nil {
		panic("cannot read what was saved")
	}
	rf.currentTerm, rf.votedFor, rf.logs = term, voted, logs
}

func (rf *Raft) last() Log { return rf.logs[len(rf.logs)-1] }

func poke(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// stepDown makes a follower of a server that has seen a higher term.
func (rf *Raft) stepDown(term int) {
	if term > rf.currentTerm {
		rf.currentTerm, rf.votedFor, rf.state = term, -1, FOLLOWER
		rf.persist()
	}
}

type RequestVoteArgs struct {
	Term, CandidateId, LastLogIndex, LastLogTerm int
}

type RequestVoteReply struct {
	Term        int
	VoteGranted bool
}

func (rf *Raft) RequestVote(args RequestVoteArgs, reply *RequestVoteReply) {
	rf.mu.Lock()
	defer rf.mu.Unlock()
	rf.stepDown(args.Term)
	reply.Term = rf.currentTerm
	last := rf.last()
	upToDate := args.LastLogTerm > last.Term || args.LastLogTerm == last.Term && args.LastLogIndex >= last.Index
	if args.Term == rf.currentTerm && (rf.votedFor == -1 || rf.votedFor == args.CandidateId) && upToDate {
		rf.votedFor = args.CandidateId
		rf.persist()
		reply.VoteGranted = true
		poke(rf.heard)
	}
}

type AppendEntriesArgs struct {
	Term, LeaderId, PrevLogIndex, PrevLogTerm int
	Entries                                   []Log
	LeaderCommit                              int
}

type AppendEntriesReply struct {
	Term      int
	Success   bool
	NextIndex int
}

func (rf *Raft) AppendEntries(args AppendEntriesArgs, reply *AppendEntriesReply) {
	rf.mu.Lock()
	defer rf.mu.Unlock()
	rf.stepDown(args.Term)
	reply.Term = rf.currentTerm
	if args.Term < rf.currentTerm {
		return
	}
	rf.state = FOLLOWER
	poke(rf.heard)
	if args.PrevLogIndex > rf.last().Index {
		reply.NextIndex = rf.last().Index + 1
		return
	}
	if term := rf.logs[args.PrevLogIndex].Term; term != args.PrevLogTerm {
		reply.NextIndex = args.PrevLogIndex
		for reply.NextIndex > 1 && rf.logs[reply.NextIndex-1].Term == term {
			reply.NextIndex--
		}
		return
	}
	reply.Success = true
	for i, entry := range args.Entries {
		if entry.Index > rf.last().Index || rf.logs[entry.Index].Term != entry.Term {
			rf.logs = append(rf.logs[:entry.Index:entry.Index], args.Entries[i:]...)
			rf.persist()
			break
		}
	}
	if n := min(args.LeaderCommit, args.PrevLogIndex+len(args.Entries)); n > rf.commitIndex {
		rf.commitIndex = n
		poke(rf.newCommit)
	}
}

func (rf *Raft) sendRequestVote(server int, args RequestVoteArgs) {
	var reply RequestVoteReply
	if !rf.peers[server].Call("Raft.RequestVote", args, &reply) {
		return
	}
	rf.mu.Lock()
	defer rf.mu.Unlock()
	rf.stepDown(reply.Term)
	if rf.state != CANDIDATE || rf.currentTerm != args.Term || !reply.VoteGranted {
		return
	}
	if rf.votes++; rf.votes == len(rf.peers)/2+1 {
		rf.state = LEADER
		for i := range rf.peers {
			rf.nextIndex[i], rf.matchIndex[i] = rf.last().Index+1, 0
		}
		go rf.lead(rf.currentTerm)
	}
}

func (rf *Raft) sendAppendEntries(server int, args AppendEntriesArgs) {
	var reply AppendEntriesReply
	if !rf.peers[server].Call("Raft.AppendEntries", args, &reply) {
		return
	}
	rf.mu.Lock()
	defer rf.mu.Unlock()
	rf.stepDown(reply.Term)
	if rf.state != LEADER || rf.currentTerm != args.Term {
		return
	}
	if !reply.Success {
		rf.nextIndex[server] = max(1, min(rf.nextIndex[server], reply.NextIndex))
		return
	}
	rf.matchIndex[server] = max(rf.matchIndex[server], args.PrevLogIndex+len(args.Entries))
	rf.nextIndex[server] = rf.matchIndex[server] + 1
	for n := rf.last().Index; n > rf.commitIndex && rf.logs[n].Term == rf.currentTerm; n-- {
		have := 1
		for i := range rf.peers {
			if i != rf.me && rf.matchIndex[i] >= n {
				have++
			}
		}
		if have > len(rf.peers)/2 {
			rf.commitIndex = n
			poke(rf.newCommit)
			break
		}
	}
}

// lead sends to everybody what they lack, ten times a second.
func (rf *Raft) lead(term int) {
	beat := time.NewTicker(100 * time.Millisecond)
	defer beat.Stop()
	for {
		rf.mu.Lock()
		if rf.state != LEADER || rf.currentTerm != term || rf.killed() {
			rf.mu.Unlock()
			return
		}
		for i := range rf.peers {
			if i != rf.me {
				prev := rf.logs[rf.nextIndex[i]-1]
				entries := append([]Log(nil), rf.logs[rf.nextIndex[i]:]...)
				go rf.sendAppendEntries(i, AppendEntriesArgs{term, rf.me, prev.Index, prev.Term, entries, rf.commitIndex})
			}
		}
		rf.mu.Unlock()
		select {
		case <-beat.C:
		case <-rf.quit:
			return
		}
	}
}

// campaign starts an election whenever the timer runs out.
func (rf *Raft) campaign() {
	for {
		timer := time.NewTimer(time.Duration(400+rand.Intn(400)) * time.Millisecond)
		select {
		case <-rf.quit:
			timer.Stop()
			return
		case <-rf.heard:
			timer.Stop()
			continue
		case <-timer.C:
		}
		rf.mu.Lock()
		if rf.state != LEADER {
			rf.state = CANDIDATE
			rf.currentTerm++
			rf.votedFor, rf.votes = rf.me, 1
			rf.persist()
			for i := range rf.peers {
				if i != rf.me {
					go rf.sendRequestVote(i, RequestVoteArgs{rf.currentTerm, rf.me, rf.last().Index, rf.last().Term})
				}
			}
		}
		rf.mu.Unlock()
	}
}

// apply sends on applyCh what is committed.
func (rf *Raft) apply() {
	for {
		select {
		case <-rf.quit:
			return
		case <-rf.newCommit:
		}
		rf.mu.Lock()
		ready := append([]Log(nil), rf.logs[rf.lastApplied+1:rf.commitIndex+1]...)
		rf.lastApplied = rf.commitIndex
		rf.mu.Unlock()
		for _, entry := range ready {
			rf.applyCh <- ApplyMsg{true, entry.Command, entry.Index}
		}
	}
}

func (rf *Raft) Start(command interface{}) (int, int, bool) {
	rf.mu.Lock()
	defer rf.mu.Unlock()
	if rf.state != LEADER {
		return -1, rf.currentTerm, false
	}
	rf.logs = append(rf.logs, Log{rf.last().Index + 1, rf.currentTerm, command})
	rf.persist()
	return rf.last().Index, rf.currentTerm, true
}

func (rf *Raft) Kill() {
	if atomic.SwapInt32(&rf.dead, 1) == 0 {
		close(rf.quit)
	}
}

func (rf *Raft) killed() bool { return atomic.LoadInt32(&rf.dead) == 1 }

func Make(peers []*labrpc.ClientEnd, me int, persister *Persister, applyCh chan ApplyMsg) *Raft {
	rf := &Raft{
		peers: peers, persister: persister, me: me, applyCh: applyCh,
		votedFor: -1, logs: make([]Log, 1),
		nextIndex: make([]int, len(peers)), matchIndex: make([]int, len(peers)),
		heard: make(chan struct{}, 1), newCommit: make(chan struct{}, 1), quit: make(chan struct{}),
	}
	rf.readPersist(persister.ReadRaftState())
	go rf.campaign()
	go rf.apply()
	return rf
}
