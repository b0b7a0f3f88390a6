package raft

import (
	"fmt"
	"strconv"
)

// ID names a server for the whole life of its stored state. It is random and
// never zero; None stands for "no server".
type ID uint64

// None is the ID of no server.
const None ID = 0

// String gives the ID as 16 hex digits, the form used in logs, lock names and
// signaling messages. ParseID reads it back.
func (id ID) String() string { return fmt.Sprintf("%016x", uint64(id)) }

// ParseID reads the 16 hex digits that String writes. Zero is refused.
func ParseID(s string) (ID, error) {
	if len(s) != 16 {
		return None, fmt.Errorf("raft: server id %.40q has %d characters, not 16", s, len(s))
	}
	n, err := strconv.ParseUint(s, 16, 64)
	if err != nil || n == 0 {
		return None, fmt.Errorf("raft: %q is not a server id", s)
	}
	return ID(n), nil
}

// EntryKind says what a log entry carries.
type EntryKind uint8

const (
	// EntryCommand carries a command for the state machine.
	EntryCommand EntryKind = iota
	// EntryNoop is the empty entry with which a leader starts its term, so
	// that entries of earlier terms can commit (sections 5.4.2 and 8).
	EntryNoop
	// EntryConfiguration carries a Configuration (section 6).
	EntryConfiguration
)

func (k EntryKind) known() bool { return k <= EntryConfiguration }

func (k EntryKind) String() string {
	switch k {
	case EntryCommand:
		return "command"
	case EntryNoop:
		return "noop"
	case EntryConfiguration:
		return "configuration"
	}
	return fmt.Sprintf("EntryKind(%d)", uint8(k))
}

// Entry is one slot of the replicated log (section 5.3). Data is never written
// to once the entry is made; it may be shared by any number of readers.
type Entry struct {
	Index uint64
	Term  uint64
	Kind  EntryKind
	Data  []byte
}

// MessageType tells the messages between servers apart.
type MessageType uint8

const (
	// RequestPreVote asks "would you vote for me?" without touching any term
	// (Ongaro's dissertation, section 9.6). Term is the term the sender would
	// campaign in, its currentTerm + 1.
	RequestPreVote MessageType = 1 + iota
	// RequestPreVoteReply answers it. A grant carries the term asked for, a
	// refusal the voter's own currentTerm.
	RequestPreVoteReply
	// RequestVote is the RPC of section 5.2.
	RequestVote
	// RequestVoteReply answers it.
	RequestVoteReply
	// AppendEntries is the RPC of section 5.3; without entries it is the
	// heartbeat of section 5.2.
	AppendEntries
	// AppendEntriesReply answers it.
	AppendEntriesReply
)

var messageTypeNames = [...]string{"?", "RequestPreVote", "RequestPreVoteReply",
	"RequestVote", "RequestVoteReply", "AppendEntries", "AppendEntriesReply"}

func (t MessageType) String() string {
	if int(t) < len(messageTypeNames) && t > 0 {
		return messageTypeNames[t]
	}
	return fmt.Sprintf("MessageType(%d)", uint8(t))
}

// Message is what one server's core tells another's. One flat struct serves
// every type, so that sending allocates nothing; the fields used by each are:
//
//	                     Term  LogIndex      LogTerm       Commit        Entries  Reject  Hint
//	RequestPreVote       asked lastLogIndex  lastLogTerm
//	RequestPreVoteReply  *                                                        yes
//	RequestVote          yes   lastLogIndex  lastLogTerm
//	RequestVoteReply     yes                                                      yes
//	AppendEntries        yes   prevLogIndex  prevLogTerm   leaderCommit  yes
//	AppendEntriesReply   yes   match or prev conflictTerm                         yes     conflictIndex
//
//	* asked for if granted, the voter's currentTerm if refused
type Message struct {
	Type     MessageType
	From, To ID
	Term     uint64
	// LogIndex is, in an AppendEntriesReply, the last index known to match
	// the leader's log or, in a refusal, the prevLogIndex refused.
	LogIndex uint64
	LogTerm  uint64
	Commit   uint64
	// Reject marks a reply that refuses.
	Reject bool
	// Hint is, in a refused AppendEntriesReply, the largest index at which
	// the follower's log may still match (end of section 5.3).
	Hint    uint64
	Entries []Entry
}

// HardState is what a server must have on storage, apart from its log, before
// it answers an RPC ("persistent state on all servers", Figure 2).
type HardState struct {
	Term uint64 // currentTerm
	Vote ID     // votedFor
	// Commit is a lower bound of commitIndex. It is volatile in the paper; it
	// is written only along with something else, so that a restarted server
	// can show what it knew to be committed.
	Commit uint64
}

// Save is what storage must make durable, all of it or nothing, before the
// driver calls Core.Saved with its Seq.
type Save struct {
	// Seq numbers the saves of one core, from 1, without gaps.
	Seq uint64
	// HardState replaces the stored one.
	HardState HardState
	// Entries follow one another. Every stored entry with an index equal to
	// or above the first one's is deleted, then these are appended. Empty:
	// the stored log stays as it is.
	Entries []Entry
}

// Ready is everything the core wants done; see doc.go for the order of duties.
// Its slices stay valid after the next call to the core and must not be
// changed.
type Ready struct {
	// Save is nil if there is nothing to store.
	Save *Save
	// Messages may leave at once: those that promise something durable are
	// held back by the core until the save they rest on is reported.
	Messages []Message
	// Committed are entries to apply, in index order, each handed out once.
	Committed []Entry
}

// Stored is what a storage hands back at start: the last durable state.
type Stored struct {
	HardState HardState
	Entries   []Entry
}
