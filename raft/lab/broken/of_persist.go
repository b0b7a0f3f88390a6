package broken

import "tabraft/raft/lab/suite/rules"

const (
	saved    = `[]any{rf.currentTerm, rf.votedFor, rf.snapshotIndex, rf.log} {`
	saveVote = `	if changed {
		rf.persist()
	}
	reply.Term = rf.currentTerm
`
	saveEntries = `		rf.log = append(rf.log, entries[i:]...)
		rf.persist()
`
	saveNow = `	rf.persister.Save(buf.Bytes(), rf.snapshot)
`
)

// Persistent state: "updated on stable storage before responding to RPCs".
var persistBugs = []Bug{
	{
		Name:    "nothing-saved",
		Belief:  "Parts A and B pass without it.",
		Patches: []Patch{{"persist.go", saveNow, ``}},
		Test:    "Persist12C", Rule: rules.TermNotSaved,
	},
	{
		Name:    "term-not-saved",
		Belief:  "The term comes back with the first RPC.",
		Patches: []Patch{{"persist.go", saved, `[]any{0, rf.votedFor, rf.snapshotIndex, rf.log} {`}},
		Test:    "Persist22C", Rule: rules.TermNotSaved,
	},
	{
		Name:   "term-not-saved-when-learned",
		Belief: "The term is saved with a vote, and with entries.",
		Patches: []Patch{{"follower.go",
			`	if rf.observeTerm(term) {
		rf.persist()
	}
`, `	rf.observeTerm(term)
`}},
		Test: "Figure8Unreliable2C", Rule: rules.TermNotSaved,
	},
	{
		Name:    "vote-not-saved",
		Belief:  "The vote counts only for a moment.",
		Patches: []Patch{{"persist.go", saved, `[]any{rf.currentTerm, nobody, rf.snapshotIndex, rf.log} {`}},
		Test:    "Figure8Unreliable2C", Rule: rules.VoteNotSaved,
	},
	{
		Name:   "requestvote-does-not-save",
		Belief: "persist is called where the log changes, and when an election begins.",
		Patches: []Patch{{"election.go", saveVote, `	_ = changed
	reply.Term = rf.currentTerm
`}},
		Test: "Persist12C", Rule: rules.TermNotSaved,
	},
	{
		Name:   "own-vote-not-saved",
		Belief: "A candidate knows itself that it is one.",
		Patches: []Patch{{"election.go", `	rf.votedFor = rf.me
	rf.persist()
`, `	rf.votedFor = rf.me
`}},
		Test: "Persist22C", Rule: rules.TermNotSaved,
	},
	{
		Name:    "log-not-restored",
		Belief:  "A restarted server has its term and vote; the leader sends the rest.",
		Patches: []Patch{{"persist.go", `rf.snapshotIndex, rf.log, rf.snapshot = snapshotIndex, log, snapshot`, `rf.snapshotIndex, rf.snapshot = snapshotIndex, snapshot`}},
		Test:    "Persist12C", Rule: rules.LogNotSaved,
	},
	{
		Name:   "vote-saved-after-reply",
		Belief: "Saving can wait until the reply has left.",
		Patches: []Patch{{"election.go", saveVote, `	if changed {
		go func() {
			time.Sleep(time.Millisecond)
			rf.mu.Lock()
			defer rf.mu.Unlock()
			rf.persist()
		}()
	}
	reply.Term = rf.currentTerm
`}},
		Test: "Persist12C", Rule: rules.TermNotSaved,
	},
	{
		Name:   "saved-in-the-background",
		Belief: "It is enough to save every 50 ms.",
		Patches: []Patch{{"persist.go",
			`func (rf *Raft) persist() {
	var buf bytes.Buffer
`, `func (rf *Raft) persist() {}

func (rf *Raft) saver() {
	for !rf.killed() {
		time.Sleep(50 * time.Millisecond)
		rf.mu.Lock()
		rf.reallyPersist()
		rf.mu.Unlock()
	}
}

func (rf *Raft) reallyPersist() {
	var buf bytes.Buffer
`}, {"persist.go", `	"fmt"
`, `	"fmt"
	"time"
`}, {"raft.go", `	go rf.ticker()
`, `	go rf.ticker()
	go rf.saver()
`}},
		Test: "Persist12C", Rule: rules.TermNotSaved,
	},
	{
		Name:    "log-not-saved",
		Belief:  "The leader sends the log again.",
		Patches: []Patch{{"persist.go", saved, `[]any{rf.currentTerm, rf.votedFor, rf.snapshotIndex, rf.log[:1]} {`}},
		Test:    "Persist12C", Rule: rules.LogNotSaved,
	},
	{
		Name:   "entries-not-saved-by-followers",
		Belief: "The leader saves its log.",
		Patches: []Patch{{"follower.go", saveEntries, `		rf.log = append(rf.log, entries[i:]...)
`}},
		Test: "Persist12C", Rule: rules.LogNotSaved,
	},
	{
		Name:   "entries-saved-after-reply",
		Belief: "Saving can wait until the reply has left.",
		Patches: []Patch{{"follower.go", saveEntries, `		rf.log = append(rf.log, entries[i:]...)
		go func() {
			rf.mu.Lock()
			defer rf.mu.Unlock()
			rf.persist()
		}()
`}},
		Test: "Figure82C", Rule: rules.LogNotSaved,
	},
	{
		Name:   "own-entries-not-saved",
		Belief: "Followers save what they get; the leader has it.",
		Patches: []Patch{{"raft.go", `	rf.persist()
	rf.advanceCommit() // alone, a leader is a majority
`, `	rf.advanceCommit() // alone, a leader is a majority
`}},
		Test: "Persist32C", Rule: rules.LogNotSaved,
	},
	{
		Name:    "nothing-restored",
		Belief:  "Make begins with a follower in term 0.",
		Patches: []Patch{{"persist.go", "\tif len(state) == 0 {\n", "\tif len(state) >= 0 {\n"}},
		Test:    "Persist12C", Rule: rules.TermNotSaved,
	},
}
