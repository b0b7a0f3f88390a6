package raft

import (
	"errors"
	"fmt"
	"time"
)

// term.go: whose word raises this server's term, and how far.
//
// "If RPC request or response contains term T > currentTerm: set currentTerm = T,
// convert to follower" (Figure 2). Raft is proven for servers that keep to it, so
// the paper need not ask who says T. Here whoever is let into the room can send
// messages, member or not, and a term cannot be taken back: it is stored, told to
// all others, and there is no election after the last one. So two questions come
// first. To ignore a message is always safe, since messages may be lost, and so is a
// term higher than need be; what is at stake is that sound servers go on hearing one
// another.
//
// Is the sender a member, by the configurations in this server's log? One that is
// not may be a leader or candidate all the same: the log may be behind, or the
// sender leads its own removal (section 6). So
//
//   - a reply from it raises no term. It is to a question that was asked under
//     another configuration, by this server in an earlier role or life, or to
//     none. Nobody waits for it: if it is of importance that this server is
//     behind, a leader will say so in a request.
//   - a request from it raises the term as any other's, but not while this
//     server hears from a leader. That is section 6's rule for votes, here for
//     all that a stranger sends. If it does lead, by a majority of a
//     configuration that is not known here, then the leader that this server
//     hears has lost its own majority: both needed one of the last configuration
//     that they share. With CheckQuorum it falls silent within an election
//     timeout, and the stranger is heeded.
//
// How far ahead is the term? What a sound server has missed are elections, each of
// which takes somebody's election timeout. maxTermRise of them at once is more than
// any has missed. But to refuse what is beyond that would let a stranger, that lifts
// one server in two steps while no leader is heard, part it from the others for
// ever: so such a term is not refused but approached, by maxTermRise in each
// HeartbeatInterval. Sound servers find together, however far they were driven
// apart, in the time that it took, and nobody gets to maxTerm.

// maxTermRise is by how much the terms of others raise this server's within one
// HeartbeatInterval. 2^24 elections, one every 400 ms, are 77 days of a server that
// campaigns by itself, without pre-votes; to get to maxTerm by such steps, one every
// 50 ms, takes 400 years.
const maxTermRise = 1 << 24

// Errors of Step for what is not impossible, and yet not believed.
var (
	// ErrStranger: a message of a higher term, from a server that no
	// configuration here names. It changed nothing. Sound servers may send such
	// messages, to one that does not know of their admission or removal.
	ErrStranger = errors.New("raft: no configuration here names its sender")
	// ErrFarTerm: a term far ahead. This server's was raised part of the way, if
	// at all, and the message was ignored otherwise.
	ErrFarTerm = errors.New("raft: the term is too far ahead to be taken over at once")
)

// ascent is how far others have raised the term lately.
type ascent struct {
	ceiling uint64
	until   time.Duration
}

// names tells whether a configuration that may count here has the server as a
// member: the one in force or, as long as that may be undone, the one before.
func (c *Core) names(id ID) bool {
	if c.Configuration().IsMember(id) {
		return true
	}
	n := len(c.configurations)
	return n > 1 && c.configurationIndex() > c.commitIndex && c.configurations[n-2].IsMember(id)
}

// enterTerm takes over the term of a message, which is higher than this server's,
// if its sender is heeded, and as far as may be at once.
func (c *Core) enterTerm(m *Message) error {
	if !c.names(m.From) {
		switch m.Type {
		case RequestVote, AppendEntries, InstallSnapshot, TimeoutNow:
			if c.sticky() {
				return fmt.Errorf("%w, and a leader is heard: %s of term %d from %s", ErrStranger, m.Type, m.Term, m.From)
			}
		default:
			return fmt.Errorf("%w: %s of term %d from %s", ErrStranger, m.Type, m.Term, m.From)
		}
	}
	if c.now >= c.ascent.until {
		c.ascent = ascent{c.currentTerm + maxTermRise, c.now + c.cfg.HeartbeatInterval}
	}
	if next := min(m.Term, c.ascent.ceiling); next > c.currentTerm {
		c.becomeFollower(next, None)
	}
	if c.currentTerm < m.Term {
		return fmt.Errorf("%w: %s of term %d from %s in term %d", ErrFarTerm, m.Type, m.Term, m.From, c.currentTerm)
	}
	return nil
}
