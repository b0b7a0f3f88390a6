package suite_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"tabraft/raft/lab/labrpc"
	"tabraft/raft/lab/suite"
	"tabraft/raft/lab/suite/rules"
	"tabraft/raft/lab/tester"
	"tabraft/raft/lab/textbook"
)

// Raft is the textbook Raft with one thing broken. It has the name that the
// textbook calls: "Raft.RequestVote".
type Raft struct {
	*textbook.Raft
	me, n int
	bug   bug

	mu    sync.Mutex
	peers []*labrpc.ClientEnd
}

// A bug says what to break.
type bug struct {
	name  string
	in    string // the test that must find it
	kind  rules.Kind
	rules []rules.Rule // one of them must be named
	text  string       // what the report must say

	vote    func(rf *Raft, args *textbook.RequestVoteArgs, reply *textbook.RequestVoteReply)
	append  func(rf *Raft, args *textbook.AppendEntriesArgs, reply *textbook.AppendEntriesReply)
	start   func(rf *Raft, command any) (int, int, bool)
	state   func(rf *Raft) (int, bool)
	apply   func(in <-chan textbook.ApplyMsg, out chan<- textbook.ApplyMsg)
	persist func(*tester.Persister) *tester.Persister
	made    func(rf *Raft)
}

func (b bug) make(peers []*labrpc.ClientEnd, me int, persister *tester.Persister, applyCh chan textbook.ApplyMsg) *Raft {
	if b.persist != nil {
		persister = b.persist(persister)
	}
	if b.apply != nil {
		in := make(chan textbook.ApplyMsg)
		go b.apply(in, applyCh)
		applyCh = in
	}
	rf := &Raft{Raft: textbook.Make(peers, me, persister, applyCh), me: me, n: len(peers), bug: b, peers: peers}
	if b.made != nil {
		b.made(rf)
	}
	return rf
}

func (rf *Raft) RequestVote(args *textbook.RequestVoteArgs, reply *textbook.RequestVoteReply) {
	if rf.bug.vote != nil {
		rf.bug.vote(rf, args, reply)
		return
	}
	rf.Raft.RequestVote(args, reply)
}

func (rf *Raft) AppendEntries(args *textbook.AppendEntriesArgs, reply *textbook.AppendEntriesReply) {
	if rf.bug.append != nil {
		rf.bug.append(rf, args, reply)
		return
	}
	rf.Raft.AppendEntries(args, reply)
}

func (rf *Raft) Start(command any) (int, int, bool) {
	if rf.bug.start != nil {
		return rf.bug.start(rf, command)
	}
	return rf.Raft.Start(command)
}

func (rf *Raft) GetState() (int, bool) {
	if rf.bug.state != nil {
		return rf.bug.state(rf)
	}
	return rf.Raft.GetState()
}

// poll asks the next server again and again, with the lock held.
func (rf *Raft) poll() {
	for {
		rf.mu.Lock()
		rf.pollOnce()
		rf.mu.Unlock()
	}
}

func (rf *Raft) pollOnce() { rf.ask((rf.me + 1) % rf.n) }

func (rf *Raft) ask(peer int) bool {
	return rf.peers[peer].Call("Raft.RequestVote", &textbook.RequestVoteArgs{}, &textbook.RequestVoteReply{})
}

