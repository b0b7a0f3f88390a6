package rtc

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tabraft/raft"
)

// awaitRefused waits until something with these words was refused.
func (g *guest) awaitRefused(words string) {
	g.room.t.Helper()
	g.await("a refusal: "+words, func() bool {
		return slices.ContainsFunc(g.refused, func(s string) bool { return strings.Contains(s, words) })
	})
}

// Of two live incarnations of one server the one that is connected stays, and the
// other one is told; once the first one has gone, the second is connected to.
func TestSecondLiveIncarnationIsTold(t *testing.T) {
	t.Parallel()
	for _, id := range []int{1, 3} { // it offers, or answers
		t.Run(fmt.Sprint(id), func(t *testing.T) {
			r := newRoom(t)
			r.pace = 0.25 // the first has 1 s to answer
			first, b := r.join(peerNamed(id, KindTab)), r.join(peerNamed(2, KindTab))
			first.awaitUp(b)
			b.awaitUp(first)
			copied := first.self
			copied.Incarnation = "copy"
			second := r.join(copied)
			second.await("the news", func() bool { return len(second.taken) > 0 && second.taken[0] == b.self })
			b.awaitRefused("runs twice")
			sendSoon(t, first, b, []byte("x"))
			b.await("a frame", func() bool { return len(b.frames[first.self.ID]) == 1 })
			if downs := b.told(); len(downs) != 0 {
				t.Errorf("downs %q", downs)
			}
			second.mu.Lock()
			if second.ups != 0 {
				t.Error("the copy was connected")
			}
			second.mu.Unlock()

			first.mesh.Close()
			b.await("the second in its place", func() bool { return b.up[first.self.ID] == copied })
			second.awaitUp(b)
		})
	}
}

// A second incarnation whose signaling ends again leaves no trace.
func TestRivalGoes(t *testing.T) {
	r, a, b := newSlowRoom(t).pair()
	copied := a.self
	copied.Incarnation = "copy"
	second := r.join(copied)
	second.await("the news", func() bool { return len(second.taken) > 0 })
	r.leave(second)
	second.mesh.Close()
	a.mesh.Close()
	b.awaitDown(1)
	b.await("both to be forgotten", func() bool { return len(b.mesh.Links()) == 0 })
}

// A second incarnation takes the place of a first one that does not answer, without
// waiting for long.
func TestRivalTakesTheDeadOnesPlace(t *testing.T) {
	r, a, b := pair(t)
	defer a.hangWith(b)()
	again := a.self
	again.Incarnation = "another life"
	second := r.join(again)
	second.awaitUp(b)
	b.await("the second", func() bool { return b.up[a.self.ID] == again })
	second.mu.Lock()
	defer second.mu.Unlock()
	if len(second.taken) != 0 {
		t.Errorf("it was told that it is taken: %v", second.taken)
	}
}

// A peer that sends one impossible frame after the other is disconnected and muted.
func TestOffencesCloseTheLinkAndMute(t *testing.T) {
	_, a, b := pair(t)
	forged := errors.New("a forged frame")
	for range MaxOffences {
		b.mesh.Offence(a.self.ID, forged)
	}
	sendSoon(t, a, b, []byte("x"))
	b.await("a frame", func() bool { return len(b.frames[1]) == 1 })
	start := time.Now()
	b.mesh.Offence(a.self.ID, forged)
	if reason := b.awaitDown(1); !strings.Contains(reason, "forged") {
		t.Error(reason)
	}
	b.awaitRefused("forged")
	b.await("another up", func() bool { return b.ups == 2 })
	if took := time.Since(start); took < MuteFirst {
		t.Errorf("connected again after %v", took)
	}
	b.mesh.Offence(a.self.ID, forged) // the count begins again
	b.mesh.Offence(99, forged)        // nobody
	sendSoon(t, a, b, []byte("y"))
	b.await("a frame", func() bool { return len(b.frames[1]) == 2 })
}

// A flood of messages that could be handled, but costs all of the time, closes the
// link. The heap stays small.
func TestFloodOfMessagesClosesTheLink(t *testing.T) {
	_, a, b := newRoomAlone(t).pair()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	c := b.conn(a)
	for end := time.Now().Add(patience); !c.closing.Load(); {
		if time.Now().After(end) {
			t.Fatal("the link stands")
		}
		c.received([]byte{fragmentWhole, 'x'}) // as pion does
	}
	if reason := b.awaitDown(1); !strings.Contains(reason, "messages a second") && !strings.Contains(reason, "faster than") {
		t.Error(reason)
	}
	b.mu.Lock()
	b.frames = map[raft.ID][][]byte{}
	b.mu.Unlock()
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 16<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
	if l := b.link(a); l.Violations != 1 {
		t.Errorf("%+v", l)
	}
}

// A tab too slow to handle as many pings as there may be messages noticed no flood of them,
// and did nothing else any more.
func TestFloodOfPingsClosesTheLink(t *testing.T) {
	_, a, b := pair(t)
	c := b.conn(a)
	for n := range uint32(PingBurst + 1) {
		c.received(appendPing(nil, fragmentPing, n))
	}
	if reason := b.awaitDown(1); !strings.HasSuffix(reason, errPings.Error()) {
		t.Error(reason)
	}
	if l := b.link(a); l.Violations != 1 {
		t.Errorf("%+v", l)
	}
}

