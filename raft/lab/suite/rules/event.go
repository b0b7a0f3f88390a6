package rules

import (
	"fmt"
	"time"

	"tabraft/raft/lab/labrpc"
)

// An Event is one step of the story, for programs that draw it.
type Event struct {
	At     time.Duration `json:"at"` // nanoseconds since the test began
	Server int           `json:"server"`
	// Peer is the other server of an RPC, -1 if there is none.
	Peer int `json:"peer"`
	// Call is the number of the RPC, 0 if it is none.
	Call uint64 `json:"call,omitempty"`
	// Kind is sent, handled, replied, lost, start, apply, snapshot, state,
	// crash, restart, cut, connected.
	Kind string `json:"kind"`
	RPC  string `json:"rpc,omitempty"`
	Term int    `json:"term,omitempty"`
	// Heartbeat marks the steps of an AppendEntries without entries, unless it
	// was refused. They are many and tell little.
	Heartbeat bool   `json:"heartbeat,omitempty"`
	Text      string `json:"text"`
}

type recordKind uint8

const (
	sent recordKind = iota + 1
	handled
	replied
	lost
	started
	applied
	snapshotApplied
	snapshotTaken
	stateSeen
	crashed
	restarted
	cut
	connected
	saved
)

var kindNames = [...]string{"", "sent", "handled", "replied", "lost", "start", "apply", "apply", "snapshot", "state", "crash", "restart", "cut", "connected", "save"}

// A record is an event as it is kept while the test runs.
type record struct {
	at           time.Duration
	kind         recordKind
	server, peer int8
	why          labrpc.Reason
	yes          bool
	call         uint64
	args         args
	term         int // of a reply, of GetState
	index        int // of Start, of what was applied
	cmd          any
}

func (r *record) heartbeat() bool {
	return r.args.kind == appendEntries && r.args.count == 0 && (r.kind == sent || r.kind == lost || r.yes)
}

func (r *record) event() Event {
	e := Event{
		At: r.at, Server: int(r.server), Peer: int(r.peer), Call: r.call, Kind: kindNames[r.kind],
		Term: r.args.term, Heartbeat: r.heartbeat(), Text: r.text(),
	}
	if r.call != 0 {
		e.RPC = r.args.kind.String()
	} else if r.term != 0 {
		e.Term = r.term
	}
	return e
}

// text is a record in few words: it has to fit into a column.
func (r *record) text() string {
	a := r.args
	switch r.kind {
	case sent:
		switch {
		case a.kind == requestVote && a.hasLog:
			return fmt.Sprintf("→%d vote? T%d log %d:T%d", r.peer, a.term, a.index, a.iterm)
		case a.kind == appendEntries && a.hasLog:
			return fmt.Sprintf("→%d T%d %d:T%d+%d c%d", r.peer, a.term, a.index, a.iterm, a.count, a.commit)
		case a.kind == installSnapshot:
			return fmt.Sprintf("→%d T%d snapshot %d:T%d", r.peer, a.term, a.index, a.iterm)
		}
		return fmt.Sprintf("→%d %v T%d", r.peer, a.kind, a.term)
	case handled:
		switch a.kind {
		case requestVote:
			return fmt.Sprintf("vote for %d T%d: %s%s", r.peer, a.term, yesNo(r.yes), r.replyTerm())
		case appendEntries:
			if a.hasLog {
				return fmt.Sprintf("%d's %d+%d T%d: %s%s", r.peer, a.index, a.count, a.term, okNo(r.yes), r.replyTerm())
			}
			return fmt.Sprintf("%d's append T%d: %s%s", r.peer, a.term, okNo(r.yes), r.replyTerm())
		case installSnapshot:
			return fmt.Sprintf("%d's snapshot %d T%d%s", r.peer, a.index, a.term, r.replyTerm())
		}
		return fmt.Sprintf("%d's %v T%d", r.peer, a.kind, a.term)
	case replied:
		switch a.kind {
		case requestVote:
			return fmt.Sprintf("←%d vote T%d: %s%s", r.peer, a.term, yesNo(r.yes), r.replyTerm())
		case appendEntries:
			if r.yes && a.hasLog {
				return fmt.Sprintf("←%d has %d T%d", r.peer, a.index+a.count, a.term)
			}
			return fmt.Sprintf("←%d %d: %s T%d%s", r.peer, a.index, okNo(r.yes), a.term, r.replyTerm())
		}
		return fmt.Sprintf("←%d %v T%d%s", r.peer, a.kind, a.term, r.replyTerm())
	case lost:
		return fmt.Sprintf("×%d %v: %v", r.peer, a.kind, r.why)
	case started:
		return fmt.Sprintf("Start %s = %d:T%d", Brief(r.cmd), r.index, r.term)
	case applied:
		return fmt.Sprintf("applies %d: %s", r.index, Brief(r.cmd))
	case snapshotApplied:
		return fmt.Sprintf("applies snapshot %d", r.index)
	case snapshotTaken:
		return fmt.Sprintf("Snapshot(%d)", r.index)
	case stateSeen:
		if r.yes {
			return fmt.Sprintf("leads T%d", r.term)
		}
		return fmt.Sprintf("follows T%d", r.term)
	case crashed:
		return "CRASH"
	case restarted:
		return "START"
	case cut:
		return "CUT OFF"
	case connected:
		return "CONNECTED"
	}
	return "?"
}

// replyTerm adds a reply's term where it differs from the request's.
func (r *record) replyTerm() string {
	if r.term == 0 || r.term == r.args.term {
		return ""
	}
	return fmt.Sprintf(" (T%d)", r.term)
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

func okNo(yes bool) string {
	if yes {
		return "ok"
	}
	return "no"
}

// maxBrief bounds a command in a message.
const maxBrief = 16

// Brief returns a command as text that fits into a line.
func Brief(cmd any) string {
	var s string
	switch cmd := cmd.(type) {
	case string:
		if len(cmd) > maxBrief {
			return fmt.Sprintf("%q... (%d bytes)", cmd[:maxBrief/2], len(cmd))
		}
		s = fmt.Sprintf("%q", cmd)
	case int, nil:
		s = fmt.Sprint(cmd)
	default:
		s = fmt.Sprintf("%T %.40v", cmd, cmd)
	}
	if r := []rune(s); len(r) > 60 {
		s = string(r[:60]) + "..."
	}
	return s
}
