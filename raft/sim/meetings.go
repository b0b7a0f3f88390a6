package sim

import (
	"slices"

	"tabraft/raft"
)

// meetings.go: counts what Stats lists, where more than the event itself is
// needed to tell.

// meetings is what must be remembered for it.
type meetings struct {
	joint map[uint64]*server // by its index: who led when a joint configuration began
	told  map[raft.ID]uint64 // the last term in which a server was told to take over
	last  *server            // the last one elected
	cut   bool               // some link is cut
}

func newMeetings() meetings {
	return meetings{joint: map[uint64]*server{}, told: map[raft.ID]uint64{}}
}

func (w *world) countSent(m *raft.Message) {
	w.stats[Sent]++
	switch m.Type {
	case raft.InstallSnapshot:
		w.stats[ChunksSent]++
	case raft.TimeoutNow:
		w.meet.told[m.To] = m.Term
	}
}

// countMessage counts a message as it arrives.
func (w *world) countMessage(m *raft.Message) {
	if !m.Reject {
		return
	}
	switch m.Type {
	case raft.RequestPreVoteReply:
		w.stats[PreVoteRefusals]++
	case raft.AppendEntriesReply:
		w.stats[Refusals]++
	case raft.InstallSnapshotReply:
		if m.Hint > 0 {
			w.stats[SnapshotsResumed]++
		}
	}
}

// countInstall counts a snapshot that the message completed.
func (w *world) countInstall(s *server, m *raft.Message) {
	if m.Type != raft.InstallSnapshot || s.core.SnapshotIndex() <= s.view.SnapshotIndex {
		return
	}
	w.stats[SnapshotsInstalled]++
	if s.view.LastIndex > s.view.CommitIndex {
		w.stats[SnapshotOverLog]++
	}
}

func (w *world) countElected(s *server) {
	w.stats[Leaders]++
	if w.meet.last == s {
		w.stats[Reelected]++
	}
	w.meet.last = s
	if term := w.meet.told[s.id]; term > 0 && term+1 == s.view.Term {
		w.stats[TransfersDone]++
	}
}

func (w *world) countCommitted(f *fact) {
	w.stats[Committed]++
	if f.Term < f.by {
		w.stats[CommittedOlder]++
	}
	if w.meet.cut {
		w.stats[CommittedWhilePartitioned]++
	}
	if f.Kind != raft.EntryConfiguration {
		return
	}
	conf, err := raft.DecodeConfiguration(f.Data)
	if err != nil {
		w.fail(rulePossible, "entry %d: %v", f.Index, err)
	}
	w.checkConfiguration(f, &conf)
	if conf.Joint() {
		w.meet.joint[f.Index] = w.leaders[f.Term]
		return
	}
	// The entry before it in the order of configurations, if it is joint, was
	// left by this one.
	i := f.Index - 1
	for i > 0 && w.facts[i].Kind != raft.EntryConfiguration {
		i--
	}
	if began, was := w.meet.joint[i]; was {
		if began != w.leaders[f.Term] {
			w.stats[JointByOther]++
		}
		if by := w.leaders[f.by]; by != nil && !conf.IsMember(by.id) {
			w.stats[LeadersRemoved]++
		}
	}
}

// countChange counts a change of members that a leader has begun.
func (w *world) countChange(s *server, was *raft.Configuration) {
	conf := s.core.Configuration()
	if !conf.Joint() {
		return
	}
	w.stats[Joint]++
	if slices.ContainsFunc(conf.Voters, func(id raft.ID) bool { return slices.Contains(was.Learners, id) }) {
		w.stats[LearnersPromoted]++
	}
	if !slices.ContainsFunc(conf.Voters, was.IsVoter) {
		w.stats[VotersReplaced]++
	}
}

// countChanges counts what an input changed.
func (w *world) countChanges(s *server, was *raft.View) {
	now := &s.view
	if was.Transferring != raft.None && now.Transferring == raft.None && now.Role == raft.Leader {
		w.stats[TransfersCut]++
	}
}
