package suite

import (
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"tabraft/raft/lab/suite/rules"
)

const (
	// maxStackDump is how many bytes of stacks are looked at.
	maxStackDump = 4 << 20
	// maxStacksShown is how many different stacks a report shows, and
	maxStacksShown = 12
	// maxFramesShown is how many calls of each.
	maxFramesShown = 8
)

// A goroutine is what a stack dump says about one.
type goroutine struct {
	state  string // "sync.Mutex.Lock", "running"
	server string // "0", "1", ..., "tester", or "" if unknown
	frames []frame
}

// A frame is one call on a stack.
type frame struct {
	function string // "tabraft/raft/lab/textbook.(*Raft).ticker"
	place    string // "raft.go:120"
	creator  bool   // not a call: it started the goroutine
}

type stacks []goroutine

// stacks returns the goroutines that belong to this lab.
func (l *lab) stacks() stacks {
	buf := make([]byte, 64<<10)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) || len(buf) >= maxStackDump {
			buf = buf[:n]
			break
		}
		buf = make([]byte, 2*len(buf))
	}
	bubble := ""
	if b := l.bubble.Load(); b != nil {
		bubble = *b
	}
	var all stacks
	for text := range strings.SplitSeq(string(buf), "\n\n") {
		g, label, in := parseGoroutine(text)
		if label == l.id || bubble != "" && in == bubble {
			all = append(all, g)
		}
	}
	return all
}

// parseGoroutine takes one goroutine of a dump apart. Its first line looks like
//
//	goroutine 30 [sync.Mutex.Lock, synctest bubble 4 labels:{"lab": "1", "server": "2"}]:
func parseGoroutine(text string) (g goroutine, lab, bubble string) {
	head, rest, _ := strings.Cut(text, "\n")
	_, state, _ := strings.Cut(head, "[")
	g.state, _, _ = strings.Cut(state, " labels:")
	g.state = strings.TrimSuffix(g.state, "]:")
	g.state, _, _ = strings.Cut(g.state, ",")
	g.state = strings.TrimSuffix(g.state, " (durable)")
	lab, g.server = labelOf(head, "lab"), labelOf(head, "server")
	if _, after, ok := strings.Cut(state, "synctest bubble "); ok {
		bubble = firstWord(after)
	}
	lines := strings.Split(rest, "\n")
	for i := 0; i+1 < len(lines); i += 2 {
		g.frames = append(g.frames, parseFrame(lines[i], lines[i+1]))
	}
	return g, lab, bubble
}

// firstWord returns what is before the first blank, comma or bracket.
func firstWord(s string) string {
	if i := strings.IndexAny(s, " ],\n"); i >= 0 {
		return s[:i]
	}
	return s
}

// labelOf returns a label from the first line of a goroutine's stack.
func labelOf(head, key string) string {
	_, v, _ := strings.Cut(head, `"`+key+`": "`)
	v, _, _ = strings.Cut(v, `"`)
	return v
}

