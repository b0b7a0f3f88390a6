package raft

import (
	"encoding/binary"
	"slices"
)

// model_number_test.go: states of a server, logs and messages are kept once
// each, under a number.

// serverNumber gives the number under which a state of a server is known.
func (x *explorer) serverNumber(s *modelServer) uint32 {
	for i := range x.renamings {
		e := encoder{b: x.buf[:0], to: &x.renamings[i]}
		e.core(s.core)
		e.stored(&s.disk)
		eachOf(&e, s.saving, func(w *savingOne) {
			e.yes(w.onDisk)
			e.hard(w.save.HardState)
			e.snapshot(w.save.Snapshot)
			e.entries(w.save.Entries)
		})
		e.data(s.machine)
		s.sums[i], x.buf = sumOf('s', e.b), e.b
	}
	if n, known := x.serverOf[s.sums[0]]; known {
		return n
	}
	s.log, s.core.log.entries = x.logOf(s.core.log.base, s.core.log.entries)
	base := uint64(0)
	if s.disk.Snapshot != nil {
		base = s.disk.Snapshot.Index
	}
	s.stored, s.disk.Entries = x.logOf(base, s.disk.Entries)
	n := uint32(len(x.servers))
	x.servers = append(x.servers, s)
	x.serverOf[s.sums[0]] = n
	return n
}

// logOf gives the contents of a log, and the one copy of its entries that all
// servers share.
func (x *explorer) logOf(base uint64, es []Entry) (modelLog, []Entry) {
	key := binary.AppendUvarint(x.buf[:0], base)
	l := modelLog{base: base}
	for i := range es {
		e := &es[i]
		k := contentKey{e.Term, e.Kind, string(e.Data)}
		n, known := x.contentOf[k]
		if !known {
			n = uint16(len(x.contents))
			x.contents = append(x.contents, Entry{Term: e.Term, Kind: e.Kind, Data: slices.Clip(e.Data)})
			x.contentOf[k] = n
		}
		l.contents = append(l.contents, n)
		key = append(key, byte(n>>8), byte(n))
	}
	if shared, known := x.logs[string(key)]; known {
		return shared, shared.entries
	}
	l.entries = slices.Clip(slices.Clone(es))
	x.logs[string(key)] = l
	return l, l.entries
}

type contentKey struct {
	term uint64
	kind EntryKind
	data string
}

// modelMessage is a message under a number.
type modelMessage struct {
	Message
	sums sums
}

func (x *explorer) messageNumber(m *Message) uint32 {
	all := sums{}
	for i := range x.renamings {
		e := encoder{b: x.buf[:0], to: &x.renamings[i]}
		e.message(m)
		all[i], x.buf = sumOf('m', e.b), e.b
	}
	if n, known := x.messageOf[all[0]]; known {
		return n
	}
	n := uint32(len(x.messages))
	copied := *m
	copied.Entries = slices.Clip(slices.Clone(m.Entries))
	x.messages = append(x.messages, modelMessage{copied, all})
	x.messageOf[all[0]] = n
	return n
}

// modelLog is a log, also as the numbers of its entries' contents.
type modelLog struct {
	base     uint64
	contents []uint16
	entries  []Entry
}

func (l *modelLog) last() uint64 { return l.base + uint64(len(l.contents)) }

// at gives the number of the entry at index, if it is there.
func (l *modelLog) at(index uint64) (content uint16, ok bool) {
	if index <= l.base || index > l.last() {
		return 0, false
	}
	return l.contents[index-l.base-1], true
}

func (s *modelServer) id() ID             { return s.core.cfg.ID }
func (s *modelServer) stableTerm() uint64 { return s.disk.HardState.Term }

// holds tells whether a log has the entries of an AppendEntries and the one
// before them.
func (l *modelLog) holds(m *Message) bool {
	term := func(index uint64) uint64 {
		if index <= l.base || index > l.last() {
			return 0
		}
		return l.entries[index-l.base-1].Term
	}
	if m.LogIndex > l.base && term(m.LogIndex) != m.LogTerm {
		return false
	}
	for i := range m.Entries {
		if e := &m.Entries[i]; term(e.Index) != e.Term {
			return false
		}
	}
	return true
}
