package suite

import (
	"fmt"
	"strings"

	"tabraft/raft/lab/suite/rules"
)

// panicked fails the test because the student's code panicked in a call that the tester
// or the network made; server is -1 if it is not known.
func (l *lab) panicked(server int, what string, v any, stack []byte) {
	if _, ok := v.(stopped); ok {
		return
	}
	g, _, _ := parseGoroutine("goroutine 0 [running]:\n" + afterPanic(string(stack)))
	where := fmt.Sprintf("server %d", server)
	if server < 0 {
		where = "a server"
	}
	l.fail(rules.Panicked, fmt.Sprintf("%s panicked in %s: %v, at %s", where, what, v, g.where()))
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failure != nil && l.failure.Stacks == "" {
		g.server = fmt.Sprint(server)
		l.failure.Stacks = stacks{g}.studentsText()
	}
}

// afterPanic cuts a stack to what lies below the call of panic.
func afterPanic(stack string) string {
	_, stack, _ = strings.Cut(stack, "\n")
	if i := strings.LastIndex(stack, "\npanic("); i >= 0 {
		lines := strings.SplitN(stack[i+1:], "\n", 3)
		if len(lines) == 3 {
			return lines[2]
		}
	}
	return stack
}

// A Crash is the end of a process by a panic in a goroutine of the student's own, which
// nothing can catch; or by another fatal error of Go's runtime.
type Crash struct {
	Server  string `json:"server"` // "2", or "tester", or empty
	Test    string `json:"test"`   // "Figure82C"
	Seed    string `json:"seed"`
	Message string `json:"message"` // "panic: runtime error: index out of range [5] with length 5"
	Where   string `json:"where"`   // the innermost call that is the student's
	Stack   string `json:"stack"`
}

func (c Crash) String() string {
	who := "the tester's goroutine"
	switch c.Server {
	case "":
		who = "a goroutine of an unknown server"
	case "tester":
	default:
		who = "server " + c.Server
	}
	return fmt.Sprintf("%s: %s, at %s (test %s, seed %s)\n%s", who, c.Message, c.Where, c.Test, c.Seed, c.Stack)
}

// maxCrashText is how much of a process's last words are looked at.
const maxCrashText = 1 << 20

// ExplainCrash finds, in what a process that ran the suite wrote to its standard error,
// why it ended: which server's goroutine it was, in which test, and where. It returns false
// if there is no panic and no fatal error in it.
func ExplainCrash(stderr string) (Crash, bool) {
	if len(stderr) > maxCrashText {
		stderr = stderr[len(stderr)-maxCrashText:]
	}
	for _, prefix := range []string{"panic: ", "fatal error: "} {
		i := strings.Index("\n"+stderr, "\n"+prefix)
		if i < 0 {
			continue
		}
		c := Crash{}
		text := stderr[i:]
		c.Message, text, _ = strings.Cut(text, "\n")
		j := strings.Index(text, "goroutine ")
		if j < 0 {
			return c, true
		}
		text, _, _ = strings.Cut(text[j:], "\n\n")
		g, _, _ := parseGoroutine(text)
		head, _, _ := strings.Cut(text, "\n")
		c.Server, c.Test, c.Seed = g.server, labelOf(head, "test"), labelOf(head, "seed")
		c.Where, c.Stack = g.where(), stacks{g}.studentsText()
		return c, true
	}
	return Crash{}, false
}
