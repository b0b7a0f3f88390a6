package rules

import (
	"fmt"
	"strings"
	"time"
)

// A Kind is how a test failed: what the test itself noticed.
type Kind string

const (
	NoLeader         Kind = "no leader"
	TwoLeaders       Kind = "two leaders in one term"
	UnexpectedLeader Kind = "a leader without a majority"
	NoAgreement      Kind = "no agreement"
	UnexpectedCommit Kind = "applied without a majority"
	LostCommand      Kind = "a command was lost"
	ApplyOrder       Kind = "applied out of order"
	ApplyDiffers     Kind = "servers applied different commands"
	BadSnapshot      Kind = "a wrong snapshot was applied"
	BadState         Kind = "wrong answer"
	Unstable         Kind = "the term keeps changing"
	TooManyRPCs      Kind = "too many RPCs"
	TooManyBytes     Kind = "too many bytes in RPCs"
	LogTooLarge      Kind = "the saved state is too large"
	Timeout          Kind = "it took too long"
	Blocked          Kind = "a call did not return"
	Deadlock         Kind = "deadlock"
	Spin             Kind = "endless loop"
	Panicked         Kind = "panic"
	RuleBroken       Kind = "a rule was broken"
)

// A Rule names a rule of Raft, or of the lab.
type Rule string

// Rules that a watch is certain about.
const (
	DoubleVote             Rule = "double-vote"
	VoteNotSaved           Rule = "vote-not-saved"
	TermNotSaved           Rule = "term-not-saved"
	LogNotSaved            Rule = "log-not-saved"
	StaleLogVote           Rule = "vote-for-stale-log"
	OldTermVote            Rule = "vote-in-old-term"
	TwoLeadersInTerm       Rule = "two-leaders-in-a-term"
	ElectedWithoutMajority Rule = "elected-without-majority"
	VotesOfOtherTerms      Rule = "votes-of-other-terms"
	VoteCountedTwice       Rule = "vote-counted-twice"
	StaysLeader            Rule = "leader-of-a-term-without-election"
	TermWentBack           Rule = "term-went-back"
	OldTermCommit          Rule = "old-term-committed-by-counting"
	CommitWithoutMajority  Rule = "committed-without-majority"
	OldReplyCounted        Rule = "old-reply-counted"
	AppliedUncommitted     Rule = "applied-uncommitted"
	LogWentBack            Rule = "log-went-back"
	HeartbeatTruncates     Rule = "heartbeat-truncates"
	OldAppendTruncates     Rule = "old-append-truncates"
	AcknowledgedLost       Rule = "acknowledged-entries-lost"
	StateMachineSafety     Rule = "committed-entry-changed"
	AppliedTwice           Rule = "applied-twice"
	AppliedGap             Rule = "applied-out-of-order"
	SnapshotRollback       Rule = "snapshot-rolls-back"
	AppliedNotRestored     Rule = "lastapplied-not-restored"
	SnapshotContent        Rule = "snapshot-content"
	SnapshotLost           Rule = "snapshot-lost"
	LogMisstated           Rule = "log-misstated"
	LogNotChecked          Rule = "log-not-checked"
	ConflictKept           Rule = "conflict-kept"
	CommitUnchecked        Rule = "commit-not-limited"
)

// Rules whose breach is a likely cause.
const (
	OldAppendAccepted   Rule = "old-append-accepted"
	TermNotAdopted      Rule = "term-not-adopted"
	VoteRefused         Rule = "vote-refused"
	NeverCampaigns      Rule = "never-campaigns"
	TimerResetByOld     Rule = "timer-reset-by-old-append"
	TimerResetByRefused Rule = "timer-reset-by-refused-vote"
	TimerNotReset       Rule = "timer-not-reset"
	TimerNotResetByVote Rule = "timer-not-reset-by-vote"
	TimeoutTooShort     Rule = "election-timeout-too-short"
	SameTimeouts        Rule = "same-timeouts"
	ElectionInOldTerm   Rule = "election-without-new-term"
	NoHeartbeats        Rule = "no-heartbeats"
	TooManyHeartbeats   Rule = "too-many-heartbeats"
	SlowBackup          Rule = "backs-up-one-by-one"
	NoBackup            Rule = "never-backs-up"
	ResendsMatched      Rule = "resends-what-matched"
	StartWaits          Rule = "start-waits"
	LogNotCut           Rule = "log-not-cut"
	NotCommitted        Rule = "majority-not-committed"
	CommitNotTold       Rule = "commit-not-told"
	NothingApplied      Rule = "committed-not-applied"
	StartIndex          Rule = "start-index"
)

