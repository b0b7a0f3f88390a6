package labroom

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"
	"sync"

	"tabraft/raft/lab/raftapi"
)

const (
	// recentKept is how many applied commands are shown, recentTold how many of them
	// others are told.
	recentKept = 50
	recentTold = 8
	// maxText is how many bytes of a command are shown.
	maxText = 80
)

// Applied is a command that was applied.
type Applied struct {
	Index int    `json:"index"`
	Text  string `json:"text"`
}

// service is what the Raft is for: it applies commands. Its state is a hash of all
// of them, by which servers can be compared, and the last few.
type service struct {
	mu sync.Mutex
	serviceState
	snapshots int    // received from the Raft
	problem   string // the first thing the Raft did that it must not
}

// serviceState is also what a snapshot consists of.
type serviceState struct {
	Index  int       `json:"index"` // of the last command
	Hash   uint64    `json:"hash,string"`
	Recent []Applied `json:"recent"`
}

// apply takes what the Raft sends on applyCh.
func (s *service) apply(m raftapi.ApplyMsg) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case m.SnapshotValid:
		state, err := decodeSnapshot(m.Snapshot)
		switch {
		case err != nil:
			s.complain("a snapshot came up that is not what the service gave: %v", err)
		case state.Index != m.SnapshotIndex:
			s.complain("the snapshot of index %d came up as that of index %d", state.Index, m.SnapshotIndex)
		case state.Index <= s.Index:
			// An old one: a service ignores it.
		default:
			s.serviceState = state
			s.snapshots++
		}
	case m.CommandValid:
		if m.CommandIndex != s.Index+1 {
			s.complain("index %d was applied after index %d", m.CommandIndex, s.Index)
		}
		text := commandText(m.Command)
		h := fnv.New64a()
		fmt.Fprintf(h, "%d %d %s", s.Hash, m.CommandIndex, text)
		s.Index, s.Hash = m.CommandIndex, h.Sum64()
		if len(s.Recent) >= recentKept {
			s.Recent = slices.Delete(s.Recent, 0, len(s.Recent)-recentKept+1)
		}
		s.Recent = append(s.Recent, Applied{m.CommandIndex, text})
	}
}

func (s *service) complain(format string, args ...any) {
	if s.problem == "" {
		s.problem = fmt.Sprintf(format, args...)
	}
}

// restore begins from the snapshot that a server had before it was restarted.
func (s *service) restore(snapshot []byte) error {
	if len(snapshot) == 0 {
		return nil
	}
	state, err := decodeSnapshot(snapshot)
	if err != nil {
		return fmt.Errorf("the stored snapshot: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serviceState = state
	return nil
}

// snapshot gives the state, and the index it belongs to.
func (s *service) snapshot() (index int, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	data, _ = json.Marshal(s.serviceState) // of numbers and strings: cannot fail
	return s.Index, data
}

func decodeSnapshot(data []byte) (state serviceState, err error) {
	err = json.Unmarshal(data, &state)
	if err == nil && (state.Index < 0 || len(state.Recent) > recentKept) {
		err = fmt.Errorf("index %d with %d commands", state.Index, len(state.Recent))
	}
	return state, err
}

// shown gives a copy of what is shown.
func (s *service) shown() (state serviceState, snapshots int, problem string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	state = s.serviceState
	state.Recent = slices.Clone(state.Recent)
	return state, s.snapshots, s.problem
}

func commandText(command any) string {
	text := fmt.Sprint(command)
	if len(text) > maxText {
		text = text[:maxText] + "…"
	}
	return text
}
