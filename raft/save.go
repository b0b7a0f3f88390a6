package raft

import "fmt"

// saves keeps account of what is durable. State is made durable in numbered
// batches; a batch counts once it and all before it are reported, whatever
// order the reports come in.
type saves struct {
	issued  uint64 // number of the last Save handed out
	durable uint64 // every Save up to this one is durable
	// durableIndex is the end of the part of the present log that is durable.
	durableIndex uint64
	pending      []pendingSave // issued - durable of them, in order

	hard    HardState // as of the last Save handed out
	hardSeq uint64    // the Save that was the first with this term and vote
	index   uint64    // entries up to here are in some Save handed out
	// snapshot is one to be stored with the next Save. Nothing waits for it: a
	// server that took it itself has the entries that it stands for on storage,
	// and for one that installed it index and durableIndex tell.
	snapshot *Snapshot

	held []heldMessage
}

type pendingSave struct {
	lastIndex uint64 // last entry in it that is still in the log; 0 for none
	done      bool
}

// heldMessage waits until save number after is durable.
type heldMessage struct {
	after uint64
	m     Message
}

func (s *saves) reset(hard HardState, lastIndex uint64) {
	*s = saves{hard: hard, index: lastIndex, durableIndex: lastIndex}
}

// covering gives the number of the save, issued or still to come, that makes
// the given state durable.
func (s *saves) covering(hard HardState, lastIndex uint64) uint64 {
	if s.stale(hard, lastIndex) {
		return s.issued + 1
	}
	return s.issued
}

// stale tells whether storage needs to hear something. A new commitIndex
// alone is no reason to write.
func (s *saves) stale(hard HardState, lastIndex uint64) bool {
	return hard.Term != s.hard.Term || hard.Vote != s.hard.Vote || lastIndex != s.index
}

// hardIsDurable tells whether this term and vote are on storage.
func (s *saves) hardIsDurable(hard HardState) bool {
	return hard.Term == s.hard.Term && hard.Vote == s.hard.Vote && s.hardSeq <= s.durable
}

// next makes the next Save, or nil if there is nothing to save or too much in
// flight.
func (s *saves) next(hard HardState, log *raftLog, limit int) *Save {
	if len(s.pending) >= limit || !s.stale(hard, log.lastIndex()) && s.snapshot == nil {
		return nil
	}
	s.issued++
	save := &Save{Seq: s.issued, HardState: hard}
	p := pendingSave{}
	last := log.lastIndex()
	if s.snapshot != nil {
		save.Snapshot, s.snapshot = s.snapshot, nil
		save.Entries = log.slice(save.Snapshot.Index+1, last)
		p.lastIndex = last
	} else if last > s.index {
		save.Entries = log.slice(s.index+1, last)
		p.lastIndex = last
	}
	if hard.Term != s.hard.Term || hard.Vote != s.hard.Vote {
		s.hardSeq = s.issued
	}
	s.hard, s.index = hard, last
	s.pending = append(s.pending, p)
	return save
}

// cut tells that the log's tail from index on is gone. Saves in flight that
// hold entries of it no longer speak for those indexes, even if the same
// entries come back later: they are durable again only with a later save.
func (s *saves) cut(index uint64) {
	s.durableIndex = min(s.durableIndex, index-1)
	s.index = min(s.index, index-1)
	for i := range s.pending {
		s.pending[i].lastIndex = min(s.pending[i].lastIndex, index-1)
	}
}

func (s *saves) done(seq uint64) error {
	if seq <= s.durable || seq > s.issued || s.pending[seq-s.durable-1].done {
		return fmt.Errorf("raft: save %d is not in flight (%d issued, %d durable)", seq, s.issued, s.durable)
	}
	s.pending[seq-s.durable-1].done = true
	n := 0
	for n < len(s.pending) && s.pending[n].done {
		s.durableIndex = max(s.durableIndex, s.pending[n].lastIndex)
		n++
	}
	s.durable += uint64(n)
	s.pending = s.pending[:copy(s.pending, s.pending[n:])]
	return nil
}

// maxHeld limits the messages that wait for storage. One more is lost, as
// messages may be; correct servers do not send so many without an answer.
const maxHeld = 4096

func (s *saves) hold(after uint64, m Message) {
	if len(s.held) < maxHeld {
		s.held = append(s.held, heldMessage{after, m})
	}
}

// release appends the held messages that may leave now to out.
func (s *saves) release(out []Message) []Message {
	n := 0
	for n < len(s.held) && s.held[n].after <= s.durable {
		out = append(out, s.held[n].m)
		n++
	}
	if n > 0 {
		rest := copy(s.held, s.held[n:])
		clear(s.held[rest:])
		s.held = s.held[:rest]
	}
	return out
}