// Rules about locks, told from stacks.
const (
	RPCUnderLock    Rule = "rpc-under-lock"
	ApplyUnderLock  Rule = "apply-under-lock"
	WaitUnderLock   Rule = "wait-under-lock"
	LockNotReleased Rule = "lock-not-released"
)

// About returns a rule in one sentence, and where it is stated.
func (r Rule) About() (sentence, where string) {
	a := about[r]
	return a[0], a[1]
}

var about = map[Rule][2]string{
	DoubleVote:             {"A server votes for at most one candidate in a term.", "Figure 2, RequestVote 2: votedFor is null or candidateId (5.2)"},
	VoteNotSaved:           {"A vote is on stable storage before the reply leaves.", "Figure 2, State: persistent, updated before responding to RPCs"},
	TermNotSaved:           {"The current term is on stable storage before anybody hears of it.", "Figure 2, State: persistent, updated before responding to RPCs"},
	LogNotSaved:            {"Entries are on stable storage before they are acknowledged.", "Figure 2, State: persistent, updated before responding to RPCs"},
	StaleLogVote:           {"A vote goes only to a candidate whose log is at least as up-to-date: a later last term, or the same last term and at least the same last index.", "Figure 2, RequestVote 2; section 5.4.1"},
	OldTermVote:            {"A request with an older term is refused.", "Figure 2, RequestVote 1 (5.1)"},
	TwoLeadersInTerm:       {"At most one leader is elected in a term.", "Figure 3, Election Safety (5.2)"},
	ElectedWithoutMajority: {"A candidate becomes leader when it has votes of a majority, its own included.", "Figure 2, Candidates (5.2)"},
	VotesOfOtherTerms:      {"Votes count for the term they were asked in only.", "Figure 2, Candidates (5.2); compare the term after each RPC"},
	VoteCountedTwice:       {"A server's vote counts once.", "Figure 2, Candidates (5.2)"},
	StaysLeader:            {"A leader that sees a higher term becomes a follower: it leads the term that it was elected in, and no other.", "Figure 2, All servers (5.1)"},
	TermWentBack:           {"A server's term never decreases.", "Figure 2, State: currentTerm increases monotonically"},
	OldTermCommit:          {"A leader commits by counting replicas only entries of its own term.", "Figure 2, Leaders: log[N].term == currentTerm (5.3, 5.4.2, Figure 8)"},
	CommitWithoutMajority:  {"An entry is committed when a majority has acknowledged it in the leader's term.", "Figure 2, Leaders: a majority of matchIndex[i] >= N (5.3)"},
	OldReplyCounted:        {"Replies to requests of an earlier term do not count.", "compare the term in which you asked with the current one, and drop the reply if they differ"},
	AppliedUncommitted:     {"Only committed entries are applied.", "Figure 2, All servers: if commitIndex > lastApplied (5.3)"},
	LogWentBack:            {"What a server has acknowledged stays in its log, unless a leader's entries conflict with it.", "Figure 2, AppendEntries 3 (5.3)"},
	HeartbeatTruncates:     {"Entries are deleted only if they conflict with new ones; a heartbeat conflicts with nothing.", "Figure 2, AppendEntries 3 (5.3)"},
	OldAppendTruncates:     {"Entries are deleted only if they conflict with new ones; an older AppendEntries that matches deletes nothing.", "Figure 2, AppendEntries 3 and 4 (5.3)"},
	AcknowledgedLost:       {"What a server has acknowledged stays in its log, unless a leader's entries conflict with it.", "Figure 2, AppendEntries 3 (5.3)"},
	StateMachineSafety:     {"No two servers apply different commands at one index.", "Figure 3, State Machine Safety (5.4.3)"},
	AppliedTwice:           {"Each index is applied once between restarts.", "Figure 2, All servers: increment lastApplied (5.3)"},
	AppliedGap:             {"Entries are applied in the order of the log, none left out, by one sender.", "Figure 2, All servers: increment lastApplied, apply log[lastApplied] (5.3)"},
	SnapshotRollback:       {"A snapshot older than what was applied is ignored.", "Figure 13, InstallSnapshot (7)"},
	AppliedNotRestored:     {"After a restart, applying goes on behind the saved snapshot.", "lastApplied and commitIndex begin at the snapshot's last included index (7)"},
	SnapshotContent:        {"A snapshot comes back as the service gave it, with its own index.", "Figure 13 (7)"},
	SnapshotLost:           {"The snapshot stays on stable storage: each save has it, too.", "section 7; Persister.Save replaces both"},
	LogMisstated:           {"What an RPC says about the sender's log is so: prevLogTerm is the term at prevLogIndex, lastLogTerm that at lastLogIndex.", "Figure 2, arguments of AppendEntries and RequestVote; after a snapshot, indexes begin behind it (7)"},
	LogNotChecked:          {"AppendEntries is refused if the log has no entry at prevLogIndex whose term is prevLogTerm.", "Figure 2, AppendEntries 2 (5.3)"},
	ConflictKept:           {"An entry that conflicts with a new one is deleted, with all that follow it.", "Figure 2, AppendEntries 3 and 4 (5.3)"},
	CommitUnchecked:        {"A follower's commitIndex goes no further than the last entry that the leader's request has checked.", "Figure 2, AppendEntries 5: min(leaderCommit, index of last new entry)"},

	OldAppendAccepted:   {"AppendEntries with an older term is refused.", "Figure 2, AppendEntries 1 (5.1)"},
	TermNotAdopted:      {"A server that sees a higher term takes it over at once, and becomes a follower.", "Figure 2, All servers (5.1)"},
	VoteRefused:         {"A server that has not voted in the candidate's term votes for it if its log is up-to-date.", "Figure 2, RequestVote 2; All servers: a new term comes with no vote (5.2)"},
	NeverCampaigns:      {"A follower that hears of no leader begins an election when the election timeout has elapsed.", "Figure 2, Followers (5.2)"},
	TimerResetByOld:     {"Only AppendEntries of the current leader resets the election timer.", "Figure 2, Followers: AppendEntries RPC from current leader (5.2)"},
	TimerResetByRefused: {"Being asked for a vote does not reset the election timer, granting it does.", "Figure 2, Followers: granting vote to candidate (5.2)"},
	TimerNotReset:       {"AppendEntries of the current leader resets the election timer, also an empty one.", "Figure 2, Followers (5.2)"},
	TimerNotResetByVote: {"Granting a vote resets the election timer.", "Figure 2, Followers (5.2)"},
	TimeoutTooShort:     {"The election timeout is longer than several heartbeat intervals.", "section 5.6; with at most ten heartbeats a second, the paper's 150 to 300 ms are too short"},
	SameTimeouts:        {"Election timeouts are random, and drawn anew, so that votes are not split again and again.", "section 5.2"},
	ElectionInOldTerm:   {"Each election begins with a new term, also that of a candidate whose election timeout has elapsed.", "Figure 2, Candidates: increment currentTerm; if election timeout elapses: start new election (5.2)"},
	NoHeartbeats:        {"A leader sends AppendEntries to everybody at once, and again in idle times, before election timeouts elapse.", "Figure 2, Leaders (5.2)"},
	TooManyHeartbeats:   {"A leader sends at most about ten heartbeats a second.", "the lab's rule"},
	SlowBackup:          {"A leader backs up over a follower's log by more than one entry at a time.", "end of section 5.3; the lab needs it"},
	NoBackup:            {"If AppendEntries fails because of log inconsistency, the leader decrements nextIndex and retries; if it has no entry there, it sends its snapshot.", "Figure 2, Leaders (5.3); section 7"},
	ResendsMatched:      {"After a success, matchIndex is prevLogIndex plus the number of entries sent, and nextIndex follows it.", "Figure 2, Leaders (5.3)"},
	StartWaits:          {"Start returns at once.", "the lab's rule"},
	LogNotCut:           {"A snapshot replaces the log up to its index, also in what is saved.", "section 7"},
	NotCommitted:        {"An entry of the leader's term is committed as soon as a majority has it, the leader included.", "Figure 2, Leaders: a majority of matchIndex[i] >= N (5.3)"},
	CommitNotTold:       {"A leader tells its commitIndex with each AppendEntries.", "Figure 2, AppendEntries: leaderCommit (5.3)"},
	StartIndex:          {"Start returns the index at which the command will be applied.", "the lab's rule"},
	NothingApplied:      {"What is committed is applied.", "Figure 2, All servers (5.3)"},

	RPCUnderLock:    {"No lock is held while an RPC is under way.", "the lab's advice on locking"},
	ApplyUnderLock:  {"No lock is held while sending on applyCh: the service may be in Snapshot, waiting for it.", "the lab's advice on locking"},
	WaitUnderLock:   {"No lock is held while waiting for something else.", "the lab's advice on locking"},
	LockNotReleased: {"A lock that was taken is released, on every way out.", "the lab's advice on locking"},
}

