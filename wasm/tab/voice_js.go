package tab

import (
	"context"
	"errors"
	"strings"
	"sync"
	"syscall/js"
	"time"

	"tabraft/raft"
)

// Claims where there are no Web Locks, on plain http: the tabs agree among
// themselves on the BroadcastChannel tabraft/<room>/claims. A message is a verb, an
// id and an incarnation, with a space between:
//
//	claim   I want it
//	last    I want it, and have waited
//	owned   objection: I have it
//	took    I have it, and have put up the fence against whoever had it before
//
// Who claims an id has it if nobody objects in time. An owner objects at once, for
// as long as it lives. Of two who claim at the same time the lower incarnation
// wins: hearing the other one's claim, it repeats its own.
//
// How long is in time? A busy computer delivers late, so the wait is measured by
// the browser itself: the claimant hears what it says, since it speaks with one
// channel and listens with another, and waits for claimEchoes times as long as the
// first echo took. An objection may still lie unread when a late timer says that the
// time is over. Messages to one channel are delivered in order, so the claimant
// says last, and has heard every objection of before when it hears that.
//
// An owner whose page is busy objects late. So a Worker objects for it
// (www/src/timer.worker.ts), which nothing else keeps busy.
//
// A tab that was stopped as a whole, Worker and all, objects too late even so. Then
// two tabs hold one claim, and the fence in the storage (package idb) decides: the
// one that took the server last may save, and the other one cannot. An owner that
// hears another say owned or took looks at once whether it is fenced off.

const (
	// claimWindow is the least time that a claim waits for objections.
	claimWindow = 200 * time.Millisecond
	// claimEchoes is how many times as long as its echo took it waits.
	claimEchoes = 4
	// echoTimeout bounds the wait for an echo.
	echoTimeout = 10 * time.Second
)

var (
	errNoClaims = errors.New("this browser has neither Web Locks nor BroadcastChannel")
	errNoEcho   = errors.New("this browser is too busy to tell whether another tab has this server")
)

// keeperScript is the address of the script of the Worker that objects for this
// tab; without one the page alone does. Open sets it.
var keeperScript = ""

// claimByVoice claims on the BroadcastChannel.
func claimByVoice(ctx context.Context, room string, id raft.ID, incarnation string) (h *hold, ok bool, err error) {
	v, err := openVoice(room, id, incarnation)
	if err != nil {
		return nil, false, err
	}
	if err = v.claim(ctx); err == nil && v.own() {
		v.keep()
		return &hold{release: v.close, voice: v}, true, nil
	}
	v.close()
	if errors.Is(err, errRefused) {
		err = nil
	}
	return nil, false, err
}

// voice is one tab's claim of one id on the channel of a room.
type voice struct {
	name           string
	speaker, ear   js.Value // channels of that name
	onMessage      js.Func
	onHide         js.Func
	keeper         js.Value // a Worker; undefined if there is none
	id             string
	incarnation    string
	refused        chan struct{} // closed when another has the id, or the page goes before it is known
	echoed, echoes chan struct{} // closed when claim, last came back

	mu      sync.Mutex
	state   voiceState
	doubted func() // see hold.watch
}

type voiceState int

const (
	claiming voiceState = iota
	owning
	lost
	closed
)

func openVoice(room string, id raft.ID, incarnation string) (*voice, error) {
	constructor := js.Global().Get("BroadcastChannel")
	if constructor.Type() != js.TypeFunction {
		return nil, errNoClaims
	}
	v := &voice{name: "tabraft/" + room + "/claims", id: id.String(), incarnation: incarnation,
		refused: make(chan struct{}), echoed: make(chan struct{}), echoes: make(chan struct{})}
	err := throws(func() { v.speaker, v.ear = constructor.New(v.name), constructor.New(v.name) })
	if err != nil {
		return nil, err
	}
	v.onMessage = callback(func(event js.Value) any {
		if data := event.Get("data"); data.Type() == js.TypeString {
			v.hear(data.String())
		}
		return nil
	})
	v.ear.Set("onmessage", v.onMessage)
	// A page that goes does not object any more, nor does its Worker, which may
	// outlive it a little.
	v.onHide = callback(func(js.Value) any {
		v.close()
		return nil
	})
	js.Global().Call("addEventListener", "pagehide", v.onHide)
	return v, nil
}

var errRefused = errors.New("another tab has this server")

// claim waits until all objections that are to be expected have come.
func (v *voice) claim(ctx context.Context) error {
	began := time.Now()
	v.say("claim")
	if err := v.wait(ctx, v.echoed); err != nil {
		return err
	}
	window := time.NewTimer(max(claimWindow, claimEchoes*time.Since(began)))
	defer window.Stop()
	select {
	case <-v.refused:
		return errRefused
	case <-ctx.Done():
		return ctx.Err()
	case <-window.C:
	}
	v.say("last")
	return v.wait(ctx, v.echoes)
}

// wait waits for an echo.
func (v *voice) wait(ctx context.Context, echo chan struct{}) error {
	timeout := time.NewTimer(echoTimeout)
	defer timeout.Stop()
	select {
	case <-v.refused:
		return errRefused
	case <-echo:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timeout.C:
		return errNoEcho
	}
}

// say speaks, unless the channel is closed: then somebody else may have the id.
func (v *voice) say(what string) {
	throws(func() { v.speaker.Call("postMessage", what+" "+v.id+" "+v.incarnation) })
}

// hear takes what a tab said, this one or another.
func (v *voice) hear(message string) {
	what, rest, _ := strings.Cut(message, " ")
	id, incarnation, _ := strings.Cut(rest, " ")
	if id != v.id {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.state == lost || v.state == closed {
		return
	}
	claims, has := what == "claim" || what == "last", what == "owned" || what == "took"
	switch {
	case incarnation == v.incarnation:
		v.echo(what)
	case claims && v.state == owning:
		v.say("owned")
	case claims && v.incarnation < incarnation:
		v.say("claim") // not "owned": that would also refuse one lower still
	case v.state == claiming && (claims || has):
		v.state = lost
		close(v.refused)
	case has && v.doubted != nil:
		go v.doubted()
	}
}

// echo notes the first time that this tab's own claim, or last, came back.
func (v *voice) echo(what string) {
	echo := v.echoed
	switch what {
	case "claim":
	case "last":
		echo = v.echoes
	default:
		return
	}
	select {
	case <-echo:
	default:
		close(echo)
	}
}

// own ends the wait for objections, and tells whether there was none.
func (v *voice) own() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.state == claiming {
		v.state = owning
	}
	return v.state == owning
}

// keep has a Worker object as well.
func (v *voice) keep() {
	if keeperScript == "" {
		return
	}
	throws(func() {
		keeper := js.Global().Get("Worker").New(keeperScript)
		keeper.Call("postMessage", map[string]any{"channel": v.name, "id": v.id, "incarnation": v.incarnation})
		v.keeper = keeper
	})
}

// close gives the claim up.
func (v *voice) close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch v.state {
	case closed:
		return
	case claiming:
		close(v.refused) // the page goes
	}
	v.state = closed
	if v.keeper.Truthy() {
		v.keeper.Call("terminate")
	}
	js.Global().Call("removeEventListener", "pagehide", v.onHide)
	v.ear.Set("onmessage", js.Null())
	v.ear.Call("close")
	v.speaker.Call("close")
	v.onMessage.Release()
	v.onHide.Release()
}

// took tells the other tabs that this one has put up the fence.
func (v *voice) took() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.state == owning {
		v.say("took")
	}
}

// watch: see hold.watch.
func (v *voice) watch(doubted func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.doubted = doubted
}
