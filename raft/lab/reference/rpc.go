package reference

import (
	"tabraft/raft"
)

// rpc.go: the core's messages as RPCs, with the fields of Figures 2 and 13.

// RequestVoteArgs and RequestVoteReply: section 5.2; PreVote is the dissertation's
// 9.6.
type RequestVoteArgs struct {
	Term, CandidateId, LastLogIndex, LastLogTerm int
	PreVote                                      bool
}

type RequestVoteReply struct {
	Answered    bool
	Term        int
	VoteGranted bool
}

// AppendEntriesArgs and AppendEntriesReply: section 5.3. A refusal names the
// largest index at which the logs may still match, and the term there.
type AppendEntriesArgs struct {
	Term, LeaderId, PrevLogIndex, PrevLogTerm int
	Entries                                   []Entry
	LeaderCommit                              int
}

// Entry is one entry of the log. Kind is a raft.EntryKind.
type Entry struct {
	Index, Term, Kind int
	Data              []byte
}

type AppendEntriesReply struct {
	Answered                    bool
	Term                        int
	Success                     bool
	MatchIndex                  int
	ConflictIndex, ConflictTerm int
}

// InstallSnapshotArgs and InstallSnapshotReply: Figure 13.
type InstallSnapshotArgs struct {
	Term, LeaderId, LastIncludedIndex, LastIncludedTerm int
	Offset, Size                                        int
	Configuration                                       []byte
	ConfigurationIndex                                  int
	Data                                                []byte
}

type InstallSnapshotReply struct {
	Answered bool
	Term     int
	// Installed: all of it is there, and stored.
	Installed bool
	Received  int // bytes, without a gap
	Gap       bool
}

func isRequest(t raft.MessageType) bool {
	switch t {
	case raft.RequestPreVote, raft.RequestVote, raft.AppendEntries, raft.InstallSnapshot:
		return true
	}
	return false
}

// call sends a request, waits for the reply and hands it to the core.
func (rf *Raft) call(m raft.Message) {
	end := rf.peers[m.To-1]
	answer := raft.Message{From: m.To, To: m.From, LogIndex: m.LogIndex}
	answered := false
	switch m.Type {
	case raft.RequestPreVote, raft.RequestVote:
		var reply RequestVoteReply
		answered = end.Call("Raft.RequestVote", &RequestVoteArgs{Term: int(m.Term), CandidateId: int(m.From) - 1,
			LastLogIndex: int(m.LogIndex), LastLogTerm: int(m.LogTerm), PreVote: m.Type == raft.RequestPreVote}, &reply) && reply.Answered
		answer.Type, answer.Term, answer.Reject, answer.LogIndex = m.Type+1, uint64(reply.Term), !reply.VoteGranted, 0
	case raft.AppendEntries:
		var reply AppendEntriesReply
		answered = end.Call("Raft.AppendEntries", appendArgs(&m), &reply) && reply.Answered
		answer.Type, answer.Term, answer.Reject = raft.AppendEntriesReply, uint64(reply.Term), !reply.Success
		if reply.Success {
			answer.LogIndex = uint64(reply.MatchIndex)
		} else {
			answer.Hint, answer.LogTerm = uint64(reply.ConflictIndex), uint64(reply.ConflictTerm)
		}
	case raft.InstallSnapshot:
		var reply InstallSnapshotReply
		answered = end.Call("Raft.InstallSnapshot", &InstallSnapshotArgs{Term: int(m.Term), LeaderId: int(m.From) - 1,
			LastIncludedIndex: int(m.LogIndex), LastIncludedTerm: int(m.LogTerm),
			Offset: int(m.Chunk.Offset), Size: int(m.Chunk.Size), Data: m.Chunk.Data,
			Configuration: m.Chunk.Configuration, ConfigurationIndex: int(m.Chunk.ConfigurationIndex)}, &reply) && reply.Answered
		answer.Type, answer.Term = raft.InstallSnapshotReply, uint64(reply.Term)
		answer.Hint, answer.Reject = uint64(reply.Received), reply.Gap
		if reply.Installed {
			answer.Type, answer.Hint = raft.AppendEntriesReply, 0
		}
	}
	if answered {
		rf.step(answer)
	}
}

