package raft

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
)

// TestTranscripts plays the files of testdata. Each is a story: commands to a
// small cluster, and what the servers did. After a change of the core,
//
//	go test ./raft -run TestTranscripts -rewrite
//
// writes down what happens now; the diff is then to be read with care.
//
// A file is a list of commands with their output under "----". Lines that
// begin with # are for the reader. Servers are named 1 to 9; every server has
// a clock of its own, which only tick, elapse and run move.
//
// Making servers:
//
//	new 1 2 3 [learners=(4)] [storage=manual] [OPTION...]
//	    a cluster whose members know one another by the first log entry.
//	    Options for all: prevote=off checkquorum=off stickiness=off, append=N
//	    (entries in an AppendEntries), inflight=N (AppendEntries ahead of
//	    replies), saves=N (saves in flight), chunk=N (bytes in an
//	    InstallSnapshot), retain=N (entries kept behind a snapshot), lease=on.
//	found 1
//	    a cluster of one, as its founder stores it.
//	join 4
//	    a server that knows of no cluster.
//	stored 1 terms=(1 1 4 4) [term=4] [vote=2]
//	    replaces what a server has on disk: a log of these terms, whose first
//	    entry is the founding one, and restarts it.
//
// Time:
//
//	tick 1 2
//	    moves each server's clock to its deadline and ticks: a leader sends
//	    heartbeats, the others campaign.
//	elapse 400ms [1 2]
//	    moves clocks without a tick, as in a suspended server.
//	run 3s
//	    lets all clocks run together, with everything delivered and saved at
//	    once; prints changes only.
//
// The network: a message that was sent waits until it is delivered or dropped.
//
//	deliver [from=1] [to=2] [type=AppendEntries] [first]
//	    delivers the messages that wait now and fit; the first one only.
//	repeat ...
//	    the same, but they go on waiting.
//	drop ...
//	settle [quiet]
//	    delivers until no message is left, saving what is to be saved, and lets
//	    the heartbeats go that tell what committed. Quiet: prints changes only.
//	partition 1,2 3,4,5
//	    drops what is delivered from one group to another, until "heal".
//	network
//	    lists what waits.
//
// The servers:
//
//	propose 1 x y      commands, taken together
//	reconfigure 1 voters=(1 2) [learners=(3)]
//	compact 1 [5]      a snapshot of what is applied, or up to an index
//	read 1             asks at which index a read may be served
//	transfer 1 2       leader 1 makes way for 2
//	hand-over 1        leader 1 leaves at once
//	peer-down 2 1      server 2 saw its connection to 1 close
//	crash 1            what is not saved is lost
//	restart 1
//	storage 1 manual   from now on saves wait for "save"; "storage 1 auto" ends it
//	save 1 [3 2]       completes the saves that wait, in order; or those up to
//	                   the highest number given, reporting these in this order
//	status [1 2]
//	log [1 2]          entries as index/term and content; || ends the committed part
//
// The output says for each server what changed, what it saves (with manual
// storage) and sends. Entries are written index/term. After every command the
// invariants of a server and of the cluster are checked.
func TestTranscripts(t *testing.T) {
	files, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".txt") {
			continue
		}
		t.Run(strings.TrimSuffix(f.Name(), ".txt"), func(t *testing.T) {
			x := &transcript{w: newWorld(), manual: map[ID]bool{}, group: map[ID]int{}}
			datadriven.RunTest(t, filepath.Join("testdata", f.Name()), x.command)
		})
	}
}

// transcript is the world of one file.
type transcript struct {
	w      *world
	cfg    Config
	manual map[ID]bool // storage
	group  map[ID]int  // partition
	quiet  bool
	out    strings.Builder
}

// command runs one command and gives what it printed.
func (x *transcript) command(t *testing.T, d *datadriven.TestData) (out string) {
	x.out.Reset()
	x.quiet = false
	defer func() {
		switch r := recover().(type) {
		case nil:
		case broken:
			t.Errorf("%s: broken: %s", d.Pos, r.what)
			out = x.out.String()
		case usage:
			t.Errorf("%s: %s", d.Pos, string(r))
		default:
			panic(r)
		}
	}()
	run, ok := transcriptCommands[d.Cmd]
	if !ok {
		panic(usage("unknown command " + d.Cmd))
	}
	run(x, args{d})
	if x.out.Len() == 0 {
		return "nothing happens"
	}
	return x.out.String()
}

// usage is the panic of a mistake in a file.
type usage string

var transcriptCommands = map[string]func(*transcript, args){
	"new": (*transcript).new, "found": (*transcript).found, "join": (*transcript).join, "stored": (*transcript).stored,
	"tick": (*transcript).tick, "elapse": (*transcript).elapse, "run": (*transcript).run,
	"deliver": (*transcript).deliver, "repeat": (*transcript).deliver, "drop": (*transcript).deliver,
	"settle": (*transcript).settle, "partition": (*transcript).partition, "heal": (*transcript).partition,
	"network": (*transcript).network, "propose": (*transcript).propose, "reconfigure": (*transcript).reconfigure,
	"peer-down": (*transcript).peerDown, "crash": (*transcript).crash, "restart": (*transcript).restart,
	"compact": (*transcript).compact, "read": (*transcript).read,
	"transfer": (*transcript).transfer, "hand-over": (*transcript).handOver,
	"storage": (*transcript).storage, "save": (*transcript).save,
	"status": (*transcript).status, "log": (*transcript).log,
}

