package tab

import (
	"fmt"

	"tabraft/raft"
	"tabraft/raft/kv"
	"tabraft/raft/node"
)

// log.go: the log and its configurations, in words.

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
// most the first 10,000. What is only in the snapshot, before State.FirstIndex,
// is left out. A stopped server has lost its memory and gives none.
func (s *Server) Log(from, to uint64) []LogEntry {
	l, _ := s.current()
	if l == nil || to < from {
		return []LogEntry{}
	}
	// Otherwise a range from before the log's beginning would end too soon.
	from = max(from, l.node.Status().FirstIndex)
	if to < from {
		return []LogEntry{}
	}
	es := l.node.Entries(from, min(to-from, maxLog-1)+from)
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
	text := "voters: " + names(c.Voters)
	if c.Joint() {
		text = "joint, from " + names(c.Outgoing) + " to " + names(c.Voters)
	}
	if len(c.Learners) > 0 {
		text += "; learners: " + names(c.Learners)
	}
	return text
}

func names(ids []raft.ID) string {
	text := ""
	for i, id := range ids {
		if i > 0 {
			text += ", "
		}
		text += Name(id)
	}
	return text
}

// configurationState is the configuration in force, and what it asks for.
func configurationState(st node.Status) ConfigurationState {
	c := st.Configuration
	text := ""
	switch {
	case c.Joint():
		text = fmt.Sprintf("joint: to commit or to lead takes %d of %s and %d of %s",
			len(c.Outgoing)/2+1, names(c.Outgoing), len(c.Voters)/2+1, names(c.Voters))
	case len(c.Voters) > 0:
		text = fmt.Sprintf("to commit or to lead takes %d of %s", len(c.Voters)/2+1, names(c.Voters))
	}
	if len(c.Learners) > 0 {
		text += "; learning the log: " + names(c.Learners)
	}
	return ConfigurationState{Index: st.ConfigurationIndex, Committed: st.ConfigurationIndex <= st.CommitIndex,
		Voters: idTexts(c.Voters), Outgoing: idTexts(c.Outgoing), Learners: idTexts(c.Learners), Text: text}
}

func idTexts(ids []raft.ID) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = id.String()
	}
	return out
}
