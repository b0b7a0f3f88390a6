package wire

import (
	"encoding/binary"
	"errors"
	"fmt"

	"tabraft/raft"
)

// Version is the version of the frame format, the first byte of each frame.
// Servers of different versions do not talk.
const Version = 2

// Limits of a frame. What an encoder is given beyond them is encoded all the
// same and refused by whoever decodes it; FitRaft, FitPropose and
// FitProposeReply tell where to cut.
const (
	// MaxFrame is the largest frame, in bytes, header included.
	MaxFrame = 256 << 10
	// MaxCommand is the largest Entry.Data, Proposal.Command and
	// ProposalReply.Result, in bytes. One of it fits into a frame.
	MaxCommand = 192 << 10
	// MaxChunk is the largest Chunk.Data, in bytes. One of it fits into a frame.
	MaxChunk = 192 << 10
	// MaxConfiguration is the longest Chunk.Configuration, in bytes.
	MaxConfiguration = 3 + 8*2*raft.MaxMembers
	// MaxMessages is how many messages a frame may carry.
	MaxMessages = 1024
	// MaxEntries is how many entries a frame's messages may carry together.
	MaxEntries = 16384
	// MaxProposals is how many proposals, or replies, a frame may carry.
	MaxProposals = 8192
	// MaxReason is the length of JoinReply.Message in bytes.
	MaxReason = 200
)

// HeaderSize is the length in bytes of the version and the header.
const HeaderSize = 26

// What decoding may say is wrong; errors.Is finds them in the errors returned.
var (
	// ErrVersion: the frame or save is of a version this code does not know.
	ErrVersion = errors.New("unknown format version")
	// ErrTruncated: the bytes end too early.
	ErrTruncated = errors.New("truncated")
	// ErrTrailing: there are bytes after the end.
	ErrTrailing = errors.New("bytes after the end")
	// ErrTooLarge: a limit of this package is exceeded.
	ErrTooLarge = errors.New("too large")
	// ErrMalformed: a value that cannot be.
	ErrMalformed = errors.New("malformed")
	// ErrOrder: a save that cannot follow the ones replayed before it.
	ErrOrder = errors.New("does not follow what was stored before")
)

// Kind says what a frame carries.
type Kind uint8

const (
	// KindRaft carries messages from one core to another.
	KindRaft Kind = 1 + iota
	// KindPropose carries commands to the leader.
	KindPropose
	// KindProposeReply answers them.
	KindProposeReply
	// KindJoin asks to be made a member of the cluster.
	KindJoin
	// KindJoinReply answers it.
	KindJoinReply
	// KindRemove asks the leader to remove a server from the cluster. It has
	// no answer: the asker sees the configuration change.
	KindRemove
	// KindTransfer asks the leader to hand its office to a server. It has no
	// answer: the asker sees who leads.
	KindTransfer
	// KindGreet tells which cluster its sender is in. It has no answer.
	KindGreet
)

var kindNames = [...]string{"?", "Raft", "Propose", "ProposeReply", "Join", "JoinReply", "Remove", "Transfer", "Greet"}

func (k Kind) known() bool { return k > 0 && int(k) < len(kindNames) }

func (k Kind) String() string {
	if k.known() {
		return kindNames[k]
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// Header begins every frame. Functions that encode one set its Kind
// themselves.
type Header struct {
	Kind     Kind
	Cluster  uint64
	From, To raft.ID
}

// Frame is a decoded frame. Of the fields after the header only the one of its
// kind is set. Data inside aliases the bytes it was decoded from.
type Frame struct {
	Header
	Messages  []raft.Message  // KindRaft
	Proposals []Proposal      // KindPropose
	Replies   []ProposalReply // KindProposeReply
	Join      Join            // KindJoin
	JoinReply JoinReply       // KindJoinReply
	Remove    raft.ID         // KindRemove
	Transfer  raft.ID         // KindTransfer
}

func appendHeader(dst []byte, h Header, kind Kind) []byte {
	dst = append(dst, Version, byte(kind))
	dst = binary.BigEndian.AppendUint64(dst, h.Cluster)
	dst = binary.BigEndian.AppendUint64(dst, uint64(h.From))
	return binary.BigEndian.AppendUint64(dst, uint64(h.To))
}

// DecodeHeader reads the header alone, for whoever decides by it whether the
// rest is worth decoding. It accepts every frame whose header is sound.
func DecodeHeader(frame []byte) (Header, error) {
	r := reader{buf: frame}
	h := r.header()
	if r.err != nil {
		return Header{}, fmt.Errorf("wire: frame: %w", r.err)
	}
	return h, nil
}

// Decode reads a whole frame. The result's data aliases the frame, which must
// not be changed afterwards.
func Decode(frame []byte) (Frame, error) {
	if len(frame) > MaxFrame {
		return Frame{}, fmt.Errorf("wire: frame of %d bytes: %w: at most %d", len(frame), ErrTooLarge, MaxFrame)
	}
	r := reader{buf: frame}
	f := Frame{Header: r.header()}
	if r.err == nil {
		switch f.Kind {
		case KindRaft:
			f.Messages = r.messages(f.From, f.To)
		case KindPropose:
			f.Proposals = r.proposals()
		case KindProposeReply:
			f.Replies = r.replies()
		case KindJoin:
			f.Join = r.join()
		case KindJoinReply:
			f.JoinReply = r.joinReply()
		case KindRemove:
			f.Remove = raft.ID(r.uint64("server"))
		case KindTransfer:
			f.Transfer = raft.ID(r.uint64("server"))
		}
		r.end()
	}
	if r.err != nil {
		return Frame{}, fmt.Errorf("wire: %v frame: %w", f.Kind, r.err)
	}
	return f, nil
}

func (r *reader) header() Header {
	if v := r.byte("version"); r.err == nil && v != Version {
		r.fail("version", ErrVersion, "it has version %d, this server speaks %d", v, Version)
	}
	h := Header{Kind: Kind(r.byte("kind"))}
	if r.err == nil && !h.Kind.known() {
		r.fail("kind", ErrMalformed, "no kind %d", uint8(h.Kind))
	}
	h.Cluster = r.uint64("cluster")
	h.From = raft.ID(r.uint64("from"))
	h.To = raft.ID(r.uint64("to"))
	if r.err == nil && (h.From == raft.None || h.To == raft.None) {
		r.fail("header", ErrMalformed, "without sender or receiver")
	}
	return h
}
