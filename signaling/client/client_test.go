package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tabraft/signaling"
)

// fakeSocket is a socket in memory, under the clock of synctest.
type fakeSocket struct {
	inbox chan []byte
	sent  chan signaling.Message

	mu    sync.Mutex
	end   error
	ended bool
}

func newFakeSocket() *fakeSocket {
	return &fakeSocket{inbox: make(chan []byte, 100), sent: make(chan signaling.Message, 10000)}
}

func (f *fakeSocket) messages() <-chan []byte { return f.inbox }
func (f *fakeSocket) err() error              { return f.end }
func (f *fakeSocket) close()                  { f.hangUp(ErrNotConnected) }

func (f *fakeSocket) write(b []byte) error {
	m, err := signaling.Decode(b)
	if err != nil {
		panic(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ended {
		return errors.New("broken pipe")
	}
	f.sent <- m
	return nil
}

// say sends a message as the server does.
func (f *fakeSocket) say(m signaling.Message) { f.sayRaw(string(m.Encode())) }

func (f *fakeSocket) sayRaw(text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.ended {
		f.inbox <- []byte(text)
	}
}

// alive tells whether the socket has not ended.
func (f *fakeSocket) alive() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !f.ended
}

// hangUp ends the socket.
func (f *fakeSocket) hangUp(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.ended {
		f.ended, f.end = true, err
		close(f.inbox)
	}
}

// heardEverything writes down what a handler hears, one line each.
type heardEverything struct {
	mu    sync.Mutex
	lines []string
}

func (h *heardEverything) note(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lines = append(h.lines, fmt.Sprintf(format, args...))
}
func (h *heardEverything) Welcome(peers []signaling.Peer, ice []signaling.ICEServer) {
	h.note("welcome %d %d", len(peers), len(ice))
}
func (h *heardEverything) Joined(p signaling.Peer)              { h.note("joined %s", p.ID) }
func (h *heardEverything) Left(p signaling.Peer)                { h.note("left %s", p.ID) }
func (h *heardEverything) Signal(from signaling.Peer, p []byte) { h.note("signal %s %s", from.ID, p) }
func (h *heardEverything) Connection(connected bool, err error) {
	h.note("connected %v %v", connected, err)
}
func (h *heardEverything) expect(t *testing.T, lines ...string) {
	t.Helper()
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	if got, want := strings.Join(h.lines, "\n"), strings.Join(lines, "\n"); got != want {
		t.Fatalf("heard:\n%s\nwant:\n%s", got, want)
	}
	h.lines = nil
}

var (
	alicePeer = signaling.Peer{ID: alice, Incarnation: aliceInc, Kind: signaling.KindTab}
	bobPeer   = signaling.Peer{ID: bob, Incarnation: bobInc, Kind: signaling.KindNative}
)

// world is a client with sockets to a server that the test plays.
type world struct {
	*heardEverything
	t       *testing.T
	client  *Client
	dials   []time.Duration // when, since the start
	tries   atomic.Int32    // how many those are
	sockets chan *fakeSocket
	down    atomic.Bool // dialling fails
}

// inWorld runs a test in virtual time. random is what the back-off draws.
func inWorld(t *testing.T, random float64, test func(t *testing.T, w *world)) {
	t.Helper()
	inWorldThatIs(false, t, random, test)
}

func inWorldThatIs(down bool, t *testing.T, random float64, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{heardEverything: &heardEverything{}, t: t, sockets: make(chan *fakeSocket, 1000)}
		w.down.Store(down)
		begin := time.Now()
		dial := func(_ context.Context, _ string) (socket, error) {
			w.dials = append(w.dials, time.Since(begin))
			w.tries.Add(1)
			if w.down.Load() {
				return nil, errors.New("no route")
			}
			s := newFakeSocket()
			w.sockets <- s
			return s, nil
		}
		w.client = start(Config{URL: "ws://test", Room: golden, Peer: alicePeer, Handler: w}, dial, func() float64 { return random })
		t.Cleanup(func() {
			w.client.Close()
			<-w.client.Done()
		})
		test(t, w)
	})
}

