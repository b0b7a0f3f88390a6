package kv

import (
	"errors"
	"fmt"
)

// ErrOutstanding: a session has as many unanswered commands as it may have.
var ErrOutstanding = errors.New("too many commands are unanswered")

// Session is the client's side of a session: it numbers commands and knows
// which of them were answered. It does no I/O and is for one goroutine at a
// time.
//
// A command is stamped once, encoded once, and sent as often as it takes.
type Session struct {
	id       uint64
	next     uint64              // the next command's number
	done     uint64              // the lowest number without an answer
	answered map[uint64]struct{} // numbers above done
}

// NewSession is the session with the given id, the log index of its OpenSession
// command, before its first command.
func NewSession(id uint64) *Session {
	return &Session{id: id, next: 1, done: 1, answered: make(map[uint64]struct{})}
}

// ID is the session's id.
func (s *Session) ID() uint64 { return s.id }

// Outstanding is how many commands were stamped and not answered.
func (s *Session) Outstanding() int { return int(s.next-s.done) - len(s.answered) }

// Stamp gives c the session's id, the next number, and Done. It refuses, with
// ErrOutstanding, a command that the map would refuse: one that is
// MaxOutstanding further than the oldest without an answer.
func (s *Session) Stamp(c *Command) error {
	if s.next-s.done >= MaxOutstanding {
		return fmt.Errorf("kv: session %d: %w, at most %d from the oldest one on", s.id, ErrOutstanding, MaxOutstanding)
	}
	c.Session, c.Seq, c.Done = s.id, s.next, s.done
	s.next++
	return nil
}

// Answered notes that the command with this number was answered, or that its
// answer is not waited for any more and it will not be sent again. Numbers not
// outstanding are ignored.
func (s *Session) Answered(seq uint64) {
	if seq < s.done || seq >= s.next {
		return
	}
	s.answered[seq] = struct{}{}
	for {
		if _, ok := s.answered[s.done]; !ok {
			return
		}
		delete(s.answered, s.done)
		s.done++
	}
}
