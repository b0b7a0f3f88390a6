package raft

import (
	"math/rand/v2"
	"testing"
	"time"
)

// Helpers for tests of one core.

// testConfig gives server 1's settings with the default times.
func testConfig() Config {
	return Config{ID: 1, Rand: rand.New(rand.NewPCG(1, 1))}
}

// noop and configuration make entries.
func noop(index, term uint64) Entry { return Entry{Index: index, Term: term, Kind: EntryNoop} }

func configuration(index, term uint64, c Configuration) Entry {
	return Entry{Index: index, Term: term, Kind: EntryConfiguration, Data: c.Encode()}
}

// storedTerms is what a server has stored whose log has these terms, the first
// entry naming servers 1..n as voters.
func storedTerms(n int, terms ...uint64) Stored {
	var c Configuration
	for id := 1; id <= n; id++ {
		c.Voters = append(c.Voters, ID(id))
	}
	st := Stored{Entries: []Entry{configuration(1, terms[0], c)}}
	for i, term := range terms[1:] {
		st.Entries = append(st.Entries, noop(uint64(i)+2, term))
	}
	st.HardState.Term = terms[len(terms)-1]
	return st
}

// newCore starts server 1.
func newCore(t *testing.T, cfg Config, st Stored) *Core {
	t.Helper()
	c, err := New(cfg, st, 0)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// drain takes everything from the core, with storage that needs no time, and
// gives the messages.
func drain(t *testing.T, c *Core) []Message {
	t.Helper()
	var out []Message
	for {
		c.CheckInvariants()
		rd, ok := c.Ready()
		if !ok {
			return out
		}
		out = append(out, rd.Messages...)
		if rd.Save != nil {
			if err := c.Saved(c.now, rd.Save.Seq); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// step gives the core a message for server 1, which must be possible.
func step(t *testing.T, c *Core, m Message) []Message {
	t.Helper()
	m.To = c.cfg.ID
	if err := c.Step(c.now, m); err != nil {
		t.Fatal(err)
	}
	return drain(t, c)
}

// timeout lets the core's next deadline pass.
func timeout(t *testing.T, c *Core) []Message {
	t.Helper()
	c.Tick(c.NextDeadline())
	return drain(t, c)
}

// elect makes server 1 the leader of a cluster of n, of which all others vote
// for it, and drops the messages.
func elect(t *testing.T, c *Core, n int) {
	t.Helper()
	timeout(t, c)
	if c.role == PreCandidate {
		for id := 2; id <= n; id++ {
			step(t, c, Message{Type: RequestPreVoteReply, From: ID(id), Term: c.currentTerm + 1})
			if c.role != PreCandidate {
				break
			}
		}
	}
	for id := 2; id <= n && c.role == Candidate; id++ {
		step(t, c, Message{Type: RequestVoteReply, From: ID(id), Term: c.currentTerm})
	}
	if c.role != Leader {
		t.Fatalf("server 1 is a %s, not the leader", c.role)
	}
}

// stepDown lets time pass until a leader that hears nothing gives up.
func stepDown(t *testing.T, c *Core) {
	t.Helper()
	for n := 0; c.role == Leader; n++ {
		if timeout(t, c); n > 100 {
			t.Fatal("it leads on without followers")
		}
	}
}

// ofType picks messages.
func ofType(ms []Message, t MessageType) []Message {
	var out []Message
	for _, m := range ms {
		if m.Type == t {
			out = append(out, m)
		}
	}
	return out
}

// only gives the one message of a type to a server.
func only(t *testing.T, ms []Message, typ MessageType, to ID) Message {
	t.Helper()
	var out []Message
	for _, m := range ofType(ms, typ) {
		if m.To == to {
			out = append(out, m)
		}
	}
	if len(out) != 1 {
		t.Fatalf("%d messages %s to %x, want 1, of %v", len(out), typ, uint64(to), ms)
	}
	return out[0]
}

const testTimeout = 400 * time.Millisecond // the default ElectionTimeout