// admit takes the next socket, expects a hello on it and sends the welcome.
func (w *world) admit(peers ...signaling.Peer) *fakeSocket {
	w.t.Helper()
	s := <-w.sockets
	hello := <-s.sent
	if hello.Type != signaling.TypeHello || hello.Version != signaling.Version || hello.Room != goldenToken || *hello.Peer != alicePeer {
		w.t.Fatalf("hello is %+v", hello)
	}
	s.say(signaling.Message{Type: signaling.TypeWelcome, Peers: peers, ICE: []signaling.ICEServer{}})
	w.expect(w.t, "connected true <nil>", fmt.Sprintf("welcome %d 0", len(peers)))
	return s
}

func TestConversation(t *testing.T) {
	inWorld(t, 0.5, func(t *testing.T, w *world) {
		if err := w.client.Send(bob, []byte("early")); !errors.Is(err, ErrNotConnected) || w.client.Connected() {
			t.Fatalf("sent before the welcome: %v", err)
		}
		s := w.admit(bobPeer)
		if !w.client.Connected() {
			t.Fatal("not connected")
		}
		if err := w.client.Send(bob, []byte("offer")); err != nil {
			t.Fatal(err)
		}
		sent := <-s.sent
		if payload, err := golden.Open(alice, aliceInc, bob, sent.Payload); err != nil || string(payload) != "offer" || sent.To != bob {
			t.Fatalf("sent %+v: %q, %v", sent, payload, err)
		}
		sealed, _ := golden.Seal(bob, bobInc, alice, []byte("answer"))
		s.say(signaling.Message{Type: signaling.TypeSignal, Peer: &bobPeer, Payload: sealed})
		s.say(signaling.Message{Type: signaling.TypeLeft, Peer: &bobPeer})
		s.say(signaling.Message{Type: signaling.TypeJoined, Peer: &bobPeer})
		s.say(signaling.Message{Type: signaling.TypeError, Code: signaling.CodeNoSuchPeer, Text: "there is no such peer"})
		w.expect(t, "signal "+bob+" answer", "left "+bob, "joined "+bob)

		if err := w.client.Send("bob", nil); !errors.Is(err, ErrBadReceiver) {
			t.Error(err)
		}
		if err := w.client.Send(bob, make([]byte, MaxPayload+1)); !errors.Is(err, ErrTooLarge) {
			t.Error(err)
		}
		if err := w.client.Send(bob, make([]byte, MaxPayload)); err != nil {
			t.Error(err)
		}
	})
}

// Of one incarnation that forges no end of payloads only the first are tried; the others' are heard.
func TestForgersAreMuted(t *testing.T) {
	inWorld(t, 0.5, func(t *testing.T, w *world) {
		s := w.admit(bobPeer)
		mallory := bobPeer
		mallory.Incarnation = "00000000000000ee"
		for range 3 * MaxForged {
			s.say(signaling.Message{Type: signaling.TypeSignal, Peer: &mallory, Payload: make([]byte, 100)})
		}
		// What it seals from then on is not opened either.
		sealed, _ := golden.Seal(bob, mallory.Incarnation, alice, []byte("late"))
		s.say(signaling.Message{Type: signaling.TypeSignal, Peer: &mallory, Payload: sealed})
		sealed, _ = golden.Seal(bob, bobInc, alice, []byte("sound"))
		s.say(signaling.Message{Type: signaling.TypeSignal, Peer: &bobPeer, Payload: sealed})
		w.expect(t, "signal "+bob+" sound")
		if n := w.client.Dropped(); n != 3*MaxForged+1 {
			t.Errorf("%d were dropped", n)
		}
	})
}

// What does not open with the room's key is dropped and counted, and nothing else happens.
func TestForgeriesAreDropped(t *testing.T) {
	inWorld(t, 0.5, func(t *testing.T, w *world) {
		s := w.admit(bobPeer)
		other := golden
		other.Key[0]++
		mallory := bobPeer
		mallory.ID = "3333333333333333"
		good, _ := golden.Seal(bob, bobInc, alice, []byte("good"))
		wrongKey, _ := other.Seal(bob, bobInc, alice, []byte("bad"))
		otherReceiver, _ := golden.Seal(bob, bobInc, mallory.ID, []byte("bad"))
		for _, m := range []signaling.Message{
			{Type: signaling.TypeSignal, Peer: &bobPeer, Payload: wrongKey},
			{Type: signaling.TypeSignal, Peer: &bobPeer, Payload: otherReceiver},
			{Type: signaling.TypeSignal, Peer: &mallory, Payload: good},
			{Type: signaling.TypeSignal, Peer: &bobPeer, Payload: []byte("short")},
			{Type: signaling.TypeSignal, Peer: &bobPeer, Payload: good},
		} {
			s.say(m)
		}
		w.expect(t, "signal "+bob+" good")
		if n := w.client.Dropped(); n != 4 {
			t.Errorf("dropped %d, want 4", n)
		}
	})
}

