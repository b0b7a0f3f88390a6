package wire

import (
	"encoding/binary"

	"tabraft/raft"
)

// ChunkOverhead bounds what a chunk takes in a message beyond its data, in
// bytes.
const ChunkOverhead = 3*binary.MaxVarintLen64 + countSize + MaxConfiguration + countSize

// noChunk stands in for the one that an InstallSnapshot should have.
var noChunk raft.Chunk

func appendChunk(dst []byte, c *raft.Chunk) []byte {
	if c == nil {
		c = &noChunk
	}
	dst = binary.AppendUvarint(dst, c.Offset)
	dst = binary.AppendUvarint(dst, c.Size)
	dst = binary.AppendUvarint(dst, c.ConfigurationIndex)
	dst = appendBytes(dst, c.Configuration)
	return appendBytes(dst, c.Data)
}

func chunkSize(c *raft.Chunk) int {
	if c == nil {
		c = &noChunk
	}
	return uvSize(c.Offset) + uvSize(c.Size) + uvSize(c.ConfigurationIndex) + bytesSize(c.Configuration) + bytesSize(c.Data)
}

// chunk reads a chunk; nil if it is not one. Whether it is a part of anything
// is for the core to say.
func (r *reader) chunk() *raft.Chunk {
	c := raft.Chunk{
		Offset:             r.uv("chunk offset"),
		Size:               r.uv("chunk size"),
		ConfigurationIndex: r.uv("chunk configuration index"),
		Configuration:      r.bytes("chunk configuration", MaxConfiguration),
		Data:               r.bytes("chunk data", MaxChunk),
	}
	if r.err != nil {
		return nil
	}
	return &c
}
