package kv

import "container/list"

// Limits of the replicated sessions. They decide what is applied: servers of
// one cluster must have the same.
const (
	// MaxSessions is how many sessions there are; the least recently used one,
	// by log order, expires when another is opened.
	MaxSessions = 4096
	// MaxOutstanding is how far a command's Seq may be above the session's
	// Done; one at this distance or further is Refused.
	MaxOutstanding = 4096
	// MaxSessionResults is how many bytes of remembered values a session may
	// hold, each counted with 64 bytes more; a command that finds more is
	// Refused, and that is remembered.
	MaxSessionResults = 8 << 20
	// MaxResults is how many bytes of remembered values there may be in all,
	// counted in the same way; beyond it the least recently used sessions expire.
	MaxResults = 64 << 20
)

// resultOverhead is what a result counts beyond its value, about what it takes
// in memory.
const resultOverhead = 64

// session is what the map knows of one client.
type session struct {
	id      uint64
	done    uint64            // results of lower numbers are forgotten
	results map[uint64]Result // by sequence number
	bytes   int               // of the results' values, with resultOverhead
}

// sessions are all sessions, in the order of their last use.
type sessions struct {
	byID  map[uint64]*list.Element
	order *list.List // of *session, the least recently used one first
	bytes int        // of all results' values, with resultOverhead
}

func newSessions() sessions {
	return sessions{byID: make(map[uint64]*list.Element), order: list.New()}
}

func (ss *sessions) open(id uint64) {
	if ss.use(id) != nil {
		return
	}
	ss.byID[id] = ss.order.PushBack(&session{id: id, done: 1, results: make(map[uint64]Result)})
	ss.expire()
}

// use finds a session and makes it the most recently used one.
func (ss *sessions) use(id uint64) *session {
	e := ss.byID[id]
	if e == nil {
		return nil
	}
	ss.order.MoveToBack(e)
	return e.Value.(*session)
}

// expire drops the least recently used sessions until the limits are kept. The
// one just used stays: alone it keeps to them.
func (ss *sessions) expire() {
	for ss.order.Len() > MaxSessions || ss.bytes > MaxResults && ss.order.Len() > 1 {
		s := ss.order.Remove(ss.order.Front()).(*session)
		delete(ss.byID, s.id)
		ss.bytes -= s.bytes
	}
}

func (ss *sessions) remember(s *session, seq uint64, r Result) {
	ss.bytes += s.add(seq, r)
	ss.expire()
}

// add remembers a result and gives what it counts.
func (s *session) add(seq uint64, r Result) int {
	n := resultOverhead + len(r.Value)
	s.results[seq] = r
	s.bytes += n
	return n
}

// forget drops the results of numbers lower than done.
func (ss *sessions) forget(s *session, done uint64) {
	if done <= s.done {
		return
	}
	drop := func(seq uint64) {
		r, known := s.results[seq]
		if !known {
			return
		}
		n := resultOverhead + len(r.Value)
		s.bytes -= n
		ss.bytes -= n
		delete(s.results, seq)
	}
	if done-s.done <= uint64(len(s.results)) {
		for seq := s.done; seq < done; seq++ {
			drop(seq)
		}
	} else {
		for seq := range s.results {
			if seq < done {
				drop(seq)
			}
		}
	}
	s.done = done
}
