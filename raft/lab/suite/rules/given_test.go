package rules

import (
	"testing"
	"testing/synctest"
	"time"
)

type snapshotArgs struct{ Term, LeaderId, LastIncludedIndex, LastIncludedTerm int }

// install is an InstallSnapshot that is carried out.
func (p *play) install(from, to, term, index, iterm int) {
	p.rpc(from, to, "InstallSnapshot", snapshotArgs{term, from, index, iterm}, &struct{ Term int }{term})
}

// What servers say, count and apply has to be what somebody gave them.
func TestStoriesOfLogs(t *testing.T) {
	one, two := []entry{{1}}, []entry{{1}, {1}}
	for name, story := range map[string]struct {
		want Rule
		tell func(p *play)
	}{
		"an entry out of nothing": {LogMisstated, func(p *play) {
			p.elect(0, 1)
			p.rpc(0, 1, "AppendEntries", appendArgs{Term: 1}, &appendReply{1, true})
			p.save(1)
			p.rpc(1, 2, "RequestVote", voteArgs{2, 1, 3, 1}, &voteReply{2, true})
		}},
		"an entry of another term than it was given": {LogMisstated, func(p *play) {
			p.elect(0, 1)
			p.rpc(0, 1, "AppendEntries", appendArgs{Term: 1, Entries: two}, &appendReply{1, true})
			p.save(1)
			p.rpc(1, 2, "RequestVote", voteArgs{2, 1, 2, 1}, &voteReply{2, true})
			p.rpc(1, 2, "AppendEntries", appendArgs{Term: 2, LeaderId: 1, PrevLogIndex: 1, PrevLogTerm: 0, Entries: one}, &appendReply{2, false})
		}},
		"prevLogIndex that is not there": {LogNotChecked, func(p *play) {
			p.elect(0, 1)
			p.rpc(0, 1, "AppendEntries", appendArgs{Term: 1, Entries: two}, &appendReply{1, true})
			p.rpc(0, 2, "AppendEntries", appendArgs{Term: 1, PrevLogIndex: 1, PrevLogTerm: 1, Entries: one}, &appendReply{1, true})
		}},
		"refused, and then sent from the beginning": {"", func(p *play) {
			p.elect(0, 1)
			p.rpc(0, 1, "AppendEntries", appendArgs{Term: 1, Entries: two}, &appendReply{1, true})
			p.rpc(0, 2, "AppendEntries", appendArgs{Term: 1, PrevLogIndex: 1, PrevLogTerm: 1, Entries: one}, &appendReply{1, false})
			p.rpc(0, 2, "AppendEntries", appendArgs{Term: 1, Entries: two}, &appendReply{1, true})
		}},
		"entries behind a snapshot": {"", func(p *play) {
			p.elect(0, 1)
			p.rpc(0, 1, "AppendEntries", appendArgs{Term: 1, Entries: two}, &appendReply{1, true})
			p.Snapshot(0, 2)
			p.install(0, 2, 1, 2, 1)
			p.rpc(0, 2, "AppendEntries", appendArgs{Term: 1, PrevLogIndex: 2, PrevLogTerm: 1, Entries: one}, &appendReply{1, true})
			p.save(2)
			p.rpc(2, 1, "RequestVote", voteArgs{2, 2, 3, 1}, &voteReply{2, true})
			p.rpc(2, 1, "AppendEntries", appendArgs{Term: 2, LeaderId: 2, PrevLogIndex: 2, PrevLogTerm: 1, Entries: one}, &appendReply{2, true})
		}},
		"a commit index beyond what was checked": {CommitUnchecked, func(p *play) {
			p.elect(0, 1)
			p.rpc(0, 1, "AppendEntries", appendArgs{Term: 1, Entries: two}, &appendReply{1, true})
			p.rpc(0, 2, "AppendEntries", appendArgs{Term: 1, Entries: two}, &appendReply{1, true})
			p.rpc(0, 2, "AppendEntries", appendArgs{Term: 1, PrevLogIndex: 1, PrevLogTerm: 1, LeaderCommit: 2}, &appendReply{1, true})
			p.Applied(2, 1, 1, 101)
			p.Applied(2, 1, 2, 102)
		}},
		"carried out, and refused as a later term came before the reply": {"", func(p *play) {
			p.elect(0, 1)
			p.rpc(0, 1, "AppendEntries", appendArgs{Term: 1, Entries: two}, &appendReply{1, true})
			p.rpc(0, 2, "AppendEntries", appendArgs{Term: 1, Entries: two, LeaderCommit: 2}, &appendReply{2, false})
			p.Applied(2, 1, 1, 101)
			p.Applied(2, 1, 2, 102)
			p.rpc(2, 1, "RequestVote", voteArgs{3, 2, 2, 1}, &voteReply{3, true})
		}},
		"refused in a later term, and applied": {CommitUnchecked, func(p *play) {
			p.elect(0, 1)
			p.rpc(0, 1, "AppendEntries", appendArgs{Term: 1, Entries: two}, &appendReply{1, true})
			p.rpc(1, 2, "RequestVote", voteArgs{2, 1, 2, 1}, &voteReply{2, true})
			p.rpc(0, 2, "AppendEntries", appendArgs{Term: 1, Entries: two, LeaderCommit: 2}, &appendReply{2, false})
			p.Applied(2, 1, 1, 101)
		}},
		"an own copy that is not saved": {LogNotSaved, func(p *play) {
			p.elect(0, 1)
			p.rpc(0, 1, "AppendEntries", appendArgs{Term: 1}, &appendReply{1, true})
			time.Sleep(time.Millisecond)
			p.Started(0, 1, 101, 1, 1, true, p.Now(), 0)
			p.rpc(0, 1, "AppendEntries", appendArgs{Term: 1, Entries: one}, &appendReply{1, true})
			p.Applied(0, 1, 1, 101)
		}},
		"a leader that is carried over into a new term": {StaysLeader, func(p *play) {
			p.elect(0, 1)
			p.rpc(0, 1, "AppendEntries", appendArgs{Term: 1}, &appendReply{1, true})
			p.save(0)
			p.State(0, 1, 2, true)
		}},
		"a snapshot that is saved once only": {SnapshotLost, func(p *play) {
			p.Saved(0, 1, []byte("state"), []byte("snapshot"))
			p.Saved(0, 1, []byte("new state"), nil)
		}},
		"a restart in an old term": {TermNotSaved, func(p *play) {
			p.elect(0, 3)
			p.Crash(0)
			p.Start(0, 2, 0)
			p.Saved(0, 2, []byte("x"), nil)
			p.life = 2
			p.rpc(0, 1, "RequestVote", voteArgs{3, 0, 0, 0}, &voteReply{3, true})
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

// A rule whose breach explains another's takes its place in the report.
func TestCauseBeforeSymptom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlay()
		p.elect(0, 1)
		p.rpc(2, 1, "RequestVote", voteArgs{2, 2, 0, 0}, &voteReply{2, true})
		p.rpc(0, 1, "AppendEntries", appendArgs{Term: 1}, &appendReply{2, true})
		p.BadApply(1, ApplyDiffers, 1, 0)
		e := p.Explain(ApplyDiffers)
		if e.Finding == nil || e.Finding.Rule != OldAppendAccepted || len(e.Also) != 1 || e.Also[0].Rule != StateMachineSafety {
			t.Errorf("%+v, also %+v", e.Finding, e.Also)
		}
	})
}
