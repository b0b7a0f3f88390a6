package rtc

import (
	"time"

	"tabraft/raft/node"
	"tabraft/wasm/alive"
)

// phase is where a link is.
type phase uint8

const (
	// waiting: no connection; the offerer is about to make one, the answerer
	// waits for an offer.
	waiting phase = iota
	// connecting: a connection is being made, hello not exchanged yet.
	connecting
	// open: up.
	open
	phases
)

func (p phase) String() string {
	return [phases]string{"waiting", "connecting", "open"}[p]
}

// eventKind is what can happen to a link.
type eventKind uint8

const (
	evPresent     eventKind = iota // signaling lists the peer
	evAbsent                       // signaling does not list the peer
	evLeft                         // signaling saw the peer go, just now
	evRival                        // signaling lists the peer in another incarnation
	evReplaced                     // the peer is there in a new incarnation
	evTimer                        // the time due() named has come
	evOffer                        // signals from the peer
	evAnswer                       //
	evCandidate                    //
	evRequest                      //
	evSignalLost                   // an offer or answer could not be sent
	evDescribed                    // our offer or answer is ready to be sent
	evGathered                     // a candidate of ours is known
	evChannelOpen                  // the data channel can send
	evHello                        // the peer's hello has come, and is right
	evHeard                        // any other fragment has come
	evPong                         // the answer to a ping has come
	evUnreachable                  // ICE hears nothing at the moment
	evBroken                       // the connection closed, failed or misbehaved
	evRetry                        // what did not work may work now
	eventKinds
)

// event is one input of a link. Which fields count depends on the kind.
type event struct {
	kind    eventKind
	signal  signal // signals from the peer; ours in evDescribed and evGathered
	number  uint32 // evPong
	reason  string // evBroken, evSignalLost
	suspect bool   // evBroken: the peer did what no honest one does
}

// actionKind is what a link can want done.
type actionKind uint8

const (
	actOpen      actionKind = iota // make a connection and its data channel
	actOffer                       // make an offer on it, of the signal's round (restart: of an ICE restart)
	actAnswer                      // take the sdp as its offer, and make an answer
	actAccept                      // take the sdp as its answer
	actCandidate                   // take the candidate, empty for the last
	actSignal                      // send a signal to the peer
	actHello                       // send hello
	actPing                        // send a ping
	actUp                          // tell the handler
	actDown                        // tell the handler, with the reason
	actSilent                      // tell the owner that nothing is heard
	actClose                       // close the connection
	actForget                      // drop the link
	actRefuse                      // count a refusal, for the reason
)

type action struct {
	kind    actionKind
	signal  signal // actSignal, actOffer: ours; actAnswer, actAccept, actCandidate: the peer's
	restart bool   // actOffer
	number  uint32 // actPing
	reason  string // actDown, actRefuse
}

// link is one side of a pair of servers: state alone, without connection,
// clock or randomness. step is the only thing that changes it.
type link struct {
	peer    Peer
	offerer bool // this side makes the offers
	present bool // signaling lists the peer

	phase      phase
	since      time.Duration // when the phase began
	attempt    uint32        // number of the last connection
	round      uint32        // ICE restarts of it
	failures   int           // attempts since a link was last stable
	restarts   int           // connections lost and ICE restarts, ever
	violations int           // connections lost because the peer broke the protocol
	lastError  string

	retryAt time.Duration // waiting: when to dial or to ask for an offer
	mutedTo time.Duration // waiting: until then there is no connection, whoever asks
	offers  node.Meter    // of the peer, or its requests

	giveUpAt   time.Duration // connecting: when to try anew
	accepted   bool          // connecting: our offer was answered
	helloSent  bool          // connecting: we are ready
	helloHeard bool          // connecting: the peer is ready
	candidates int           // taken from the peer in this round

	watch      alive.Watch   // open
	restarting bool          // open: an ICE restart is wanted, and the peer has not done its part
	restartBy  time.Duration // open, restarting: until then it may yet, and nothing is repeated
}

