//go:build !js

package tab

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"tabraft/raft/node"
)

// TestCycle runs the transcripts in testdata: what a server does with its lives.
// Each command is an event of cycle.go, and prints what is to be done and then
// the state.
//
//	new
//	    a server that never ran
//	EVENT [life=N] [err=TEXT]
//	    life is the last one by default; err may also be removed or away, the
//	    cluster's two ways to remove a server, told, by one that it does not know,
//	    copied, or busy, of a storage that does not answer
func TestCycle(t *testing.T) {
	datadriven.Walk(t, "testdata/cycle", func(t *testing.T, path string) {
		var c cycle
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd == "new" {
				c = cycle{}
				return c.String()
			}
			next, deeds := c.step(parseTurn(t, d, c.life))
			c = next
			var out strings.Builder
			for _, d := range deeds {
				fmt.Fprintf(&out, "  %v\n", d)
			}
			return out.String() + c.String()
		})
	})
}

var turnNames = [turnKinds]string{
	evRestart: "restart", evRetry: "retry", evOpened: "opened", evOpenFailed: "openfailed", evCrash: "crash",
	evFailed: "failed", evRemoved: "removed", evForgotten: "forgotten", evLeave: "leave",
}

func parseTurn(t *testing.T, d *datadriven.TestData, life int) turn {
	for kind, name := range turnNames {
		if name != d.Cmd {
			continue
		}
		ev := turn{kind: turnKind(kind), life: life}
		d.MaybeScanArgs(t, "life", &ev.life)
		var text string
		if d.MaybeScanArgs(t, "err", &text); text != "" {
			ev.err = errors.New(text)
		}
		switch {
		case text == "removed":
			ev.err = node.ErrRemoved
		case text == "away":
			ev.err = node.ErrRemovedAway
		case text == "told":
			ev.err = node.ErrToldRemoved
		case text == "copied":
			ev.err = ErrCopied
		case text == "busy":
			ev.err = errBusy
		}
		return ev
	}
	d.Fatalf(t, "unknown command %s", d.Cmd)
	return turn{}
}

func (d deed) String() string {
	text := [...]string{
		doOpen: "make a life", doRetry: "retry in a while", doStart: "start it", doDiscard: "discard it", doHandOver: "hand leadership over", doEnd: "END",
		doForget: "delete the identity", doSetAside: "put the identity aside", doRejoin: "rejoin as a new server", doTell: "tell", doRefuse: "refuse",
	}[d.kind]
	if d.err != nil {
		text += ": " + d.err.Error()
	}
	return text
}

func (c cycle) String() string {
	text := fmt.Sprintf("%v, life %d", c.stage, c.life)
	if c.alive {
		text += ", alive"
	}
	if c.why != nil {
		text += ": " + c.why.Error()
	}
	if c.again != nil {
		text += ", again since " + c.again.Error()
	}
	return text + "\n"
}

// TestCycleHolds goes through every state that events can lead to, and looks
// for what must hold in all of them: at most one life exists, every one that
// was made is started or discarded, and ends, nothing comes after the end, and
// who has no life knows why.
func TestCycleHolds(t *testing.T) {
	type place struct {
		cycle
		making bool // a life is being made
	}
	broken := errors.New("broken")
	seen := map[place]bool{}
	var visit func(at place)
	visit = func(at place) {
		if seen[at] {
			return
		}
		seen[at] = true
		events := []turn{{kind: evRestart}, {kind: evCrash}, {kind: evLeave}}
		for _, life := range []int{at.life, at.life - 1} {
			events = append(events, turn{kind: evFailed, life: life, err: broken}, turn{kind: evFailed, life: life, err: errBusy}, turn{kind: evRetry, life: life},
				turn{kind: evRemoved, life: life, err: node.ErrRemoved}, turn{kind: evRemoved, life: life, err: node.ErrRemovedAway},
				turn{kind: evRemoved, life: life, err: ErrCopied}, turn{kind: evRemoved, life: life, err: node.ErrToldRemoved})
		}
		if at.making {
			events = append(events, turn{kind: evOpened}, turn{kind: evOpenFailed, err: broken}, turn{kind: evOpenFailed, err: errBusy})
		}
		if at.stage == forgetting {
			events = append(events, turn{kind: evForgotten}, turn{kind: evForgotten, err: broken})
		}
		for _, ev := range events {
			next, deeds := at.step(ev)
			making := at.making && ev.kind != evOpened && ev.kind != evOpenFailed
			lives := count(at.alive, at.making)
			if ev.kind == evOpenFailed {
				lives--
			}
			for _, d := range deeds {
				switch d.kind {
				case doOpen:
					making = true
					lives++
				case doEnd, doDiscard:
					lives--
				}
			}
			if n := count(next.alive, making); n != lives || n > 1 {
				t.Errorf("%v%s: %d lives, or %d", at.cycle, turnNames[ev.kind], lives, n)
			}
			switch {
			case at.stage == over && next.stage != over:
				t.Errorf("%v%s: not over any more", at.cycle, turnNames[ev.kind])
			case !next.alive && !making && next.why == nil && next.life > 0:
				t.Errorf("%v%s: no life, and no reason", at.cycle, turnNames[ev.kind])
			case next.alive != (next.stage == running) && next.stage != forgetting:
				t.Errorf("%v%s: %v", at.cycle, turnNames[ev.kind], next)
			case next.alive && errors.Is(next.why, ErrCopied):
				t.Errorf("%v%s: the copy lives on", at.cycle, turnNames[ev.kind])
			case next.again != nil && !(next.stage == stopped && next.why == next.again || next.stage == starting && next.why == nil):
				t.Errorf("%v%s: it tries again though it is %v", at.cycle, turnNames[ev.kind], next)
			case busy(next.why) && next.stage == stopped && next.again == nil:
				t.Errorf("%v%s: nobody tries again", at.cycle, turnNames[ev.kind])
			}
			if next.life <= 3 {
				next.why = sameReason(next.why)
				visit(place{next, making})
			}
		}
	}
	visit(place{})
	for s := range stages {
		reached := false
		for at := range seen {
			reached = reached || at.stage == s
		}
		if !reached {
			t.Errorf("no event leads to %v", s)
		}
	}
}

// sameReason gives one value for errors that differ in their address alone.
func sameReason(err error) error {
	for _, known := range []error{ErrCrashed, ErrLeft, node.ErrToldRemoved, node.ErrRemovedAway, node.ErrRemoved, ErrCopied} {
		if errors.Is(err, known) {
			return known
		}
	}
	return err
}

func count(facts ...bool) (n int) {
	for _, is := range facts {
		if is {
			n++
		}
	}
	return n
}