// args reads a command's arguments.
type args struct{ *datadriven.TestData }

// words gives the arguments without a value.
func (a args) words() []string {
	var out []string
	for _, arg := range a.CmdArgs {
		if len(arg.Vals) == 0 {
			out = append(out, arg.Key)
		}
	}
	return out
}

// list gives the numbers in name=(...) or name=....
func (a args) list(name string) []ID {
	arg, _ := a.Arg(name)
	return numbers(strings.Fields(strings.Join(arg.Vals, " ")))
}

func (a args) text(name, otherwise string) string {
	if arg, ok := a.Arg(name); ok && len(arg.Vals) == 1 {
		return arg.Vals[0]
	}
	return otherwise
}

func (a args) number(name string) int { return int(number(a.text(name, "0"))) }

func number(s string) ID {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		panic(usage(err.Error()))
	}
	return ID(n)
}

func numbers(ss []string) []ID {
	var ids []ID
	for _, s := range ss {
		ids = append(ids, number(s))
	}
	return ids
}

// running gives a server that is up.
func (x *transcript) running(id ID) *host {
	h := x.w.host(id)
	if h == nil || h.core == nil {
		panic(usage(fmt.Sprintf("server %d is not running", id)))
	}
	return h
}

// some gives the named servers that are up; all if none is named.
func (x *transcript) some(ids []ID) []*host {
	var hosts []*host
	for _, h := range x.w.hosts {
		if h.core != nil && (len(ids) == 0 || slices.Contains(ids, h.id)) {
			hosts = append(hosts, h)
		}
	}
	return hosts
}

func (x *transcript) printf(format string, args ...any) { fmt.Fprintf(&x.out, format+"\n", args...) }

// act gives a server one input and takes its output.
func (x *transcript) act(h *host, input func(*Core)) {
	x.input(h, input)
	x.output(h)
}

// input gives a server one input and prints what it changed.
func (x *transcript) input(h *host, input func(*Core)) {
	before, log := h.core.Status(), h.core.log
	x.w.do(h, input)
	x.changes(h, before, log)
}

func (x *transcript) changes(h *host, was Status, log raftLog) {
	is := h.core.Status()
	var news []string
	if is.Role != was.Role || is.Term != was.Term {
		news = append(news, fmt.Sprintf("%s of term %d", is.Role, is.Term))
	}
	if is.Vote != None && (is.Vote != was.Vote || is.Term != was.Term) {
		news = append(news, fmt.Sprintf("votes for %d", is.Vote))
	}
	if is.Leader != was.Leader && is.Role == Follower {
		if is.Leader == None {
			news = append(news, "knows no leader")
		} else {
			news = append(news, fmt.Sprintf("follows %d", is.Leader))
		}
	}
	now := &h.core.log
	if is.SnapshotIndex > was.SnapshotIndex {
		news = append(news, fmt.Sprintf("snapshot of %d, log from %d on", is.SnapshotIndex, now.base+1))
	}
	same := max(log.base, now.base)
	for same < log.lastIndex() && same < now.lastIndex() && log.term(same+1) == now.term(same+1) {
		same++
	}
	if same < log.lastIndex() {
		news = append(news, "deletes "+entries(log.slice(same+1, log.lastIndex())))
	}
	if same < now.lastIndex() {
		news = append(news, "appends "+entries(now.slice(same+1, now.lastIndex())))
	}
	if is.CommitIndex > was.CommitIndex {
		news = append(news, fmt.Sprintf("commits up to %d", is.CommitIndex))
	}
	if len(news) > 0 {
		x.printf("%d: %s", h.id, strings.Join(news, "; "))
	}
}

// output takes what a server wants done: messages go onto the network, saves
// to storage.
func (x *transcript) output(h *host) {
	for {
		rd, ok := x.w.ready(h)
		if !ok {
			return
		}
		if rd.Snapshot != nil {
			x.printf("%d restores the snapshot of %d", h.id, rd.Snapshot.Index)
		}
		for _, r := range rd.Reads {
			x.printf("%d may read at %d", h.id, r.Index)
		}
		if rd.Save != nil && x.manual[h.id] {
			x.printf("%d saves %s", h.id, saveText(rd.Save))
		}
		for _, m := range rd.Messages {
			if !x.quiet {
				x.printf("  %s", messageText(m))
			}
		}
		if !x.manual[h.id] {
			x.complete(h, nil)
		}
	}
}

