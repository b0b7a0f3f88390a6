package bus

import (
	"time"

	"tabraft/wasm/alive"
)

// phase is where a link is.
type phase uint8

const (
	// greeting: the peer said hello; on the pair's channel nothing was heard.
	greeting phase = iota
	// open: up.
	open
	phases
)

// eventKind is what can happen to a link.
type eventKind uint8

const (
	evHello    eventKind = iota // the peer said hello
	evAsked                     // the peer said hello and asks for ours
	evHeard                     // a frame has come
	evPing                      // a ping has come
	evPong                      // the answer to a ping has come
	evBye                       // the peer's life is over
	evTimer                     // the time due() named has come
	evRely                      // nothing else connects the pair
	evSpare                     // something better connects the pair
	evLeft                      // signaling saw the peer go, just now
	evReplaced                  // another life of the same server is up
	evRetry                     // the peer may have forgotten this life
	eventKinds
)

// event is one input of a link.
type event struct {
	kind   eventKind
	number uint32 // evPing, evPong
}

// actionKind is what a link can want done.
type actionKind uint8

const (
	actHello  actionKind = iota // say hello, or ask if asks
	actPing                     // send a ping
	actPong                     // answer a ping
	actUp                       // tell the handler
	actDown                     // tell the handler, with the reason
	actForget                   // close the channel and drop the link
)

type action struct {
	kind   actionKind
	asks   bool   // actHello
	number uint32 // actPing, actPong
	reason string // actDown
}

// link is one side of a pair of lives: state alone, without channel or clock.
// step is the only thing that changes it.
type link struct {
	phase  phase
	began  time.Duration // when the peer was heard of
	relied bool          // nothing else connects the pair

	askAt    time.Duration // greeting: when to ask again
	giveUpAt time.Duration // greeting: when to forget

	watch alive.Watch // open; in greeting it numbers the pings
}

// turn is one step under way.
type turn struct {
	*link
	event
	now     time.Duration
	actions []action
}

// table says what happens; an empty place means nothing does.
var table = [eventKinds][phases]func(*turn){
	//          greeting          open
	evHello:    {(*turn).greet, nil},
	evAsked:    {(*turn).answer, (*turn).answer},
	evHeard:    {(*turn).up, (*turn).heard},
	evPing:     {(*turn).up, (*turn).pinged},
	evPong:     {(*turn).up, (*turn).answered},
	evBye:      {(*turn).forget, (*turn).ended},
	evTimer:    {(*turn).greetAgain, (*turn).tick},
	evRely:     {(*turn).rely, (*turn).rely},
	evSpare:    {(*turn).spare, (*turn).spare},
	evLeft:     {nil, (*turn).doubtLeft},
	evReplaced: {(*turn).forget, (*turn).replaced},
	evRetry:    {nil, (*turn).retry},
}

// newLink makes the link to a life that was heard of just now. It wants evHello
// or evAsked next. It is relied on until evSpare.
func newLink(now time.Duration) link {
	return link{began: now, relied: true, askAt: now + GreetAgain, giveUpAt: now + GreetTimeout}
}

// step takes one event and says what to do, in order.
func (l link) step(now time.Duration, ev event) (link, []action) {
	t := turn{link: &l, event: ev, now: now}
	if rule := table[ev.kind][l.phase]; rule != nil {
		rule(&t)
	}
	return l, t.actions
}

// due is the time at which the link wants evTimer.
func (l *link) due() time.Duration {
	if l.phase == greeting {
		return min(l.askAt, l.giveUpAt)
	}
	return l.watch.Due()
}

// state names where the link is, and since when.
func (l *link) state() (name string, since time.Duration) {
	switch {
	case l.phase == greeting:
		return "greeting", l.began
	case l.watch.Doubted():
		return "probing", l.watch.Since()
	}
	return "open", l.watch.Since()
}

// isUp tells whether frames can be exchanged.
func (l *link) isUp() bool { return l.phase != greeting }

// interval is the time between pings.
func (l *link) interval() time.Duration {
	if l.relied {
		return alive.PingInterval
	}
	return SpareInterval
}

func (t *turn) do(a action) { t.actions = append(t.actions, a) }

func (t *turn) forget() { t.do(action{kind: actForget}) }

// greet: the peer may listen on the pair's channel by now.
func (t *turn) greet() { t.ping() }

// answer: the peer wants to know who is there. It listens to the pair's channel
// once it has our hello, and then pings.
func (t *turn) answer() {
	t.do(action{kind: actHello})
	if t.phase == greeting {
		t.ping()
	}
}

// greetAgain: the peer knows nothing of us, or was not quick, or is no more.
func (t *turn) greetAgain() {
	switch {
	case t.now >= t.giveUpAt:
		t.forget()
	case t.now >= t.askAt:
		t.askAt = t.now + GreetAgain
		t.do(action{kind: actHello, asks: true})
		t.ping()
	}
}

// up: the peer listens, for it speaks.
func (t *turn) up() {
	t.phase = open
	t.watch.Start(t.now, t.interval())
	t.do(action{kind: actUp})
	switch t.kind {
	case evPing:
		t.do(action{kind: actPong, number: t.number})
	case evPong:
		t.answered()
	}
	t.ping()
}

// down ends the link, for a reason.
func (t *turn) down(reason string) {
	t.do(action{kind: actDown, reason: reason})
	t.forget()
}

func (t *turn) ended()    { t.down("the peer's tab was closed") }
func (t *turn) replaced() { t.down("the peer was started again") }

// ping sends one that is not asked for by the watch.
func (t *turn) ping() {
	t.watch.Ping(t.now)
	t.ask()
}

// ask sends the watch's ping.
func (t *turn) ask() { t.do(action{kind: actPing, number: t.watch.Number()}) }

func (t *turn) tick() {
	switch t.watch.Tick(t.now) {
	case alive.Ask, alive.Quiet:
		t.ask()
	case alive.Gone:
		// The peer may be frozen rather than gone, and will find our question for
		// its hello when it wakes.
		t.down("no answer")
		t.do(action{kind: actHello, asks: true})
	}
}

func (t *turn) doubtLeft() {
	if t.watch.Left(t.now) {
		t.ask()
	}
}

// retry: whether the peer is gone or has forgotten this life, it does not answer. In
// the second case it meets it anew by the hello that is said with this, and anything
// heard shows that.
func (t *turn) retry() {
	if !t.watch.Doubted() {
		t.watch.Doubt(t.now, alive.AnswerWithin)
		t.ask()
	}
}

// rely: what connected the pair is gone, perhaps because the peer is.
func (t *turn) rely() {
	was := t.relied
	t.relied = true
	if was || !t.isUp() {
		return
	}
	t.watch.SetInterval(alive.PingInterval)
	if t.watch.Hint(t.now, RelyAnswerWithin) {
		t.ask()
	}
}

func (t *turn) spare() {
	t.relied = false
	if t.isUp() {
		t.watch.SetInterval(SpareInterval)
	}
}

func (t *turn) heard() { t.watch.Heard(t.now) }

func (t *turn) pinged() {
	t.do(action{kind: actPong, number: t.number})
	t.heard()
}

func (t *turn) answered() { t.watch.Answered(t.now, t.number) }
