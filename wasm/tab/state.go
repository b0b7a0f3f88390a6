package tab

import (
	"fmt"
	"maps"
	"slices"

	"tabraft/raft"
	"tabraft/raft/node"
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
	ID            string             `json:"id"`
	Name          string             `json:"name"`
	Colour        int                `json:"colour"`
	Room          RoomState          `json:"room"`
	Cluster       string             `json:"cluster"`
	Role          string             `json:"role"`
	Term          uint64             `json:"term"`
	Leader        string             `json:"leader"`
	Transfer      string             `json:"transfer"`
	Votes         *Votes             `json:"votes"`
	CommitIndex   uint64             `json:"commitIndex"`
	LastApplied   uint64             `json:"lastApplied"`
	LastIndex     uint64             `json:"lastIndex"`
	FirstIndex    uint64             `json:"firstIndex"`
	SnapshotIndex uint64             `json:"snapshotIndex"`
	Configuration ConfigurationState `json:"configuration"`
	Members       []Member           `json:"members"`
	Clusters      []OtherCluster     `json:"clusters"`
	Refusals      []Refusal          `json:"refusals"`
	Timer         TimerState         `json:"timer"`
	LeaseMs       *int64             `json:"leaseMs"`
	Signaling     string             `json:"signaling"`
	Quorum        Quorum             `json:"quorum"`
	Settings      Settings           `json:"settings"`
	Storage       StorageState       `json:"storage"`
	Reason        string             `json:"reason"`
	Problem       string             `json:"problem"`
}

// RoomState is the room of a State.
type RoomState struct {
	Name string `json:"name"`
	Link string `json:"link"`
}

// Member is a server of the cluster as this one knows it.
type Member struct {
	ID         string    `json:"id"`
	Name       string    `json:"name"`
	Colour     int       `json:"colour"`
	Role       string    `json:"role"`
	Voter      bool      `json:"voter"`
	Self       bool      `json:"self"`
	Reachable  bool      `json:"reachable"`
	Term       *uint64   `json:"term"`
	MatchIndex *uint64   `json:"matchIndex"`
	NextIndex  *uint64   `json:"nextIndex"`
	Progress   *Progress `json:"progress"`
	RemovalMs  *int64    `json:"removalMs"`
	LastSeenMs *int64    `json:"lastSeenMs"`
	RTTMs      *float64  `json:"rttMs"`
	Link       string    `json:"link"`
	Transport  string    `json:"transport"`
	Blocked    bool      `json:"blocked"`
	// What follows is by the server's own word, AgeMs ago.
	Leader           string  `json:"leader"`
	VotedFor         string  `json:"votedFor"`
	CommitIndex      *uint64 `json:"commitIndex"`
	LastApplied      *uint64 `json:"lastApplied"`
	LastIndex        *uint64 `json:"lastIndex"`
	DurableIndex     *uint64 `json:"durableIndex"`
	SnapshotIndex    *uint64 `json:"snapshotIndex"`
	AppliedPerSecond *uint32 `json:"appliedPerSecond"`
	Hidden           bool    `json:"hidden"`
	AgeMs            *int64  `json:"ageMs"`
	Stale            bool    `json:"stale"`
}

// OtherCluster is a cluster in the room that is not this server's, with those of
// its servers that are connected.
type OtherCluster struct {
	ID      string   `json:"id"`
	Servers []string `json:"servers"`
}

// Progress is how a leader sends its log to a member.
type Progress struct {
	State            string `json:"state"` // probe, replicate, snapshot
	Inflight         int    `json:"inflight"`
	SnapshotIndex    uint64 `json:"snapshotIndex"`
	SnapshotReceived uint64 `json:"snapshotReceived"`
	SnapshotSize     uint64 `json:"snapshotSize"`
}

// Votes are the answers to a candidate or pre-candidate, as ids.
type Votes struct {
	Granted []string `json:"granted"`
	Refused []string `json:"refused"`
}

