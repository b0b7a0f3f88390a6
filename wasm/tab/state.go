package tab

import (
	"context"
	"fmt"
	"slices"
	"time"

	"tabraft/raft"
	"tabraft/raft/kv"
	"tabraft/raft/node"
	"tabraft/wasm/rtc"
)

// state.go: what window.tabraft.state(), log() and on() give. The field names
// are public; www/src/api.ts documents them.

// Roles beyond those of raft.Role.
const (
	roleJoining = "joining"
	roleLearner = "learner"
	roleStopped = "stopped"
)

// States of the signaling connection.
const (
	signalingConnected  = "connected"
	signalingConnecting = "connecting"
	signalingOffline    = "offline"
)

// State is one moment of a server.
type State struct {
	ID            string       `json:"id"`
	Name          string       `json:"name"`
	Colour        int          `json:"colour"`
	Room          RoomState    `json:"room"`
	Cluster       string       `json:"cluster"`
	Role          string       `json:"role"`
	Term          uint64       `json:"term"`
	Leader        string       `json:"leader"`
	CommitIndex   uint64       `json:"commitIndex"`
	LastApplied   uint64       `json:"lastApplied"`
	LastIndex     uint64       `json:"lastIndex"`
	SnapshotIndex uint64       `json:"snapshotIndex"`
	Members       []Member     `json:"members"`
	Timer         TimerState   `json:"timer"`
	Signaling     string       `json:"signaling"`
	Quorum        Quorum       `json:"quorum"`
	Storage       StorageState `json:"storage"`
	Reason        string       `json:"reason"`
	Problem       string       `json:"problem"`
}

// RoomState is the room of a State.
type RoomState struct {
	Name string `json:"name"`
	Link string `json:"link"`
}

// Member is a server of the cluster as this one knows it.
type Member struct {
	ID         string   `json:"id"`
	Name       string   `json:"name"`
	Colour     int      `json:"colour"`
	Role       string   `json:"role"`
	Voter      bool     `json:"voter"`
	Self       bool     `json:"self"`
	Reachable  bool     `json:"reachable"`
	Term       *uint64  `json:"term"`
	MatchIndex *uint64  `json:"matchIndex"`
	NextIndex  *uint64  `json:"nextIndex"`
	LastSeenMs *int64   `json:"lastSeenMs"`
	RTTMs      *float64 `json:"rttMs"`
	Link       string   `json:"link"`
	Blocked    bool     `json:"blocked"`
}

// TimerState is the timer that runs in a server.
type TimerState struct {
	Kind        string `json:"kind"`
	RemainingMs int64  `json:"remainingMs"`
	TotalMs     int64  `json:"totalMs"`
}

// Quorum tells who is there to decide.
type Quorum struct {
	Alive  int `json:"alive"`
	Needed int `json:"needed"`
	Voters int `json:"voters"`
}

// StorageState tells how the server's state is kept.
type StorageState struct {
	Kind  string  `json:"kind"`
	Bytes *int64  `json:"bytes"`
	Error *string `json:"error"`
}

// The data of Events.
type (
	RoleEvent struct {
		Role   string `json:"role"`
		Term   uint64 `json:"term"`
		Leader string `json:"leader"`
	}
	IndexEvent struct {
		Index uint64 `json:"index"`
	}
	AppliedEvent struct {
		From  uint64 `json:"from"`
		Index uint64 `json:"index"`
		Term  uint64 `json:"term"`
	}
	PeerEvent struct {
		Peer   string `json:"peer"`
		Up     bool   `json:"up"`
		Reason string `json:"reason"`
	}
	ErrorEvent struct {
		Message string `json:"message"`
		Peer    string `json:"peer,omitempty"`
	}
)

// State gives the server's state.
func (s *Server) State() State {
	s.mu.Lock()
	l, st, stopped, warning := s.life, s.last, s.stopped, s.warning
	s.mu.Unlock()
	if l != nil {
		st = l.node.Status()
	}
	out := State{
		ID: s.id.String(), Name: Name(s.id), Colour: Colour(s.id),
		Room:        RoomState{s.cfg.Room.Name, s.cfg.Link},
		Role:        st.Role.String(),
		Term:        st.Term,
		Leader:      idText(st.Leader),
		CommitIndex: st.CommitIndex, LastApplied: st.LastApplied, LastIndex: st.LastIndex,
		Signaling: signalingOffline,
		Storage:   StorageState{Kind: s.cfg.Home.Kind()},
		Timer:     TimerState{Kind: "none"},
		Members:   []Member{},
	}
	if st.Cluster != 0 {
		out.Cluster = fmt.Sprintf("%016x", st.Cluster)
	}
	if l == nil {
		out.Role, out.Leader = roleStopped, ""
		out.Members = s.members(st, nil)
		out.Problem, out.Reason = stoppedWords(stopped, s.cfg.Kind)
		if out.Problem == "storage" {
			text := stopped.Error()
			out.Storage.Error = &text
		}
		return out
	}
	l.mu.Lock()
	out.Signaling = l.signaling
	l.mu.Unlock()
	switch {
	case !st.Configuration.IsMember(s.id):
		out.Role = roleJoining
	case !st.Configuration.IsVoter(s.id):
		out.Role = roleLearner
	}
	out.Members = s.members(st, l)
	out.Quorum = quorum(st, out.Members)
	if out.Role != roleJoining {
		out.Timer = timer(st)
	}
	out.Problem, out.Reason = l.words(&out, st, warning)
	return out
}

