package raft

// raftLog is the log of Figure 2, without the entries up to base, which a
// snapshot stands for. Entries are handed out as sub-slices of the array they
// live in, never copied, so an element once written is never written again:
// cutting the tail also gives up the array's spare room.
type raftLog struct {
	base     uint64 // index of the entry before the first one; 0 if none is gone
	baseTerm uint64
	entries  []Entry // entries[i].Index == base+1+i
	bytes    int     // their sizes
	dead     int     // elements of the array before the first entry
}

// maxRoom limits the room that a compacted log keeps for entries to come.
const maxRoom = 16384

// size is what an entry counts where memory is limited.
func (e *Entry) size() int { return entryOverhead + len(e.Data) }

func (l *raftLog) lastIndex() uint64 { return l.base + uint64(len(l.entries)) }

func (l *raftLog) lastTerm() uint64 { return l.term(l.lastIndex()) }

// term gives the term of the entry at index; 0 for index 0, for one that is
// compacted away and for one beyond the end, which no entry has.
func (l *raftLog) term(index uint64) uint64 {
	switch {
	case index == l.base:
		return l.baseTerm
	case index < l.base || index > l.lastIndex():
		return 0
	}
	return l.entries[index-l.base-1].Term
}

// matches tells whether the log has an entry at index with that term: the
// consistency check of section 5.3. Index 0 always matches, and so does what
// is compacted away: it was committed, and every leader has what is committed.
func (l *raftLog) matches(index, term uint64) bool {
	return index < l.base || index <= l.lastIndex() && l.term(index) == term
}

// upToDate tells whether a candidate whose log ends in (index, term) may have
// this server's vote: section 5.4.1, later last term, then longer log.
func (l *raftLog) upToDate(index, term uint64) bool {
	return term > l.lastTerm() || term == l.lastTerm() && index >= l.lastIndex()
}

// at is the entry at index, which is there.
func (l *raftLog) at(index uint64) *Entry { return &l.entries[index-l.base-1] }

// slice gives the entries from..to, both included, which are there.
func (l *raftLog) slice(from, to uint64) []Entry {
	return l.entries[from-l.base-1 : to-l.base : to-l.base]
}

// append doubles the room when there is too little: the built-in append grows
// long slices by a quarter, so that each entry is copied four times.
func (l *raftLog) append(es ...Entry) {
	if n := len(l.entries) + len(es); n > cap(l.entries) {
		l.move(max(2*len(l.entries), n, 16))
	}
	l.entries = append(l.entries, es...)
	for i := range es {
		l.bytes += es[i].size()
	}
}

// move takes the entries to an array with that much room.
func (l *raftLog) move(room int) {
	roomier := make([]Entry, len(l.entries), room)
	copy(roomier, l.entries)
	l.entries, l.dead = roomier, 0
}

// cut deletes the entry at index and all that follow it.
func (l *raftLog) cut(index uint64) {
	n := index - l.base - 1
	for i := range l.entries[n:] {
		l.bytes -= l.entries[int(n)+i].size()
	}
	l.entries = l.entries[:n:n]
}

// compact deletes the entries up to index, which is there. Their memory is given
// up when there are as many of them as are left, so that each entry is copied
// once on the whole. The new array has room for as many again, within reason.
func (l *raftLog) compact(index uint64) {
	n := int(index - l.base)
	l.baseTerm = l.term(index)
	for i := range l.entries[:n] {
		l.bytes -= l.entries[i].size()
	}
	l.entries = l.entries[n:]
	l.base = index
	if l.dead += n; l.dead >= len(l.entries) {
		l.move(len(l.entries) + max(len(l.entries), min(n, maxRoom)))
	}
}

// reset makes the log an empty one that goes on after (index, term).
func (l *raftLog) reset(index, term uint64) { *l = raftLog{base: index, baseTerm: term} }

// lastNotAfter gives the largest index, at most index, whose term is at most
// term. Everything between it and index belongs to later terms, so none of it
// can match a log that has this term at index: whole terms are skipped by one
// refusal (end of section 5.3). Below base nothing is known.
func (l *raftLog) lastNotAfter(index, term uint64) uint64 {
	index = min(index, l.lastIndex())
	for index > l.base && l.term(index) > term {
		index--
	}
	return index
}
