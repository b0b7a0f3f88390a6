package wire

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"tabraft/raft"
)

// SaveVersion is the version of the save format, the first byte of each save.
const SaveVersion = 1

// AppendSave appends s as a record for storage. Its length is bounded only by
// what is in s. The entries follow one another, with terms that do not fall,
// as the core guarantees; a record that breaks this rule is refused by
// ReplaySave.
func AppendSave(dst []byte, s *raft.Save) []byte {
	dst = slices.Grow(dst, SaveSize(s))
	dst = append(dst, SaveVersion)
	dst = binary.AppendUvarint(dst, s.HardState.Term)
	dst = binary.BigEndian.AppendUint64(dst, uint64(s.HardState.Vote))
	dst = binary.AppendUvarint(dst, s.HardState.Commit)
	dst = binary.AppendUvarint(dst, uint64(len(s.Entries)))
	if len(s.Entries) == 0 {
		return dst
	}
	first := s.Entries[0].Index
	dst = binary.AppendUvarint(dst, first)
	return appendEntries(dst, first-1, 0, s.Entries)
}

// SaveSize is the exact length of the record AppendSave makes of s, in bytes.
func SaveSize(s *raft.Save) int {
	n := 1 + uvSize(s.HardState.Term) + 8 + uvSize(s.HardState.Commit) + uvSize(uint64(len(s.Entries)))
	if len(s.Entries) > 0 {
		n += uvSize(s.Entries[0].Index) + entriesSize(0, s.Entries)
	}
	return n
}

// ReplaySave applies a record to the state replayed so far, the zero Stored
// before the first one. The entries' data aliases the record, which must not be
// changed afterwards.
//
// A record that no sound core can have written after the ones before it is
// refused with ErrOrder: one that leaves a gap in the log, lets a term fall,
// changes the vote within a term, or takes back a committed entry. After an
// error st is as it was.
func ReplaySave(st *raft.Stored, record []byte) error {
	if err := replay(st, record); err != nil {
		return fmt.Errorf("wire: save: %w", err)
	}
	return nil
}

func replay(st *raft.Stored, record []byte) error {
	r := reader{buf: record}
	if v := r.byte("version"); r.err == nil && v != SaveVersion {
		r.fail("version", ErrVersion, "it has version %d, this server reads %d", v, SaveVersion)
	}
	hs := raft.HardState{Term: r.uv("term"), Vote: raft.ID(r.uint64("vote")), Commit: r.uv("commit")}
	n := r.count("entries", math.MaxInt32, minEntry)
	if n == 0 {
		if r.end(); r.err != nil {
			return r.err
		}
		if err := follows(st, hs, nil); err != nil {
			return err
		}
		st.HardState = hs
		return nil
	}
	first := r.uv("first")
	if r.err == nil && first == 0 {
		r.fail("first", ErrMalformed, "no entry has index 0")
	}
	if r.err != nil {
		return r.err
	}
	// The new entries go behind the old ones, and take the place of the
	// deleted ones only when all is known to be well.
	old := len(st.Entries)
	all := slices.Grow(st.Entries, n)[:old+n]
	fresh := all[old:]
	r.entries(fresh, first-1, 0, math.MaxInt32)
	if r.end(); r.err != nil {
		return r.err
	}
	if err := follows(st, hs, fresh); err != nil {
		return err
	}
	st.HardState = hs
	if keep := int(first - 1); keep < old {
		end := keep + copy(all[keep:], fresh)
		clear(all[end:])
		all = all[:end]
	}
	st.Entries = all
	return nil
}

// follows checks that hs and fresh can come after st.
func follows(st *raft.Stored, hs raft.HardState, fresh []raft.Entry) error {
	was, last := st.HardState, uint64(len(st.Entries))
	switch {
	case hs.Term < was.Term:
		return fmt.Errorf("%w: term %d after term %d", ErrOrder, hs.Term, was.Term)
	case hs.Term == was.Term && was.Vote != raft.None && hs.Vote != was.Vote:
		return fmt.Errorf("%w: vote in term %d changed from %v to %v", ErrOrder, hs.Term, was.Vote, hs.Vote)
	}
	if len(fresh) > 0 {
		if err := extends(st, fresh); err != nil {
			return err
		}
		last = fresh[len(fresh)-1].Index
		if t := fresh[len(fresh)-1].Term; t > hs.Term {
			return fmt.Errorf("%w: entry %d of term %d in term %d", ErrOrder, last, t, hs.Term)
		}
	}
	if hs.Commit > last {
		return fmt.Errorf("%w: commit %d beyond the last entry, %d", ErrOrder, hs.Commit, last)
	}
	return nil
}

// extends checks that fresh, with index 1 or more, can be put into st's log.
func extends(st *raft.Stored, fresh []raft.Entry) error {
	first, old := fresh[0].Index, uint64(len(st.Entries))
	if first > old+1 {
		return fmt.Errorf("%w: entry %d after entry %d", ErrOrder, first, old)
	}
	if fresh[0].Term == 0 {
		return fmt.Errorf("%w: entry %d of term 0", ErrOrder, first)
	}
	if first > 1 && fresh[0].Term < st.Entries[first-2].Term {
		return fmt.Errorf("%w: entry %d of term %d after one of term %d", ErrOrder, first, fresh[0].Term, st.Entries[first-2].Term)
	}
	for i := first; i <= min(st.HardState.Commit, old); i++ {
		if i-first >= uint64(len(fresh)) || fresh[i-first].Term != st.Entries[i-1].Term {
			return fmt.Errorf("%w: it deletes entry %d, which is committed", ErrOrder, i)
		}
	}
	return nil
}