// newLink makes the link to a peer that signaling lists. The offerer numbers its
// attempts from above attempt, so that none of an earlier link to the peer can
// be taken for one of this. The other side takes them as they come: the offerer
// may have begun a new life and count from one.
func newLink(self, peer Peer, attempt uint32) link {
	if !offers(self, peer) {
		return link{peer: peer}
	}
	return link{peer: peer, offerer: true, attempt: attempt}
}

// offers tells whether self, not peer, makes the offers of their pair.
func offers(self, peer Peer) bool {
	if (self.Kind == KindTab) != (peer.Kind == KindTab) {
		return self.Kind == KindTab
	}
	return self.ID < peer.ID
}

// turn is one step under way.
type turn struct {
	*link
	event
	now     time.Duration
	chance  float64 // random, 0 <= chance < 1
	actions []action
}

// table says what happens; an empty place means nothing does.
var table = [eventKinds][phases]func(*turn){
	//             waiting            connecting            open
	evPresent:     {(*turn).begin, (*turn).offerAgain, (*turn).restartAgain},
	evAbsent:      {(*turn).forget, (*turn).unlisted, (*turn).unlisted},
	evLeft:        {(*turn).forget, (*turn).unlisted, (*turn).doubtLeft},
	evRival:       {nil, nil, (*turn).doubtRival},
	evReplaced:    {(*turn).forget, (*turn).replace, (*turn).replace},
	evTimer:       {(*turn).try, (*turn).giveUp, (*turn).tick},
	evOffer:       {(*turn).takeOffer, (*turn).takeOffer, (*turn).takeOffer},
	evAnswer:      {nil, (*turn).takeAnswer, (*turn).takeAnswer},
	evCandidate:   {nil, (*turn).takeCandidate, (*turn).takeCandidate},
	evRequest:     {(*turn).takeRequest, (*turn).takeRequest, (*turn).takeRequest},
	evSignalLost:  {nil, (*turn).lose, (*turn).unsent},
	evDescribed:   {nil, (*turn).tell, (*turn).tell},
	evGathered:    {nil, (*turn).tell, (*turn).tell},
	evChannelOpen: {nil, (*turn).ready, nil},
	evHello:       {nil, (*turn).peerReady, (*turn).helloAgain},
	evHeard:       {nil, (*turn).tooEarly, (*turn).heard},
	evPong:        {nil, (*turn).tooEarly, (*turn).answered},
	evUnreachable: {nil, nil, (*turn).repair},
	evBroken:      {nil, (*turn).lose, (*turn).lose},
	evRetry:       {(*turn).retry, (*turn).retryConnecting, (*turn).retryOpen},
}

// step takes one event and says what to do, in order. chance is a random
// number, 0 <= chance < 1.
func (l link) step(now time.Duration, ev event, chance float64) (link, []action) {
	t := turn{link: &l, event: ev, now: now, chance: chance}
	if rule := table[ev.kind][l.phase]; rule != nil {
		rule(&t)
	}
	return l, t.actions
}

// due is the time at which the link wants evTimer.
func (l *link) due() time.Duration {
	switch l.phase {
	case waiting:
		return l.retryAt
	case connecting:
		return l.giveUpAt
	}
	return l.watch.Due()
}

func (t *turn) do(a action) { t.actions = append(t.actions, a) }

func (t *turn) enter(p phase) { t.phase, t.since = p, t.now }

// say sends the peer a signal about the connection there is.
func (t *turn) say(s signal) {
	s.Attempt, s.Round = t.attempt, t.round
	t.do(action{kind: actSignal, signal: s})
}

// up tells whether frames can be exchanged.
func (l *link) up() bool { return l.phase == open }

// sure tells whether the peer is there, as far as can be known.
func (l *link) sure() bool { return l.up() && !l.watch.Doubted() }

// state names where the link is, and since when.
func (l *link) state() (name string, since time.Duration) {
	switch {
	case !l.up():
		return l.phase.String(), l.since
	case l.watch.Doubted():
		return "probing", l.watch.Since()
	}
	return "open", l.watch.Since()
}
