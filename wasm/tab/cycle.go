package tab

import (
	"errors"
	"fmt"

	"tabraft/raft/node"
)

// cycle.go: the lives of a tab's server, as a table: (state, event) -> (state,
// actions), without storage, connections or clock. The transcripts in
// testdata show it at work; server.go carries out what it says.

// stage is where a server is.
type stage uint8

const (
	// stopped: no life. Restart begins one.
	stopped stage = iota
	// starting: a life is being made, which waits for storage.
	starting
	// running: there is a life.
	running
	// forgetting: the cluster removed the server, or it is a copy of one that
	// runs, and its identity is being deleted or put aside, which waits for storage.
	// No other life will come.
	forgetting
	// over: no life, and none to come.
	over
	stages
)

func (s stage) String() string {
	return [stages]string{"stopped", "starting", "running", "forgetting", "over"}[s]
}

// turnKind is what can happen to a server.
type turnKind uint8

const (
	evRestart    turnKind = iota // a life is asked for
	evRetry                      // it is time to try again
	evOpened                     // the life that was being made is made
	evOpenFailed                 // it cannot be made
	evCrash                      // crash() was called
	evFailed                     // a life's storage or node cannot go on
	evRemoved                    // a life's node knows that the cluster removed it, or it is a copy
	evForgotten                  // the identity is deleted or put aside, or cannot be
	evLeave                      // the page goes away
	turnKinds
)

// turn is one event.
type turn struct {
	kind turnKind
	life int   // evFailed, evRemoved: whose; evRetry: instead of which
	err  error // evOpenFailed, evFailed, evRemoved: why; evForgotten: nil if it is deleted
}

// deedKind is what a turn can ask for.
type deedKind uint8

const (
	doOpen     deedKind = iota // make a life
	doRetry                    // bring evRetry for this life in a while
	doStart                    // let the life that was made loose
	doDiscard                  // end the life that was made and never was let loose
	doHandOver                 // ask another server to lead, if that is set
	doEnd                      // end the life, and tell why
	doForget                   // delete the identity
	doSetAside                 // put the identity aside
	doRejoin                   // begin again with a new identity
	doTell                     // tell an error that ends no life
	doRefuse                   // refuse to restart
)

type deed struct {
	kind deedKind
	err  error // doEnd, doTell, doRefuse
}

var (
	errStarts = errors.New("the server is being started already")
	errRuns   = errors.New("the server runs already")
)

// cycle is the state. step is the only thing that changes it.
type cycle struct {
	stage stage
	life  int  // number of the last life, counted from 1
	alive bool // it has been made and has not ended
	// why there is no life (stopped, over), is to be none (forgetting), or why
	// the one that is being made must end at once (starting, if not nil).
	why error
	// again is why the last life could not be made, or go on, if that may soon be otherwise
	// and is tried by itself (stopped, starting).
	again error
}

// cycleTurn is one step under way.
type cycleTurn struct {
	*cycle
	turn
	deeds []deed
}

// cycleTable says what happens; an empty place means nothing does.
var cycleTable = [turnKinds][stages]func(*cycleTurn){
	//             stopped                starting                  running                forgetting              over
	evRestart:    {(*cycleTurn).open, (*cycleTurn).refuseStarts, (*cycleTurn).refuseRuns, (*cycleTurn).refuse, (*cycleTurn).refuse},
	evRetry:      {(*cycleTurn).retry, nil, nil, nil, nil},
	evOpened:     {nil, (*cycleTurn).opened, nil, nil, (*cycleTurn).discard},
	evOpenFailed: {nil, (*cycleTurn).openFailed, nil, nil, nil},
	evCrash:      {(*cycleTurn).giveUp, (*cycleTurn).doom, (*cycleTurn).crash, (*cycleTurn).crashRemoved, nil},
	evFailed:     {nil, (*cycleTurn).failEarly, (*cycleTurn).fail, nil, nil},
	evRemoved:    {nil, nil, (*cycleTurn).removed, nil, nil},
	evForgotten:  {nil, nil, nil, (*cycleTurn).forgotten, nil},
	evLeave:      {(*cycleTurn).leave, (*cycleTurn).leave, (*cycleTurn).leaveCluster, (*cycleTurn).leave, nil},
}

