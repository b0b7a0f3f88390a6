package sim

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"tabraft/raft"
)

// event.go: what can happen in a world. A run is a list of events, and the
// same list makes the same run. Events name what they are about in a way that
// still means something when others are left out: a message by its link and
// what it looks like, a save by its place in the queue. One that does not fit
// any more does nothing.

// Kind says what an event does.
type Kind uint8

const (
	// Tick: time passes until server A's timer rings.
	Tick Kind = 1 + iota
	// Ready: server A's driver asks for Ready and carries it out.
	Ready
	// Deliver: B receives a message from A, the oldest that looks like N; if
	// there is none, the newest of type M.
	Deliver
	// Repeat is Deliver, and the message stays under way.
	Repeat
	// Drop: such a message is lost.
	Drop
	// Write: A's disk completes the oldest save under way.
	Write
	// Report: A's core is told of a completed save, the Nth of those that
	// wait for it.
	Report
	// Crash: A stops; N of its saves under way reached the disk.
	Crash
	// DiskError: A's storage fails, and so A crashes; N as for Crash.
	DiskError
	// Start: A starts from its disk.
	Start
	// Clock: A's clock jumps ahead by N>>16 microseconds, and from now on runs
	// at N&0xffff thousandths of the true rate.
	Clock
	// Client: client B begins an operation at server A, or repeats the one
	// that it waits for. N says which operation: see newOp.
	Client
	// PeerDown: A is told that its connection to B was closed.
	PeerDown
	// Reconfigure: A is asked for other members: N&255 is the set of voters,
	// N>>8 of learners; bit i stands for server i+1.
	Reconfigure
	// Transfer: A is asked to hand its leadership to B.
	Transfer
	// HandOver: A leaves its office at once.
	HandOver
	// Compact: A takes a snapshot of what it has applied.
	Compact
)

var kindNames = [...]string{"?", "tick", "ready", "deliver", "repeat", "drop", "write", "report", "crash",
	"disk-error", "start", "clock", "client", "peer-down", "reconfigure", "transfer", "hand-over", "compact"}

func (k Kind) String() string {
	if int(k) < len(kindNames) && k > 0 {
		return kindNames[k]
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// Event is one thing that happens. Servers and clients are numbered from 1.
type Event struct {
	At   time.Duration // true time; it happens then or, if time has gone further, at once
	N    uint64
	Kind Kind
	A, B uint8
	M    uint8
}

// String gives the line of a trace file, without the effects:
//
//	12.345678ms deliver 1 2 AppendEntries 7fb1d4c3
//
// Parts that a kind has no use for are left out.
func (e Event) String() string {
	s := fmt.Sprintf("%v %s %d", e.At, e.Kind, e.A)
	switch e.Kind {
	case Deliver, Repeat, Drop:
		return s + fmt.Sprintf(" %d %s %x", e.B, raft.MessageType(e.M), e.N)
	case Report, Crash, DiskError:
		return s + fmt.Sprintf(" %d", e.N)
	case Client:
		return s + fmt.Sprintf(" %d %d", e.B, e.N)
	case Clock:
		return s + fmt.Sprintf(" %d %d", e.N&0xffff, e.N>>16)
	case PeerDown, Transfer:
		return s + fmt.Sprintf(" %d", e.B)
	case Reconfigure:
		return s + fmt.Sprintf(" %s %s", set(e.N&0xff), set(e.N>>8&0xff))
	}
	return s
}

// set writes a set of servers: "1,3", or "-" if it is empty.
func set(bits uint64) string {
	var names []string
	for i := range MaxServers {
		if bits>>i&1 == 1 {
			names = append(names, strconv.Itoa(i+1))
		}
	}
	if names == nil {
		return "-"
	}
	return strings.Join(names, ",")
}

// ParseEvent reads what String writes.
func ParseEvent(line string) (Event, error) {
	f := strings.Fields(line)
	bad := func(why string) (Event, error) { return Event{}, fmt.Errorf("sim: event %.80q: %s", line, why) }
	if len(f) < 3 {
		return bad("too short")
	}
	at, err := time.ParseDuration(f[0])
	if err != nil || at < 0 {
		return bad("bad time")
	}
	e := Event{At: at}
	for k := Tick; int(k) < len(kindNames); k++ {
		if kindNames[k] == f[1] {
			e.Kind = k
		}
	}
	p := parser{rest: f[2:]}
	e.A = p.number8()
	switch e.Kind {
	case 0:
		return bad("unknown kind")
	case Deliver, Repeat, Drop:
		e.B, e.M, e.N = p.number8(), p.messageType(), p.number(16)
	case Report, Crash, DiskError:
		e.N = p.number(10)
	case Client:
		e.B, e.N = p.number8(), p.number(10)
	case Clock:
		rate, jump := p.number(10), p.number(10)
		e.N = rate&0xffff | jump<<16
	case PeerDown, Transfer:
		e.B = p.number8()
	case Reconfigure:
		e.N = p.set() | p.set()<<8
	}
	if p.bad || len(p.rest) > 0 {
		return bad("bad arguments")
	}
	return e, nil
}

// parser takes arguments from the front of rest.
type parser struct {
	rest []string
	bad  bool
}

func (p *parser) word() string {
	if len(p.rest) == 0 {
		p.bad = true
		return ""
	}
	w := p.rest[0]
	p.rest = p.rest[1:]
	return w
}

func (p *parser) number(base int) uint64 {
	n, err := strconv.ParseUint(p.word(), base, 64)
	p.bad = p.bad || err != nil
	return n
}

func (p *parser) number8() uint8 {
	n := p.number(10)
	p.bad = p.bad || n > 255
	return uint8(n)
}

func (p *parser) messageType() uint8 {
	w := p.word()
	for t := range uint8(32) {
		if raft.MessageType(t).String() == w {
			return t
		}
	}
	p.bad = true
	return 0
}

func (p *parser) set() (bits uint64) {
	w := p.word()
	if w == "-" {
		return 0
	}
	for name := range strings.SplitSeq(w, ",") {
		n, err := strconv.Atoi(name)
		if err != nil || n < 1 || n > MaxServers {
			p.bad = true
			return 0
		}
		bits |= 1 << (n - 1)
	}
	return bits
}
