package wire

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"tabraft/raft"
)

func appendMessageOf(index uint64, count, size int) raft.Message {
	m := raft.Message{Type: raft.AppendEntries, From: 1, To: 2, Term: 5, LogIndex: index, LogTerm: 5, Commit: index}
	for i := range count {
		m.Entries = append(m.Entries, raft.Entry{Index: index + uint64(i) + 1, Term: 5, Data: make([]byte, size)})
	}
	return m
}

// chunkOf is an InstallSnapshot with a configuration of so many voters.
func chunkOf(offset uint64, voters, size int) raft.Message {
	var c raft.Configuration
	for i := range voters {
		c.Voters = append(c.Voters, raft.ID(i+1))
	}
	return raft.Message{Type: raft.InstallSnapshot, From: 1, To: 2, Term: 5, LogIndex: 1 << 62, LogTerm: 5, Chunk: &raft.Chunk{
		Offset: offset, Size: offset + uint64(size), ConfigurationIndex: 1 << 62, Configuration: c.Encode(), Data: make([]byte, size)}}
}

func TestMessageSizeIsExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		var messages []raft.Message
		body := 0
		for range 1 + rng.IntN(4) {
			m := appendMessageOf(rng.Uint64()>>rng.IntN(64), rng.IntN(5), rng.IntN(300))
			if rng.IntN(2) == 0 {
				m = chunkOf(rng.Uint64()>>rng.IntN(64), rng.IntN(3), rng.IntN(300))
			}
			m.Commit, m.Hint, m.Round = rng.Uint64()>>rng.IntN(64), rng.Uint64()>>rng.IntN(64), rng.Uint64()>>rng.IntN(64)
			messages = append(messages, m)
			body += MessageSize(&m)
		}
		frame := AppendRaft(nil, cluster, messages)
		if got := len(frame) - HeaderSize - 2; got != body { // two counts of one byte
			t.Fatalf("%d bytes of messages, MessageSize says %d", got, body)
		}
		if over := SizeRaft(messages) - len(frame); over < 0 || over > 4 {
			t.Fatalf("SizeRaft is off by %d", over)
		}
	}
}

func TestFitRaftCutsAtEveryLimit(t *testing.T) {
	small := make([]raft.Message, MaxMessages+10)
	for i := range small {
		small[i] = appendMessageOf(9, 0, 0)
	}
	large := []raft.Message{appendMessageOf(1, 1, 100<<10), appendMessageOf(1, 1, 100<<10), appendMessageOf(1, 1, 100<<10)}
	many := []raft.Message{appendMessageOf(1, MaxEntries-1, 1), appendMessageOf(1, 1, 1), appendMessageOf(1, 1, 1)}
	other := []raft.Message{appendMessageOf(1, 1, 1), appendMessageOf(1, 1, 1), appendMessageOf(1, 1, 1)}
	other[2].To = 3
	chunks := make([]raft.Message, 20)
	for i := range chunks {
		chunks[i] = chunkOf(1<<20, 3, 15<<10)
	}
	huge := []raft.Message{appendMessageOf(1, 3, 100<<10), appendMessageOf(1, 1, 1)}
	for name, c := range map[string]struct {
		messages []raft.Message
		want     int
	}{
		"none": {nil, 0}, "messages": {small, MaxMessages}, "bytes": {large, 2}, "chunks": {chunks, 16}, "entries": {many, 2},
		"another receiver": {other, 2}, "the first alone too large": {huge, 1},
	} {
		got := FitRaft(c.messages)
		if got != c.want {
			t.Errorf("%s: %d fit, want %d", name, got, c.want)
		}
		if got == 0 || name == "the first alone too large" {
			continue
		}
		if _, err := Decode(AppendRaft(nil, cluster, c.messages[:got])); err != nil {
			t.Errorf("%s: what fits is refused: %v", name, err)
		}
	}
}

func TestLargestAppendFitsIntoAFrame(t *testing.T) {
	m := appendMessageOf(1<<63, 0, 0)
	for left := MaxAppend - EntryOverhead; left >= 0; left -= EntryOverhead {
		n := min(left, MaxCommand)
		m.Entries = append(m.Entries, raft.Entry{Index: m.LogIndex + uint64(len(m.Entries)) + 1, Term: 1 << 62, Data: make([]byte, n)})
		left -= n
	}
	m.LogTerm, m.Commit, m.Hint, m.Round, m.Term = 1, 1<<63, 1<<63, 1<<63, 1<<63
	frame := AppendRaft(nil, cluster, []raft.Message{m})
	if _, err := Decode(frame); err != nil {
		t.Error(err)
	}
}

func TestLargestChunkFitsIntoAFrame(t *testing.T) {
	const most = 1<<64 - 1
	m := raft.Message{Type: raft.InstallSnapshot, From: 1, To: 2, Term: most, LogIndex: most, LogTerm: most, Commit: most, Hint: most, Round: most,
		Chunk: &raft.Chunk{Offset: most, Size: most, ConfigurationIndex: most, Configuration: make([]byte, MaxConfiguration), Data: make([]byte, MaxChunk)}}
	if n, bound := MessageSize(&m), MessageOverhead+ChunkOverhead+MaxChunk; n > bound || bound > MaxFrame-HeaderSize-2*countSize {
		t.Errorf("%d bytes, the bound is %d", n, bound)
	}
	f, err := Decode(AppendRaft(nil, cluster, []raft.Message{m}))
	if err != nil || !reflect.DeepEqual(f.Messages[0], m) {
		t.Error(err)
	}
}

func TestLargestCommandFitsIntoAFrame(t *testing.T) {
	command := make([]byte, MaxCommand)
	h := header(0)
	for name, frame := range map[string][]byte{
		"entry":    AppendRaft(nil, cluster, []raft.Message{appendMessageOf(1<<63, 1, MaxCommand)}),
		"proposal": AppendPropose(nil, h, []Proposal{{Request: 1 << 63, Command: command}}),
		"result":   AppendProposeReply(nil, h, []ProposalReply{{Request: 1 << 63, Index: 1 << 63, Term: 1 << 63, Leader: 1 << 63, Result: command}}),
	} {
		if _, err := Decode(frame); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFitProposeAndReplies(t *testing.T) {
	proposals := make([]Proposal, MaxProposals+10)
	replies := make([]ProposalReply, MaxProposals+10)
	if n := FitPropose(proposals); n != MaxProposals {
		t.Errorf("%d proposals fit", n)
	}
	if n := FitProposeReply(replies); n != MaxProposals {
		t.Errorf("%d replies fit", n)
	}
	for i := range proposals {
		proposals[i].Command, replies[i].Result = make([]byte, 1000), make([]byte, 1000)
	}
	n, m := FitPropose(proposals), FitProposeReply(replies)
	if _, err := Decode(AppendPropose(nil, header(0), proposals[:n])); err != nil || n < 255 {
		t.Errorf("%d proposals of 1000 bytes: %v", n, err)
	}
	if _, err := Decode(AppendProposeReply(nil, header(0), replies[:m])); err != nil || m < 255 {
		t.Errorf("%d replies of 1000 bytes: %v", m, err)
	}
	large := []Proposal{{Command: make([]byte, MaxFrame)}, {}}
	if n := FitPropose(large); n != 1 {
		t.Errorf("a proposal too large: %d fit", n)
	}
}
