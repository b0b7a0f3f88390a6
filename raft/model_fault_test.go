package raft

import (
	"slices"
	"strings"
	"testing"
)

// model_fault_test.go: what shows that the model would notice. Servers are made
// to make a mistake; the exploration must find how a rule is broken by it, in
// as few steps as there can be.

// fault is a mistake that the model's servers are made to make.
type fault struct {
	deliver     func(*Core, *Message)   // changes a message as it arrives
	after       func(*Core)             // does more than the core after each input
	restart     func(*Stored)           // changes what a restarted server reads
	reconfigure func(*Core, []ID) error // in place of Reconfigure
	early       bool                    // saves are reported before they are on disk
	// tolerant: what one server's disk and promises must be is not checked, so
	// that the mistake shows by what it leads to.
	tolerant bool
	// hoards: messages that are without effect on correct servers are kept.
	hoards bool
}

func (f fault) withDefaults() *fault {
	if f.deliver == nil {
		f.deliver = func(*Core, *Message) {}
	}
	if f.after == nil {
		f.after = func(*Core) {}
	}
	if f.restart == nil {
		f.restart = func(*Stored) {}
	}
	if f.reconfigure == nil {
		f.reconfigure = func(c *Core, voters []ID) error {
			_, err := c.Reconfigure(voters, nil)
			return err
		}
	}
	return &f
}

// onReply is a fault of whoever gets messages of one type.
func onReply(t MessageType, change func(*Core, *Message)) func(*Core, *Message) {
	return func(c *Core, m *Message) {
		if m.Type == t {
			change(c, m)
		}
	}
}

// small models in which the mistakes must show.
var (
	twoElections = model{cfg: plainRaft, voters: 3, maxTerm: 3, sync: true, limits: limits{inTimeout: 3}}
	oneElection  = model{cfg: plainRaft, voters: 3, maxTerm: 3, sync: true, elected: true, limits: limits{inTimeout: 1, inPropose: 1}}
)

func faulty(m model, change func(*model), f fault) *model {
	if change != nil {
		change(&m)
	}
	m.fault = f
	return &m
}

var modelFaults = []struct {
	name  string
	model *model
	what  string // of the rule that must be found broken
}{
	{"a refusal is taken for a vote", faulty(twoElections, nil, fault{
		deliver: onReply(RequestVoteReply, func(_ *Core, m *Message) { m.Reject = false }),
	}), "both lead in term 2"},

	{"a vote of an earlier term counts", faulty(twoElections, nil, fault{hoards: true,
		deliver: onReply(RequestVoteReply, func(c *Core, m *Message) { m.Term = max(m.Term, c.currentTerm) }),
	}), "both lead in term 3"},

	{"a vote is forgotten by a crash", faulty(twoElections, func(m *model) { m.limits[inCrash] = 1 }, fault{tolerant: true,
		restart: func(d *Stored) { d.HardState.Vote = None },
	}), "both lead in term 2"},

	{"a save is reported before it is on disk", faulty(twoElections, func(m *model) { m.limits[inCrash] = 1 }, fault{
		early: true, tolerant: true, hoards: true,
	}), "which only"},

	{"a vote does not ask for the candidate's log", faulty(oneElection, nil, fault{
		deliver: onReply(RequestVote, func(_ *Core, m *Message) { m.LogIndex, m.LogTerm = 99, m.Term-1 }),
	}), "leads in term 3 without entry 3"},

	{"an acknowledgement counts for all that was sent", faulty(oneElection, nil, fault{tolerant: true,
		deliver: onReply(AppendEntriesReply, func(c *Core, m *Message) {
			if c.role == Leader && m.Term == c.currentTerm {
				m.LogIndex = c.log.lastIndex()
			}
		}),
	}), "which only 1 of the voters"},

	{"an entry of an earlier term commits by its replicas", faulty(twoElections, func(m *model) {
		// Figure 8. One entry a message, or the leader's own comes along.
		m.cfg.MaxAppendBytes, m.maxTerm, m.limits = 1, 5, limits{inTimeout: 4}
	}, fault{after: commitOldTerms}), "leads in term 5 without entry 2"},

	{"members change without a joint configuration", faulty(oneElection, func(m *model) {
		m.targets, m.limits = []uint32{0b0010}, limits{inTimeout: 1, inReconfigure: 1}
	}, fault{reconfigure: func(c *Core, voters []ID) error {
		if c.role == Leader {
			c.appendConfiguration(Configuration{Voters: voters})
			c.advanceCommit()
		}
		return nil
	}}), "leads in term 3 without entry 3"},

	{"a read trusts an old acknowledgement", faulty(oneElection, func(m *model) { m.limits[inRead] = 1 }, fault{hoards: true,
		deliver: onReply(AppendEntriesReply, func(c *Core, m *Message) { m.Round = c.reads.round }),
	}), "when that was asked for"},

	{"a snapshot does not bring its last term", faulty(oneElection, func(m *model) {
		m.cfg.RetainedBytes, m.limits = -1, limits{inTimeout: 1, inPropose: 1, inCompact: 1, inHeartbeat: 1}
	}, fault{
		deliver: onReply(InstallSnapshot, func(_ *Core, m *Message) { m.LogTerm = 1 }),
	}), "it would change the committed entry 3"},
}

// commitOldTerms leaves out "and log[N].term == currentTerm" (section 5.4.2).
func commitOldTerms(c *Core) {
	if c.role == Leader {
		c.commitIndex = max(c.commitIndex, c.Configuration().quorumIndex(func(id ID) uint64 {
			if p := c.peer(id); p != nil {
				return p.match
			}
			return c.saves.durableIndex
		}))
	}
}

func TestModelFindsMistakes(t *testing.T) {
	for _, f := range modelFaults {
		t.Run(strings.ReplaceAll(f.name, " ", "_"), func(t *testing.T) {
			x := newExplorer(f.model)
			v := x.explore(mostStates)
			if v == nil {
				t.Fatalf("nothing wrong in %d states", len(x.parents))
			}
			if !strings.Contains(v.what, f.what) {
				t.Fatalf("found, rather than %q:\n%s", f.what, x.trace(v))
			}
			t.Logf("%s: %s\n%s", f.name, x.summary(), x.trace(v))
		})
	}
}

// The trace of a mistake, as people get to read it.
func TestModelTrace(t *testing.T) {
	x := newExplorer(modelFaults[0].model)
	v := x.explore(mostStates)
	if v == nil {
		t.Fatal("nothing wrong")
	}
	trace := x.trace(v)
	lines := strings.Split(trace, "\n")
	if !strings.HasSuffix(lines[0], "both lead in term 2") {
		t.Errorf("%s", lines[0])
	}
	for _, want := range []string{
		"      server 1: follower of term 1, log 1/1, committed 1",
		"   1. server 1: its election timeout passes",
		"      to server 2: RequestVote of term 2, last entry 1/1",
		"      BROKEN: " + lines[0],
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("no line %q in\n%s", want, trace)
		}
	}
}
