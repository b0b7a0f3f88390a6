package wire

import (
	"encoding/binary"

	"tabraft/raft"
)

// transfer.go: the wish of a member that the leader hands its office over. Like
// Remove it is a server's id, and has no answer.

// AppendTransfer appends a frame that asks the leader to make way for a server.
func AppendTransfer(dst []byte, h Header, server raft.ID) []byte {
	return binary.BigEndian.AppendUint64(appendHeader(dst, h, KindTransfer), uint64(server))
}
