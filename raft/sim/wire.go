package sim

import (
	"bytes"
	"slices"

	"tabraft/raft"
	"tabraft/raft/wire"
)

// wire.go: messages and saves as bytes, in some worlds: what the servers in
// tabs do with them.

// wireCluster is the cluster's id in the frames.
const wireCluster = 1

// travel gives a message as it arrives.
func (w *world) travel(m *raft.Message) *raft.Message {
	if !w.set.Wire {
		return m
	}
	f, err := wire.Decode(wire.AppendRaft(nil, wireCluster, []raft.Message{*m}))
	if err != nil || len(f.Messages) != 1 {
		w.fail(ruleWire, "%s cannot be decoded: %v", messageText(m), err)
	}
	came := &f.Messages[0]
	if came.From != m.From || came.To != m.To || looks(came) != looks(m) || !sameEntries(came.Entries, m.Entries) || !sameChunk(came.Chunk, m.Chunk) {
		w.fail(ruleWire, "%s arrives as %s", messageText(m), messageText(came))
	}
	return came
}

func sameEntries(a, b []raft.Entry) bool {
	return slices.EqualFunc(a, b, func(x, y raft.Entry) bool { return same(&x, &y) })
}

func sameChunk(a, b *raft.Chunk) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Offset == b.Offset && a.Size == b.Size && bytes.Equal(a.Data, b.Data) &&
		a.ConfigurationIndex == b.ConfigurationIndex && bytes.Equal(a.Configuration, b.Configuration)
}

// replay adds a save to the records of a disk.
func (w *world) replay(s *server, save *raft.Save) {
	if err := wire.ReplaySave(&s.disk.replayed, wire.AppendSave(nil, save)); err != nil {
		w.fail(ruleWire, "server %d: save %d cannot be replayed: %v", s.name(), save.Seq, err)
	}
}

// load gives a server what its disk holds; with records, what they give.
func (w *world) load(s *server) raft.Stored {
	st := s.disk.stored()
	if !w.set.Wire || w.flaw != noFlaw {
		return st
	}
	r := s.disk.replayed
	r.Entries = slices.Clone(r.Entries)
	if r.HardState != st.HardState || (r.Snapshot == nil) != (st.Snapshot == nil) || !sameEntries(r.Entries, st.Entries) {
		w.fail(ruleWire, "server %d: the records of its saves give %+v, its disk has %+v", s.name(), r, st)
	}
	return r
}
