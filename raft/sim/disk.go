package sim

import (
	"slices"

	"tabraft/raft"
)

// disk.go: what a server has stored, and the saves on their way there.

type disk struct {
	hard     raft.HardState
	snapshot *raft.Snapshot
	base     uint64       // the snapshot's index, or 0
	entries  []raft.Entry // from base+1 on

	replayed raft.Stored // the same, from the records of saves; with Settings.Wire

	// Of this life of the server:
	writing    []*raft.Save // handed out, not stored yet, in order
	unreported []uint64     // stored, the core does not know it yet
	lastSave   raft.Save    // the last one handed out
}

// last is the index of the last entry stored.
func (d *disk) last() uint64 { return d.base + uint64(len(d.entries)) }

// term is the term of the stored entry at index; 0 if it is not known.
func (d *disk) term(index uint64) uint64 {
	switch {
	case index == d.base && index > 0:
		return d.snapshot.Term
	case index <= d.base || index > d.last():
		return 0
	}
	return d.entries[index-d.base-1].Term
}

// stored is what a server that starts gets. It shares no slice with the disk.
func (d *disk) stored() raft.Stored {
	return raft.Stored{HardState: d.hard, Snapshot: d.snapshot, Entries: slices.Clone(d.entries)}
}

// forget drops what a crash loses.
func (d *disk) forget() { d.writing, d.unreported = nil, nil }

// write stores the oldest save under way.
func (w *world) write(s *server) {
	d := &s.disk
	save := d.writing[0]
	d.writing = slices.Delete(d.writing, 0, 1)
	if w.flaw != reportEarly {
		d.unreported = append(d.unreported, save.Seq)
	}
	d.hard = save.HardState
	if w.set.Wire && w.flaw == noFlaw {
		w.replay(s, save)
	}
	if save.Snapshot != nil {
		w.checkReplaced(s, save)
		old := d.entries
		d.snapshot, d.base = save.Snapshot, save.Snapshot.Index
		d.entries = slices.Clone(save.Entries)
		w.checkDeleted(s, d.base+1, old)
		return
	}
	if len(save.Entries) == 0 {
		return
	}
	first := save.Entries[0].Index
	if first > d.last()+1 || first <= d.base {
		w.fail(ruleDurable, "server %d: save %d begins at %d, the disk has %d to %d", s.name(), save.Seq, first, d.base+1, d.last())
	}
	kept := d.entries[:first-d.base-1]
	if deleted := d.entries[len(kept):]; len(deleted) > 0 {
		deleted = slices.Clone(deleted)
		d.entries = append(kept, save.Entries...)
		w.checkDeleted(s, first, deleted)
		return
	}
	d.entries = append(kept, save.Entries...)
}
