package raft

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// maxTerm and maxIndex are beyond every term that elections and every index that
// logs can reach; larger ones are nonsense, and counting on from them would
// overflow.
const (
	maxTerm  = 1 << 62
	maxIndex = 1 << 62
)

// entryOverhead is what an entry counts beyond its data, in bytes, where memory
// is limited, so that empty ones are not free.
const entryOverhead = 64

// Role is what a server is at the moment (Figure 4 of the paper, and the
// pre-candidate of the dissertation's section 9.6).
type Role uint8

const (
	Follower Role = iota
	PreCandidate
	Candidate
	Leader
)

func (r Role) String() string {
	return [...]string{"follower", "precandidate", "candidate", "leader"}[r]
}

// Errors that a caller decides on.
var (
	// ErrNotLeader: only the leader takes proposals and changes of members.
	ErrNotLeader = errors.New("raft: this server is not the leader")
	// ErrOverloaded: more uncommitted bytes than Config.MaxUncommittedBytes;
	// try again when something has committed.
	ErrOverloaded = errors.New("raft: too much is waiting to be committed")
	// ErrImpossible: a message that no correct server sends. It changed
	// nothing.
	ErrImpossible = errors.New("raft: impossible message")
)

// Config is a core's constant settings. Zero durations and limits take the
// stated defaults.
type Config struct {
	// ID is this server's.
	ID ID
	// Rand spreads the election timeouts (section 5.2). Servers of one
	// cluster need different seeds.
	Rand *rand.Rand
	// ElectionTimeout is the shortest time without a leader's word after
	// which a server campaigns; each wait is drawn from [1, 2) times it.
	// Default 400 ms.
	ElectionTimeout time.Duration
	// HeartbeatInterval is the longest silence of a leader towards a
	// follower. Default 50 ms.
	HeartbeatInterval time.Duration
	// MaxAppendBytes limits the entries' bytes in one AppendEntries, each
	// counted with 64 bytes more than its data; a single larger entry still
	// goes, alone. Default 32 KiB.
	MaxAppendBytes int
	// MaxInflightMessages and MaxInflightBytes limit what is sent to a
	// follower ahead of its replies. Defaults 32 and 128 KiB.
	MaxInflightMessages int
	MaxInflightBytes    int
	// SnapshotChunkBytes is how much of a snapshot one InstallSnapshot carries.
	// Default 15 KiB: with all around it, one message of a data channel.
	SnapshotChunkBytes int
	// MaxSnapshotBytes limits the snapshots that this server takes from a
	// leader. Memory is taken only as the bytes come. Default 256 MiB.
	MaxSnapshotBytes int
	// RetainedBytes is how much of the log stays in memory behind a snapshot;
	// snapshot.go has the rule. Default 1 MiB; negative for nothing.
	RetainedBytes int
	// LeaseReads lets a leader answer reads without asking a quorum each time.
	// All servers of a cluster must have it, or none; read.go says what it
	// asks of their clocks.
	LeaseReads bool
	// MaxUncommittedBytes limits the log's uncommitted tail on a leader;
	// beyond it Propose gives ErrOverloaded. Default 16 MiB.
	MaxUncommittedBytes int
	// MaxSaves limits the saves in flight; what accumulates meanwhile goes
	// into the next one. Default 1.
	MaxSaves int
	// The three refinements can be turned off for teaching. See doc.go.
	DisablePreVote     bool
	DisableCheckQuorum bool
	DisableStickiness  bool
}

func (c Config) withDefaults() Config {
	set := func(v *int, to int) {
		if *v == 0 {
			*v = to
		}
	}
	if c.ElectionTimeout == 0 {
		c.ElectionTimeout = 400 * time.Millisecond
	}
	if c.HeartbeatInterval == 0 {
		c.HeartbeatInterval = 50 * time.Millisecond
	}
	set(&c.MaxAppendBytes, 32<<10)
	set(&c.MaxInflightMessages, 32)
	set(&c.MaxInflightBytes, 128<<10)
	set(&c.SnapshotChunkBytes, 15<<10)
	set(&c.MaxSnapshotBytes, 256<<20)
	set(&c.RetainedBytes, 1<<20)
	set(&c.MaxUncommittedBytes, 16<<20)
	set(&c.MaxSaves, 1)
	return c
}