// step takes one event and says what to do, in order.
func (c cycle) step(ev turn) (cycle, []deed) {
	t := cycleTurn{cycle: &c, turn: ev}
	if rule := cycleTable[ev.kind][c.stage]; rule != nil {
		rule(&t)
	}
	return c, t.deeds
}

func (t *cycleTurn) do(kind deedKind, err error) { t.deeds = append(t.deeds, deed{kind, err}) }

// end ends the life, if there is one.
func (t *cycleTurn) end(next stage, why error) {
	if t.alive {
		t.do(doEnd, why)
	}
	t.stage, t.alive, t.why, t.again = next, false, why, nil
}

func (t *cycleTurn) open() {
	t.again = nil
	t.begin()
}

func (t *cycleTurn) begin() {
	t.stage, t.why = starting, nil
	t.cycle.life++
	t.do(doOpen, nil)
}

func (t *cycleTurn) retry() {
	if t.again != nil && t.turn.life == t.cycle.life {
		t.begin()
	}
}

// retryLater tries again by itself if that may help.
func (t *cycleTurn) retryLater() {
	t.again = nil
	if busy(t.why) {
		t.again = t.why
		t.do(doRetry, nil)
	}
}

// giveUp ends the attempts.
func (t *cycleTurn) giveUp() {
	if t.again != nil {
		t.why, t.again = ErrCrashed, nil
		t.do(doTell, t.why)
	}
}

func (t *cycleTurn) refuseStarts() { t.do(doRefuse, errStarts) }
func (t *cycleTurn) refuseRuns()   { t.do(doRefuse, errRuns) }
func (t *cycleTurn) refuse()       { t.do(doRefuse, t.why) }

// opened lets the life loose that was made, unless its end came first.
func (t *cycleTurn) opened() {
	if t.why != nil {
		t.stage = stopped
		t.do(doDiscard, nil)
		t.do(doTell, t.why)
		t.retryLater()
		return
	}
	t.stage, t.alive, t.again = running, true, nil
	t.do(doStart, nil)
}

func (t *cycleTurn) discard() { t.do(doDiscard, nil) }

// openFailed stops, for the reason that came first.
func (t *cycleTurn) openFailed() {
	if t.again == nil {
		t.do(doTell, t.err)
	}
	t.stage = stopped
	if t.why == nil {
		t.why = t.err
	}
	t.retryLater()
}

func (t *cycleTurn) doom()  { t.why, t.again = ErrCrashed, nil }
func (t *cycleTurn) crash() { t.end(stopped, ErrCrashed) }

// crashRemoved ends the life of a server that was removed. It does not come
// back.
func (t *cycleTurn) crashRemoved() {
	why := t.why
	t.end(forgetting, ErrCrashed)
	t.why = why
}

func (t *cycleTurn) failEarly() {
	if t.turn.life == t.cycle.life && t.why == nil {
		t.why, t.again = t.err, nil
	}
}

func (t *cycleTurn) fail() {
	if t.turn.life == t.cycle.life {
		t.end(stopped, t.err)
		t.retryLater()
	}
}

// removed has the identity of a server deleted that the cluster removed, and put aside
// that of a copy, and of one that a server says is removed which it does not know. The life of a copy ends first: until then it could vote, and say that it
// has stored what it has, beside its original. A removed server's node has ended; the rest of
// its life is kept until the identity is deleted, so that the page never offers to restart it.
func (t *cycleTurn) removed() {
	switch {
	case t.turn.life != t.cycle.life:
	case errors.Is(t.err, ErrCopied), errors.Is(t.err, node.ErrToldRemoved):
		t.end(forgetting, t.err)
		t.do(doSetAside, nil)
	default:
		t.stage, t.why = forgetting, t.err
		t.do(doForget, nil)
	}
}

func (t *cycleTurn) forgotten() {
	why := t.why
	if t.err != nil {
		why = fmt.Errorf("%w, and its state could not be deleted: %w", why, t.err)
		if !t.alive {
			t.do(doTell, why)
		}
	}
	t.end(over, why)
	// It did not choose to go: a new server is welcome.
	if t.err == nil && rejoins(why) {
		t.do(doRejoin, nil)
	}
}

func (t *cycleTurn) leave() { t.end(over, ErrLeft) }

func (t *cycleTurn) leaveCluster() {
	t.do(doHandOver, nil)
	t.end(over, ErrLeft)
}