// All returns every rule there is a sentence about, in no particular order.
func All() []Rule {
	var all []Rule
	for r := range about {
		all = append(all, r)
	}
	return all
}

// A Finding is a breach of a rule: who did what, when.
type Finding struct {
	Rule   Rule          `json:"rule"`
	At     time.Duration `json:"at"`     // nanoseconds since the test began
	Server int           `json:"server"` // -1 if it is not known
	Text   string        `json:"text"`
	// Certain is set if a correct Raft cannot do this.
	Certain  bool   `json:"certain"`
	Sentence string `json:"sentence"`
	Where    string `json:"where"`

	number int // of the record at which it was found
}

func makeFinding(rule Rule, at time.Duration, server int, certain bool, text string) Finding {
	f := Finding{Rule: rule, At: at, Server: server, Text: text, Certain: certain}
	f.Sentence, f.Where = rule.About()
	return f
}

// NewFinding returns a likely cause that was told from stacks; server is a label, a
// number as a rule.
func NewFinding(rule Rule, server, text string) *Finding {
	n := -1
	if len(server) == 1 && server[0] >= '0' && server[0] <= '9' {
		n = int(server[0] - '0')
	}
	f := makeFinding(rule, 0, n, false, text)
	return &f
}

// Line returns the finding in one line.
func (f Finding) Line() string {
	return fmt.Sprintf("%.3f s: %s [%s]", f.At.Seconds(), f.Text, f.Rule)
}

// Report returns the finding in a few lines, for a report.
func (f Finding) Report() string {
	var b strings.Builder
	title := "Likely:  "
	if f.Certain {
		title = "Broken:  "
	}
	fmt.Fprintf(&b, "  %s %s [%s]\n", title, f.Sentence, f.Rule)
	when := ""
	if f.At > 0 {
		when = fmt.Sprintf("at %.3f s ", f.At.Seconds())
	}
	fmt.Fprintf(&b, "            %s%s\n", when, strings.ReplaceAll(f.Text, "\n", "\n            "))
	fmt.Fprintf(&b, "            Rule: %s\n", f.Where)
	return b.String()
}
