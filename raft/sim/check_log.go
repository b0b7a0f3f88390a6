package sim

import (
	"bytes"
	"unsafe"

	"tabraft/raft"
)

// Log Matching: "if two logs contain an entry with the same index and term,
// then the logs are identical in all entries up through the given index"
// (Figure 3). Every entry is compared once for each log that it enters: with
// all entries ever seen of its index and term, and by the term of the one
// before it.

// birth is an entry as it was first seen, and the term of the one before it.
type birth struct {
	raft.Entry
	previous uint64
	other    uint32 // births of the same index and another term go on there; 0: no more
}

// births are all of them; those of one index are a list.
type births struct {
	all   []birth  // numbered from 1
	first []uint32 // by index
}

// checkLog looks at what an input changed in a log. It gives the index from
// which on entries were replaced or deleted; 0 if none were.
func (w *world) checkLog(s *server) (replaced uint64) {
	last := s.view.LastIndex
	term, _ := s.core.Term(last)
	old := uint64(len(s.terms)) - 1
	if last == old && s.terms[last] == term {
		return 0
	}
	for uint64(len(s.terms)) <= last {
		s.terms = append(s.terms, 0)
	}
	first := s.core.FirstIndex()
	for i := max(first, last+1); i <= min(old, w.committed()); i++ {
		w.checkReplacing(s, i, s.terms[i])
	}
	if last < old {
		replaced = last + 1
	}
	for i := last; i >= first; i-- {
		t, _ := s.core.Term(i)
		if i <= old && s.terms[i] == t {
			break
		}
		if i <= old {
			replaced = i
			if i <= w.committed() {
				w.checkReplacing(s, i, s.terms[i])
			}
		}
		s.terms[i] = t
		w.checkEntry(s, i)
	}
	s.terms[last] = term
	s.terms = s.terms[:last+1]
	if replaced > 0 {
		w.stats[Conflicts]++
	}
	return replaced
}

func (w *world) checkEntry(s *server, index uint64) {
	e := &s.core.Entries(index, index)[0]
	previous, known := s.core.Term(index - 1)
	if !known || e.Index != index {
		w.fail(ruleMatching, "server %d has entry %d where %d should be, behind one of an unknown term", s.name(), e.Index, index)
	}
	for uint64(len(w.born.first)) <= index {
		w.born.first = append(w.born.first, 0)
	}
	for i := w.born.first[index]; i > 0; i = w.born.all[i-1].other {
		b := &w.born.all[i-1]
		if b.Term != e.Term {
			continue
		}
		if b.previous != previous || !same(&b.Entry, e) {
			w.fail(ruleMatching, "server %d has another entry %d/%d, or another one before it, than was seen before", s.name(), index, e.Term)
		}
		return
	}
	w.born.all = append(w.born.all, birth{*e, previous, w.born.first[index]})
	w.born.first[index] = uint32(len(w.born.all))
}

func same(a, b *raft.Entry) bool {
	return a.Index == b.Index && a.Term == b.Term && a.Kind == b.Kind && len(a.Data) == len(b.Data) &&
		(unsafe.SliceData(a.Data) == unsafe.SliceData(b.Data) || bytes.Equal(a.Data, b.Data))
}