func (c Config) validate() error {
	switch {
	case c.ID == None || c.Rand == nil:
		return errors.New("raft: Config needs an ID and a Rand")
	case c.HeartbeatInterval < 0 || c.HeartbeatInterval >= c.ElectionTimeout:
		return fmt.Errorf("raft: heartbeats every %s do not keep an election timeout of %s from passing", c.HeartbeatInterval, c.ElectionTimeout)
	case min(c.MaxAppendBytes, c.MaxInflightMessages, c.MaxInflightBytes, c.SnapshotChunkBytes, c.MaxSnapshotBytes, c.MaxUncommittedBytes, c.MaxSaves) < 0:
		return errors.New("raft: a limit in Config is negative")
	case c.LeaseReads && (c.DisableStickiness || c.DisableCheckQuorum):
		return errors.New("raft: LeaseReads rests on stickiness and CheckQuorum")
	}
	return nil
}

// Core is one server's consensus state. It is not safe for concurrent use:
// one driver owns it. See doc.go for who calls what when.
type Core struct {
	cfg Config
	now time.Duration

	// Persistent state on all servers (Figure 2); durable as far as saves
	// tells.
	currentTerm uint64
	votedFor    ID
	log         raftLog

	// Volatile state on all servers.
	commitIndex uint64
	lastApplied uint64 // handed out by Ready
	role        Role
	leader      ID
	// leaderContact is when a leader was last heard, or the start.
	leaderContact time.Duration
	// electionDeadline is when this server campaigns, unless it leads;
	// electionTimeout is how long that wait was drawn.
	electionDeadline time.Duration
	electionTimeout  time.Duration
	// woke: it slept, has waited anew, and heard no leader since. The next
	// late tick is then a slow timer rather than another sleep.
	woke   bool
	ascent ascent // how far others have raised the term lately

	// Candidates and pre-candidates: who answered, and what.
	votes map[ID]bool
	// gone are members whose connections were seen to close, and that have
	// not been heard since.
	gone map[ID]bool
	// candidacy is when this candidate began to ask for votes.
	candidacy time.Duration
	// voteSeq is the save that makes a candidate's vote for itself durable.
	voteSeq uint64

	// Leaders.
	peers             []*progress // ordered by id, without this server
	heartbeatDeadline time.Duration
	termStart         uint64 // index of this term's first entry
	uncommittedBytes  int
	settledAt         uint64 // configuration that peers follows, once committed

	reads    reads
	transfer transfer

	configurations []configurationAt // in log order; the last one rules
	// named: some configuration had this server as a member.
	named bool

	snapshot *Snapshot // stands for the log up to its index
	incoming incoming  // from the leader

	saves      saves
	out, spare []Message // may leave now; the last Ready's
	answered   []Read
	lastTicket uint64 // of this server's reads
}

// New makes the core of a server from what its storage holds, as a follower
// at time now. It fails if the stored state cannot be a server's.
func New(cfg Config, st Stored, now time.Duration) (*Core, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	c := &Core{
		cfg:            cfg,
		now:            now,
		leaderContact:  now,
		currentTerm:    st.HardState.Term,
		votedFor:       st.HardState.Vote,
		configurations: []configurationAt{{}},
		gone:           map[ID]bool{},
	}
	if err := c.load(st); err != nil {
		return nil, err
	}
	c.saves.reset(st.HardState, c.log.lastIndex())
	c.drawElectionDeadline()
	if c.soleVoter() && !cfg.LeaseReads {
		// Nobody else has a say: waiting would serve nobody. But with leases, the
		// leader that made this server the only voter may count on it still.
		c.electionDeadline = now
	}
	return c, nil
}

// load takes over what was stored, if it can be a server's.
func (c *Core) load(st Stored) error {
	if s := st.Snapshot; s != nil {
		if s.Index == 0 || s.Index > maxIndex || s.Term == 0 || s.Term > c.currentTerm || s.ConfigurationIndex > s.Index {
			return fmt.Errorf("raft: the stored snapshot stands for entry %d of term %d in term %d", s.Index, s.Term, c.currentTerm)
		}
		if err := s.Configuration.validate(); err != nil {
			return fmt.Errorf("raft: the stored snapshot: %w", err)
		}
		c.useSnapshot(s)
		c.log.reset(s.Index, s.Term)
	}
	first := c.log.base + 1
	for i, e := range st.Entries {
		if e.Index != first+uint64(i) || e.Term < max(1, c.log.lastTerm()) || e.Term > c.currentTerm || !e.Kind.known() {
			return fmt.Errorf("raft: stored entry %d has index %d, kind %d, term %d after term %d in term %d",
				first+uint64(i), e.Index, e.Kind, e.Term, c.log.lastTerm(), c.currentTerm)
		}
		c.log.append(e)
		if err := c.noteConfiguration(e); err != nil {
			return err
		}
	}
	c.commitIndex = max(st.HardState.Commit, c.log.base)
	if last := c.log.lastIndex(); c.commitIndex > last {
		return fmt.Errorf("raft: entry %d was stored as committed, the stored log ends at %d", c.commitIndex, last)
	}
	return nil
}

