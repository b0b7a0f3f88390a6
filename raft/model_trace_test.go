package raft

import (
	"fmt"
	"slices"
	"strings"
)

// model_trace_test.go: the way to a state, for people.

func name(id ID) string { return fmt.Sprint(uint64(id)) }

func names(ids []ID) []uint64 {
	var n []uint64
	for _, id := range ids {
		n = append(n, uint64(id))
	}
	return n
}

func (x *explorer) showEntry(index uint64, content uint16) string {
	return fmt.Sprintf("entry %d (%s)", index, showContent(&x.contents[content]))
}

func showContent(e *Entry) string {
	switch e.Kind {
	case EntryCommand:
		return fmt.Sprintf("%s of term %d", e.Data, e.Term)
	case EntryNoop:
		return fmt.Sprintf("noop of term %d", e.Term)
	}
	c, _ := DecodeConfiguration(e.Data)
	return fmt.Sprintf("%s of term %d", c, e.Term)
}

func showMessage(m *Message) string {
	s := fmt.Sprintf("%s of term %d", m.Type, m.Term)
	switch m.Type {
	case RequestVote, RequestPreVote:
		s += fmt.Sprintf(", last entry %d/%d", m.LogIndex, m.LogTerm)
		if m.Force {
			s += ", forced"
		}
	case RequestVoteReply, RequestPreVoteReply:
		s += map[bool]string{false: ", granted", true: ", refused"}[m.Reject]
	case AppendEntries:
		s += fmt.Sprintf(" after %d/%d, commit %d:", m.LogIndex, m.LogTerm, m.Commit)
		for i := range m.Entries {
			s += " [" + showContent(&m.Entries[i]) + "]"
		}
		if len(m.Entries) == 0 {
			s += " no entries"
		}
	case AppendEntriesReply:
		if m.Reject {
			s += fmt.Sprintf(", refused at %d, perhaps at %d/%d", m.LogIndex, m.Hint, m.LogTerm)
		} else {
			s += fmt.Sprintf(", match %d", m.LogIndex)
		}
	case InstallSnapshot:
		s += fmt.Sprintf(" of %d/%d, bytes %d..%d of %d", m.LogIndex, m.LogTerm, m.Chunk.Offset, int(m.Chunk.Offset)+len(m.Chunk.Data), m.Chunk.Size)
	case InstallSnapshotReply:
		s += fmt.Sprintf(" of %d, %d bytes came, gap %t", m.LogIndex, m.Hint, m.Reject)
	case ReadIndex:
		s += fmt.Sprintf(", ticket %d", m.Hint)
	case ReadIndexReply:
		s += fmt.Sprintf(", ticket %d: index %d", m.Hint, m.LogIndex)
	}
	if m.Round > 0 {
		s += fmt.Sprintf(", round %d", m.Round)
	}
	return s
}

func (x *explorer) showInput(in input) string {
	arg := in.arg()
	switch in.kind() {
	case inTimeout:
		return "its election timeout passes"
	case inHeartbeat:
		return "its heartbeat is due"
	case inLapse:
		return "it has heard of nobody for an election timeout"
	case inDeliver:
		m := &x.messages[arg].Message
		return fmt.Sprintf("from server %s: %s", name(m.From), showMessage(m))
	case inReport:
		return fmt.Sprintf("save %d under way is reported durable", arg+1)
	case inCrash:
		return fmt.Sprintf("it crashes, %d more of its saves on disk, and restarts", arg)
	case inReady:
		return "Ready"
	case inPropose:
		return fmt.Sprintf("it is given the command %c", 'a'+arg)
	case inReconfigure:
		return fmt.Sprintf("it is asked for the voters %v", names(idsOf(arg)))
	case inCompact:
		return "it takes a snapshot"
	case inTransfer:
		return fmt.Sprintf("it is asked to make way for %d", arg)
	case inGiveUp:
		return "the transfer takes too long"
	case inHandOver:
		return "it hands over"
	case inRead:
		return fmt.Sprintf("it is asked for read %d", arg)
	}
	return fmt.Sprintf("its connection to server %d closes", arg)
}

func (x *explorer) showServer(s *modelServer) string {
	c := s.core
	t := fmt.Sprintf("%s of term %d", c.role, c.currentTerm)
	if c.votedFor != None {
		t += ", vote " + name(c.votedFor)
	}
	t += ", log"
	if c.log.base > 0 {
		t += fmt.Sprintf(" (snapshot %d/%d)", c.log.base, c.log.baseTerm)
	}
	for _, e := range c.log.entries {
		t += fmt.Sprintf(" %d/%d", e.Index, e.Term)
		if e.Kind == EntryCommand {
			t += string(e.Data)
		}
	}
	t += fmt.Sprintf(", committed %d", c.commitIndex)
	if n := s.unwritten(); n > 0 {
		t += fmt.Sprintf(", %d saves not on disk", n)
	}
	if conf := c.Configuration(); conf.Joint() {
		t += ", " + conf.String()
	}
	return t
}

// path gives the inputs that led to a state.
func (x *explorer) path(state uint32) (ins []input) {
	for ; state != 0; state = x.parents[state] {
		ins = append(ins, x.via[state])
	}
	slices.Reverse(ins)
	return ins
}

// trace tells how a rule came to be broken.
func (x *explorer) trace(v *violation) string {
	b := strings.Builder{}
	fmt.Fprintf(&b, "%s\n", v.what)
	st := x.initial.copy()
	for i, number := range st.servers {
		fmt.Fprintf(&b, "      server %d: %s\n", i+1, x.showServer(x.servers[number]))
	}
	for i, in := range append(x.path(v.state), v.in) {
		total := x.total(&st)
		_, broken := x.next(&st, &total, in)
		fmt.Fprintf(&b, "%4d. server %d: %s\n", i+1, in.server()+1, x.showInput(in))
		o := x.outcomeOf(st.servers[in.server()], in)
		if s := x.servers[o.server]; o.server != st.servers[in.server()] {
			fmt.Fprintf(&b, "      -> %s\n", x.showServer(s))
		}
		for _, m := range o.out {
			fmt.Fprintf(&b, "      to server %s: %s\n", name(x.messages[m].To), showMessage(&x.messages[m].Message))
		}
		for _, r := range o.reads {
			fmt.Fprintf(&b, "      read %d is answered with index %d\n", r.Ticket, r.Index)
		}
		if broken != "" {
			fmt.Fprintf(&b, "      BROKEN: %s\n", broken)
		}
		st = x.child.copy()
	}
	return b.String()
}