// ConfigurationState is the configuration in force.
type ConfigurationState struct {
	Index     uint64   `json:"index"`
	Committed bool     `json:"committed"`
	Voters    []string `json:"voters"`
	Outgoing  []string `json:"outgoing"`
	Learners  []string `json:"learners"`
	Text      string   `json:"text"`
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
	// Cause is the kind of Error: one of the causes of storage.go, or empty.
	Cause string `json:"cause"`
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
		Peer string `json:"peer"`
		Up   bool   `json:"up"`
		// Transport is what carries frames to it from now on, as Member.Transport.
		Transport string `json:"transport"`
		Reason    string `json:"reason"`
	}
	SnapshotEvent struct {
		Index    uint64 `json:"index"`
		Bytes    int    `json:"bytes"`
		Restored bool   `json:"restored"`
	}
	ErrorEvent struct {
		Message string `json:"message"`
		Peer    string `json:"peer,omitempty"`
	}
)

// State gives the server's state.
func (s *Server) State() State {
	s.mu.Lock()
	l, st, stopped, warning, settings := s.life, s.last, s.cycle.why, s.warning, s.settings
	if stopped == nil {
		stopped = s.cycle.again
	}
	s.mu.Unlock()
	if l != nil {
		st = l.node.Status()
	}
	out := State{
		ID: s.id.String(), Name: Name(s.id), Colour: Colour(s.id),
		Room:        RoomState{s.cfg.Room.Name, s.cfg.Link},
		Role:        roleIn(st, s.id),
		Term:        st.Term,
		Leader:      idText(st.Leader),
		CommitIndex: st.CommitIndex, LastApplied: st.LastApplied, LastIndex: st.LastIndex,
		FirstIndex: max(st.FirstIndex, 1), SnapshotIndex: st.SnapshotIndex,
		Configuration: configurationState(st),
		Settings:      settings,
		Signaling:     signalingOffline,
		Storage:       StorageState{Kind: s.cfg.Home.Kind()},
		Timer:         TimerState{Kind: "none"},
		Members:       []Member{},
		Clusters:      []OtherCluster{},
		Refusals:      []Refusal{},
	}
	if st.Cluster != 0 {
		out.Cluster = fmt.Sprintf("%016x", st.Cluster)
	}
	if l == nil {
		out.Role, out.Leader = roleStopped, ""
		out.Members = s.members(st, nil)
		out.tellStopped(stopped, s.cfg.Kind)
		return out
	}
	l.mu.Lock()
	out.Signaling = l.signaling
	l.mu.Unlock()
	out.Transfer, out.Votes = idText(st.Transferring), votes(st)
	if left := st.LeaseUntil - st.Now; left > 0 {
		ms := left.Milliseconds()
		out.LeaseMs = &ms
	}
	out.Members = s.members(st, l)
	out.Clusters, out.Refusals = otherClusters(st.Foreign), l.allRefusals()
	out.Quorum = quorum(st, out.Members)
	if out.Role != roleJoining {
		out.Timer = timer(st)
	}
	out.Problem, out.Reason = l.words(&out, st, warning)
	return out
}

// roleIn is a server's own role in its cluster.
func roleIn(st node.Status, id raft.ID) string {
	switch {
	case !st.Configuration.IsMember(id):
		return roleJoining
	case !st.Configuration.IsVoter(id):
		return roleLearner
	}
	return st.Role.String()
}

// otherClusters sorts servers of other clusters by cluster.
func otherClusters(foreign map[raft.ID]uint64) []OtherCluster {
	all := []OtherCluster{}
	for _, id := range slices.Sorted(maps.Keys(foreign)) {
		cluster := fmt.Sprintf("%016x", foreign[id])
		i := slices.IndexFunc(all, func(c OtherCluster) bool { return c.ID == cluster })
		if i < 0 {
			i, all = len(all), append(all, OtherCluster{ID: cluster})
		}
		all[i].Servers = append(all[i].Servers, id.String())
	}
	return all
}

func timer(st node.Status) TimerState {
	t := TimerState{Kind: "election", RemainingMs: max(0, (st.Deadline - st.Now).Milliseconds()),
		TotalMs: st.Timeout.Milliseconds()}
	if st.Role == raft.Leader {
		t.Kind = "heartbeat"
	}
	return t
}

// votes are those of a candidate, itself included once its own is stored.
func votes(st node.Status) *Votes {
	if st.Role != raft.Candidate && st.Role != raft.PreCandidate {
		return nil
	}
	v := &Votes{Granted: []string{}, Refused: []string{}}
	for _, id := range st.Configuration.Members() {
		switch granted, answered := st.Votes[id]; {
		case granted:
			v.Granted = append(v.Granted, id.String())
		case answered:
			v.Refused = append(v.Refused, id.String())
		}
	}
	return v
}
