package tab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"tabraft/raft"
)

// A digest is what a server tells the others of itself, for people to look at.
// It never reaches the core. Integers are big-endian:
//
//	version      u8    1
//	role         u8    its place in roles
//	flags        u8    1: the tab is hidden
//	incarnation  u64   the life that tells this
//	sequence     u32   grows with each digest of a life
//	term         u64   0 where it does not apply, as everywhere below
//	leader       u64   the server it follows
//	vote         u64   the server it voted for in this term
//	commit       u64   commitIndex
//	applied      u64   lastApplied, at most commit
//	last         u64   index of the log's last entry
//	durable      u64   how far the log is stored, at most last
//	snapshot     u64   the last index that its snapshot stands for
//	rate         u32   entries applied a second, since its digest before
//
// A reader that knows another version refuses it and shows nothing of its
// sender.
type digest struct {
	Role        string
	Hidden      bool
	Incarnation uint64
	Sequence    uint32
	Term        uint64
	Leader      raft.ID
	Vote        raft.ID
	Commit      uint64
	Applied     uint64
	Last        uint64
	Durable     uint64
	Snapshot    uint64
	Rate        uint32
}

const (
	digestVersion = 1
	digestSize    = 1 + 1 + 1 + 8 + 4 + 8*8 + 4
	flagHidden    = 1
	// largestNumber is the largest term or index in a digest: what a page can
	// show without rounding.
	largestNumber = 1<<53 - 1
)

// roles are those that a digest can tell, by number.
var roles = []string{
	roleJoining, roleLearner, raft.Follower.String(), raft.PreCandidate.String(), raft.Candidate.String(), raft.Leader.String(),
}

// encode gives the bytes of a digest.
func (d digest) encode() []byte {
	b := make([]byte, 0, digestSize)
	flags := byte(0)
	if d.Hidden {
		flags |= flagHidden
	}
	b = append(b, digestVersion, byte(slices.Index(roles, d.Role)), flags)
	b = binary.BigEndian.AppendUint64(b, d.Incarnation)
	b = binary.BigEndian.AppendUint32(b, d.Sequence)
	for _, n := range []uint64{d.Term, uint64(d.Leader), uint64(d.Vote), d.Commit, d.Applied, d.Last, d.Durable, d.Snapshot} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return binary.BigEndian.AppendUint32(b, d.Rate)
}

var errDigestSize = errors.New("a digest of another length")

// parseDigest reads a digest and refuses what no server can be.
func parseDigest(b []byte) (d digest, err error) {
	if len(b) > 0 && b[0] != digestVersion {
		return d, fmt.Errorf("a digest of version %d, this server reads %d", b[0], digestVersion)
	}
	if len(b) != digestSize {
		return d, errDigestSize
	}
	role, flags := b[1], b[2]
	if int(role) >= len(roles) || flags&^flagHidden != 0 {
		return d, fmt.Errorf("a digest with role %d and flags %#x", role, flags)
	}
	u64 := func(i int) uint64 { return binary.BigEndian.Uint64(b[15+8*i:]) }
	d = digest{
		Role: roles[role], Hidden: flags&flagHidden != 0,
		Incarnation: binary.BigEndian.Uint64(b[3:]), Sequence: binary.BigEndian.Uint32(b[11:]),
		Term: u64(0), Leader: raft.ID(u64(1)), Vote: raft.ID(u64(2)),
		Commit: u64(3), Applied: u64(4), Last: u64(5), Durable: u64(6), Snapshot: u64(7),
		Rate: binary.BigEndian.Uint32(b[digestSize-4:]),
	}
	if d.Term > largestNumber || d.Last > largestNumber || d.Commit > largestNumber || d.Applied > d.Commit || d.Durable > d.Last || d.Snapshot > largestNumber {
		return digest{}, fmt.Errorf("a digest of term %d with %d applied, %d committed, %d of %d entries stored and a snapshot of %d",
			d.Term, d.Applied, d.Commit, d.Durable, d.Last, d.Snapshot)
	}
	return d, nil
}
