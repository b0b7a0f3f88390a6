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
	// AppendEntriesReply answers it, and an InstallSnapshot that is complete
	// and stored.
	AppendEntriesReply
	// InstallSnapshot carries a part of a snapshot (section 7, Figure 13).
	InstallSnapshot
	// InstallSnapshotReply tells how much of it has come.
	InstallSnapshotReply
	// TimeoutNow asks a voter to campaign at once (dissertation, 3.10).
	TimeoutNow
	// ReadIndex asks the leader how far a server must have applied the log to
	// answer a read (dissertation, 6.4).
	ReadIndex
	// ReadIndexReply answers it.
	ReadIndexReply
)

var messageTypeNames = [...]string{"?", "RequestPreVote", "RequestPreVoteReply",
	"RequestVote", "RequestVoteReply", "AppendEntries", "AppendEntriesReply",
	"InstallSnapshot", "InstallSnapshotReply", "TimeoutNow", "ReadIndex", "ReadIndexReply"}

// Known tells whether there is such a type.
func (t MessageType) Known() bool { return t > 0 && int(t) < len(messageTypeNames) }

func (t MessageType) String() string {
	if t.Known() {
		return messageTypeNames[t]
	}
	return fmt.Sprintf("MessageType(%d)", uint8(t))
}

// Message is what one server's core tells another's. One flat struct serves
// every type, so that sending allocates nothing; the fields used by each are:
//
//	                      Term  LogIndex       LogTerm       Commit        Reject  Hint           Round
//	RequestPreVote        asked lastLogIndex   lastLogTerm
//	RequestPreVoteReply   *                                                yes
//	RequestVote           yes   lastLogIndex   lastLogTerm
//	RequestVoteReply      yes                                              yes
//	AppendEntries         yes   prevLogIndex   prevLogTerm   leaderCommit                         yes
//	AppendEntriesReply    yes   match or prev  conflictTerm                yes     conflictIndex  echoed
//	InstallSnapshot       yes   lastIncluded-  -Term                                              yes
//	InstallSnapshotReply  yes   the same                                   a gap   bytes come     echoed
//	TimeoutNow            yes
//	ReadIndex             yes                                                      ticket
//	ReadIndexReply        yes   read index                                         ticket
//
//	* asked for if granted, the voter's currentTerm if refused
//
// Besides, AppendEntries has Entries, InstallSnapshot has a Chunk, and a
// RequestVote may have Force.
type Message struct {
	Type MessageType
	// Reject marks a reply that refuses.
	Reject bool
	// Force marks the RequestVote of a server that the leader asked to take
	// over: whoever hears from that leader answers nevertheless.
	Force    bool
	From, To ID
	Term     uint64
	// LogIndex is, in an AppendEntriesReply, the last index known to match
	// the leader's log or, in a refusal, the prevLogIndex refused.
	LogIndex uint64
	LogTerm  uint64
	Commit   uint64
	// Hint is, in a refused AppendEntriesReply, the largest index at which
	// the follower's log may still match (end of section 5.3).
	Hint uint64
	// Round is the leader's latest round of asking who still follows it. A
	// reply with it says: when this was asked, I did.
	Round   uint64
	Entries []Entry
	Chunk   *Chunk
}

// Snapshot is the state that stands in for the log up to an index (section 7).
// It is never changed once it is made.
type Snapshot struct {
	// Index and Term are those of the last entry it stands for.
	Index, Term uint64
	// Configuration is the one in force at Index, ConfigurationIndex the entry
	// that it came with.
	Configuration      Configuration
	ConfigurationIndex uint64
	// Data is the state machine's state after it applied Index.
	Data []byte
}

// Chunk is a part of a snapshot on its way. Each says what the whole is, so
// that any may be the first to arrive.
type Chunk struct {
	// Size is the length of the whole Data in bytes, Offset where this part
	// begins in it.
	Offset, Size uint64
	// Configuration is encoded as in an EntryConfiguration.
	Configuration      []byte
	ConfigurationIndex uint64
	Data               []byte
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
	// Snapshot, if there is one, and Entries replace everything stored: Entries
	// are then the whole log after it.
	Snapshot *Snapshot
	// Entries follow one another. Without a Snapshot, every stored entry with
	// an index equal to or above the first one's is deleted, then these are
	// appended; if there are none, the stored log stays as it is.
	Entries []Entry
}

// Ready is everything the core wants done; see doc.go for the order of duties.
// What it points to must not be changed. All but Messages stays valid.
type Ready struct {
	// Save is nil if there is nothing to store.
	Save *Save
	// Messages may leave at once: those that promise something durable are
	// held back by the core until the save they rest on is reported. The slice
	// itself is valid until the next call of Ready.
	Messages []Message
	// Snapshot, if not nil, is what the state machine is to be set to before
	// it applies Committed.
	Snapshot *Snapshot
	// Committed are entries to apply, in index order, each handed out once.
	Committed []Entry
	// Reads are requests of ReadIndex that have been answered. The slice is
	// valid until the next call of Ready.
	Reads []Read
}

// Read is the answer to a ReadIndex: what was asked for under this ticket may
// be read from the state machine once it has applied Index.
type Read struct {
	Ticket, Index uint64
}

// Stored is what a storage hands back at start: the last durable state.
type Stored struct {
	HardState HardState
	// Snapshot is nil until one was stored. Entries follow it, or begin at 1.
	Snapshot *Snapshot
	Entries  []Entry
}