// A server that does not keep to the protocol is left, and tried again.
func TestBadServer(t *testing.T) {
	good := signaling.Message{Type: signaling.TypeWelcome, Peers: []signaling.Peer{}}.Encode()
	for name, c := range map[string]struct{ first, second string }{
		"not JSON":       {first: "hello"},
		"unknown":        {first: `{"type":"shout"}`},
		"joined first":   {first: string(signaling.Message{Type: signaling.TypeJoined, Peer: &bobPeer}.Encode())},
		"welcome twice":  {first: string(good), second: string(good)},
		"bad peer":       {first: string(good), second: `{"type":"joined","peer":{"id":"<b>","incarnation":"x","kind":"tab"}}`},
		"signal of none": {first: string(good), second: `{"type":"signal","to":"` + alice + `","payload":"AAAA"}`},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, 0, func(t *testing.T, w *world) {
				s := <-w.sockets
				s.sayRaw(c.first)
				if c.second != "" {
					s.sayRaw(c.second)
				}
				<-w.sockets // tried again
				synctest.Wait()
				if last := w.lines[len(w.lines)-1]; !strings.HasPrefix(last, "connected false "+ErrProtocol.Error()) {
					t.Errorf("heard %q", last)
				}
			})
		})
	}
}

// The wait after n failures in a row is uniform below min(MaxRetry, FirstRetry*2^n); the first retry is quick; it never gives up.
func TestBackoffBounds(t *testing.T) {
	const almostOne = 0.999999
	for _, random := range []float64{0.1, 0.5, almostOne} {
		inWorldThatIs(true, t, random, func(t *testing.T, w *world) {
			time.Sleep(2 * time.Minute)
			synctest.Wait()
			for i := 1; i < min(len(w.dials), 30); i++ {
				bound := MaxRetry
				if i <= 5 {
					bound = min(MaxRetry, FirstRetry<<(i-1))
				}
				if got, want := w.dials[i]-w.dials[i-1], time.Duration(random*float64(bound)); got != want {
					t.Errorf("with %v: wait %d is %v, want %v", random, i, got, want)
				}
			}
			if random == almostOne && len(w.dials) < 24 {
				t.Errorf("only %d attempts in two minutes", len(w.dials))
			}
		})
	}
}

// A connection that lasted starts the back-off anew; one that did not, does not.
func TestBackoffReset(t *testing.T) {
	inWorld(t, 0.5, func(t *testing.T, w *world) {
		for range 4 {
			w.admit().hangUp(errors.New("cable"))
			w.expect(t, "connected false cable")
		}
		before := time.Now()
		s := w.admit()
		if waited := time.Since(before); waited != FirstRetry*8/2 {
			t.Errorf("the fourth wait was %v", waited)
		}
		time.Sleep(StableAfter)
		s.hangUp(errors.New("cable"))
		w.expect(t, "connected false cable")
		before = time.Now()
		w.admit()
		if waited := time.Since(before); waited != FirstRetry/2 {
			t.Errorf("the first wait after a stable connection was %v", waited)
		}
	})
}

