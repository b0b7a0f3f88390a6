package raft

import (
	"errors"
	"fmt"
	"slices"
)

// snapshot.go: log compaction (section 7). A snapshot stands in for the log up
// to an index. The leader sends it, in chunks, to a follower that lacks
// entries which the leader has no more (Figure 13).
//
// How long entries are kept: behind its last snapshot every server keeps, in
// memory, the newest Config.RetainedBytes of entries, so that a follower a
// little behind still gets entries rather than a snapshot. While a follower is
// being sent a snapshot, a leader keeps all that follows that snapshot, up to
// retainedWhileSending times as much, so that the follower can go on from it.

const retainedWhileSending = 16

// ErrCompacted: there is a snapshot of that index or a later one.
var ErrCompacted = errors.New("raft: the log is already compacted further")

// errNotApplied: a snapshot of what the state machine was not given yet.
var errNotApplied = errors.New("raft: a snapshot of an index that is not applied")

// Compact takes a snapshot: data is the state machine's state after the entry
// at index, which Ready has handed out. The core stores it with the next save
// and forgets the entries that it stands for, but for the newest ones. Data is
// the core's from now on.
func (c *Core) Compact(index uint64, data []byte) error {
	switch {
	case index > c.lastApplied:
		return fmt.Errorf("%w: %d, applied %d", errNotApplied, index, c.lastApplied)
	case index <= c.SnapshotIndex() || index <= c.log.base:
		return ErrCompacted
	}
	conf := c.configurationUpTo(index)
	c.useSnapshot(&Snapshot{Index: index, Term: c.log.term(index), Data: data,
		Configuration: conf.Configuration, ConfigurationIndex: conf.index})
	c.trimLog()
	return nil
}

// Snapshot is the latest, stored or about to be; nil if there is none.
func (c *Core) Snapshot() *Snapshot { return c.snapshot }

// SnapshotIndex is the last index that the snapshot stands for; 0 without one.
func (c *Core) SnapshotIndex() uint64 {
	if c.snapshot == nil {
		return 0
	}
	return c.snapshot.Index
}

// useSnapshot puts a snapshot in the place of the configurations that it
// knows, and has it stored. The log is the caller's to change.
func (c *Core) useSnapshot(s *Snapshot) {
	c.snapshot, c.saves.snapshot = s, s
	later := c.configurations[:0:0]
	later = append(later, configurationAt{s.ConfigurationIndex, s.Configuration})
	for _, at := range c.configurations {
		if at.index > s.Index {
			later = append(later, at)
		}
	}
	c.configurations = later
	c.noteMember(&s.Configuration)
}

// trimLog forgets the entries that the snapshot stands for, but for those that
// the rule above keeps.
func (c *Core) trimLog() {
	needed := c.snapshot.Index
	for _, p := range c.peers {
		if p.snapshot != nil && c.now-p.lastHeard < c.cfg.ElectionTimeout {
			needed = min(needed, p.snapshot.Index)
		}
	}
	retained := c.log.bytes
	for _, e := range c.log.slice(c.snapshot.Index+1, c.log.lastIndex()) {
		retained -= e.size()
	}
	gone := c.log.base
	for gone < c.snapshot.Index && retained > c.cfg.RetainedBytes &&
		(gone < needed || retained > retainedWhileSending*c.cfg.RetainedBytes) {
		gone++
		retained -= c.log.at(gone).size()
	}
	if gone > c.log.base {
		c.log.compact(gone)
	}
}

// beginSnapshot starts to send the latest snapshot to a follower that lacks
// entries which are gone.
func (c *Core) beginSnapshot(p *progress) {
	p.probe()
	p.snapshot, p.offset, p.received, p.resent = c.snapshot, 0, 0, false
	c.sendChunk(p, c.cfg.SnapshotChunkBytes)
}

// sendSnapshot sends as many chunks as may be on their way.
func (c *Core) sendSnapshot(p *progress) {
	window := min(c.cfg.MaxInflightBytes, c.cfg.MaxInflightMessages*c.cfg.SnapshotChunkBytes)
	for p.offset < uint64(len(p.snapshot.Data)) && p.offset-p.received < uint64(window) {
		c.sendChunk(p, c.cfg.SnapshotChunkBytes)
	}
}

// sendChunk sends at most limit bytes of the snapshot from p.offset on. One
// without data asks how far the follower has come, and keeps it from
// campaigning.
func (c *Core) sendChunk(p *progress, limit int) {
	s := p.snapshot
	data := s.Data[p.offset:min(p.offset+uint64(limit), uint64(len(s.Data)))]
	c.send(Message{Type: InstallSnapshot, To: p.id, Term: c.currentTerm, Round: c.reads.round,
		LogIndex: s.Index, LogTerm: s.Term,
		Chunk: &Chunk{Offset: p.offset, Size: uint64(len(s.Data)), Data: data,
			Configuration: s.Configuration.Encode(), ConfigurationIndex: s.ConfigurationIndex}})
	p.offset += uint64(len(data))
}