// Tick does what is due at time now. A driver calls it at NextDeadline, after
// it has given the core every message that waits; calling it at other times
// does no harm.
func (c *Core) Tick(now time.Duration) {
	// A tick that comes later than an election timeout means that this
	// server was suspended. The time that it slept says nothing about the
	// others and does not count, so that a waking laptop deposes nobody.
	slept := now - c.NextDeadline()
	suspended := slept >= c.cfg.ElectionTimeout
	c.setNow(now)
	switch {
	case c.role == Leader:
		if suspended {
			for _, p := range c.peers {
				p.lastHeard = min(p.lastHeard+slept, c.now)
			}
		}
		if c.transfer.target != None && c.now >= c.transfer.deadline {
			c.endTransfer()
		}
		if c.role == Leader && c.now >= c.heartbeatDeadline {
			c.heartbeat()
		}
	case suspended && !c.woke && !c.soleVoter():
		c.woke = true
		c.drawElectionDeadline()
	case c.now >= c.electionDeadline:
		c.woke = false
		c.campaign()
	}
}

// NextDeadline is when the core wants its next Tick.
func (c *Core) NextDeadline() time.Duration {
	switch {
	case c.role == Leader && c.transfer.target != None:
		return min(c.heartbeatDeadline, c.transfer.deadline)
	case c.role == Leader:
		return c.heartbeatDeadline
	}
	return c.electionDeadline
}

// setNow keeps time monotonic whatever the driver says.
func (c *Core) setNow(now time.Duration) { c.now = max(c.now, now) }

// Step takes one message from another server. An error tells what is wrong with
// the message. If it wraps ErrImpossible, no sound server sends it; ErrStranger and
// ErrFarTerm are in term.go. But for ErrFarTerm nothing changed.
func (c *Core) Step(now time.Duration, m Message) error {
	if err := c.check(m); err != nil {
		return fmt.Errorf("%w: %s from %s: %v", ErrImpossible, m.Type, m.From, err)
	}
	c.setNow(now)
	if len(c.gone) > 0 {
		delete(c.gone, m.From)
	}

	asksForVote := m.Type == RequestVote || m.Type == RequestPreVote
	if asksForVote && m.Term > c.currentTerm && !m.Force && c.sticky() {
		// Section 6: servers that hear from a current leader disregard
		// requests for votes and do not adopt their term.
		if m.Type == RequestPreVote {
			c.send(Message{Type: RequestPreVoteReply, To: m.From, Term: c.currentTerm, Reject: true})
		}
		return nil
	}

	switch {
	case m.Term > c.currentTerm:
		switch {
		case m.Type == RequestPreVote:
			// A question about a term that may never be.
		case m.Type == RequestPreVoteReply && !m.Reject:
			// It echoes the term that we asked about.
		default:
			// "If RPC request or response contains term T > currentTerm: set
			// currentTerm = T, convert to follower" (Figure 2).
			if err := c.enterTerm(&m); err != nil {
				return err
			}
		}
	case m.Term < c.currentTerm:
		c.answerStale(m)
		return nil
	}

	switch m.Type {
	case RequestPreVote:
		c.handlePreVote(m)
	case RequestPreVoteReply:
		c.handlePreVoteReply(m)
	case RequestVote:
		c.handleVote(m)
	case RequestVoteReply:
		c.handleVoteReply(m)
	case AppendEntries:
		c.handleAppend(m)
	case AppendEntriesReply:
		c.handleAppendReply(m)
	case InstallSnapshot:
		c.handleInstall(m)
	case InstallSnapshotReply:
		c.handleSnapshotReply(m)
	case TimeoutNow:
		c.handleTimeoutNow(m)
	case ReadIndex:
		c.handleReadIndex(m)
	case ReadIndexReply:
		c.handleReadIndexReply(m)
	}
	return nil
}

