package raft

import (
	"errors"
	"testing"
	"time"
)

const stranger = ID(9)

// strangersMessage makes a message of a stranger to server 1, for check to let pass.
func strangersMessage(typ MessageType, term uint64) Message {
	m := Message{Type: typ, From: stranger, To: 1, Term: term, LogIndex: 1, LogTerm: 1}
	switch typ {
	case RequestVote:
		m.Force = true // else stickiness is asked for anyway
	case AppendEntriesReply, RequestVoteReply, InstallSnapshotReply, RequestPreVoteReply:
		m.Reject = true
	case InstallSnapshot:
		m.Chunk = &Chunk{Configuration: Configuration{Voters: []ID{stranger}}.Encode(), ConfigurationIndex: 1}
	}
	return m
}

// One reply of a server that nobody had asked raised the term of all to the last there
// is: nobody was ever elected again.
func TestStrangersReplyRaisesNoTerm(t *testing.T) {
	for _, typ := range []MessageType{RequestPreVoteReply, RequestVoteReply, AppendEntriesReply, InstallSnapshotReply, ReadIndex, ReadIndexReply} {
		for role, become := range map[string]func(*Core){
			"leader":    func(c *Core) { elect(t, c, 3) },
			"candidate": func(c *Core) { timeout(t, c) },
			"follower":  func(*Core) {},
		} {
			c := newCore(t, testConfig(), storedTerms(3, 1))
			become(c)
			before := c.View()
			if err := c.Step(c.now, strangersMessage(typ, c.currentTerm+1)); !errors.Is(err, ErrStranger) || c.View() != before {
				t.Errorf("%s to a %s: %v, %+v became %+v", typ, role, err, before, c.View())
			}
			m := strangersMessage(typ, c.currentTerm+1)
			m.From = 2
			if err := c.Step(c.now, m); err != nil || c.currentTerm != m.Term {
				t.Errorf("%s of a member to a %s: %v, term %d", typ, role, err, c.currentTerm)
			}
		}
	}
}

// What strangers ask for waits until no leader is heard; then whoever asks may lead a
// configuration that is not known here.
func TestStrangersRequestsWaitForSilence(t *testing.T) {
	for _, typ := range []MessageType{RequestVote, AppendEntries, InstallSnapshot, TimeoutNow} {
		leader := newCore(t, testConfig(), storedTerms(3, 1))
		elect(t, leader, 3)
		follower := newCore(t, testConfig(), storedTerms(3, 1))
		step(t, follower, Message{Type: AppendEntries, From: 2, Term: 2, LogIndex: 1, LogTerm: 1})
		for _, c := range []*Core{leader, follower} {
			before := c.View()
			if err := c.Step(c.now, strangersMessage(typ, 3)); !errors.Is(err, ErrStranger) || c.View() != before {
				t.Errorf("%s to a %s: %v, %+v became %+v", typ, before.Role, err, before, c.View())
			}
			m := strangersMessage(typ, 3)
			m.From = 3
			if err := copyCore(c).Step(c.now, m); err != nil {
				t.Errorf("%s of a member: %v", typ, err)
			}
		}
		stepDown(t, leader)
		follower.setNow(follower.now + testTimeout)
		for _, c := range []*Core{leader, follower} {
			if err := c.Step(c.now, strangersMessage(typ, 3)); err != nil || c.currentTerm < 3 {
				t.Errorf("%s in silence: %v, term %d", typ, err, c.currentTerm)
			}
		}

		cfg := testConfig()
		cfg.DisableStickiness = true
		plain := newCore(t, cfg, storedTerms(3, 1))
		elect(t, plain, 3)
		if err := plain.Step(plain.now, strangersMessage(typ, 3)); err != nil {
			t.Errorf("%s without stickiness: %v", typ, err)
		}
	}
}

// Members are those of the configuration in force and, while that can be undone, of
// the one before.
func TestStrangersByConfiguration(t *testing.T) {
	c := newCore(t, testConfig(), storedTerms(3, 1))
	elect(t, c, 3)
	acked := func(ids ...ID) {
		for _, id := range ids {
			step(t, c, Message{Type: AppendEntriesReply, From: id, Term: 2, LogIndex: c.log.lastIndex()})
		}
	}
	check := func(when string, members ...ID) {
		t.Helper()
		for id := ID(2); id <= 6; id++ {
			want := false
			for _, m := range members {
				want = want || m == id
			}
			if c.names(id) != want {
				t.Errorf("%s: server %x named: %t", when, uint64(id), !want)
			}
		}
	}
	acked(2, 3)
	if _, err := c.Reconfigure([]ID{1, 2, 4}, []ID{5}); err != nil {
		t.Fatal(err)
	}
	check("C_old,new", 2, 3, 4, 5)
	drain(t, c)
	acked(2)
	check("C_new, not committed", 2, 3, 4, 5)
	drain(t, c)
	acked(2, 4)
	check("C_new", 2, 4, 5)
}

// A term far ahead is approached, by maxTermRise in each HeartbeatInterval: one word
// does not take all terms there are, and servers that are far apart find together.
func TestFarTermIsApproached(t *testing.T) {
	const far = 5*maxTermRise + 7
	for _, from := range []ID{2, stranger} {
		c := newCore(t, testConfig(), storedTerms(3, 1))
		heartbeat := Message{Type: AppendEntries, From: from, To: 1, Term: far, LogIndex: 1, LogTerm: 1}
		for n := uint64(1); n <= 5; n++ {
			for range 3 {
				if err := c.Step(c.now, heartbeat); !errors.Is(err, ErrFarTerm) {
					t.Fatalf("step %d: %v", n, err)
				}
				if c.currentTerm != 1+n*maxTermRise || c.leader != None {
					t.Fatalf("step %d: term %d, leader %s", n, c.currentTerm, c.leader)
				}
			}
			c.CheckInvariants()
			c.setNow(c.now + c.cfg.HeartbeatInterval)
		}
		step(t, c, heartbeat)
		if c.currentTerm != far || c.leader != from {
			t.Errorf("term %d, leader %s", c.currentTerm, c.leader)
		}
	}
}

// Many small steps are not faster than a large one.
func TestTermsRiseNoFasterByManyWords(t *testing.T) {
	c := newCore(t, testConfig(), storedTerms(3, 1))
	begin := c.now
	for n := range 1000 {
		c.Step(c.now, strangersMessage(RequestVote, c.currentTerm+maxTermRise/3))
		if n%10 == 9 {
			c.setNow(c.now + 10*time.Millisecond)
		}
	}
	intervals := uint64((c.now-begin)/c.cfg.HeartbeatInterval) + 1
	if c.currentTerm > 1+intervals*maxTermRise || c.currentTerm < intervals*maxTermRise/2 {
		t.Errorf("term %d after %d intervals", c.currentTerm, intervals)
	}
}
