package sim

import (
	"bytes"
	"encoding/binary"

	"tabraft/raft"
	"tabraft/raft/kv"
)

// State Machine Safety: "if a server has applied a log entry at a given index
// to its state machine, no other server will ever apply a different log entry
// for the same index" (Figure 3). Every server is shown to apply exactly the
// committed entries in order; so one map, the oracle, that applies each of them
// once, is every server's state machine, and results and old values are looked
// up by index.

// commit adds what was committed for the first time.
func (w *world) commit(f fact) {
	w.facts = append(w.facts, f)
	w.digests = append(w.digests, digest(w.digests[len(w.digests)-1], &f.Entry))
	var result kv.Result
	if f.Kind == raft.EntryCommand {
		result = w.applyToOracle(&f)
	}
	w.results = append(w.results, result)
	w.countCommitted(&f)
}

// digest adds an entry to the digest of all before it (FNV-1a).
func digest(h uint64, e *raft.Entry) uint64 {
	const prime = 1099511628211
	h = (h ^ e.Term) * prime
	h = (h ^ uint64(e.Kind)) * prime
	for _, b := range e.Data {
		h = (h ^ uint64(b)) * prime
	}
	return h
}

// applyEntry: a server applies the next committed entry.
func (w *world) applyEntry(s *server, e *raft.Entry) {
	if e.Index != s.applied+1 {
		w.fail(ruleMachine, "server %d applies %d when %d is due", s.name(), e.Index, s.applied+1)
	}
	if e.Index > w.committed() || !same(e, &w.facts[e.Index].Entry) {
		w.fail(ruleMachine, "server %d applies %d/%d, which is not what was committed", s.name(), e.Index, e.Term)
	}
	s.applied++
	if s.machine != nil && e.Kind == raft.EntryCommand {
		w.applyToOwn(s, e)
	}
	if len(s.waiting) > 0 {
		w.answerCommands(s, e)
	}
}

// applyToOwn: a server's own map gives the same result as the oracle.
func (w *world) applyToOwn(s *server, e *raft.Entry) {
	r, err := kv.DecodeResult(s.machine.Apply(e.Index, e.Data))
	if err != nil || r != w.results[e.Index] {
		w.fail(ruleMachine, "server %d: entry %d gives %+v (%v), elsewhere it gave %+v", s.name(), e.Index, r, err, w.results[e.Index])
	}
}

// snapshot gives what a server's snapshot holds now. Two of the same index are
// equal.
func (w *world) snapshot(s *server) []byte {
	if s.machine == nil {
		return w.snapshotData(s.applied)
	}
	data := s.machine.Snapshot()
	if before, again := w.snapshots[s.applied]; again && !bytes.Equal(data, before) {
		w.fail(ruleSnapshot, "server %d takes a snapshot of %d with %d bytes, and another has one with other %d bytes", s.name(), s.applied, len(data), len(before))
	}
	w.snapshots[s.applied] = data
	return data
}

// restore sets a server's state machine to a snapshot, which checkRestored has
// found to be good.
func (w *world) restore(s *server, snap *raft.Snapshot) {
	s.applied = snap.Index
	if s.machine == nil {
		return
	}
	if err := s.machine.Restore(snap.Data); err != nil {
		w.fail(ruleSnapshot, "server %d cannot restore the snapshot of %d: %v", s.name(), snap.Index, err)
	}
}

// snapshotSizes is how many sizes snapshots have: two that meet are often of the
// same size, and only what they say they are tells their chunks apart.
const snapshotSizes = 4

// snapshotData stands for the state after the entry at index: what identifies
// it, and more bytes for some indexes than for others. With maps it is what
// the first server had that took a snapshot of it.
func (w *world) snapshotData(index uint64) []byte {
	if w.set.Maps {
		return w.snapshots[index]
	}
	data := make([]byte, 16+int(index%snapshotSizes)*w.set.SnapshotBytes/snapshotSizes)
	binary.BigEndian.PutUint64(data, index)
	binary.BigEndian.PutUint64(data[8:], w.digests[index])
	for i := 16; i < len(data); i++ {
		data[i] = byte(index + uint64(i)*31)
	}
	return data
}

// checkRestored: a server's state machine is set to a snapshot.
func (w *world) checkRestored(s *server, snap *raft.Snapshot) {
	switch {
	case snap.Index <= s.applied:
		w.fail(ruleSnapshot, "server %d goes back from %d applied to a snapshot of %d", s.name(), s.applied, snap.Index)
	case snap.Index > w.committed() || w.facts[snap.Index].Term != snap.Term:
		w.fail(ruleSnapshot, "server %d restores a snapshot of %d/%d, which is not committed", s.name(), snap.Index, snap.Term)
	case !bytes.Equal(snap.Data, w.snapshotData(snap.Index)):
		w.fail(ruleSnapshot, "server %d restores a snapshot of %d whose %d bytes are not those of that state", s.name(), snap.Index, len(snap.Data))
	}
	w.checkSnapshotConfiguration(s, snap)
}

// checkSnapshotConfiguration: it is the last one up to the snapshot's index.
func (w *world) checkSnapshotConfiguration(s *server, snap *raft.Snapshot) {
	i := snap.Index
	for i > 0 && w.facts[i].Kind != raft.EntryConfiguration {
		i--
	}
	if snap.ConfigurationIndex != i || !bytes.Equal(snap.Configuration.Encode(), w.facts[i].Data) {
		w.fail(ruleSnapshot, "server %d has a snapshot of %d with the configuration %s of %d; the one in force is of %d",
			s.name(), snap.Index, snap.Configuration, snap.ConfigurationIndex, i)
	}
}
