package reference

import (
	"encoding/binary"
	"io"

	"tabraft/raft"
)

// index.go: the lab numbers commands, the core numbers entries. Which entries
// below the commit index are commands never changes, so the numbers of what was
// applied are kept; those of what is not committed yet are counted on demand.

type indexes struct {
	first int      // number of the snapshot's last command
	where []uint64 // entry of each command applied after it
	last  uint64   // the last entry looked at by apply or reset
}

// reset begins after a snapshot.
func (x *indexes) reset(s *raft.Snapshot) {
	*x = indexes{first: int(binary.BigEndian.Uint64(s.Data)), last: s.Index}
}

// covers tells whether reset or apply has gone as far as the snapshot.
func (x *indexes) covers(s *raft.Snapshot) bool { return s.Index <= x.last }

// applied is the number of the last command applied.
func (x *indexes) applied() int { return x.first + len(x.where) }

// apply numbers a command that is applied.
func (x *indexes) apply(entry uint64) int {
	x.where = append(x.where, entry)
	x.last = entry
	return x.applied()
}

// ahead gives the number that a command in the log would have.
func (x *indexes) ahead(core *raft.Core, entry uint64) int {
	n := x.applied()
	for _, e := range core.Entries(x.last+1, entry) {
		if e.Kind == raft.EntryCommand {
			n++
		}
	}
	return n
}

// at gives the entry of an applied command after the snapshot.
func (x *indexes) at(command int) (entry uint64, ok bool) {
	i := command - x.first - 1
	if i < 0 || i >= len(x.where) {
		return 0, false
	}
	return x.where[i], true
}

// forget drops the numbers up to a command of which a snapshot was taken.
func (x *indexes) forget(command int) {
	x.where = append([]uint64(nil), x.where[command-x.first:]...)
	x.first = command
}

// withIndex puts a command's number before the service's state: the core's
// snapshot is of both.
func withIndex(command int, state []byte) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(command)), state...)
}

func serviceState(s *raft.Snapshot) []byte { return s.Data[8:] }

// buffer is what labgob writes to and reads from.
type buffer []byte

func (b *buffer) Write(p []byte) (int, error) {
	*b = append(*b, p...)
	return len(p), nil
}

func (b *buffer) Read(p []byte) (int, error) {
	if len(*b) == 0 {
		return 0, io.EOF
	}
	n := copy(p, *b)
	*b = (*b)[n:]
	return n, nil
}
