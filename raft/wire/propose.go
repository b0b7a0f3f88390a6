package wire

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"tabraft/raft"
)

// Code says how a request ended.
type Code uint8

const (
	// CodeOK: done. The reply's Index, Term and Result are those of the
	// command.
	CodeOK Code = iota
	// CodeNotLeader: not done, and will not be. Leader names who should be
	// asked, if that is known.
	CodeNotLeader
	// CodeTooLarge: not done; the command is larger than MaxCommand.
	CodeTooLarge
	// CodeOverloaded: not done; too much is waiting already. Ask later.
	CodeOverloaded
	// CodeRefused: not done, and asking again will not help.
	CodeRefused
	// CodeRemoved: not done; the asker is not a member of the cluster (any
	// more).
	CodeRemoved
	// CodeUnavailable: not done; there is no leader or no majority now.
	CodeUnavailable
	// CodeUncertain: it was in the leader's log when that stopped leading. It
	// may be done or not.
	CodeUncertain
)

var codeNames = [...]string{"ok", "not leader", "too large", "overloaded", "refused", "removed", "unavailable", "uncertain"}

func (c Code) String() string {
	if int(c) < len(codeNames) {
		return codeNames[c]
	}
	return fmt.Sprintf("Code(%d)", uint8(c))
}

// Proposal asks the leader to have a command committed.
type Proposal struct {
	// Request is the asker's number for it, by which the reply is found.
	Request uint64
	Command []byte
}

// ProposalReply tells what became of a proposal.
type ProposalReply struct {
	Request     uint64
	Code        Code
	Index, Term uint64  // of the entry, if there is one
	Leader      raft.ID // as far as the answerer knows
	Result      []byte  // the state machine's
}

// JoinReply tells what became of a Join.
type JoinReply struct {
	Code   Code
	Leader raft.ID
	// Message is for people: valid UTF-8, at most MaxReason bytes.
	Message string
}

const (
	minProposal = 2
	minReply    = 6
)

// AppendPropose appends a frame with proposals, of which there is at least one.
func AppendPropose(dst []byte, h Header, proposals []Proposal) []byte {
	size := HeaderSize + countSize
	for i := range proposals {
		size += proposals[i].size()
	}
	dst = appendHeader(slices.Grow(dst, size), h, KindPropose)
	dst = binary.AppendUvarint(dst, uint64(len(proposals)))
	for i := range proposals {
		dst = binary.AppendUvarint(dst, proposals[i].Request)
		dst = appendBytes(dst, proposals[i].Command)
	}
	return dst
}

// AppendProposeReply appends a frame with replies, of which there is at least
// one.
func AppendProposeReply(dst []byte, h Header, replies []ProposalReply) []byte {
	size := HeaderSize + countSize
	for i := range replies {
		size += replies[i].size()
	}
	dst = appendHeader(slices.Grow(dst, size), h, KindProposeReply)
	dst = binary.AppendUvarint(dst, uint64(len(replies)))
	for i := range replies {
		r := &replies[i]
		dst = binary.AppendUvarint(dst, r.Request)
		dst = append(dst, byte(r.Code))
		dst = binary.AppendUvarint(dst, r.Index)
		dst = binary.AppendUvarint(dst, r.Term)
		dst = binary.AppendUvarint(dst, uint64(r.Leader))
		dst = appendBytes(dst, r.Result)
	}
	return dst
}

// Join asks to be made a member.
type Join struct {
	// Expelled: the sender was a member, and its log says that it is no more.
	// It asks whether that is so.
	Expelled bool
}

// AppendJoin appends a frame that asks to be made a member.
func AppendJoin(dst []byte, h Header, join Join) []byte {
	dst = appendHeader(dst, h, KindJoin)
	if join.Expelled {
		return append(dst, 1)
	}
	return append(dst, 0)
}

