package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"tabraft/raft"
)

var rewrite = flag.Bool("rewrite", false, "write testdata/*.hex anew, to read the difference")

// sample names an encoded value; each is kept in testdata as hex.
type sample struct {
	name  string
	bytes []byte
	frame Frame // what Decode gives
}

const cluster = 0x1122334455667788

func header(kind Kind) Header { return Header{Kind: kind, Cluster: cluster, From: 0xa1, To: 0xb2} }

func entries(first, term uint64, data ...string) []raft.Entry {
	out := make([]raft.Entry, len(data))
	for i := range out {
		out[i] = raft.Entry{Index: first + uint64(i), Term: term}
		if data[i] != "" {
			out[i].Data = []byte(data[i])
		} else {
			out[i].Kind = raft.EntryNoop
		}
	}
	return out
}

func samples() []sample {
	vote := []raft.Message{{Type: raft.RequestVote, From: 0xa1, To: 0xb2, Term: 7, LogIndex: 300, LogTerm: 6}}
	refusal := []raft.Message{{Type: raft.AppendEntriesReply, From: 0xa1, To: 0xb2, Term: 7, LogIndex: 300, LogTerm: 5,
		Commit: 12, Reject: true, Hint: 211}}
	mixed := append(entries(301, 6, "x"), entries(302, 9, "", "yy")...)
	mixed = append(mixed, raft.Entry{Index: 304, Term: 9, Kind: raft.EntryConfiguration, Data: []byte("conf")})
	appends := []raft.Message{
		{Type: raft.AppendEntries, From: 0xa1, To: 0xb2, Term: 9, LogIndex: 300, LogTerm: 6, Commit: 299, Entries: mixed[:2:2]},
		{Type: raft.RequestPreVoteReply, From: 0xa1, To: 0xb2, Term: 9},
		{Type: raft.AppendEntries, From: 0xa1, To: 0xb2, Term: 9, LogIndex: 302, LogTerm: 9, Commit: 299, Entries: mixed[2:]},
	}
	extreme := []raft.Message{{Type: raft.AppendEntries, From: 0xa1, To: 0xb2, Term: math.MaxUint64, LogIndex: math.MaxUint64 - 1,
		LogTerm: 1, Commit: math.MaxUint64, Reject: true, Hint: math.MaxUint64,
		Entries: []raft.Entry{{Index: math.MaxUint64, Term: math.MaxUint64}}}}
	proposals := []Proposal{{Request: 1, Command: []byte("set")}, {Request: 300}}
	replies := []ProposalReply{
		{Request: 1, Index: 1000, Term: 9, Leader: 0xb2, Result: []byte("done")},
		{Request: 300, Code: CodeNotLeader, Leader: 0xcc},
	}
	join := JoinReply{Code: CodeNotLeader, Leader: 0xcc, Message: "ask the leader, señor"}
	raftSample := func(name string, m []raft.Message) sample {
		return sample{name, AppendRaft(nil, cluster, m), Frame{Header: header(KindRaft), Messages: m}}
	}
	return []sample{
		raftSample("request-vote", vote),
		raftSample("append-refused", refusal),
		raftSample("append-entries", appends),
		raftSample("extreme", extreme),
		{"propose", AppendPropose(nil, header(0), proposals), Frame{Header: header(KindPropose), Proposals: proposals}},
		{"propose-reply", AppendProposeReply(nil, header(0), replies), Frame{Header: header(KindProposeReply), Replies: replies}},
		{"join", AppendJoin(nil, header(0)), Frame{Header: header(KindJoin)}},
		{"join-reply", AppendJoinReply(nil, header(0), join), Frame{Header: header(KindJoinReply), JoinReply: join}},
	}
}

// golden compares got with testdata/name.hex: hex digits, spaces and lines as
// one likes, the rest of a line from # on is a comment.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name+".hex")
	if *rewrite {
		if err := os.WriteFile(path, []byte(dump(got)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var digits strings.Builder
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		digits.WriteString(strings.Join(strings.Fields(line), ""))
	}
	want, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s:\ngot\n%swant\n%s", path, dump(got), dump(want))
	}
}

func dump(b []byte) string {
	var out strings.Builder
	for len(b) > 0 {
		n := min(16, len(b))
		fmt.Fprintf(&out, "% x\n", b[:n])
		b = b[n:]
	}
	return out.String()
}

func TestGolden(t *testing.T) {
	for _, s := range samples() {
		golden(t, s.name, s.bytes)
	}
}

func TestRoundTrip(t *testing.T) {
	for _, s := range samples() {
		got, err := Decode(s.bytes)
		if err != nil {
			t.Errorf("%s: %v", s.name, err)
			continue
		}
		if !reflect.DeepEqual(got, s.frame) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", s.name, got, s.frame)
		}
		h, err := DecodeHeader(s.bytes)
		if err != nil || h != s.frame.Header {
			t.Errorf("%s: header %+v, %v", s.name, h, err)
		}
	}
}

func TestEveryTruncationIsRefused(t *testing.T) {
	for _, s := range samples() {
		for n := range s.bytes {
			if _, err := Decode(s.bytes[:n]); !errors.Is(err, ErrTruncated) {
				t.Errorf("%s cut to %d bytes: %v", s.name, n, err)
			}
		}
		if _, err := Decode(append(s.bytes[:len(s.bytes):len(s.bytes)], 0)); !errors.Is(err, ErrTrailing) {
			t.Errorf("%s with a byte more: %v", s.name, err)
		}
	}
}