// answerStale handles a message of an earlier term: requests are refused with
// the current term ("reply false if term < currentTerm", Figure 2), so that a
// deposed leader or a server left behind learns of it; replies are dropped.
func (c *Core) answerStale(m Message) {
	switch m.Type {
	case RequestPreVote:
		c.send(Message{Type: RequestPreVoteReply, To: m.From, Term: c.currentTerm, Reject: true})
	case RequestVote:
		c.send(Message{Type: RequestVoteReply, To: m.From, Term: c.currentTerm, Reject: true})
	case AppendEntries:
		c.send(Message{Type: AppendEntriesReply, To: m.From, Term: c.currentTerm,
			LogIndex: m.LogIndex, Hint: min(m.LogIndex, c.log.lastIndex()), Reject: true})
	case InstallSnapshot:
		c.send(Message{Type: InstallSnapshotReply, To: m.From, Term: c.currentTerm, LogIndex: m.LogIndex, Reject: true})
	}
}

// check refuses what no correct server sends, before anything changes.
func (c *Core) check(m Message) error {
	if m.To != c.cfg.ID {
		return fmt.Errorf("it is addressed to %s", m.To)
	}
	if m.From == None || m.From == c.cfg.ID {
		return errors.New("bad sender")
	}
	if m.Term == 0 && !(m.Reject || m.Type == RequestPreVoteReply) {
		return errors.New("term 0")
	}
	if m.Term > maxTerm || m.LogIndex > maxIndex {
		return fmt.Errorf("index %d of term %d", m.LogIndex, m.Term)
	}
	switch m.Type {
	case RequestPreVote, RequestVote:
		if m.LogTerm >= m.Term {
			return fmt.Errorf("a candidate for term %d whose log ends in term %d", m.Term, m.LogTerm)
		}
	case AppendEntries:
		if err := c.checkLeader(&m); err != nil {
			return err
		}
		return c.checkAppend(m)
	case InstallSnapshot:
		if err := c.checkLeader(&m); err != nil {
			return err
		}
		return c.checkChunk(&m)
	case AppendEntriesReply, InstallSnapshotReply:
		if c.role != Leader || m.Term != c.currentTerm {
			return nil
		}
		if !m.Reject && m.LogIndex > c.log.lastIndex() {
			return fmt.Errorf("it acknowledges index %d, the log ends at %d", m.LogIndex, c.log.lastIndex())
		}
		if m.Round > c.reads.round {
			return fmt.Errorf("it answers round %d, the latest is %d", m.Round, c.reads.round)
		}
	case TimeoutNow:
		return c.checkLeader(&m)
	case RequestVoteReply:
		if c.role == Candidate && m.Term == c.currentTerm && !m.Reject && c.saves.durable < c.voteSeq {
			return errors.New("nobody has been asked for a vote in this term yet")
		}
	case RequestPreVoteReply, ReadIndex, ReadIndexReply:
	default:
		return errors.New("unknown type")
	}
	return nil
}

// checkLeader: what only a leader sends comes from the one of its term.
func (c *Core) checkLeader(m *Message) error {
	if c.role == Leader && m.Term == c.currentTerm {
		return fmt.Errorf("two leaders in term %d", m.Term)
	}
	if m.Term == c.currentTerm && c.leader != None && c.leader != m.From {
		return fmt.Errorf("two leaders in term %d: %s and %s", m.Term, c.leader, m.From)
	}
	return nil
}

func (c *Core) checkAppend(m Message) error {
	if (m.LogIndex == 0) != (m.LogTerm == 0) || m.LogTerm > m.Term {
		return fmt.Errorf("entry %d of term %d in a message of term %d", m.LogIndex, m.LogTerm, m.Term)
	}
	term := max(1, m.LogTerm)
	for i, e := range m.Entries {
		if e.Index != m.LogIndex+1+uint64(i) || e.Term < term || e.Term > m.Term {
			return fmt.Errorf("entry %d of term %d follows entry %d of term %d in a message of term %d",
				e.Index, e.Term, m.LogIndex+uint64(i), term, m.Term)
		}
		term = e.Term
		if e.Index <= c.commitIndex && e.Index >= c.log.base && c.log.term(e.Index) != e.Term && m.Term >= c.currentTerm {
			return fmt.Errorf("it would change the committed entry %d", e.Index)
		}
		if !e.Kind.known() {
			return fmt.Errorf("entry %d is of unknown kind %d", e.Index, e.Kind)
		}
		if e.Kind == EntryConfiguration {
			if _, err := DecodeConfiguration(e.Data); err != nil {
				return err
			}
		}
	}
	return nil
}

