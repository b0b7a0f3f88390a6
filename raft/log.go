package raft

// raftLog is the log of Figure 2: entries numbered from 1. Entries are handed
// out as sub-slices of the array they live in, never copied, so an element
// once written is never written again: cutting the tail also gives up the
// array's spare room.
//
// Until snapshots exist (section 7) the log reaches back to index 1.
type raftLog struct {
	entries []Entry // entries[i].Index == i+1
}

func (l *raftLog) lastIndex() uint64 { return uint64(len(l.entries)) }

func (l *raftLog) lastTerm() uint64 { return l.term(l.lastIndex()) }

// term gives the term of the entry at index; 0 for index 0 and for an index
// beyond the end, which no entry has.
func (l *raftLog) term(index uint64) uint64 {
	if index == 0 || index > l.lastIndex() {
		return 0
	}
	return l.entries[index-1].Term
}

// matches tells whether the log has an entry at index with that term: the
// consistency check of section 5.3. Index 0 always matches.
func (l *raftLog) matches(index, term uint64) bool {
	return index <= l.lastIndex() && l.term(index) == term
}

// upToDate tells whether a candidate whose log ends in (index, term) may have
// this server's vote: section 5.4.1, later last term, then longer log.
func (l *raftLog) upToDate(index, term uint64) bool {
	return term > l.lastTerm() || term == l.lastTerm() && index >= l.lastIndex()
}

// slice gives the entries from..to, both included.
func (l *raftLog) slice(from, to uint64) []Entry {
	return l.entries[from-1 : to : to]
}

func (l *raftLog) append(es ...Entry) { l.entries = append(l.entries, es...) }

// cut deletes the entry at index and all that follow it.
func (l *raftLog) cut(index uint64) { l.entries = l.entries[: index-1 : index-1] }

// lastNotAfter gives the largest index, at most index, whose term is at most
// term. Everything between it and index belongs to later terms, so none of it
// can match a log that has this term at index: whole terms are skipped by one
// refusal (end of section 5.3).
func (l *raftLog) lastNotAfter(index, term uint64) uint64 {
	if last := l.lastIndex(); index > last {
		index = last
	}
	for index > 0 && l.term(index) > term {
		index--
	}
	return index
}