func appendArgs(m *raft.Message) *AppendEntriesArgs {
	args := &AppendEntriesArgs{Term: int(m.Term), LeaderId: int(m.From) - 1,
		PrevLogIndex: int(m.LogIndex), PrevLogTerm: int(m.LogTerm), LeaderCommit: int(m.Commit)}
	for _, e := range m.Entries {
		args.Entries = append(args.Entries, Entry{int(e.Index), int(e.Term), int(e.Kind), e.Data})
	}
	return args
}

// step gives the core a message, and gives its answer to a request, if there is
// one.
func (rf *Raft) step(m raft.Message) (answer raft.Message, ok bool) {
	rf.mu.Lock()
	defer rf.mu.Unlock()
	if rf.killed || rf.core.Step(rf.now(), m) != nil {
		return answer, false
	}
	for _, r := range rf.carryOut() {
		if r.To == m.From {
			answer, ok = r, true
		}
	}
	rf.nudge() // the deadline may have changed
	return answer, ok
}

// RequestVote answers a candidate, or a pre-candidate.
func (rf *Raft) RequestVote(args *RequestVoteArgs, reply *RequestVoteReply) {
	m := raft.Message{Type: raft.RequestVote, From: raft.ID(args.CandidateId + 1), To: rf.id, Term: uint64(args.Term),
		LogIndex: uint64(args.LastLogIndex), LogTerm: uint64(args.LastLogTerm)}
	if args.PreVote {
		m.Type = raft.RequestPreVote
	}
	r, ok := rf.step(m)
	*reply = RequestVoteReply{Answered: ok, Term: int(r.Term), VoteGranted: ok && !r.Reject}
}

// AppendEntries takes entries, or a heartbeat, from the leader.
func (rf *Raft) AppendEntries(args *AppendEntriesArgs, reply *AppendEntriesReply) {
	m := raft.Message{Type: raft.AppendEntries, From: raft.ID(args.LeaderId + 1), To: rf.id, Term: uint64(args.Term),
		LogIndex: uint64(args.PrevLogIndex), LogTerm: uint64(args.PrevLogTerm), Commit: uint64(args.LeaderCommit)}
	for _, e := range args.Entries {
		m.Entries = append(m.Entries, raft.Entry{Index: uint64(e.Index), Term: uint64(e.Term), Kind: raft.EntryKind(e.Kind), Data: e.Data})
	}
	r, ok := rf.step(m)
	*reply = AppendEntriesReply{Answered: ok, Term: int(r.Term), Success: ok && !r.Reject}
	if r.Reject {
		reply.ConflictIndex, reply.ConflictTerm = int(r.Hint), int(r.LogTerm)
	} else {
		reply.MatchIndex = int(r.LogIndex)
	}
}

// InstallSnapshot takes a part of a snapshot from the leader.
func (rf *Raft) InstallSnapshot(args *InstallSnapshotArgs, reply *InstallSnapshotReply) {
	r, ok := rf.step(raft.Message{Type: raft.InstallSnapshot, From: raft.ID(args.LeaderId + 1), To: rf.id, Term: uint64(args.Term),
		LogIndex: uint64(args.LastIncludedIndex), LogTerm: uint64(args.LastIncludedTerm),
		Chunk: &raft.Chunk{Offset: uint64(args.Offset), Size: uint64(args.Size), Data: args.Data,
			Configuration: args.Configuration, ConfigurationIndex: uint64(args.ConfigurationIndex)}})
	*reply = InstallSnapshotReply{Answered: ok, Term: int(r.Term), Received: int(r.Hint), Gap: r.Reject,
		Installed: ok && r.Type == raft.AppendEntriesReply}
}
