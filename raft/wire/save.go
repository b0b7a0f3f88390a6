package wire

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"tabraft/raft"
)

// SaveVersion is the version of the save format, the first byte of each save.
// ReplaySave reads version 1 too, which knows no snapshots.
const SaveVersion = 2

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
	dst = appendSnapshot(dst, s.Snapshot)
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
	n := 1 + uvSize(s.HardState.Term) + 8 + uvSize(s.HardState.Commit) + snapshotSize(s.Snapshot) + uvSize(uint64(len(s.Entries)))
	if len(s.Entries) > 0 {
		n += uvSize(s.Entries[0].Index) + entriesSize(0, s.Entries)
	}
	return n
}

// ReplaySave applies a record to the state replayed so far, the zero Stored
// before the first one. The entries' and the snapshot's data alias the record,
// which must not be changed afterwards.
//
// A record that no sound core can have written after the ones before it is
// refused with ErrOrder: one that leaves a gap in the log, lets a term fall,
// changes the vote within a term, goes back to an earlier snapshot, or takes
// back a committed entry. After an error st is as it was.
func ReplaySave(st *raft.Stored, record []byte) error {
	if err := replay(st, record); err != nil {
		return fmt.Errorf("wire: save: %w", err)
	}
	return nil
}

func replay(st *raft.Stored, record []byte) error {
	r := reader{buf: record}
	version := r.byte("version")
	if r.err == nil && (version == 0 || version > SaveVersion) {
		r.fail("version", ErrVersion, "it has version %d, this server reads 1 to %d", version, SaveVersion)
	}
	s := raft.Save{HardState: raft.HardState{Term: r.uv("term"), Vote: raft.ID(r.uint64("vote")), Commit: r.uv("commit")}}
	if version > 1 {
		s.Snapshot = r.snapshot()
	}
	// The new entries go behind the old ones, and take the place of the
	// deleted ones only when all is known to be well.
	var all []raft.Entry
	var first uint64
	old := len(st.Entries)
	if n := r.count("entries", math.MaxInt32, minEntry); n > 0 {
		if first = r.uv("first"); r.err == nil && first == 0 {
			r.fail("first", ErrMalformed, "no entry has index 0")
		}
		if r.err != nil {
			return r.err
		}
		if s.Snapshot != nil {
			old, all = 0, make([]raft.Entry, n)
		} else {
			all = slices.Grow(st.Entries, n)[:old+n]
		}
		s.Entries = all[old:]
		r.entries(s.Entries, first-1, 0, math.MaxInt32)
	}
	if r.end(); r.err != nil {
		return r.err
	}
	if err := follows(st, &s); err != nil {
		return err
	}
	st.HardState = s.HardState
	switch {
	case s.Snapshot != nil:
		st.Snapshot, st.Entries = s.Snapshot, all
	case len(s.Entries) > 0:
		if keep := int(first - base(st) - 1); keep < old {
			end := keep + copy(all[keep:], s.Entries)
			clear(all[end:])
			all = all[:end]
		}
		st.Entries = all
	}
	return nil
}
