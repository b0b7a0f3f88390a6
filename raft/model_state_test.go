package raft

import (
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// model_state_test.go: copies of cores, and what of them does not tell two
// states apart. All of a core is copied here and encoded in
// model_encode_test.go, nowhere else; TestModelKnowsEveryField tells of a new
// field.

// modelFields is what these two files know how to copy and encode.
var modelFields = map[reflect.Type]string{
	reflect.TypeFor[Core](): "cfg now currentTerm votedFor log commitIndex lastApplied role leader leaderContact electionDeadline " +
		"electionTimeout woke votes ascent gone candidacy voteSeq peers heartbeatDeadline termStart uncommittedBytes settledAt reads " +
		"transfer configurations named snapshot incoming saves out spare answered lastTicket",
	reflect.TypeFor[ascent]():          "ceiling until",
	reflect.TypeFor[raftLog]():         "base baseTerm entries bytes dead",
	reflect.TypeFor[saves]():           "issued durable durableIndex pending hard hardSeq index snapshot held",
	reflect.TypeFor[pendingSave]():     "lastIndex done",
	reflect.TypeFor[heldMessage]():     "after m",
	reflect.TypeFor[progress]():        "id match next probing waiting window sentCommit lastHeard round snapshot offset received resent",
	reflect.TypeFor[window]():          "inflight bytes",
	reflect.TypeFor[sent]():            "last bytes",
	reflect.TypeFor[reads]():           "round open began index asked waiting leaseUntil handedOver",
	reflect.TypeFor[readRequest]():     "from ticket",
	reflect.TypeFor[transfer]():        "target deadline",
	reflect.TypeFor[configurationAt](): "index Configuration",
	reflect.TypeFor[incoming]():        "term Snapshot size",
	reflect.TypeFor[Configuration]():   "Voters Outgoing Learners",
	reflect.TypeFor[Message]():         "Type Reject Force From To Term LogIndex LogTerm Commit Hint Round Entries Chunk",
	reflect.TypeFor[Chunk]():           "Offset Size Configuration ConfigurationIndex Data",
	reflect.TypeFor[Entry]():           "Index Term Kind Data",
	reflect.TypeFor[Snapshot]():        "Index Term Configuration ConfigurationIndex Data",
	reflect.TypeFor[HardState]():       "Term Vote Commit",
	reflect.TypeFor[Save]():            "Seq HardState Snapshot Entries",
	reflect.TypeFor[Stored]():          "HardState Snapshot Entries",
	reflect.TypeFor[Read]():            "Ticket Index",
}

func TestModelKnowsEveryField(t *testing.T) {
	for typ, want := range modelFields {
		var names []string
		for i := range typ.NumField() {
			names = append(names, typ.Field(i).Name)
		}
		slices.Sort(names)
		known := strings.Fields(want)
		slices.Sort(known)
		if !slices.Equal(names, known) {
			t.Errorf("%s has the fields %v, the model copies and encodes %v: teach copyCore, canonical and the encoder the difference, then modelFields", typ, names, known)
		}
	}
}

// copyCore copies all that a core may write to. Logs share their arrays, in
// which no element is written twice, but not the spare room.
func copyCore(c *Core) *Core {
	d := *c
	d.log.entries = slices.Clip(c.log.entries)
	d.votes, d.gone = maps.Clone(c.votes), maps.Clone(c.gone)
	d.peers = make([]*progress, len(c.peers))
	for i, p := range c.peers {
		q := *p
		q.window.inflight = slices.Clone(p.window.inflight)
		d.peers[i] = &q
	}
	d.reads.asked, d.reads.waiting = slices.Clone(c.reads.asked), slices.Clone(c.reads.waiting)
	d.configurations = slices.Clone(c.configurations)
	d.incoming.Data = slices.Clone(c.incoming.Data)
	d.saves.pending, d.saves.held = slices.Clone(c.saves.pending), slices.Clone(c.saves.held)
	d.out, d.spare = slices.Clone(c.out), nil
	d.answered = slices.Clone(c.answered)
	return &d
}

// longAgo is when something happened that happened longer ago than an
// election timeout. The model's clocks stand at 0.
const longAgo = -testTimeout

// canonical changes what may not tell two states apart:
//   - saves are numbered from the last durable one, as only the order counts;
//   - a message that waits twice to be sent is sent once: it may be delivered any
//     number of times anyway;
//   - deadlines are drawn anew: the model lets any of them pass at any time;
//   - a time in the past is now or longAgo;
//   - what is left of a compacted log's array: the model's logs have their own;
//   - the random start of tickets: the model gives its own to each read;
//   - how far terms rose lately: the model's never come near maxTermRise;
//   - what only a leader or a candidate reads and each sets when it becomes
//     one is zero on others.
func canonical(c *Core) {
	done := c.saves.durable
	c.saves.issued -= done
	c.saves.durable = 0
	c.saves.hardSeq = max(c.saves.hardSeq, done) - done
	for i := range c.saves.held {
		c.saves.held[i].after -= done
	}
	c.saves.held = once(c.saves.held, func(h *heldMessage) *Message { return &h.m })
	c.out = once(c.out, func(m *Message) *Message { return m })
	c.voteSeq = max(c.voteSeq, done) - done
	if c.role != Candidate {
		c.voteSeq = 0
	}
	if c.role != Leader {
		c.termStart, c.settledAt, c.uncommittedBytes = 0, 0, 0
	}

	past := func(t *time.Duration) {
		if *t > longAgo {
			*t = 0
		}
	}
	c.electionDeadline, c.electionTimeout = testTimeout, testTimeout
	c.heartbeatDeadline, c.candidacy, c.reads.began = testTimeout, 0, 0
	if c.transfer.target != None {
		c.transfer.deadline = testTimeout
	}
	past(&c.leaderContact)
	if c.leader == None || c.role == Leader {
		c.leaderContact = 0
	}
	for _, p := range c.peers {
		past(&p.lastHeard)
	}
	c.reads.leaseUntil = 0 // no model has leases: they rest on clocks
	c.lastTicket, c.spare, c.log.dead, c.ascent = 0, nil, 0, ascent{}
}

// once drops messages that are in the list before.
func once[T any](list []T, message func(*T) *Message) []T {
	kept := list[:0]
	for i := range list {
		same := func(k T) bool { return reflect.DeepEqual(message(&k), message(&list[i])) }
		if !slices.ContainsFunc(kept, same) {
			kept = append(kept, list[i])
		}
	}
	return kept
}

// A renaming must change no behaviour: it sees a core's bytes as another core
// would have them whose servers have the other names.
func TestModelRenaming(t *testing.T) {
	bytesOf := func(id ID, to renaming) []byte {
		cfg := Config{ID: id, Rand: rand.New(rand.NewPCG(1, 1)), DisablePreVote: true}
		st := storedTerms(3, 1, 1)
		c := newCore(t, cfg, st)
		other := ID(3)
		if id == 3 {
			other = 1
		}
		c.Tick(c.NextDeadline())
		rd, _ := c.Ready()
		if err := c.Saved(c.now, rd.Save.Seq); err != nil {
			t.Fatal(err)
		}
		if err := c.Step(c.now, Message{Type: RequestVoteReply, From: other, To: id, Term: 2}); err != nil {
			t.Fatal(err)
		}
		if c.role != Leader {
			t.Fatalf("%x is a %s", uint64(id), c.role)
		}
		d := copyCore(c)
		c.Ready() // what the original does then, the copy must not see
		d.now = 0
		canonical(d)
		e := encoder{to: &to}
		e.core(d)
		return e.b
	}
	same, swapped := renaming{0, 1, 2, 3}, renaming{0, 3, 2, 1}
	if a, b := bytesOf(1, swapped), bytesOf(3, same); !slices.Equal(a, b) {
		t.Errorf("%x\n%x", a, b)
	}
	if a, b := bytesOf(1, same), bytesOf(3, same); slices.Equal(a, b) {
		t.Error("two servers have the same bytes")
	}
}
