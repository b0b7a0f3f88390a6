package bus

import "time"

// phase is where a link is.
type phase uint8

const (
	// greeting: the peer said hello; on the pair's channel nothing was heard.
	greeting phase = iota
	// open: up, and the peer was heard lately.
	open
	// probing: up, but the peer was asked whether it still is there.
	probing
	phases
)

func (p phase) String() string {
	return [phases]string{"greeting", "open", "probing"}[p]
}

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
	since  time.Duration // when the phase began
	relied bool          // nothing else connects the pair

	askAt    time.Duration // greeting: when to ask again
	giveUpAt time.Duration // greeting: when to forget

	heardAt  time.Duration // when the peer was last heard
	pingAt   time.Duration // when the last ping was sent
	ping     uint32        // its number
	nextPing time.Duration
	rtt      time.Duration // of the last ping answered

	probe  uint32        // probing: the first ping whose answer counts
	hinted bool          // probing: nothing but that answer counts
	downAt time.Duration // probing: when to give up
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
	//          greeting          open              probing
	evHello:    {(*turn).greet, nil, nil},
	evAsked:    {(*turn).answer, (*turn).answer, (*turn).answer},
	evHeard:    {(*turn).up, (*turn).heard, (*turn).heard},
	evPing:     {(*turn).up, (*turn).pinged, (*turn).pinged},
	evPong:     {(*turn).up, (*turn).answered, (*turn).answered},
	evBye:      {(*turn).forget, (*turn).ended, (*turn).ended},
	evTimer:    {(*turn).greetAgain, (*turn).tick, (*turn).tick},
	evRely:     {(*turn).rely, (*turn).rely, (*turn).rely},
	evSpare:    {(*turn).spare, (*turn).spare, (*turn).spare},
	evLeft:     {nil, (*turn).doubtLeft, (*turn).doubtLeft},
	evReplaced: {(*turn).forget, (*turn).replaced, (*turn).replaced},
}

// newLink makes the link to a life that was heard of just now. It wants evHello
// or evAsked next. It is relied on until evSpare.
func newLink(now time.Duration) link {
	return link{since: now, relied: true, askAt: now + GreetAgain, giveUpAt: now + GreetTimeout}
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
	switch l.phase {
	case greeting:
		return min(l.askAt, l.giveUpAt)
	case probing:
		return min(l.nextPing, l.downAt)
	}
	return l.nextPing
}

// isUp tells whether frames can be exchanged.
func (l *link) isUp() bool { return l.phase != greeting }

// interval is the time between pings.
func (l *link) interval() time.Duration {
	if l.relied {
		return PingInterval
	}
	return SpareInterval
}

func (t *turn) do(a action) { t.actions = append(t.actions, a) }

func (t *turn) enter(p phase) { t.phase, t.since = p, t.now }

func (t *turn) forget() { t.do(action{kind: actForget}) }

// greet: the peer may listen on the pair's channel by now.
func (t *turn) greet() { t.sendPing() }

// answer: the peer wants to know who is there. It listens to the pair's channel
// once it has our hello, and then pings.
func (t *turn) answer() {
	t.do(action{kind: actHello})
	if t.phase == greeting {
		t.sendPing()
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
		t.sendPing()
	}
}

// up: the peer listens, for it speaks.
func (t *turn) up() {
	t.enter(open)
	t.heardAt = t.now
	t.do(action{kind: actUp})
	switch t.kind {
	case evPing:
		t.do(action{kind: actPong, number: t.number})
	case evPong:
		t.answered()
	}
	t.sendPing()
}

// down ends the link, for a reason.
func (t *turn) down(reason string) {
	t.do(action{kind: actDown, reason: reason})
	t.forget()
}

func (t *turn) ended()    { t.down("the peer's tab was closed") }
func (t *turn) replaced() { t.down("the peer was started again") }

// sendPing asks for an answer, for the round-trip time and as a sign of life.
func (t *turn) sendPing() {
	t.ping = (t.ping + 1) % flowPing
	t.pingAt, t.nextPing = t.now, t.now+t.interval()
	t.do(action{kind: actPing, number: t.ping})
}

// tick: ping, doubt after a silence, and give up after a longer one.
func (t *turn) tick() {
	if t.phase == probing && t.now >= t.downAt {
		t.unanswered()
		return
	}
	if t.now < t.nextPing {
		return
	}
	if t.phase == open && t.now-t.heardAt >= 2*t.interval() {
		t.doubt(AnswerWithin)
		return
	}
	t.sendPing()
}

// doubt asks the peer to answer within a time.
func (t *turn) doubt(within time.Duration) {
	if t.phase == open {
		t.enter(probing)
	}
	t.sendPing()
	t.probe, t.downAt = t.ping, t.now+within
}

// unanswered: the time is over. If it was over long ago this machine slept, and
// the answer may lie unread: ask again. A peer given up may be frozen rather
// than gone, and will find our question for its hello when it wakes.
func (t *turn) unanswered() {
	if t.now-t.downAt > SuspendedAfter {
		t.doubt(AnswerWithin)
		return
	}
	t.down("no answer")
	t.do(action{kind: actHello, asks: true})
}

// hint asks at once, and nothing but the answer counts: what else comes may have
// been under way for long.
func (t *turn) hint(within time.Duration) {
	if t.phase == probing && t.hinted && t.downAt <= t.now+within {
		return
	}
	t.hinted = true
	t.doubt(within)
}

// doubtLeft: the peer's socket to the signaling server ended. Most often the
// peer is gone; but it may have lost nothing but signaling.
func (t *turn) doubtLeft() { t.hint(LeftAnswerWithin + 2*min(t.rtt, MaxLeftRTT)) }

// rely: what connected the pair is gone, perhaps because the peer is.
func (t *turn) rely() {
	was := t.relied
	t.relied = true
	if !was && t.isUp() {
		t.hint(RelyAnswerWithin)
	}
}

func (t *turn) spare() {
	t.relied = false
	if t.phase == open {
		t.nextPing = t.pingAt + SpareInterval
	}
}

// heard: a frame has come. It ends a doubt that silence raised.
func (t *turn) heard() {
	t.heardAt = t.now
	if t.phase == probing && !t.hinted {
		t.enter(open)
	}
}

func (t *turn) pinged() {
	t.do(action{kind: actPong, number: t.number})
	t.heard()
}

// answered: a ping came back.
func (t *turn) answered() {
	if t.number == t.ping {
		t.rtt = t.now - t.pingAt
	}
	if t.phase == probing && t.number-t.probe <= t.ping-t.probe {
		t.hinted = false
	}
	t.heard()
}
