package tab

import (
	"slices"

	"tabraft/raft"
	"tabraft/raft/node"
)

// members.go: the servers of the cluster as this one knows them.

// members lists the cluster's servers, ordered by id; a server that is not in
// yet lists itself too.
func (s *Server) members(st node.Status, l *life) []Member {
	ids := st.Configuration.Members()
	if !slices.Contains(ids, s.id) {
		ids = append(ids, s.id)
		slices.Sort(ids)
	}
	var links map[raft.ID]linkState
	if l != nil {
		links = l.linkStates()
	}
	out := make([]Member, 0, len(ids))
	for _, id := range ids {
		m := Member{ID: id.String(), Name: Name(id), Colour: Colour(id), Link: "down",
			Role: raft.Follower.String(), Voter: st.Configuration.IsVoter(id)}
		switch {
		case !st.Configuration.IsMember(id):
			m.Role = roleJoining
		case !m.Voter:
			m.Role = roleLearner
		case id == st.Leader:
			m.Role = raft.Leader.String()
		}
		switch {
		case id == s.id:
			m.Self, m.Link, m.Reachable = true, "self", l != nil
			if m.Role = roleIn(st, id); l == nil {
				m.Role = roleStopped
			}
			m.Term, m.Leader, m.VotedFor = &st.Term, idText(st.Leader), idText(st.Vote)
			m.CommitIndex, m.LastApplied, m.LastIndex = &st.CommitIndex, &st.LastApplied, &st.LastIndex
			m.DurableIndex, m.SnapshotIndex, m.AgeMs = &st.DurableIndex, &st.SnapshotIndex, new(int64)
		case l != nil:
			l.describe(&m, id, links[id], st)
		}
		out = append(out, m)
	}
	for _, p := range st.Progress {
		i := slices.IndexFunc(out, func(m Member) bool { return m.ID == p.ID.String() })
		if i >= 0 && l != nil {
			match, next := p.Match, p.Next
			out[i].MatchIndex, out[i].NextIndex = &match, &next
			out[i].Progress = &Progress{State: p.State.String(), Inflight: p.Inflight,
				SnapshotIndex: p.SnapshotIndex, SnapshotReceived: p.SnapshotReceived, SnapshotSize: p.SnapshotSize}
			if due, ok := st.Removals[p.ID]; ok {
				ms := max(0, (due - st.Now).Milliseconds())
				out[i].RemovalMs = &ms
			}
		}
	}
	return out
}

// describe fills in what this server knows of another.
func (l *life) describe(m *Member, id raft.ID, k linkState, st node.Status) {
	if k.state != "" {
		m.Link = k.state
	}
	m.Transport = string(k.via)
	m.Blocked = l.links.Blocked(id)
	m.Reachable = k.via != byNone && !m.Blocked
	if k.rtt > 0 {
		ms := float64(k.rtt.Microseconds()) / 1000
		m.RTTMs = &ms
	}
	kn := l.telemetry.about(id)
	if kn.heard {
		ms := max(0, (st.Now - kn.heardAt).Milliseconds())
		m.LastSeenMs = &ms
	}
	if d := kn.digest; kn.told {
		age := max(0, st.Now-kn.at)
		ms := age.Milliseconds()
		m.AgeMs, m.Stale = &ms, age > staleAfter
		m.Term, m.Leader, m.VotedFor, m.Hidden = &d.Term, idText(d.Leader), idText(d.Vote), d.Hidden
		// What it is to the cluster the configuration here says, what it does itself.
		if m.Voter && d.Role != roleJoining && d.Role != roleLearner {
			m.Role = d.Role
		}
		m.CommitIndex, m.LastApplied, m.LastIndex = &d.Commit, &d.Applied, &d.Last
		m.DurableIndex, m.SnapshotIndex, m.AppliedPerSecond = &d.Durable, &d.Snapshot, &d.Rate
	}
	// That a server leads is known here before it tells.
	if id == st.Leader && (m.Term == nil || *m.Term <= st.Term) {
		m.Role, m.Term, m.Leader = raft.Leader.String(), &st.Term, idText(id)
	}
}

// quorum counts who is there. During a change of members both the old and the
// new servers must agree: it tells of those that lack more.
func quorum(st node.Status, members []Member) Quorum {
	q := majority(st.Configuration.Voters, members)
	if old := majority(st.Configuration.Outgoing, members); old.Voters > 0 && old.Alive-old.Needed < q.Alive-q.Needed {
		return old
	}
	return q
}

func majority(voters []raft.ID, members []Member) Quorum {
	q := Quorum{Voters: len(voters)}
	if q.Voters > 0 {
		q.Needed = q.Voters/2 + 1
	}
	for _, m := range members {
		id, _ := raft.ParseID(m.ID)
		if m.Reachable && slices.Contains(voters, id) {
			q.Alive++
		}
	}
	return q
}