var bugs = []bug{
	{
		name: "votes for everybody", in: "ManyElections2A", kind: rules.RuleBroken, rules: []rules.Rule{rules.DoubleVote},
		vote: func(rf *Raft, args *textbook.RequestVoteArgs, reply *textbook.RequestVoteReply) {
			rf.Raft.RequestVote(args, reply)
			reply.VoteGranted = true
		},
	},
	{
		name: "refuses every vote", in: "InitialElection2A", kind: rules.NoLeader, rules: []rules.Rule{rules.VoteRefused},
		vote: func(rf *Raft, args *textbook.RequestVoteArgs, reply *textbook.RequestVoteReply) {
			reply.Term = args.Term
		},
	},
	{
		name: "everybody leads", in: "InitialElection2A", kind: rules.RuleBroken, rules: []rules.Rule{rules.ElectedWithoutMajority},
		state: func(rf *Raft) (int, bool) { return 1, true },
	},
	{
		name: "acknowledges without appending", in: "BasicAgree2B", kind: rules.RuleBroken, rules: []rules.Rule{rules.AcknowledgedLost},
		append: func(rf *Raft, args *textbook.AppendEntriesArgs, reply *textbook.AppendEntriesReply) {
			none := *args
			none.Entries = nil
			none.LeaderCommit = 0
			rf.Raft.AppendEntries(&none, reply)
		},
	},
	{
		name: "saves nothing", in: "Persist12C", kind: rules.RuleBroken, rules: []rules.Rule{rules.VoteNotSaved, rules.TermNotSaved},
		persist: func(*tester.Persister) *tester.Persister { return tester.MakePersister() },
	},
	{
		name: "applies twice", in: "BasicAgree2B", kind: rules.ApplyOrder, rules: []rules.Rule{rules.AppliedTwice},
		apply: func(in <-chan textbook.ApplyMsg, out chan<- textbook.ApplyMsg) {
			for m := range in {
				out <- m
				out <- m
			}
		},
	},
	{
		name: "leaves out an entry", in: "Count2B", kind: rules.ApplyOrder, rules: []rules.Rule{rules.AppliedGap},
		apply: func(in <-chan textbook.ApplyMsg, out chan<- textbook.ApplyMsg) {
			for m := range in {
				if m.CommandIndex != 2 {
					out <- m
				}
			}
		},
	},
	{
		name: "applies what it likes", in: "BasicAgree2B", kind: rules.ApplyDiffers, rules: []rules.Rule{rules.StateMachineSafety},
		apply: func(in <-chan textbook.ApplyMsg, out chan<- textbook.ApplyMsg) {
			own := time.Now().UnixNano()
			for m := range in {
				m.Command = int(own)
				out <- m
			}
		},
	},
	{
		name: "Start never returns", in: "BasicAgree2B", kind: rules.Blocked, text: "Start of server",
		start: func(rf *Raft, command any) (int, int, bool) { select {} },
	},
	{
		name: "Start waits", in: "BasicAgree2B", kind: rules.NoAgreement, rules: []rules.Rule{rules.StartWaits},
		start: func(rf *Raft, command any) (int, int, bool) {
			time.Sleep(3 * time.Second)
			rf.Raft.Start("another")
			return rf.Raft.Start("something")
		},
	},
	{
		name: "a lock that is never released", in: "InitialElection2A", kind: rules.Deadlock, rules: []rules.Rule{rules.LockNotReleased},
		state: func(rf *Raft) (int, bool) {
			rf.mu.Lock()
			return rf.Raft.GetState()
		},
	},
	{
		name: "an RPC with the lock held", in: "InitialElection2A", kind: rules.Deadlock, rules: []rules.Rule{rules.RPCUnderLock},
		made: func(rf *Raft) { go rf.poll() },
		vote: func(rf *Raft, args *textbook.RequestVoteArgs, reply *textbook.RequestVoteReply) {
			rf.mu.Lock()
			defer rf.mu.Unlock()
			rf.Raft.RequestVote(args, reply)
		},
	},
	{
		name: "panics in a handler", in: "InitialElection2A", kind: rules.Panicked, text: "index out of range",
		vote: func(rf *Raft, args *textbook.RequestVoteArgs, reply *textbook.RequestVoteReply) {
			_ = rf.peers[args.Term+99]
		},
	},
	{
		name: "panics in Start", in: "BasicAgree2B", kind: rules.Panicked, text: "interface conversion",
		start: func(rf *Raft, command any) (int, int, bool) {
			return len(command.(error).Error()), 0, false
		},
	},
}

// Each bug is found, and named, with one of a few seeds.
func TestBugsAreNamed(t *testing.T) {
	for _, b := range bugs {
		t.Run(b.name, func(t *testing.T) {
			for seed := range uint64(5) {
				r, err := suite.Run(suite.Options{Make: b.make, Run: "^Test" + b.in + "$", Seed: seed + 1})
				if err != nil {
					t.Fatal(err)
				}
				res := r.Results[0]
				if res.Verdict != suite.Failed {
					continue
				}
				f := res.Failure
				text := res.Text("")
				t.Log("\n" + text)
				named := len(b.rules) == 0
				for _, rule := range b.rules {
					named = named || f.Finding != nil && f.Finding.Rule == rule
				}
				if f.Kind != b.kind || !named || !strings.Contains(text, b.text) {
					t.Errorf("failed by %q, want %q and one of %v with %q", f.Kind, b.kind, b.rules, b.text)
				}
				return
			}
			t.Error("not found with 5 seeds")
		})
	}
}