// members lists the cluster's servers, ordered by id; a server that is not in
// yet lists itself too.
func (s *Server) members(st node.Status, l *life) []Member {
	ids := st.Configuration.Members()
	if !slices.Contains(ids, s.id) {
		ids = append(ids, s.id)
		slices.Sort(ids)
	}
	links := map[raft.ID]rtc.Link{}
	if l != nil {
		for _, k := range l.mesh.Links() {
			links[k.Peer.ID] = k
		}
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
			term := st.Term
			m.Term = &term
			if m.Voter {
				m.Role = st.Role.String()
			}
			if l == nil {
				m.Role = roleStopped
			}
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
		}
	}
	return out
}

// describe fills in what this server knows of another.
func (l *life) describe(m *Member, id raft.ID, k rtc.Link, st node.Status) {
	if k.State != "" {
		m.Link = k.State
	}
	m.Blocked = l.links.Blocked(id)
	m.Reachable = k.Up && !m.Blocked
	if k.RTT > 0 {
		ms := float64(k.RTT.Microseconds()) / 1000
		m.RTTMs = &ms
	}
	l.mu.Lock()
	h := l.heard[id]
	l.mu.Unlock()
	if h.received {
		ms := (st.Now - h.at).Milliseconds()
		m.LastSeenMs, m.Term = &ms, &h.term
	}
	if m.Voter && id != st.Leader && h.asked != "" && st.Now-h.askedAt < time.Second {
		m.Role = h.asked
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

func timer(st node.Status) TimerState {
	t := TimerState{Kind: "election", RemainingMs: max(0, (st.Deadline - st.Now).Milliseconds()),
		TotalMs: st.Timeout.Milliseconds()}
	if st.Role == raft.Leader {
		t.Kind = "heartbeat"
	}
	return t
}

// LogEntry is one entry of the log, for people.
type LogEntry struct {
	Index uint64 `json:"index"`
	Term  uint64 `json:"term"`
	Kind  string `json:"kind"`
	Text  string `json:"text"`
}

// maxLog is how many entries one call of Log gives.
const maxLog = 10_000

// Log gives the entries from..to, both included, as far as the log has them, at
// most the first 10,000. A stopped server has lost its memory and gives none.
func (s *Server) Log(from, to uint64) []LogEntry {
	l, _ := s.current()
	if l == nil || to < from {
		return []LogEntry{}
	}
	es := l.node.Entries(from, min(to, from+maxLog-1))
	out := make([]LogEntry, len(es))
	for i, e := range es {
		out[i] = LogEntry{Index: e.Index, Term: e.Term, Kind: e.Kind.String()}
		switch e.Kind {
		case raft.EntryCommand:
			out[i].Text = kv.Describe(e.Data)
		case raft.EntryNoop:
			out[i].Text = "a new leader's first entry"
		case raft.EntryConfiguration:
			out[i].Text = configurationText(e.Data)
		}
	}
	return out
}

func configurationText(data []byte) string {
	c, err := raft.DecodeConfiguration(data)
	if err != nil {
		return err.Error()
	}
	names := func(ids []raft.ID) string {
		text := ""
		for i, id := range ids {
			if i > 0 {
				text += ", "
			}
			text += Name(id)
		}
		return text
	}
	text := "voters: " + names(c.Voters)
	if c.Joint() {
		text = "joint, from " + names(c.Outgoing) + " to " + names(c.Voters)
	}
	if len(c.Learners) > 0 {
		text += "; learners: " + names(c.Learners)
	}
	return text
}

// Entries gives the whole map as this server has applied it.
func (s *Server) Entries() []kv.Entry {
	if l, _ := s.current(); l != nil {
		return l.machine.Entries()
	}
	return nil
}

// Link puts a fault on the link to one server.
func (s *Server) Link(id raft.ID, f node.Fault) {
	if l, _ := s.current(); l != nil {
		l.links.Set(id, f)
	}
}

// Fault gives the fault on the link to one server.
func (s *Server) Fault(id raft.ID) node.Fault {
	if l, _ := s.current(); l != nil {
		return l.links.Get(id)
	}
	return node.Fault{}
}

// Isolate blocks every link, or restores them.
func (s *Server) Isolate(cut bool) {
	if l, _ := s.current(); l != nil {
		l.links.Isolate(cut)
	}
}

// Remove takes a server out of the cluster and waits until that is committed.
func (s *Server) Remove(ctx context.Context, id raft.ID) error {
	l, stopped := s.current()
	if l == nil {
		return fmt.Errorf("this server is stopped: %s", errText(stopped))
	}
	return l.node.Remove(ctx, id)
}

// Retry ends the wait of a signaling connection that is down: the network is
// back.
func (s *Server) Retry() {
	if l, _ := s.current(); l != nil {
		l.client.Retry()
	}
}