// AppendJoinReply appends a frame that answers a Join. A Message that is too
// long is cut, one that is not UTF-8 repaired.
func AppendJoinReply(dst []byte, h Header, reply JoinReply) []byte {
	text := strings.ToValidUTF8(reply.Message, "\uFFFD")
	if len(text) > MaxReason {
		end := MaxReason
		for !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end]
	}
	dst = append(appendHeader(dst, h, KindJoinReply), byte(reply.Code))
	dst = binary.AppendUvarint(dst, uint64(reply.Leader))
	dst = binary.AppendUvarint(dst, uint64(len(text)))
	return append(dst, text...)
}

// AppendRemove appends a frame that asks the leader to remove a server.
func AppendRemove(dst []byte, h Header, server raft.ID) []byte {
	return binary.BigEndian.AppendUint64(appendHeader(dst, h, KindRemove), uint64(server))
}

// FitPropose tells how many of proposals, taken from the front, go into one
// frame; at least 1 if there are any. One alone fits if its command is no
// longer than MaxCommand.
func FitPropose(proposals []Proposal) int {
	size := HeaderSize + countSize
	for i := range proposals {
		size += proposals[i].size()
		if i > 0 && (size > MaxFrame || i >= MaxProposals) {
			return i
		}
	}
	return len(proposals)
}

// FitProposeReply does for replies what FitPropose does for proposals.
func FitProposeReply(replies []ProposalReply) int {
	size := HeaderSize + countSize
	for i := range replies {
		size += replies[i].size()
		if i > 0 && (size > MaxFrame || i >= MaxProposals) {
			return i
		}
	}
	return len(replies)
}

func (p *Proposal) size() int { return uvSize(p.Request) + bytesSize(p.Command) }

func (p *ProposalReply) size() int {
	return uvSize(p.Request) + 1 + uvSize(p.Index) + uvSize(p.Term) + uvSize(uint64(p.Leader)) + bytesSize(p.Result)
}

func (r *reader) proposals() []Proposal {
	n := r.some("proposals", MaxProposals, minProposal)
	if n == 0 {
		return nil
	}
	out := make([]Proposal, n)
	for i := range out {
		out[i] = Proposal{Request: r.uv("request"), Command: r.bytes("command", MaxCommand)}
		if r.err != nil {
			return nil
		}
	}
	return out
}

func (r *reader) replies() []ProposalReply {
	n := r.some("replies", MaxProposals, minReply)
	if n == 0 {
		return nil
	}
	out := make([]ProposalReply, n)
	for i := range out {
		out[i] = ProposalReply{
			Request: r.uv("request"),
			Code:    r.code(),
			Index:   r.uv("index"),
			Term:    r.uv("term"),
			Leader:  raft.ID(r.uv("leader")),
			Result:  r.bytes("result", MaxCommand),
		}
		if r.err != nil {
			return nil
		}
	}
	return out
}

func (r *reader) join() Join {
	b := r.byte("expelled")
	if b > 1 {
		r.fail("expelled", ErrMalformed, "%d is neither 0 nor 1", b)
	}
	return Join{Expelled: b == 1}
}

func (r *reader) joinReply() JoinReply {
	j := JoinReply{Code: r.code(), Leader: raft.ID(r.uv("leader"))}
	text := r.bytes("message", MaxReason)
	if !utf8.Valid(text) {
		r.fail("message", ErrMalformed, "not UTF-8")
		return JoinReply{}
	}
	j.Message = string(text)
	return j
}

func (r *reader) code() Code {
	c := Code(r.byte("code"))
	if int(c) >= len(codeNames) {
		r.fail("code", ErrMalformed, "no code %d", uint8(c))
	}
	return c
}

// some is count for a list that must not be empty.
func (r *reader) some(what string, limit, size int) int {
	n := r.count(what, limit, size)
	if r.err == nil && n == 0 {
		r.fail(what, ErrMalformed, "none")
	}
	return n
}