// Signals without end, unreadable or not for this life, are dropped or counted, and
// the link stands.
func TestFloodOfSignals(t *testing.T) {
	_, a, b := pair(t)
	long := make([]byte, MaxSignal+1)
	for range 4 * MaxSignals {
		b.mesh.Signal(a.self, []byte(`{"v":1,"kind":"offer"}`))
		b.mesh.Signal(a.self, long)
	}
	b.awaitRefused("session description")
	b.awaitRefused("signal of")
	sendSoon(t, a, b, []byte("x"))
	b.await("a frame", func() bool { return len(b.frames[1]) == 1 })
}

// countOf tells how many of the actions are of a kind.
func countOf(kind actionKind, actions []action) (n int) {
	for _, a := range actions {
		if a.kind == kind {
			n++
		}
	}
	return n
}

// Offers without end cost a connection each, and so are counted as few.
func TestFloodOfOffers(t *testing.T) {
	now := time.Duration(0)
	l := newLink(Peer{ID: 2, Kind: KindTab}, Peer{ID: 1, Kind: KindTab}, 0)
	l, _ = l.step(now, event{kind: evPresent}, 0)
	opened, refused := 0, 0
	for attempt := range uint32(10_000) {
		now += time.Millisecond
		var actions []action
		l, actions = l.step(now, event{kind: evOffer, signal: signal{Kind: signalOffer, Attempt: attempt + 1, SDP: "v=0"}}, 0)
		opened += countOf(actOpen, actions)
		refused += countOf(actRefuse, actions)
	}
	if most := OfferBurst + 10*OffersPerSecond; opened > most || opened < OfferBurst || opened+refused != 10_000 {
		t.Errorf("%d connections, %d refusals", opened, refused)
	}
}

// A link that was closed for bad behaviour answers no offer and makes none while it
// is muted, twice as long each time, up to a limit.
func TestMuteGrows(t *testing.T) {
	for _, offerer := range []bool{true, false} {
		l := link{peer: Peer{ID: 1}, offerer: offerer, present: true}
		now, last := time.Duration(0), time.Duration(0)
		for n := range 10 {
			l.phase = open
			l, _ = l.step(now, event{kind: evBroken, reason: "bad", suspect: true}, 0)
			muted := l.due() - now
			if want := min(MuteFirst<<n, MuteMax); muted != want {
				t.Fatalf("muted for %v the %d. time, after %v; want %v", muted, n+1, last, want)
			}
			for _, ev := range []event{{kind: evPresent}, {kind: evTimer}, {kind: evRequest}, {kind: evOffer, signal: signal{Attempt: l.attempt + 1}}} {
				if _, actions := l.step(now+muted-1, ev, 0); len(actions) > 0 {
					t.Fatalf("event %d while muted: %v", ev.kind, actions)
				}
			}
			now, last = now+muted, muted
		}
	}
}

// A peer that asks for a new connection again and again has this side make few: each
// costs as much as one that it offers itself.
func TestFloodOfRequests(t *testing.T) {
	now := time.Duration(0)
	l := newLink(peerNamed(1, KindTab), peerNamed(2, KindTab), 0)
	l, _ = l.step(now, event{kind: evPresent}, 0)
	opened, refused := 0, 0
	for n := range 10_000 {
		now += time.Millisecond
		var actions []action
		l, actions = l.step(now, event{kind: evRequest, signal: signal{Kind: signalRequest, Attempt: l.attempt, Restart: n%3 == 0}}, 0.5)
		opened += countOf(actOpen, actions)
		refused += countOf(actRefuse, actions)
	}
	if most := OfferBurst + 10*OffersPerSecond; opened > most || refused < 10_000/2 {
		t.Errorf("%d connections, %d refusals", opened, refused)
	}
}

// One server that comes again and again, each time in another life, has connections
// made in a measure, and does not keep the others out for long.
func TestFloodOfLives(t *testing.T) {
	r := newRoom(t)
	a := r.join(peerNamed(1, KindTab))
	var mu sync.Mutex
	offers := 0
	r.tamper = func(from, to Peer, s signal) fate {
		mu.Lock()
		defer mu.Unlock()
		if s.Kind == signalOffer && to.ID == 9 {
			offers++
		}
		return fate{lost: to.ID == 9}
	}
	last := r.join(peerNamed(9, KindTab)) // which hears nothing
	start := time.Now()
	const lives = 1000
	for n := range lives {
		a.mesh.Joined(Peer{ID: 9, Incarnation: fmt.Sprintf("%016x", n+100), Kind: KindTab})
		time.Sleep(3 * time.Millisecond) // an offer takes its time
	}
	a.mesh.Left(last.self)
	b := r.join(peerNamed(2, KindTab))
	a.awaitUp(b)
	mu.Lock()
	defer mu.Unlock()
	if most := ConnectionBurst + int(time.Since(start).Seconds()+1)*ConnectionsPerSecond; offers > most {
		t.Errorf("%d connections were made, at most %d should be", offers, most)
	}
}
