package rtc

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
)

// TestLink runs the transcripts in testdata: what one side of a pair does, with
// neither network nor clock. A transcript has these commands; each prints the
// actions and then the phase.
//
//	new [self=tab|native] [peer=tab|native] [lower=true|false]
//	    a link to a peer that signaling lists; lower (the default): our ID is
//	    the lower one
//	wait DURATION
//	    time passes and the link's timer fires whenever it is due; each action
//	    is printed with the time since new
//	sleep DURATION
//	    time passes, and then the timer fires once if it is due: the machine
//	    was suspended
//	EVENT [attempt=N] [round=N] [number=N] [restart] [suspect] [reason=TEXT]
//	    an event of link.go, such as offer or channelopen
//
// chance=0.5, the default, may be given to each: the random number.
func TestLink(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		var s script
		datadriven.RunTest(t, path, s.command)
	})
}

var eventNames = [eventKinds]string{
	evPresent: "present", evAbsent: "absent", evLeft: "left", evRival: "rival", evReplaced: "replaced", evTimer: "timer",
	evOffer: "offer", evAnswer: "answer", evCandidate: "candidate", evRequest: "request", evSignalLost: "signallost",
	evDescribed: "described", evGathered: "gathered", evChannelOpen: "channelopen", evHello: "hello", evHeard: "heard",
	evPong: "pong", evUnreachable: "unreachable", evBroken: "broken", evRetry: "retry",
}

// script is a transcript under way.
type script struct {
	link link
	now  time.Duration
	out  strings.Builder
}

func (s *script) command(t *testing.T, d *datadriven.TestData) string {
	s.out.Reset()
	chance := 0.5
	d.MaybeScanArgs(t, "chance", &chance)
	switch d.Cmd {
	case "new":
		s.begin(t, d)
		s.step(event{kind: evPresent}, chance)
	case "wait":
		end := s.now + duration(t, d)
		for s.link.due() <= end {
			s.now = max(s.now, s.link.due())
			fmt.Fprintf(&s.out, "%v:\n", s.now)
			s.step(event{kind: evTimer}, chance)
		}
		s.now = end
	case "sleep":
		s.now += duration(t, d)
		if s.link.due() <= s.now {
			s.step(event{kind: evTimer}, chance)
		}
	default:
		s.step(parseEvent(t, d), chance)
	}
	state, _ := s.link.state()
	fmt.Fprintf(&s.out, "%s\n", state)
	return s.out.String()
}

func (s *script) begin(t *testing.T, d *datadriven.TestData) {
	self, peer, lower := KindTab, KindTab, true
	d.MaybeScanArgs(t, "self", &self)
	d.MaybeScanArgs(t, "peer", &peer)
	d.MaybeScanArgs(t, "lower", &lower)
	id := 3
	if lower {
		id = 1
	}
	s.now = 0
	s.link = newLink(peerNamed(id, self), peerNamed(2, peer), 0)
}

func (s *script) step(ev event, chance float64) {
	l, actions := s.link.step(s.now, ev, chance)
	s.link = l
	for _, a := range actions {
		fmt.Fprintf(&s.out, "  %v\n", a)
	}
}

func parseEvent(t *testing.T, d *datadriven.TestData) event {
	for kind, name := range eventNames {
		if name != d.Cmd {
			continue
		}
		ev := event{kind: eventKind(kind)}
		var attempt, round, number uint64
		d.MaybeScanArgs(t, "attempt", &attempt)
		d.MaybeScanArgs(t, "round", &round)
		d.MaybeScanArgs(t, "number", &number)
		d.MaybeScanArgs(t, "reason", &ev.reason)
		ev.signal = signal{Kind: d.Cmd, Attempt: uint32(attempt), Round: uint32(round), Restart: d.HasArg("restart")}
		if ev.kind == evDescribed {
			ev.signal.Kind = "description"
		}
		ev.number, ev.suspect = uint32(number), d.HasArg("suspect")
		return ev
	}
	d.Fatalf(t, "unknown command %s", d.Cmd)
	return event{}
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
	case actOpen:
		return "open a connection"
	case actOffer:
		return fmt.Sprintf("make an offer, round %d, restart %v", a.signal.Round, a.restart)
	case actAnswer:
		return fmt.Sprintf("answer round %d", a.signal.Round)
	case actAccept:
		return "accept the answer"
	case actCandidate:
		return "take a candidate"
	case actSignal:
		s := fmt.Sprintf("signal %s, attempt %d, round %d", a.signal.Kind, a.signal.Attempt, a.signal.Round)
		if a.signal.Restart {
			s += ", restart"
		}
		return s
	case actHello:
		return "send hello"
	case actPing:
		return fmt.Sprintf("send ping %d", a.number)
	case actUp:
		return "UP"
	case actDown:
		return "DOWN: " + a.reason
	case actSilent:
		return "SILENT"
	case actClose:
		return "close"
	case actForget:
		return "forget the peer"
	case actRefuse:
		return "REFUSED: " + a.reason
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