// complete puts all saves under way on disk and reports them, or those given.
func (x *transcript) complete(h *host, seqs []uint64) {
	for len(h.writing) > 0 && (len(seqs) == 0 || h.writing[0].Seq <= slices.Max(seqs)) {
		x.w.write(h)
	}
	if len(seqs) == 0 {
		seqs = slices.Clone(h.unreported)
	}
	for _, seq := range seqs {
		before, log := h.core.Status(), h.core.log
		x.w.report(h, seq)
		x.changes(h, before, log)
	}
}

func entryText(e Entry) string {
	s := fmt.Sprintf("%d/%d ", e.Index, e.Term)
	switch e.Kind {
	case EntryNoop:
		return s + "noop"
	case EntryConfiguration:
		c, err := DecodeConfiguration(e.Data)
		if err != nil {
			return s + err.Error()
		}
		return s + c.String()
	}
	return s + string(e.Data)
}

func entries(es []Entry) string {
	var texts []string
	for _, e := range es {
		texts = append(texts, entryText(e))
	}
	return "[" + strings.Join(texts, ", ") + "]"
}

func saveText(s *Save) string {
	text := fmt.Sprintf("#%d: term %d", s.Seq, s.HardState.Term)
	if s.HardState.Vote != None {
		text += fmt.Sprintf(", vote %d", s.HardState.Vote)
	}
	if s.Snapshot != nil {
		text += fmt.Sprintf(", all replaced by snapshot of %d", s.Snapshot.Index)
	}
	if len(s.Entries) > 0 {
		text += " " + entries(s.Entries)
	}
	return text
}

func messageText(m Message) string {
	s := fmt.Sprintf("%d->%d %s term %d", m.From, m.To, m.Type, m.Term)
	switch m.Type {
	case RequestPreVote, RequestVote:
		s += fmt.Sprintf(", last %d/%d", m.LogIndex, m.LogTerm)
		if m.Force {
			s += ", forced"
		}
		return s
	case InstallSnapshot:
		return s + fmt.Sprintf(", snapshot of %d/%d, bytes %d to %d of %d", m.LogIndex, m.LogTerm,
			m.Chunk.Offset, int(m.Chunk.Offset)+len(m.Chunk.Data), m.Chunk.Size)
	case InstallSnapshotReply:
		if m.Reject {
			return s + fmt.Sprintf(", a gap: %d bytes of %d came", m.Hint, m.LogIndex)
		}
		return s + fmt.Sprintf(", %d bytes of %d came", m.Hint, m.LogIndex)
	case TimeoutNow, ReadIndex:
		return s
	case ReadIndexReply:
		return s + fmt.Sprintf(", at %d", m.LogIndex)
	case RequestPreVoteReply, RequestVoteReply:
		if m.Reject {
			return s + ", refused"
		}
		return s + ", granted"
	case AppendEntries:
		s += fmt.Sprintf(", prev %d/%d, commit %d", m.LogIndex, m.LogTerm, m.Commit)
		if len(m.Entries) > 0 {
			s += " " + entries(m.Entries)
		}
		return s + round(m)
	}
	if m.Reject {
		return s + fmt.Sprintf(", refused at %d, try %d/%d", m.LogIndex, m.Hint, m.LogTerm)
	}
	return s + fmt.Sprintf(", match %d", m.LogIndex) + round(m)
}

func round(m Message) string {
	if m.Round == 0 {
		return ""
	}
	return fmt.Sprintf(", round %d", m.Round)
}

func (x *transcript) status(a args) {
	for _, h := range x.some(numbers(a.words())) {
		s := h.core.Status()
		x.printf("%d: %s of term %d, vote %d, leader %d, last %d (durable %d), commit %d, %s", h.id, s.Role, s.Term,
			s.Vote, s.Leader, s.LastIndex, s.DurableIndex, s.CommitIndex, s.Configuration)
		for _, p := range s.Progress {
			how := map[ProgressState]string{Probe: "probing", Replicate: "replicating", SendSnapshot: "sending the snapshot"}[p.State]
			if p.State == SendSnapshot {
				how += fmt.Sprintf(" of %d (%d of %d bytes)", p.SnapshotIndex, p.SnapshotReceived, p.SnapshotSize)
			}
			x.printf("   %d: match %d, next %d, %s, %d in flight", p.ID, p.Match, p.Next, how, p.Inflight)
		}
	}
}

func (x *transcript) log(a args) {
	for _, h := range x.some(numbers(a.words())) {
		s, log := fmt.Sprintf("%d:", h.id), h.core.log.entries
		if base := h.core.log.base; base > 0 {
			s += fmt.Sprintf(" (compacted up to %d/%d)", base, h.core.log.baseTerm)
			if base == h.core.commitIndex {
				s += " ||"
			}
		}
		for i, e := range log {
			if i > 0 && e.Index-1 != h.core.commitIndex {
				s += ","
			}
			if s += " " + entryText(e); e.Index == h.core.commitIndex {
				s += " ||"
			}
		}
		x.printf("%s", s)
	}
}

func duration(s string) time.Duration {
	d, err := time.ParseDuration(s)
	if err != nil {
		panic(usage(err.Error()))
	}
	return d
}