func parseFrame(function, place string) frame {
	function, creator := strings.CutPrefix(function, "created by ")
	function, _, _ = strings.Cut(function, " in goroutine ")
	if i := strings.LastIndexByte(function, '('); i > 0 && strings.HasSuffix(function, ")") {
		function = function[:i]
	}
	place = strings.TrimSpace(place)
	place, _, _ = strings.Cut(place, " +0x")
	return frame{function, place[strings.LastIndexAny(place, `/\`)+1:], creator}
}

// students tells whether a function is neither Go's nor the tester's.
func (f frame) students() bool {
	for _, own := range []string{"tabraft/raft/lab/suite.", "tabraft/raft/lab/suite/rules.", "tabraft/raft/lab/labrpc.", "tabraft/raft/lab/labgob.", "tabraft/raft/lab/tester."} {
		if strings.HasPrefix(f.function, own) {
			return false
		}
	}
	pkg, _, _ := strings.Cut(f.function, ".")
	return !slices.Contains(standard, pkg) && !strings.HasPrefix(pkg, "internal/") && !strings.HasPrefix(pkg, "runtime/")
}

// standard are the packages of Go that are met on the stacks of a Raft.
var standard = []string{
	"runtime", "sync", "sync/atomic", "time", "testing", "testing/synctest", "reflect", "encoding/gob", "encoding/json",
	"bytes", "strings", "fmt", "os", "log", "io", "context", "math/rand", "math/rand/v2", "sort", "slices", "maps", "errors", "panic",
}

// own returns the frames that are the student's, the innermost first.
func (g goroutine) own() []frame {
	var own []frame
	for _, f := range g.frames {
		if f.students() {
			own = append(own, f)
		}
	}
	return own
}

// has tells whether a function is on the stack.
func (g goroutine) has(function string) bool {
	return slices.ContainsFunc(g.frames, func(f frame) bool { return strings.HasSuffix(f.function, function) })
}

func (g goroutine) running() bool {
	return g.state == "running" || g.state == "runnable" || g.state == "syscall"
}

func (g goroutine) locking() bool {
	return strings.HasPrefix(g.state, "sync.Mutex") || strings.HasPrefix(g.state, "sync.RWMutex") || g.state == "semacquire"
}

// stillness describes a state in which nobody runs and somebody waits for
// a lock; it is empty if that is not so.
func (s stacks) stillness() string {
	var b strings.Builder
	locked := false
	for _, g := range s {
		if g.running() {
			return ""
		}
		locked = locked || g.locking()
		fmt.Fprint(&b, g.state, g.frames)
	}
	if !locked {
		return ""
	}
	return b.String()
}

// where names the innermost call that is the student's.
func (g goroutine) where() string {
	own := g.own()
	if len(own) == 0 {
		return "?"
	}
	return own[0].String()
}

func (f frame) String() string {
	return fmt.Sprintf("%s (%s)", f.function[strings.LastIndexByte(f.function, '/')+1:], f.place)
}

// waits says in words what a goroutine waits for.
func (g goroutine) waits() string {
	switch {
	case g.locking():
		return "waits for a lock"
	case g.has("labrpc.(*ClientEnd).Call"):
		return "waits for the reply of an RPC"
	case g.state == "chan send":
		return "waits to send on a channel"
	case g.state == "chan receive":
		return "waits to receive from a channel"
	case g.state == "sleep":
		return "sleeps"
	case g.state == "sync.Cond.Wait":
		return "waits in sync.Cond.Wait"
	case g.state == "sync.WaitGroup.Wait":
		return "waits for a sync.WaitGroup"
	case g.running():
		return "runs"
	}
	return "waits: " + g.state
}

func (g goroutine) who() string {
	switch g.server {
	case "", "tester":
		return "tester"
	}
	return "server " + g.server
}

// studentsText shows the goroutines that run the student's code, equal ones once.
func (s stacks) studentsText() string { return s.text(func(goroutine) bool { return true }) }

// runningText shows those that run, if there are any.
func (s stacks) runningText() string {
	if t := s.text(goroutine.running); t != "" {
		return t
	}
	return s.studentsText()
}

func (s stacks) text(wanted func(goroutine) bool) string {
	count := map[string]int{}
	var order []string
	for _, g := range s {
		own := g.own()
		if len(own) == 0 || !wanted(g) {
			continue
		}
		var b strings.Builder
		fmt.Fprintf(&b, "%s %s\n", g.who(), g.waits())
		for i, f := range own {
			if i == maxFramesShown {
				fmt.Fprintf(&b, "    and %d more\n", len(own)-i)
				break
			}
			fmt.Fprintf(&b, "    %s\n", f)
		}
		text := b.String()
		if count[text]++; count[text] == 1 {
			order = append(order, text)
		}
	}
	var b strings.Builder
	for i, text := range order {
		if i == maxStacksShown {
			fmt.Fprintf(&b, "and %d other stacks\n", len(order)-i)
			break
		}
		if n := count[text]; n > 1 {
			fmt.Fprintf(&b, "%d times: ", n)
		}
		b.WriteString(text)
	}
	return b.String()
}

// explainDeadlock says who seems to hold the lock that others wait for. That is a
// guess, since locks do not tell who holds them.
func (s stacks) explainDeadlock() (string, *rules.Finding) {
	lockers := map[string]stacks{} // by server
	for _, g := range s {
		if g.locking() && len(g.own()) > 0 {
			lockers[g.server] = append(lockers[g.server], g)
		}
	}
	for _, guess := range []struct {
		rule  rules.Rule
		holds func(g goroutine, lockers stacks) bool
		text  string
	}{
		{rules.ApplyUnderLock, sendsWhileServiceWaits, "waits to send on a channel, applyCh as it seems"},
		{rules.RPCUnderLock, callsWithLock, "waits for the reply of an RPC"},
		{rules.WaitUnderLock, func(g goroutine, _ stacks) bool { return g.state == "sync.WaitGroup.Wait" }, "waits for other goroutines"},
	} {
		for _, g := range s {
			waiting := lockers[g.server]
			if g.locking() || len(g.own()) == 0 || len(waiting) == 0 || g.server == "tester" || !guess.holds(g, waiting) {
				continue
			}
			return fmt.Sprintf("nothing moves: %s %s in %s, and others of its goroutines (%d) wait for a lock, the first in %s. If the first holds "+
				"that lock, virtual time stands still (waiting for a lock does not let time pass), and in real time the server is deaf as long",
				g.who(), guess.text, g.where(), len(waiting), waiting[0].where()), rules.NewFinding(guess.rule, g.server, g.where())
		}
	}
	for _, g := range s {
		if waiting := lockers[g.server]; len(waiting) > 0 {
			return fmt.Sprintf("nothing moves: goroutines (%d) of %s wait for a lock that is never released, the first in %s. A return without Unlock, a second Lock "+
					"by the same goroutine, two locks taken in different orders, or a lock held during a sleep or an RPC?", len(waiting), waiting[0].who(), waiting[0].where()),
				rules.NewFinding(rules.LockNotReleased, waiting[0].server, waiting[0].where())
		}
	}
	return "nothing moves: goroutines wait for locks that are never released", nil
}

// sendsWhileServiceWaits tells whether g may be sending on applyCh while the service,
// which should receive, waits for a lock in a call of Snapshot.
func sendsWhileServiceWaits(g goroutine, lockers stacks) bool {
	return (g.state == "chan send" || g.state == "select") && !g.has("labrpc.(*ClientEnd).Call") &&
		slices.ContainsFunc(lockers, func(l goroutine) bool { return l.has("suite.(*lab).take") })
}

// callsWithLock tells whether g looks like a call of an RPC that is made with the lock
// held: deep in a goroutine that does more than the call, or in a function in which
// another goroutine waits for the lock further up, where it would take it before the call.
func callsWithLock(g goroutine, lockers stacks) bool {
	if !g.has("labrpc.(*ClientEnd).Call") {
		return false
	}
	own := slices.DeleteFunc(g.own(), func(f frame) bool { return f.creator })
	if len(own) > 2 {
		return true
	}
	for _, f := range own {
		for _, l := range lockers {
			for _, at := range l.own() {
				if at.function == f.function && !at.creator && at.line() < f.line() {
					return true
				}
			}
		}
	}
	return false
}

// line returns the number of the line of a frame.
func (f frame) line() int {
	n, _ := strconv.Atoi(f.place[strings.LastIndexByte(f.place, ':')+1:])
	return n
}

// ofLockers returns the goroutines of servers in which somebody waits for a
// lock, those that do first.
func (s stacks) ofLockers() stacks {
	var first, rest stacks
	servers := map[string]bool{}
	for _, g := range s {
		servers[g.server] = servers[g.server] || g.locking()
	}
	for _, g := range s {
		switch {
		case g.locking():
			first = append(first, g)
		case servers[g.server]:
			rest = append(rest, g)
		}
	}
	return append(first, rest...)
}

// ofServer returns the goroutines of one server.
func (s stacks) ofServer(id int) stacks {
	return slices.DeleteFunc(s, func(g goroutine) bool { return g.server != strconv.Itoa(id) })
}

// leftover says what still runs of servers that were killed.
func (l *lab) leftover() string {
	var left stacks
	for _, g := range l.stacks() {
		if len(g.own()) > 0 {
			left = append(left, g)
		}
	}
	if len(left) == 0 {
		return ""
	}
	return fmt.Sprintf("%d goroutines still run %v after Kill:\n%s", len(left), time.Duration(dieLimit), left.studentsText())
}
