package rules

import "time"

// unknownTerm is the term of an entry that must exist but was never seen.
const unknownTerm = -1

// A logModel is what is known of a server's log: the terms of the entries that it
// has told of. The log itself is at least that up-to-date.
type logModel struct {
	base    int // the index of entries[0], 0 or a snapshot's
	entries []modelEntry
	changed time.Duration
}

type modelEntry struct {
	term int
	own  bool // it came from Start, and was not acknowledged to anybody
}

func newLogModel() logModel {
	return logModel{entries: make([]modelEntry, 1), changed: -1}
}

func (l *logModel) last() (index, term int) {
	return l.base + len(l.entries) - 1, l.entries[len(l.entries)-1].term
}

// at returns the term of an entry, or unknownTerm.
func (l *logModel) at(index int) int {
	if index < l.base || index >= l.base+len(l.entries) {
		return unknownTerm
	}
	return l.entries[index-l.base].term
}

func (l *logModel) truncateFrom(index int, at time.Duration) {
	if index > l.base && index < l.base+len(l.entries) {
		l.entries = l.entries[:index-l.base]
		l.changed = at
	}
}

// set notes an entry. What was behind it goes if it cannot be behind it.
func (l *logModel) set(index, term int, own bool, at time.Duration) {
	if index <= l.base {
		return
	}
	for l.base+len(l.entries) <= index {
		l.entries = append(l.entries, modelEntry{term: unknownTerm})
		l.changed = at
	}
	e := &l.entries[index-l.base]
	if e.term == term {
		e.own = e.own && own
		return
	}
	if e.term != unknownTerm || index+1 < l.base+len(l.entries) && l.entries[index+1-l.base].term < term {
		l.truncateFrom(index+1, at)
	}
	l.entries[index-l.base] = modelEntry{term: term, own: own}
	l.changed = at
}

// snapshot notes that the log up to index is in a snapshot. What is known
// behind it is kept only if keep is set.
func (l *logModel) snapshot(index, term int, keep bool, at time.Duration) {
	last, _ := l.last()
	if keep && index <= last {
		if index > l.base {
			l.entries = append([]modelEntry(nil), l.entries[index-l.base:]...)
			l.base = index
		}
		return
	}
	l.base, l.entries, l.changed = index, []modelEntry{{term: term}}, at
}

// forget forgets all that is known, at a time at which it may have become less.
func (l *logModel) forget(at time.Duration) {
	l.entries, l.changed = l.entries[:1], at
}

// dropOwn forgets what a crash may have destroyed: entries from Start
// that nobody was told to be saved.
func (l *logModel) dropOwn() {
	n := len(l.entries)
	for n > 1 && l.entries[n-1].own {
		n--
	}
	l.entries = l.entries[:n]
}

// older tells whether a log that ends with (index, term) is less up-to-date than
// one that ends with (index2, term2): section 5.4.1.
func older(index, term, index2, term2 int) bool {
	return term < term2 || term == term2 && index < index2
}
