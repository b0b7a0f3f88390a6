package wire

import (
	"encoding/binary"
	"slices"

	"tabraft/raft"
)

const (
	// minMessage is the length of the shortest message.
	minMessage = 9
	// flagReject and flagForce are the bits of a message's flags.
	flagReject = 1
	flagForce  = 2
	// countSize bounds the length of one of the counts that begin a Raft
	// frame's body.
	countSize = 3
)

const (
	// EntryOverhead bounds what an entry takes in a message beyond its data,
	// in bytes.
	EntryOverhead = 10 + 1 + 3
	// MessageOverhead bounds what a message takes beyond its entries or its
	// chunk.
	MessageOverhead = 2 + 6*binary.MaxVarintLen64 + countSize
	// MaxAppend bounds a message's entries, each counted with its
	// EntryOverhead, so that the message fits into a frame for sure.
	MaxAppend = MaxFrame - HeaderSize - 2*countSize - MessageOverhead
)

// AppendRaft appends a frame with messages, of which there is at least one; all
// have the same From and To. The entries of each follow its LogIndex without a
// gap, with terms that do not fall, as the core guarantees; a frame that breaks
// this rule is refused by Decode. An InstallSnapshot without a Chunk goes out
// with an empty one, which no core takes; a Chunk elsewhere stays behind.
func AppendRaft(dst []byte, cluster uint64, messages []raft.Message) []byte {
	dst = slices.Grow(dst, SizeRaft(messages))
	entries := 0
	for i := range messages {
		entries += len(messages[i].Entries)
	}
	h := Header{Cluster: cluster}
	if len(messages) > 0 {
		h.From, h.To = messages[0].From, messages[0].To
	}
	dst = appendHeader(dst, h, KindRaft)
	dst = binary.AppendUvarint(dst, uint64(len(messages)))
	dst = binary.AppendUvarint(dst, uint64(entries))
	for i := range messages {
		dst = appendMessage(dst, &messages[i])
	}
	return dst
}

func appendMessage(dst []byte, m *raft.Message) []byte {
	flags := byte(0)
	if m.Reject {
		flags |= flagReject
	}
	if m.Force {
		flags |= flagForce
	}
	dst = append(dst, byte(m.Type), flags)
	dst = binary.AppendUvarint(dst, m.Term)
	dst = binary.AppendUvarint(dst, m.LogIndex)
	dst = binary.AppendUvarint(dst, m.LogTerm)
	dst = binary.AppendUvarint(dst, m.Commit)
	dst = binary.AppendUvarint(dst, m.Hint)
	dst = binary.AppendUvarint(dst, m.Round)
	dst = binary.AppendUvarint(dst, uint64(len(m.Entries)))
	dst = appendEntries(dst, m.LogIndex, m.LogTerm, m.Entries)
	if m.Type == raft.InstallSnapshot {
		dst = appendChunk(dst, m.Chunk)
	}
	return dst
}

// MessageSize is the exact length of a message inside a frame, in bytes.
func MessageSize(m *raft.Message) int {
	n := 2 + uvSize(m.Term) + uvSize(m.LogIndex) + uvSize(m.LogTerm) + uvSize(m.Commit) +
		uvSize(m.Hint) + uvSize(m.Round) + uvSize(uint64(len(m.Entries))) + entriesSize(m.LogTerm, m.Entries)
	if m.Type == raft.InstallSnapshot {
		n += chunkSize(m.Chunk)
	}
	return n
}

// SizeRaft bounds the length in bytes of the frame that AppendRaft makes of
// messages; it is exact but for a few bytes.
func SizeRaft(messages []raft.Message) int {
	n := HeaderSize + 2*countSize
	for i := range messages {
		n += MessageSize(&messages[i])
	}
	return n
}

// FitRaft tells how many of messages, taken from the front, go into one frame:
// those with one From and To that keep to every limit. It is at least 1 if
// there are any, even if that one is too large by itself, as no message within
// MaxAppend is.
func FitRaft(messages []raft.Message) int {
	size, entries := HeaderSize+2*countSize, 0
	for i := range messages {
		m := &messages[i]
		size += MessageSize(m)
		entries += len(m.Entries)
		if i > 0 && (size > MaxFrame || entries > MaxEntries || i >= MaxMessages ||
			m.From != messages[0].From || m.To != messages[0].To) {
			return i
		}
	}
	return len(messages)
}

// messages reads a Raft frame's body. It makes two slices, whatever the number
// of messages and entries, and a Chunk for each InstallSnapshot.
func (r *reader) messages(from, to raft.ID) []raft.Message {
	n := r.some("messages", MaxMessages, minMessage)
	total := r.count("entries", MaxEntries, minEntry)
	if r.err != nil {
		return nil
	}
	out := make([]raft.Message, n)
	var entries []raft.Entry
	if total > 0 {
		entries = make([]raft.Entry, total)
	}
	for i := range out {
		m := &out[i]
		m.From, m.To = from, to
		count := r.message(m, len(entries))
		if count > 0 {
			m.Entries, entries = entries[:count:count], entries[count:]
			r.entries(m.Entries, m.LogIndex, m.LogTerm, MaxCommand)
		}
		if m.Type == raft.InstallSnapshot {
			m.Chunk = r.chunk()
		}
		if r.err != nil {
			return nil
		}
	}
	if len(entries) > 0 {
		r.fail("entries", ErrMalformed, "%d announced, %d came", total, total-len(entries))
		return nil
	}
	return out
}

// message reads all of a message before its entries, and returns their number.
func (r *reader) message(m *raft.Message, limit int) int {
	m.Type = raft.MessageType(r.byte("message type"))
	if !m.Type.Known() {
		r.fail("message type", ErrMalformed, "no type %d", uint8(m.Type))
	}
	flags := r.byte("flags")
	if flags&^(flagReject|flagForce) != 0 || flags&flagForce != 0 && m.Type != raft.RequestVote {
		r.fail("flags", ErrMalformed, "%#02x in a %v", flags, m.Type)
	}
	m.Reject, m.Force = flags&flagReject != 0, flags&flagForce != 0
	m.Term = r.uv("term")
	m.LogIndex = r.uv("logIndex")
	m.LogTerm = r.uv("logTerm")
	m.Commit = r.uv("commit")
	m.Hint = r.uv("hint")
	m.Round = r.uv("round")
	n := r.uv("entries")
	switch {
	case r.err != nil:
		return 0
	case n > uint64(limit):
		r.fail("entries", ErrMalformed, "more than announced")
		return 0
	case n > 0 && m.Type != raft.AppendEntries:
		r.fail("entries", ErrMalformed, "in a %v", m.Type)
		return 0
	}
	return int(n)
}
