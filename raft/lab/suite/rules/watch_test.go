package rules

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tabraft/raft/lab/labrpc"
)

type voteArgs struct{ Term, CandidateId, LastLogIndex, LastLogTerm int }
type voteReply struct {
	Term        int
	VoteGranted bool
}
type entry struct{ Term int }
type appendArgs struct {
	Term, LeaderId, PrevLogIndex, PrevLogTerm int
	Entries                                   []entry
	LeaderCommit                              int
}
type appendReply struct {
	Term    int
	Success bool
}

// play tells a Watch a story, one RPC after another, a millisecond for each step.
type play struct {
	*Watch
	call   uint64
	life   int // of the callers
	broken []Rule
}

func newPlay() *play {
	p := &play{life: 1}
	p.Watch = New(Config{Servers: 3, Began: time.Now(), Virtual: true, Persistence: true, Broken: func(f Finding) { p.broken = append(p.broken, f.Rule) }})
	for i := range 3 {
		p.Start(i, 1, 0)
		p.save(i)
	}
	return p
}

func (p *play) save(server int) {
	time.Sleep(time.Millisecond)
	p.Saved(server, 1, []byte(time.Now().String()), nil)
}

// rpc is one call that arrives and is answered; the callee saves before it answers.
func (p *play) rpc(from, to int, method string, args, reply any) {
	p.call++
	e := labrpc.Event{Call: p.call, End: labrpc.Link{From: from, To: to, Life: p.life}, Method: "Raft." + method, From: from, To: to}
	for _, step := range []labrpc.Step{labrpc.Sent, labrpc.Delivered, labrpc.Handled, labrpc.Replied} {
		time.Sleep(time.Millisecond)
		if step == labrpc.Handled {
			p.save(to)
		}
		e.Step, e.Args, e.Reply = step, nil, nil
		switch step {
		case labrpc.Sent, labrpc.Delivered:
			e.Args = args
		case labrpc.Handled:
			e.Reply = reply
		}
		p.RPC(e)
	}
}

// start is a command that a leader takes and saves.
func (p *play) start(leader, index, term int) {
	p.save(leader)
	p.Started(leader, 1, 100+index, index, term, true, p.Now(), 0)
}

func (p *play) elect(leader, term int) {
	p.save(leader)
	p.rpc(leader, (leader+1)%3, "RequestVote", voteArgs{term, leader, 0, 0}, &voteReply{term, true})
}

// judge tells whether the first rule that was broken is the wanted one.
func (p *play) judge(t *testing.T, want Rule) {
	t.Helper()
	if want == "" && len(p.broken) > 0 || want != "" && (len(p.broken) == 0 || p.broken[0] != want) {
		t.Errorf("broken: %v, want %q\n%s", p.broken, want, p.Explain(RuleBroken).Trace)
	}
	if d := p.Disabled(); d != "" {
		t.Error(d)
	}
}

