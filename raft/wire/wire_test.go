package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"tabraft/raft"
)

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
	vote := []raft.Message{{Type: raft.RequestVote, From: 0xa1, To: 0xb2, Term: 7, LogIndex: 300, LogTerm: 6, Force: true}}
	refusal := []raft.Message{{Type: raft.AppendEntriesReply, From: 0xa1, To: 0xb2, Term: 7, LogIndex: 300, LogTerm: 5,
		Commit: 12, Reject: true, Hint: 211, Round: 128}}
	mixed := append(entries(301, 6, "x"), entries(302, 9, "", "yy")...)
	mixed = append(mixed, raft.Entry{Index: 304, Term: 9, Kind: raft.EntryConfiguration, Data: []byte("conf")})
	appends := []raft.Message{
		{Type: raft.AppendEntries, From: 0xa1, To: 0xb2, Term: 9, LogIndex: 300, LogTerm: 6, Commit: 299, Round: 5, Entries: mixed[:2:2]},
		{Type: raft.RequestPreVoteReply, From: 0xa1, To: 0xb2, Term: 9},
		{Type: raft.AppendEntries, From: 0xa1, To: 0xb2, Term: 9, LogIndex: 302, LogTerm: 9, Commit: 299, Round: 5, Entries: mixed[2:]},
	}
	extreme := []raft.Message{{Type: raft.AppendEntries, From: 0xa1, To: 0xb2, Term: math.MaxUint64, LogIndex: math.MaxUint64 - 1,
		LogTerm: 1, Commit: math.MaxUint64, Reject: true, Hint: math.MaxUint64, Round: math.MaxUint64,
		Entries: []raft.Entry{{Index: math.MaxUint64, Term: math.MaxUint64}}}}
	configuration := raft.Configuration{Voters: []raft.ID{0xa1}}.Encode()
	snapshot := []raft.Message{
		{Type: raft.InstallSnapshot, From: 0xa1, To: 0xb2, Term: 9, LogIndex: 300, LogTerm: 6, Round: 5,
			Chunk: &raft.Chunk{Offset: 7, Size: 10, Configuration: configuration, ConfigurationIndex: 250, Data: []byte("xyz")}},
		{Type: raft.AppendEntries, From: 0xa1, To: 0xb2, Term: 9, LogIndex: 300, LogTerm: 6, Commit: 299, Round: 5, Entries: mixed[:1:1]},
		{Type: raft.InstallSnapshot, From: 0xa1, To: 0xb2, Term: 9, LogIndex: 300, LogTerm: 6, Round: 6,
			Chunk: &raft.Chunk{Offset: 10, Size: 10, Configuration: configuration, ConfigurationIndex: 250}},
		{Type: raft.TimeoutNow, From: 0xa1, To: 0xb2, Term: 9},
		{Type: raft.ReadIndexReply, From: 0xa1, To: 0xb2, Term: 9, LogIndex: 300, Hint: 42},
	}
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
		raftSample("install-snapshot", snapshot),
		{"propose", AppendPropose(nil, header(0), proposals), Frame{Header: header(KindPropose), Proposals: proposals}},
		{"propose-reply", AppendProposeReply(nil, header(0), replies), Frame{Header: header(KindProposeReply), Replies: replies}},
		{"join", AppendJoin(nil, header(0), Join{Expelled: true}), Frame{Header: header(KindJoin), Join: Join{Expelled: true}}},
		{"join-reply", AppendJoinReply(nil, header(0), join), Frame{Header: header(KindJoinReply), JoinReply: join}},
		{"remove", AppendRemove(nil, header(0), 0xdd), Frame{Header: header(KindRemove), Remove: 0xdd}},
		{"transfer", AppendTransfer(nil, header(0), 0xdd), Frame{Header: header(KindTransfer), Transfer: 0xdd}},
		{"greet", AppendGreet(nil, header(0)), Frame{Header: header(KindGreet)}},
	}
}

// golden compares got with testdata/name.hex, written by hand from the package
// comment: hex digits, spaces and lines as one likes, and the rest of a line
// from # on is a comment.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	if want := readHex(t, name); !bytes.Equal(got, want) {
		t.Errorf("%s:\ngot\n%swant\n%s", name, dump(got), dump(want))
	}
}