// A refusal is reported as what it is; one that a quick retry cannot cure is retried at the cap.
func TestRefusals(t *testing.T) {
	for code, wantWait := range map[signaling.Code]time.Duration{
		signaling.CodeRoomFull:  MaxRetry * 3 / 4,
		signaling.CodeVersion:   MaxRetry * 3 / 4,
		signaling.CodeGoingAway: FirstRetry / 2,
		signaling.CodeSlow:      FirstRetry / 2,
	} {
		t.Run(string(code), func(t *testing.T) {
			inWorld(t, 0.5, func(t *testing.T, w *world) {
				s := <-w.sockets
				s.say(signaling.Message{Type: signaling.TypeError, Code: code, Text: "in full"})
				s.hangUp(&closeError{code.Close(), "in sh"})
				w.expect(t, "connected false "+(&signaling.Error{Code: code, Text: "in full"}).Error())
				before := time.Now()
				<-w.sockets
				if waited := time.Since(before); waited != wantWait {
					t.Errorf("waited %v, want %v", waited, wantWait)
				}
			})
		})
	}
	t.Run("only the closing frame", func(t *testing.T) {
		inWorld(t, 0.5, func(t *testing.T, w *world) {
			(<-w.sockets).hangUp(&closeError{signaling.CodeRoomFull.Close(), "full"})
			w.expect(t, "connected false "+(&signaling.Error{Code: signaling.CodeRoomFull, Text: "full"}).Error())
		})
	})
	t.Run("another code", func(t *testing.T) {
		inWorld(t, 0.5, func(t *testing.T, w *world) {
			(<-w.sockets).hangUp(&closeError{1011, "oops"})
			w.expect(t, "connected false signaling: the connection was closed: oops (code 1011)")
		})
	})
}

// After another incarnation was found in its place the client asks again, soon and always as soon: that one may be about to go.
func TestRivalIsAskedAboutAgain(t *testing.T) {
	for _, code := range []signaling.Code{signaling.CodeReplaced, signaling.CodeInUse} {
		inWorld(t, 0.5, func(t *testing.T, w *world) {
			s := w.admit()
			for range 5 {
				s.hangUp(&closeError{code.Close(), "another"})
				w.expect(t, "connected false "+(&signaling.Error{Code: code, Text: "another"}).Error())
				before := time.Now()
				s = w.admit()
				if waited := time.Since(before); waited < RivalRetry/2 || waited > RivalRetry {
					t.Errorf("%s: waited %v", code, waited)
				}
			}
		})
	}
}

// Asked by the server, the client says that it is there.
func TestServersPingIsAnswered(t *testing.T) {
	inWorld(t, 0.5, func(t *testing.T, w *world) {
		s := w.admit()
		s.say(signaling.Message{Type: signaling.TypePing})
		if m := <-s.sent; m.Type != signaling.TypePong {
			t.Errorf("it said %s", m.Type)
		}
	})
}

// Retry cuts the wait short.
func TestRetryCutsTheWait(t *testing.T) {
	inWorldThatIs(true, t, 0.999, func(t *testing.T, w *world) {
		time.Sleep(time.Minute)
		synctest.Wait()
		attempts := len(w.dials)
		w.down.Store(false)
		before := time.Now()
		w.client.Retry()
		synctest.Wait()
		<-w.sockets
		if waited := time.Since(before); waited != 0 || len(w.dials) != attempts+1 {
			t.Errorf("waited %v, %d attempts", waited, len(w.dials)-attempts)
		}
	})
}

// A server that answers pings stays; one that goes silent is noticed within DeadAfter.
func TestDeadSocket(t *testing.T) {
	inWorld(t, 0.5, func(t *testing.T, w *world) {
		s := w.admit()
		for range 100 {
			if m := <-s.sent; m.Type != signaling.TypePing {
				t.Fatalf("sent %+v", m)
			}
			s.say(signaling.Message{Type: signaling.TypePong})
			synctest.Wait()
		}
		w.expect(t)
		before := time.Now()
		<-w.sockets
		if noticed := time.Since(before); noticed > DeadAfter+FirstRetry || noticed < DeadAfter {
			t.Errorf("noticed after %v", noticed)
		}
		w.expect(t, "connected false "+ErrSilent.Error())
	})
}

// After Retry a dead socket is noticed at once, a live one stays.
func TestRetryProbes(t *testing.T) {
	inWorld(t, 0, func(t *testing.T, w *world) {
		s := w.admit()
		w.client.Retry()
		if m := <-s.sent; m.Type != signaling.TypePing {
			t.Fatalf("sent %+v", m)
		}
		s.say(signaling.Message{Type: signaling.TypePong})
		time.Sleep(3 * ProbeWait)
		w.expect(t)
		before := time.Now()
		w.client.Retry()
		<-w.sockets
		if noticed := time.Since(before); noticed != 2*ProbeWait {
			t.Errorf("noticed after %v", noticed)
		}
		w.expect(t, "connected false "+ErrSilent.Error())
	})
}