// handleSnapshotReply: so much of the snapshot has come. That all of it is
// installed and stored, an AppendEntriesReply tells.
func (c *Core) handleSnapshotReply(m Message) {
	p := c.peer(m.From)
	if c.role != Leader || p == nil {
		return
	}
	c.heard(p, m)
	if p.snapshot == nil || m.LogIndex != p.snapshot.Index || m.Hint > uint64(len(p.snapshot.Data)) {
		return
	}
	switch {
	case m.Reject && p.resent && m.Hint == p.received:
		// All that was under way behind the gap is refused; once is enough.
	case m.Reject:
		p.received, p.offset, p.resent = m.Hint, m.Hint, true
	case m.Hint > p.received:
		p.received, p.resent = m.Hint, false
		p.offset = max(p.offset, m.Hint)
	}
}

// incoming is a snapshot that is being received.
type incoming struct {
	term uint64 // the leader's
	Snapshot
	size uint64
}

func (in *incoming) is(m *Message) bool {
	return in.term == m.Term && in.Index == m.LogIndex && in.Term == m.LogTerm && in.size == m.Chunk.Size
}

func (c *Core) checkChunk(m *Message) error {
	k := m.Chunk
	switch {
	case k == nil || m.LogIndex == 0 || m.LogTerm == 0 || m.LogTerm > m.Term || k.ConfigurationIndex > m.LogIndex:
		return fmt.Errorf("a snapshot up to entry %d of term %d in a message of term %d", m.LogIndex, m.LogTerm, m.Term)
	case k.Size > uint64(c.cfg.MaxSnapshotBytes):
		return fmt.Errorf("a snapshot of %d bytes, at most %d are accepted", k.Size, c.cfg.MaxSnapshotBytes)
	case k.Offset > k.Size || uint64(len(k.Data)) > k.Size-k.Offset:
		return fmt.Errorf("%d bytes at offset %d of a snapshot of %d", len(k.Data), k.Offset, k.Size)
	case m.LogIndex >= c.log.base && m.LogIndex <= c.commitIndex && c.log.term(m.LogIndex) != m.LogTerm && m.Term >= c.currentTerm:
		return fmt.Errorf("its snapshot would change the committed entry %d", m.LogIndex)
	}
	_, err := DecodeConfiguration(k.Configuration)
	return err
}

// handleInstall is the receiver's side of InstallSnapshot (Figure 13). The
// message's term is current and check has passed.
func (c *Core) handleInstall(m Message) {
	c.hearLeader(m)
	if m.LogIndex <= c.commitIndex {
		c.incoming = incoming{}
		c.acknowledge(m, m.LogIndex, len(m.Chunk.Data) == 0)
		return
	}
	in := &c.incoming
	if !in.is(&m) {
		*in = incoming{term: m.Term, Snapshot: Snapshot{Index: m.LogIndex, Term: m.LogTerm}, size: m.Chunk.Size}
	}
	came := uint64(len(in.Data))
	if m.Chunk.Offset <= came && m.Chunk.Offset+uint64(len(m.Chunk.Data)) >= came {
		in.Data = append(in.Data, m.Chunk.Data[came-m.Chunk.Offset:]...)
	}
	if uint64(len(in.Data)) < in.size {
		c.send(Message{Type: InstallSnapshotReply, To: m.From, Term: c.currentTerm, Round: m.Round,
			LogIndex: m.LogIndex, Hint: uint64(len(in.Data)), Reject: m.Chunk.Offset > came})
		return
	}
	s := in.Snapshot
	s.Data = slices.Clip(s.Data)
	s.Configuration, _ = DecodeConfiguration(m.Chunk.Configuration) // check has
	s.ConfigurationIndex = m.Chunk.ConfigurationIndex
	c.incoming = incoming{}
	c.install(&s)
	c.acknowledge(m, m.LogIndex, false)
}

// install replaces the log by a snapshot of more than is committed here: "If
// existing log entry has same index and term as snapshot's last included
// entry, retain log entries following it. Discard the entire log" (Figure 13).
func (c *Core) install(s *Snapshot) {
	if c.log.lastIndex() >= s.Index && c.log.matches(s.Index, s.Term) {
		c.useSnapshot(s)
		c.commitTo(s.Index)
		c.log.compact(s.Index)
		return
	}
	c.saves.cut(c.commitIndex + 1)
	c.log.reset(s.Index, s.Term)
	c.dropConfigurations(s.Index + 1)
	c.useSnapshot(s)
	c.commitTo(s.Index)
	c.noteMember(&s.Configuration)
}