func readHex(t testing.TB, name string) []byte {
	t.Helper()
	path := filepath.Join("testdata", name+".hex")
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
	return want
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

// raftFrame is a KindRaft frame from the body's bytes on.
func raftFrame(body ...byte) []byte { return append(appendHeader(nil, header(0), KindRaft), body...) }

func TestMalformedIsRefused(t *testing.T) {
	proposal := func(kind Kind, body ...byte) []byte { return append(appendHeader(nil, header(0), kind), body...) }
	other := AppendJoin(nil, header(0), Join{})
	other[0] = 9
	strange := AppendJoin(nil, header(0), Join{})
	strange[1] = 9
	long := raftFrame(1, 1, 5, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0)
	long = append(long, 0x81, 0x80, 0x0c) // 192 KiB and 1 byte
	long = append(long, make([]byte, MaxCommand+1)...)
	for _, c := range []struct {
		name  string
		frame []byte
		want  error
		text  string
	}{
		{"version", other, ErrVersion, "it has version 9, this server speaks 2"},
		{"kind", strange, ErrMalformed, "no kind 9"},
		{"nothing", nil, ErrTruncated, "version, byte 0"},
		{"no sender", AppendJoin(nil, Header{To: 1}, Join{}), ErrMalformed, "without sender"},
		{"no receiver", AppendJoin(nil, Header{From: 1}, Join{}), ErrMalformed, "without sender or receiver"},
		{"huge frame", make([]byte, MaxFrame+1), ErrTooLarge, "at most 262144"},
		{"no messages", raftFrame(0, 0), ErrMalformed, "none"},
		{"many messages", raftFrame(0x81, 0x08, 0), ErrTooLarge, "1025, at most 1024"},
		{"messages that do not come", raftFrame(0x80, 0x08, 0), ErrTruncated, "1024 announced"},
		{"many entries", raftFrame(1, 0x81, 0x80, 1, 0, 0, 0, 0, 0, 0), ErrTooLarge, "16385, at most 16384"},
		{"entries that do not come", raftFrame(1, 4, 5, 0, 0, 0, 0, 0, 0, 0, 0), ErrTruncated, "4 announced"},
		{"fewer entries than announced", raftFrame(1, 2, 5, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0), ErrMalformed, "2 announced, 1 came"},
		{"more entries than announced", raftFrame(1, 1, 5, 0, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0), ErrMalformed, "more than announced"},
		{"entries in a vote", raftFrame(1, 1, 3, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0), ErrMalformed, "in a RequestVote"},
		{"message type 0", raftFrame(1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), ErrMalformed, "no type 0"},
		{"message type 12", raftFrame(1, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0), ErrMalformed, "no type 12"},
		{"flags", raftFrame(1, 0, 3, 4, 0, 0, 0, 0, 0, 0, 0), ErrMalformed, "flags"},
		{"Force elsewhere", raftFrame(1, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0), ErrMalformed, "0x02 in a RequestPreVote"},
		{"entry kind", raftFrame(1, 1, 5, 0, 1, 0, 0, 0, 0, 0, 1, 0, 3, 0), ErrMalformed, "no kind 3"},
		{"long varint", raftFrame(1, 0, 5, 0, 0x81, 0, 0, 0, 0, 0, 0, 0), ErrMalformed, "longer than needed"},
		{"huge varint", raftFrame(1, 0, 5, 0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 0, 0), ErrMalformed, "more than 64 bits"},
		{"falling term", raftFrame(1, 1, 5, 0, 1, 0, 2, 0, 0, 0, 1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 0, 0), ErrMalformed, "entry term"},
		{"index overflow", raftFrame(1, 1, 5, 0, 1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 0, 0, 0, 0, 1, 0, 0, 0), ErrMalformed, "index beyond"},
		{"data too large", long, ErrTooLarge, "196609, at most 196608"},
		{"data that does not come", raftFrame(1, 1, 5, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 9), ErrTruncated, "entry data"},
		{"no chunk", raftFrame(1, 0, 7, 0, 1, 0, 0, 0, 0, 0, 0), ErrTruncated, "chunk offset"},
		{"long configuration", append(raftFrame(1, 0, 7, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x84, 8), make([]byte, 1100)...), ErrTooLarge, "1028, at most 1027"},
		{"long chunk", append(raftFrame(1, 0, 7, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x81, 0x80, 0x0c), make([]byte, MaxChunk+1)...), ErrTooLarge, "196609, at most 196608"},
		{"chunk data that does not come", raftFrame(1, 0, 7, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 1), ErrTruncated, "chunk data"},
		{"no proposals", proposal(KindPropose, 0), ErrMalformed, "none"},
		{"no replies", proposal(KindProposeReply, 0), ErrMalformed, "none"},
		{"code", proposal(KindProposeReply, 1, 1, 8, 0, 0, 0, 0), ErrMalformed, "no code 8"},
		{"reason not UTF-8", proposal(KindJoinReply, 0, 0, 1, 0xff), ErrMalformed, "not UTF-8"},
		{"long reason", proposal(KindJoinReply, append([]byte{0, 0, 0xc9, 1}, make([]byte, 201)...)...), ErrTooLarge, "at most 200"},
	} {
		_, err := Decode(c.frame)
		if !errors.Is(err, c.want) || !strings.Contains(fmt.Sprint(err), c.text) {
			t.Errorf("%s: %v, want %q with %q", c.name, err, c.want, c.text)
		}
	}
}

// A core that breaks its promise about entries must not have others written or
// sent in their place.
func TestEntriesOutOfOrderAreRefusedByTheReader(t *testing.T) {
	gap := append(entries(5, 2, "a"), entries(7, 2, "b")...)
	falling := append(entries(5, 2, "a"), entries(6, 1, "b")...)
	for _, broken := range [][]raft.Entry{gap, falling, entries(6, 2, "a")} {
		frame := AppendRaft(nil, cluster, []raft.Message{{Type: raft.AppendEntries, From: 1, To: 2, Term: 2, LogIndex: 4, LogTerm: 1, Entries: broken}})
		if _, err := Decode(frame); !errors.Is(err, ErrMalformed) {
			t.Errorf("frame with %v: %v", broken, err)
		}
	}
	st := raft.Stored{Entries: entries(1, 1, "a", "b", "c", "d")}
	for _, broken := range [][]raft.Entry{gap, falling, entries(0, 2, "a")} {
		save := AppendSave(nil, &raft.Save{HardState: raft.HardState{Term: 3}, Entries: broken})
		if err := ReplaySave(&st, save); !errors.Is(err, ErrMalformed) {
			t.Errorf("save with %v: %v", broken, err)
		}
	}
}

// The core sends no InstallSnapshot without a chunk; one that is made all the
// same must not swallow the message behind it.
func TestInstallSnapshotWithoutChunk(t *testing.T) {
	f, err := Decode(AppendRaft(nil, cluster, []raft.Message{
		{Type: raft.InstallSnapshot, From: 1, To: 2, Term: 3},
		{Type: raft.TimeoutNow, From: 1, To: 2, Term: 3, Chunk: &raft.Chunk{Size: 1, Data: []byte("x")}},
	}))
	if err != nil || !reflect.DeepEqual(f.Messages[0].Chunk, &raft.Chunk{}) || f.Messages[1].Chunk != nil {
		t.Errorf("%+v, %v", f.Messages, err)
	}
}

func TestJoinReplyMessageIsCutAndRepaired(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"a\xffb", "a\uFFFDb"},
		{strings.Repeat("x", 300), strings.Repeat("x", MaxReason)},
		{strings.Repeat("x", 199) + "é", strings.Repeat("x", 199)},
	} {
		f, err := Decode(AppendJoinReply(nil, header(0), JoinReply{Message: c.in}))
		if err != nil || f.JoinReply.Message != c.want {
			t.Errorf("%q: %q, %v", c.in, f.JoinReply.Message, err)
		}
	}
}

func TestNames(t *testing.T) {
	for got, want := range map[string]string{
		KindPropose.String(): "Propose", Kind(9).String(): "Kind(9)", Kind(0).String(): "Kind(0)",
		CodeNotLeader.String(): "not leader", Code(200).String(): "Code(200)",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
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