// A dead socket is noticed also if Retry is called on and on, as by links that fall
// silent one after the other: each call once began the probe anew.
func TestRetryOnAndOnProbes(t *testing.T) {
	inWorld(t, 0, func(t *testing.T, w *world) {
		s := w.admit()
		before := time.Now()
		for time.Since(before) < DeadAfter && s.alive() {
			w.client.Retry()
			time.Sleep(ProbeWait / 2)
		}
		if noticed := time.Since(before); noticed > 3*ProbeWait {
			t.Errorf("noticed after %v", noticed)
		}
	})
}

// After Retry the waits are as short as after the first failure: what comes back does
// not always do so at once.
func TestRetryBeginsAnew(t *testing.T) {
	inWorldThatIs(true, t, 1, func(t *testing.T, w *world) {
		time.Sleep(10 * MaxRetry)
		w.client.Retry()
		synctest.Wait()
		tries := w.tries.Load()
		time.Sleep(MaxRetry)
		synctest.Wait()
		if n := w.tries.Load() - tries; n < 4 {
			t.Errorf("%d more attempts within %v of Retry", n, MaxRetry)
		}
	})
}

// A tab that was frozen finds both its timer and the messages of the meantime. It must read them before it judges.
func TestSuspensionIsNotSilence(t *testing.T) {
	inWorld(t, 0, func(t *testing.T, w *world) {
		s := w.admit()
		block := make(chan struct{})
		blocking := &blockingHandler{heardEverything: w.heardEverything, block: block}
		w.client.cfg.Handler = blocking
		s.say(signaling.Message{Type: signaling.TypeJoined, Peer: &bobPeer})
		time.Sleep(time.Hour) // in the handler, as good as frozen
		s.say(signaling.Message{Type: signaling.TypePong})
		close(block)
		w.expect(t, "joined "+bob)
		if len(w.dials) != 1 {
			t.Errorf("%d attempts", len(w.dials))
		}
	})
}

type blockingHandler struct {
	*heardEverything
	block chan struct{}
}

func (b *blockingHandler) Joined(p signaling.Peer) {
	<-b.block
	b.heardEverything.Joined(p)
}

func TestNoWelcome(t *testing.T) {
	inWorld(t, 0, func(t *testing.T, w *world) {
		before := time.Now()
		<-w.sockets
		<-w.sockets
		if waited := time.Since(before); waited != DialTimeout {
			t.Errorf("waited %v", waited)
		}
		w.expect(t, "connected false "+ErrSilent.Error())
	})
}

// The client keeps well under the server's rate, and refuses what it cannot queue.
func TestPacing(t *testing.T) {
	inWorld(t, 0.5, func(t *testing.T, w *world) {
		s := w.admit()
		sent, busy := 0, false
		for !busy {
			switch err := w.client.Send(bob, []byte("x")); {
			case err == nil:
				sent++
				synctest.Wait()
			case errors.Is(err, ErrBusy):
				busy = true
			default:
				t.Fatal(err)
			}
		}
		if n := len(s.sent); n < sendBurst || n > sendBurst+10 || sent != n+MaxOutbox {
			t.Fatalf("%d written, %d accepted", n, sent)
		}
		at := len(s.sent)
		time.Sleep(time.Second)
		synctest.Wait()
		if n := len(s.sent) - at; n < sendsPerSecond-5 || n > sendsPerSecond+5 {
			t.Errorf("%d in a second", n)
		}
	})
}

// Close may come from within a handler, and nothing is heard after it.
func TestCloseFromHandler(t *testing.T) {
	inWorld(t, 0.5, func(t *testing.T, w *world) {
		s := w.admit()
		w.client.cfg.Handler = closingHandler{w.heardEverything, w.client}
		s.say(signaling.Message{Type: signaling.TypeJoined, Peer: &bobPeer})
		s.say(signaling.Message{Type: signaling.TypeLeft, Peer: &bobPeer})
		<-w.client.Done()
		w.expect(t, "joined "+bob)
		if err := w.client.Send(bob, nil); !errors.Is(err, ErrNotConnected) {
			t.Error(err)
		}
		w.client.Retry()
		w.client.Close()
	})
}

type closingHandler struct {
	*heardEverything
	client *Client
}

func (c closingHandler) Joined(p signaling.Peer) {
	c.client.Close()
	c.heardEverything.Joined(p)
}
