package wire

import (
	"fmt"

	"tabraft/raft"
)

// order.go: which saves can follow which.

// base is the index that st's log goes on from.
func base(st *raft.Stored) uint64 {
	if st.Snapshot == nil {
		return 0
	}
	return st.Snapshot.Index
}

// termAt is the term of the entry at index, if st knows it.
func termAt(st *raft.Stored, index uint64) (term uint64, known bool) {
	from := base(st)
	switch {
	case index == from && st.Snapshot != nil:
		return st.Snapshot.Term, true
	case index <= from || index > from+uint64(len(st.Entries)):
		return 0, false
	}
	return st.Entries[index-from-1].Term, true
}

// follows checks that s can come after st.
func follows(st *raft.Stored, s *raft.Save) error {
	was, hs := st.HardState, s.HardState
	switch {
	case hs.Term < was.Term:
		return fmt.Errorf("%w: term %d after term %d", ErrOrder, hs.Term, was.Term)
	case hs.Term == was.Term && was.Vote != raft.None && hs.Vote != was.Vote:
		return fmt.Errorf("%w: vote in term %d changed from %v to %v", ErrOrder, hs.Term, was.Vote, hs.Vote)
	}
	next := raft.Stored{Snapshot: s.Snapshot, Entries: s.Entries}
	if s.Snapshot == nil {
		next.Snapshot, next.Entries = st.Snapshot, st.Entries
	} else if err := replaces(st, s); err != nil {
		return err
	}
	last := base(&next) + uint64(len(next.Entries))
	if n := len(s.Entries); n > 0 {
		if s.Snapshot == nil {
			if err := extends(st, s.Entries); err != nil {
				return err
			}
		}
		last = s.Entries[n-1].Index
		if t := s.Entries[n-1].Term; t > hs.Term {
			return fmt.Errorf("%w: entry %d of term %d in term %d", ErrOrder, last, t, hs.Term)
		}
	}
	if hs.Commit > last {
		return fmt.Errorf("%w: commit %d beyond the last entry, %d", ErrOrder, hs.Commit, last)
	}
	return nil
}

// replaces checks that s, which has a snapshot, can take the place of st: all
// that st knows to be committed is in it, as a part of the snapshot or as an
// entry.
func replaces(st *raft.Stored, s *raft.Save) error {
	snap := s.Snapshot
	switch {
	case snap.Term == 0 || snap.Term > s.HardState.Term:
		return fmt.Errorf("%w: a snapshot up to entry %d of term %d in term %d", ErrOrder, snap.Index, snap.Term, s.HardState.Term)
	case snap.ConfigurationIndex > snap.Index:
		return fmt.Errorf("%w: a snapshot up to entry %d with the configuration of entry %d", ErrOrder, snap.Index, snap.ConfigurationIndex)
	case snap.Index < base(st):
		return fmt.Errorf("%w: a snapshot up to entry %d after one up to entry %d", ErrOrder, snap.Index, base(st))
	}
	if err := continues(s.Entries, snap.Index, snap.Term); err != nil {
		return err
	}
	committed := max(st.HardState.Commit, base(st))
	if term, known := termAt(st, min(snap.Index, committed)); known &&
		(snap.Term < term || snap.Index <= committed && snap.Term != term) {
		return fmt.Errorf("%w: a snapshot up to entry %d of term %d, where entry %d of term %d is committed",
			ErrOrder, snap.Index, snap.Term, min(snap.Index, committed), term)
	}
	return keepsCommitted(st, s.Entries, snap.Index+1)
}

// extends checks that fresh, with index 1 or more, can be put into st's log.
func extends(st *raft.Stored, fresh []raft.Entry) error {
	first, from := fresh[0].Index, base(st)
	if first <= from {
		return fmt.Errorf("%w: entry %d after a snapshot up to entry %d", ErrOrder, first, from)
	}
	if last := from + uint64(len(st.Entries)); first > last+1 {
		return fmt.Errorf("%w: entry %d after entry %d", ErrOrder, first, last)
	}
	before, _ := termAt(st, first-1)
	if err := continues(fresh, first-1, before); err != nil {
		return err
	}
	return keepsCommitted(st, fresh, first)
}

// continues checks that entries can stand behind the entry (index, term). That
// they follow one another is known.
func continues(entries []raft.Entry, index, term uint64) error {
	if len(entries) == 0 {
		return nil
	}
	first := &entries[0]
	switch {
	case first.Index != index+1:
		return fmt.Errorf("%w: entry %d after entry %d", ErrOrder, first.Index, index)
	case first.Term == 0:
		return fmt.Errorf("%w: entry %d of term 0", ErrOrder, first.Index)
	case first.Term < term:
		return fmt.Errorf("%w: entry %d of term %d after one of term %d", ErrOrder, first.Index, first.Term, term)
	}
	return nil
}

// keepsCommitted checks that fresh, with which the log is to go on at index
// first, has every entry from there on that st knows to be committed.
func keepsCommitted(st *raft.Stored, fresh []raft.Entry, first uint64) error {
	from := base(st)
	for i := max(first, from+1); i <= min(st.HardState.Commit, from+uint64(len(st.Entries))); i++ {
		if i-first >= uint64(len(fresh)) || fresh[i-first].Term != st.Entries[i-from-1].Term {
			return fmt.Errorf("%w: it deletes entry %d, which is committed", ErrOrder, i)
		}
	}
	return nil
}
