package wire

import (
	"encoding/binary"

	"tabraft/raft"
)

// minEntry is the length of the shortest entry.
const minEntry = 3

// brokenKind stands in place of an entry that does not follow the one before
// it. Indexes are not written, so such entries would come out as others than
// went in; this way they are refused where they are read. The core never hands
// them out: its entries follow one another, and their terms do not fall.
const brokenKind = 0xff

// appendEntries encodes entries that follow the entry (index, term).
func appendEntries(dst []byte, index, term uint64, entries []raft.Entry) []byte {
	for i := range entries {
		e := &entries[i]
		index++
		kind := byte(e.Kind)
		if e.Index != index || e.Term < term {
			kind = brokenKind
		}
		dst = binary.AppendUvarint(dst, e.Term-term)
		dst = append(dst, kind)
		dst = appendBytes(dst, e.Data)
		term = e.Term
	}
	return dst
}

func entriesSize(term uint64, entries []raft.Entry) int {
	n := len(entries)
	for i := range entries {
		e := &entries[i]
		n += uvSize(e.Term-term) + bytesSize(e.Data)
		term = e.Term
	}
	return n
}

// entries fills out with entries that follow the entry (index, term).
func (r *reader) entries(out []raft.Entry, index, term uint64, limit int) {
	if index+uint64(len(out)) < index {
		r.fail("entries", ErrMalformed, "index beyond 64 bits")
	}
	for i := range out {
		delta := r.uv("entry term")
		if term+delta < term {
			r.fail("entry term", ErrMalformed, "beyond 64 bits")
		}
		kind := raft.EntryKind(r.byte("entry kind"))
		if kind > raft.EntryConfiguration {
			r.fail("entry kind", ErrMalformed, "no kind %d", uint8(kind))
		}
		data := r.bytes("entry data", limit)
		if r.err != nil {
			return
		}
		index++
		term += delta
		out[i] = raft.Entry{Index: index, Term: term, Kind: kind, Data: data}
	}
}
