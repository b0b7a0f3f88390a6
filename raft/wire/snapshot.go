package wire

import (
	"encoding/binary"
	"math"

	"tabraft/raft"
)

// appendSnapshot encodes a save's snapshot, or that there is none.
func appendSnapshot(dst []byte, s *raft.Snapshot) []byte {
	if s == nil {
		return append(dst, 0)
	}
	dst = binary.AppendUvarint(dst, s.Index)
	dst = binary.AppendUvarint(dst, s.Term)
	dst = binary.AppendUvarint(dst, s.ConfigurationIndex)
	dst = appendBytes(dst, s.Configuration.Encode())
	return appendBytes(dst, s.Data)
}

func snapshotSize(s *raft.Snapshot) int {
	if s == nil {
		return 1
	}
	c := &s.Configuration
	configuration := 3 + 8*(len(c.Voters)+len(c.Outgoing)+len(c.Learners))
	return uvSize(s.Index) + uvSize(s.Term) + uvSize(s.ConfigurationIndex) +
		uvSize(uint64(configuration)) + configuration + bytesSize(s.Data)
}

// snapshot reads what appendSnapshot wrote; nil if there is none.
func (r *reader) snapshot() *raft.Snapshot {
	s := raft.Snapshot{Index: r.uv("snapshot")}
	if s.Index == 0 {
		return nil
	}
	s.Term = r.uv("snapshot term")
	s.ConfigurationIndex = r.uv("snapshot configuration index")
	encoded := r.bytes("snapshot configuration", MaxConfiguration)
	if r.err == nil {
		var err error
		if s.Configuration, err = raft.DecodeConfiguration(encoded); err != nil {
			r.fail("snapshot configuration", ErrMalformed, "%v", err)
		}
	}
	s.Data = r.bytes("snapshot data", math.MaxInt32)
	if r.err != nil {
		return nil
	}
	return &s
}
