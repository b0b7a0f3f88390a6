package sim

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"tabraft/raft"
	"tabraft/raft/kv"
)

// transcript.go: a run as text. Each event is a line, as in a trace file; what
// came of it follows, indented, as comments.

type transcript struct{ out io.Writer }

func (t *transcript) line(format string, args ...any) {
	fmt.Fprintf(t.out, "  # "+format+"\n", args...)
}

func (t *transcript) event(e *Event) { fmt.Fprintln(t.out, e.String()) }

func (t *transcript) message(m *raft.Message) { t.line("%s", messageText(m)) }

func (t *transcript) sent(m *raft.Message) { t.line("sends %s", messageText(m)) }

func (t *transcript) save(s *raft.Save) {
	text := fmt.Sprintf("saves #%d: term %d, vote %d", s.Seq, s.HardState.Term, s.HardState.Vote)
	if s.Snapshot != nil {
		text += fmt.Sprintf(", snapshot of %d/%d", s.Snapshot.Index, s.Snapshot.Term)
	}
	t.line("%s%s", text, entriesText(s.Entries))
}

// changes prints what an input changed.
func (t *transcript) changes(s *server, was *raft.View) {
	is := &s.view
	var news []string
	if is.Role != was.Role || is.Term != was.Term {
		news = append(news, fmt.Sprintf("%s of term %d", is.Role, is.Term))
	}
	if is.Leader != was.Leader && is.Role == raft.Follower {
		if is.Leader == raft.None {
			news = append(news, "knows no leader")
		} else {
			news = append(news, fmt.Sprintf("follows %d", is.Leader))
		}
	}
	if is.LastIndex != was.LastIndex {
		term, _ := s.core.Term(is.LastIndex)
		news = append(news, fmt.Sprintf("its log ends at %d/%d", is.LastIndex, term))
	}
	if is.ConfigurationIndex != was.ConfigurationIndex {
		news = append(news, fmt.Sprintf("uses %s", s.core.Configuration()))
	}
	if is.CommitIndex != was.CommitIndex {
		news = append(news, fmt.Sprintf("commits up to %d", is.CommitIndex))
	}
	if is.SnapshotIndex != was.SnapshotIndex {
		news = append(news, fmt.Sprintf("snapshot of %d", is.SnapshotIndex))
	}
	if news != nil {
		t.line("%d: %s", s.name(), strings.Join(news, "; "))
	}
}

func entryText(e *raft.Entry) string {
	text := fmt.Sprintf("%d/%d ", e.Index, e.Term)
	switch e.Kind {
	case raft.EntryNoop:
		return text + "noop"
	case raft.EntryConfiguration:
		c, err := raft.DecodeConfiguration(e.Data)
		if err != nil {
			return text + err.Error()
		}
		return text + c.String()
	}
	if !utf8.Valid(e.Data) {
		return text + fmt.Sprintf("%x", e.Data)
	}
	return text + kv.Describe(e.Data)
}

func entriesText(es []raft.Entry) string {
	if len(es) == 0 {
		return ""
	}
	texts := make([]string, len(es))
	for i := range es {
		texts[i] = entryText(&es[i])
	}
	return " [" + strings.Join(texts, ", ") + "]"
}

func messageText(m *raft.Message) string {
	text := fmt.Sprintf("%d->%d %s term %d", m.From, m.To, m.Type, m.Term)
	switch m.Type {
	case raft.RequestPreVote, raft.RequestVote:
		text += fmt.Sprintf(", last %d/%d", m.LogIndex, m.LogTerm)
		if m.Force {
			text += ", by order of the leader"
		}
	case raft.RequestPreVoteReply, raft.RequestVoteReply:
		if m.Reject {
			return text + ", refused"
		}
		return text + ", granted"
	case raft.AppendEntries:
		text += fmt.Sprintf(", prev %d/%d, commit %d%s", m.LogIndex, m.LogTerm, m.Commit, entriesText(m.Entries))
	case raft.AppendEntriesReply:
		if m.Reject {
			text += fmt.Sprintf(", refused at %d, try %d/%d", m.LogIndex, m.Hint, m.LogTerm)
		} else {
			text += fmt.Sprintf(", match %d", m.LogIndex)
		}
	case raft.InstallSnapshot:
		text += fmt.Sprintf(" of %d/%d", m.LogIndex, m.LogTerm)
		if m.Chunk != nil {
			text += fmt.Sprintf(", bytes %d to %d of %d", m.Chunk.Offset, m.Chunk.Offset+uint64(len(m.Chunk.Data)), m.Chunk.Size)
		}
	case raft.InstallSnapshotReply:
		text += fmt.Sprintf(" of %d, has %d bytes", m.LogIndex, m.Hint)
		if m.Reject {
			text += ", a gap"
		}
	case raft.ReadIndexReply:
		text += fmt.Sprintf(", index %d", m.LogIndex)
	}
	if m.Round > 0 {
		text += fmt.Sprintf(", round %d", m.Round)
	}
	return text
}

func describeStatus(s *server, st *raft.Status) string {
	text := fmt.Sprintf("%d: %s of term %d, leader %d, log %d to %d (stored to %d), committed %d, snapshot of %d, %s",
		s.name(), st.Role, st.Term, st.Leader, st.FirstIndex, st.LastIndex, st.DurableIndex, st.CommitIndex, st.SnapshotIndex, st.Configuration)
	for _, p := range st.Progress {
		text += fmt.Sprintf("; %d %s, match %d, next %d", p.ID, p.State, p.Match, p.Next)
	}
	return text
}
