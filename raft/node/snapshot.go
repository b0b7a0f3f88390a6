package node

import (
	"context"
	"errors"
	"fmt"

	"tabraft/raft"
)

// snapshot.go: the state machine's state in the place of the log (section 7).
// Every server takes snapshots of its own, independently of the others, as the
// paper has it: when it has applied as many bytes as Config.SnapshotBytes, or
// as its last snapshot was long if that is more, so that writing snapshots
// costs no more than writing the log. Each time that is lengthened by a random
// share, up to a half: otherwise all servers, which apply the same, would stop
// for it in the same moment.

const (
	// DefaultSnapshotBytes is the default of Config.SnapshotBytes.
	DefaultSnapshotBytes = 4 << 20
	// appliedOverhead is what an entry counts beyond its data, about what it
	// takes in memory.
	appliedOverhead = 64
)

// Why Snapshot fails.
var (
	// ErrNothingApplied: the log up to now has nothing that a snapshot could
	// stand for.
	ErrNothingApplied = errors.New("nothing has been applied yet")
	// ErrSnapshotTooLarge: no server would take the snapshot from this one.
	ErrSnapshotTooLarge = errors.New("the state is larger than a snapshot may be")
)

// snapshots is the loop's.
type snapshots struct {
	index   uint64 // the latest one's, taken or restored
	durable uint64 // the latest one known to be stored
	applied int    // bytes applied since
	due     int    // at which the next one is taken
	saves   []snapshotSave
	waiting []snapshotWaiter
}

// snapshotSave is a save under way that has the snapshot of an index.
type snapshotSave struct{ seq, index uint64 }

type snapshotWaiter struct {
	index uint64
	done  func(uint64, error)
}

// Snapshot takes a snapshot of all that is applied, waits until it is stored,
// and gives the last index that it stands for. If nothing was applied since the
// last one, that one will do.
func (n *Node) Snapshot(ctx context.Context) (uint64, error) {
	type answer struct {
		index uint64
		err   error
	}
	ch := make(chan answer, 1)
	n.call(func() { n.snapshotNow(func(index uint64, err error) { ch <- answer{index, err} }) },
		func(err error) { ch <- answer{0, err} })
	select {
	case a := <-ch:
		return a.index, a.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func (n *Node) snapshotNow(done func(uint64, error)) {
	s := &n.snapshots
	if n.applied == 0 {
		done(0, ErrNothingApplied)
		return
	}
	if n.applied > s.index {
		if err := n.compact(); err != nil {
			done(0, err)
			return
		}
	}
	if s.index <= s.durable {
		done(s.index, nil)
		return
	}
	s.waiting = append(s.waiting, snapshotWaiter{s.index, done})
}

// restore sets the state machine to a snapshot, which was stored here or came
// from the leader.
func (n *Node) restore(snapshot *raft.Snapshot) {
	if err := n.cfg.Machine.Restore(snapshot.Data); err != nil {
		n.end(fmt.Errorf("restoring the snapshot up to entry %d: %w", snapshot.Index, err))
		return
	}
	s := &n.snapshots
	n.applied, s.index = snapshot.Index, snapshot.Index
	n.planSnapshot(len(snapshot.Data))
	n.skipProposals(snapshot.Index)
	n.emit(Event{Kind: EventRestored, Index: snapshot.Index, Size: len(snapshot.Data)})
}

// noteApplied counts what was applied and takes a snapshot if it is time for
// one.
func (n *Node) noteApplied(entries []raft.Entry) {
	s := &n.snapshots
	for i := range entries {
		s.applied += appliedOverhead + len(entries[i].Data)
	}
	if n.cfg.SnapshotBytes < 0 || s.applied < s.due {
		return
	}
	if err := n.compact(); err != nil {
		n.reject(raft.None, err)
		n.planSnapshot(2 * s.due)
	}
}

// compact takes a snapshot of what is applied.
func (n *Node) compact() error {
	data := n.cfg.Machine.Snapshot()
	if limit := n.cfg.Raft.MaxSnapshotBytes; len(data) > limit && limit > 0 {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrSnapshotTooLarge, len(data), limit)
	}
	size := len(data)
	n.mu.Lock()
	err := n.core.Compact(n.applied, data)
	n.mu.Unlock()
	if err != nil {
		return fmt.Errorf("taking a snapshot up to entry %d: %w", n.applied, err)
	}
	n.snapshots.index = n.applied
	n.planSnapshot(size)
	n.emit(Event{Kind: EventSnapshot, Index: n.applied, Size: size})
	return nil
}

// planSnapshot decides when the next snapshot is taken, after one of size
// bytes.
func (n *Node) planSnapshot(size int) {
	least := int64(max(n.cfg.SnapshotBytes, size, 1))
	n.mu.Lock() // which also guards the source of randomness
	share := n.cfg.Rand.Int64N(least/2 + 1)
	n.mu.Unlock()
	n.snapshots.applied, n.snapshots.due = 0, int(least+share)
}

// noteSave remembers which snapshot a save has.
func (n *Node) noteSave(save *raft.Save) {
	if save.Snapshot != nil {
		n.snapshots.saves = append(n.snapshots.saves, snapshotSave{save.Seq, save.Snapshot.Index})
	}
}

// snapshotSaved tells who waits for snapshots that they are stored.
func (n *Node) snapshotSaved(seq uint64) {
	s := &n.snapshots
	for len(s.saves) > 0 && s.saves[0].seq <= seq {
		s.durable = max(s.durable, s.saves[0].index)
		s.saves = s.saves[1:]
	}
	waiting := s.waiting
	s.waiting = nil
	for _, w := range waiting {
		if w.index <= s.durable {
			w.done(w.index, nil)
		} else {
			s.waiting = append(s.waiting, w)
		}
	}
}

func (s *snapshots) fail(err error) {
	for _, w := range s.waiting {
		w.done(0, err)
	}
	s.waiting = nil
}
