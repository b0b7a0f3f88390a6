package bus

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
)

// TestLink runs the transcripts in testdata: what one side of a pair does, with
// neither channel nor clock. A transcript has these commands; each prints the
// actions and then the phase.
//
//	new hello|asked
//	    a life was heard of by its hello, which asks or does not
//	wait DURATION
//	    time passes and the link's timer fires whenever it is due; each action
//	    is printed with the time since new
//	sleep DURATION
//	    time passes, and then the timer fires once if it is due: the machine
//	    was suspended
//	EVENT [number=N]
//	    an event of link.go, such as ping or left
func TestLink(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		var s script
		datadriven.RunTest(t, path, s.command)
	})
}

var eventNames = [eventKinds]string{
	evHello: "hello", evAsked: "asked", evHeard: "heard", evPing: "ping", evPong: "pong", evBye: "bye",
	evTimer: "timer", evRely: "rely", evSpare: "spare", evLeft: "left", evReplaced: "replaced",
	evRetry: "retry",
}

// script is a transcript under way.
type script struct {
	link link
	over bool
	now  time.Duration
	out  strings.Builder
}

func (s *script) command(t *testing.T, d *datadriven.TestData) string {
	s.out.Reset()
	if s.over && d.Cmd != "new" {
		d.Fatalf(t, "the link is forgotten")
	}
	switch d.Cmd {
	case "new":
		s.now, s.over = 0, false
		s.link = newLink(0)
		s.step(event{kind: eventNamed(t, d, d.CmdArgs[0].Key)})
	case "wait":
		end := s.now + duration(t, d)
		for !s.over && s.link.due() <= end {
			s.now = max(s.now, s.link.due())
			fmt.Fprintf(&s.out, "%v:\n", s.now)
			s.step(event{kind: evTimer})
		}
		s.now = end
	case "sleep":
		s.now += duration(t, d)
		if s.link.due() <= s.now {
			s.step(event{kind: evTimer})
		}
	default:
		var number uint64
		d.MaybeScanArgs(t, "number", &number)
		s.step(event{kind: eventNamed(t, d, d.Cmd), number: uint32(number)})
	}
	if s.over {
		return s.out.String() + "forgotten\n"
	}
	state, _ := s.link.state()
	fmt.Fprintf(&s.out, "%s\n", state)
	return s.out.String()
}

func (s *script) step(ev event) {
	l, actions := s.link.step(s.now, ev)
	s.link = l
	for _, a := range actions {
		fmt.Fprintf(&s.out, "  %v\n", a)
		s.over = s.over || a.kind == actForget
	}
}

func eventNamed(t *testing.T, d *datadriven.TestData, name string) eventKind {
	for kind, n := range eventNames {
		if n == name {
			return eventKind(kind)
		}
	}
	d.Fatalf(t, "unknown command %s", name)
	return 0
}

func duration(t *testing.T, d *datadriven.TestData) time.Duration {
	v, err := time.ParseDuration(d.CmdArgs[0].Key)
	if err != nil {
		d.Fatalf(t, "%v", err)
	}
	return v
}

func (a action) String() string {
	switch a.kind {
	case actHello:
		if a.asks {
			return "ask who is there"
		}
		return "say hello"
	case actPing:
		return fmt.Sprintf("send ping %d", a.number)
	case actPong:
		return fmt.Sprintf("answer ping %d", a.number)
	case actUp:
		return "UP"
	case actDown:
		return "DOWN: " + a.reason
	case actForget:
		return "forget the peer"
	}
	return fmt.Sprintf("action %d", a.kind)
}

// TestEveryEventIsNamed keeps the transcripts' vocabulary complete.
func TestEveryEventIsNamed(t *testing.T) {
	for kind, name := range eventNames {
		if name == "" {
			t.Errorf("event %d has no name", kind)
		}
	}
}