// Each story breaks one rule, or none.
func TestStories(t *testing.T) {
	for name, story := range map[string]struct {
		want Rule
		tell func(p *play)
	}{
		"an election and a commit": {"", func(p *play) {
			p.elect(0, 1)
			p.rpc(0, 1, "AppendEntries", appendArgs{Term: 1}, &appendReply{1, true})
			p.start(0, 1, 1)
			p.rpc(0, 1, "AppendEntries", appendArgs{Term: 1, Entries: []entry{{1}}}, &appendReply{1, true})
			p.Applied(0, 1, 1, 101)
			p.rpc(0, 2, "AppendEntries", appendArgs{Term: 1, Entries: []entry{{1}}, LeaderCommit: 1}, &appendReply{1, true})
			p.Applied(2, 1, 1, 101)
		}},
		"two votes": {DoubleVote, func(p *play) {
			p.rpc(0, 1, "RequestVote", voteArgs{1, 0, 0, 0}, &voteReply{1, true})
			p.rpc(2, 1, "RequestVote", voteArgs{1, 2, 0, 0}, &voteReply{1, true})
		}},
		"a candidate that votes for another": {DoubleVote, func(p *play) {
			p.rpc(0, 1, "RequestVote", voteArgs{1, 0, 0, 0}, &voteReply{1, true})
			p.rpc(2, 0, "RequestVote", voteArgs{1, 2, 0, 0}, &voteReply{1, true})
		}},
		"a vote in an old term": {OldTermVote, func(p *play) {
			p.elect(0, 5)
			p.rpc(2, 1, "RequestVote", voteArgs{3, 2, 0, 0}, &voteReply{3, true})
		}},
		"a leader without votes": {ElectedWithoutMajority, func(p *play) {
			p.save(0)
			p.rpc(0, 1, "AppendEntries", appendArgs{Term: 1}, &appendReply{1, true})
		}},
		"a commit that nobody has": {CommitWithoutMajority, func(p *play) {
			p.elect(0, 1)
			p.rpc(0, 1, "AppendEntries", appendArgs{Term: 1}, &appendReply{1, true})
			p.start(0, 1, 1)
			p.Applied(0, 1, 1, 101)
		}},
		"a commit by counting an old term's entry": {OldTermCommit, func(p *play) {
			p.elect(0, 1)
			p.rpc(0, 1, "AppendEntries", appendArgs{Term: 1}, &appendReply{1, true})
			p.start(0, 1, 1)
			p.save(0)
			p.rpc(0, 2, "RequestVote", voteArgs{2, 0, 1, 1}, &voteReply{2, true})
			p.rpc(0, 1, "AppendEntries", appendArgs{Term: 2, Entries: []entry{{1}}}, &appendReply{2, true})
			p.Applied(0, 1, 1, 101)
		}},
		"a vote for a stale log": {StaleLogVote, func(p *play) {
			p.elect(0, 1)
			p.rpc(0, 1, "AppendEntries", appendArgs{Term: 1, Entries: []entry{{1}}}, &appendReply{1, true})
			p.save(2)
			p.rpc(2, 1, "RequestVote", voteArgs{2, 2, 0, 0}, &voteReply{2, true})
		}},
		"a heartbeat that truncates": {HeartbeatTruncates, func(p *play) {
			p.elect(0, 1)
			p.rpc(0, 1, "AppendEntries", appendArgs{Term: 1, Entries: []entry{{1}, {1}}}, &appendReply{1, true})
			p.rpc(0, 1, "AppendEntries", appendArgs{Term: 1, PrevLogIndex: 1, PrevLogTerm: 1}, &appendReply{1, true})
			p.rpc(0, 1, "AppendEntries", appendArgs{Term: 1, PrevLogIndex: 2, PrevLogTerm: 1}, &appendReply{1, false})
		}},
		"entries that replace others": {"", func(p *play) {
			p.elect(0, 1)
			p.rpc(0, 1, "AppendEntries", appendArgs{Term: 1, Entries: []entry{{1}, {1}}}, &appendReply{1, true})
			p.rpc(0, 2, "AppendEntries", appendArgs{Term: 1, Entries: []entry{{1}, {1}, {1}}}, &appendReply{1, true})
			p.save(2)
			p.rpc(2, 0, "RequestVote", voteArgs{2, 2, 3, 1}, &voteReply{2, true})
			p.rpc(2, 1, "AppendEntries", appendArgs{Term: 2, PrevLogIndex: 1, PrevLogTerm: 1, Entries: []entry{{2}}}, &appendReply{2, true})
			p.save(1)
			p.rpc(1, 0, "RequestVote", voteArgs{3, 1, 2, 2}, &voteReply{3, true})
		}},
		"a term that goes back": {TermWentBack, func(p *play) {
			p.State(1, 1, 4, false)
			time.Sleep(time.Millisecond)
			p.State(1, 1, 3, false)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPlay()
				story.tell(p)
				p.judge(t, story.want)
			})
		})
	}
}

// Promises that are not saved.
func TestUnsavedPromises(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlay()
		e := labrpc.Event{Call: 1, End: labrpc.Link{From: 0, To: 1, Life: 1}, Method: "Raft.RequestVote"}
		p.save(0)
		for _, step := range []labrpc.Step{labrpc.Sent, labrpc.Delivered, labrpc.Handled} {
			time.Sleep(time.Millisecond)
			e.Step, e.Args, e.Reply = step, voteArgs{Term: 1}, &voteReply{0, true}
			p.RPC(e)
		}
		if !slices.Equal(p.broken, []Rule{VoteNotSaved}) {
			t.Error(p.broken)
		}
	})
}

// Names of fields that students choose.
func TestFieldNames(t *testing.T) {
	type own struct {
		CurrentTerm, Candidate_Id int64
		LastIndex, LastTerm       uint
	}
	a := readArgs("Raft.HandleVoteRequest", &own{3, 1, 7, 2})
	if want := (args{kind: requestVote, term: 3, index: 7, iterm: 2, hasLog: true}); a != want {
		t.Errorf("%+v", a)
	}
	for _, odd := range []any{nil, 5, "x", (*own)(nil), struct{}{}, &struct{ Term string }{}} {
		if a := readArgs("Raft.Odd", odd); a.kind != unknownRPC {
			t.Errorf("%v: %+v", odd, a)
		}
		readReply(requestVote, odd)
	}
	type pre struct {
		Term, CandidateId, LastLogIndex, LastLogTerm int
		PreVote                                      bool
	}
	if a := readArgs("Raft.RequestVote", pre{PreVote: true}); a.kind != preVote {
		t.Errorf("%+v", a)
	}
}

// Every rule has a sentence and says where it stands.
func TestRulesHaveSentences(t *testing.T) {
	for _, r := range All() {
		if s, where := r.About(); !strings.HasSuffix(s, ".") || where == "" {
			t.Errorf("%s: %q %q", r, s, where)
		}
	}
}