// send hands a message to the driver, now if it may leave now and else as
// soon as everything it rests on is durable. What a leader sends rests on its
// term alone, which was durable before it won; a pre-vote and a request to read
// rest on nothing, a refusal and the receipt of a part of a snapshot on term and
// vote. All else waits for the entries as well.
func (c *Core) send(m Message) {
	m.From = c.cfg.ID
	switch {
	case m.Type == AppendEntries || m.Type == InstallSnapshot || m.Type == RequestPreVote || m.Type == RequestPreVoteReply ||
		m.Type == TimeoutNow || m.Type == ReadIndex || m.Type == ReadIndexReply,
		(m.Reject || m.Type == InstallSnapshotReply) && c.saves.hardIsDurable(c.hardState()):
		c.out = append(c.out, m)
	default:
		if after := c.saves.covering(c.hardState(), c.log.lastIndex()); after > c.saves.durable {
			c.saves.hold(after, m)
		} else {
			c.out = append(c.out, m)
		}
	}
}

func (c *Core) hardState() HardState {
	return HardState{Term: c.currentTerm, Vote: c.votedFor, Commit: c.commitIndex}
}

// Ready hands over everything that is to be done now; false if that is
// nothing. A driver calls it once it has drained its inbox, so that any
// number of proposals makes one AppendEntries a follower and one save.
func (c *Core) Ready() (Ready, bool) {
	if c.role == Leader {
		c.serveReads()
		c.replicate()
	}
	rd := Ready{Save: c.saves.next(c.hardState(), &c.log, c.cfg.MaxSaves)}
	if len(c.out) > 0 {
		clear(c.spare) // they may hold on to entries long gone
		rd.Messages, c.out, c.spare = c.out, c.spare[:0], c.out
	}
	if s := c.snapshot; s != nil && c.lastApplied < s.Index {
		rd.Snapshot = s
		c.lastApplied = s.Index
	}
	if c.commitIndex > c.lastApplied {
		rd.Committed = c.log.slice(c.lastApplied+1, c.commitIndex)
		c.lastApplied = c.commitIndex
	}
	if len(c.answered) > 0 {
		rd.Reads, c.answered = c.answered, nil
	}
	return rd, rd.Save != nil || rd.Messages != nil || rd.Committed != nil || rd.Snapshot != nil || rd.Reads != nil
}

// Saved reports that the save with this number is durable. Saves may be
// reported in any order; one counts when all before it have been reported.
func (c *Core) Saved(now time.Duration, seq uint64) error {
	c.setNow(now)
	if err := c.saves.done(seq); err != nil {
		return err
	}
	c.out = c.saves.release(c.out)
	switch c.role {
	case Candidate:
		c.countOwnVote()
	case Leader:
		c.advanceCommit()
	}
	return nil
}

// Propose appends a command to the log if this server leads, and gives the
// index and term it will have if it commits. Data is the core's from now on.
func (c *Core) Propose(now time.Duration, data []byte) (index, term uint64, err error) {
	c.setNow(now)
	if c.role != Leader {
		return 0, 0, ErrNotLeader
	}
	if c.transfer.target != None {
		return 0, 0, ErrTransferring
	}
	if c.uncommittedBytes > 0 && c.uncommittedBytes+entryOverhead+len(data) > c.cfg.MaxUncommittedBytes {
		return 0, 0, ErrOverloaded
	}
	return c.appendOwn(EntryCommand, data), c.currentTerm, nil
}

// appendOwn adds an entry of the leader's term to its log.
func (c *Core) appendOwn(kind EntryKind, data []byte) uint64 {
	index := c.log.lastIndex() + 1
	c.log.append(Entry{Index: index, Term: c.currentTerm, Kind: kind, Data: data})
	c.uncommittedBytes += entryOverhead + len(data)
	return index
}

// Entries gives the entries from..to, both included, as far as the log has
// them. The slice must not be changed.
func (c *Core) Entries(from, to uint64) []Entry {
	from, to = max(from, c.FirstIndex()), min(to, c.log.lastIndex())
	if from > to {
		return nil
	}
	return c.log.slice(from, to)
}

// FirstIndex is that of the oldest entry which is not compacted away, or would
// have the next one if there is none.
func (c *Core) FirstIndex() uint64 { return c.log.base + 1 }

// Term gives the term of the entry at index, if that is known.
func (c *Core) Term(index uint64) (term uint64, known bool) {
	return c.log.term(index), index >= c.log.base && index <= c.log.lastIndex()
}
