package tab

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"tabraft/raft"
)

// fakeCarrier notes what it is told.
type fakeCarrier struct {
	name  string
	out   *[]string
	heard *time.Duration
}

func (f fakeCarrier) Heard(raft.ID) time.Duration { return *f.heard }

func (f fakeCarrier) Send(to raft.ID, frame []byte) bool {
	*f.out = append(*f.out, fmt.Sprintf("%s sends %s to %d", f.name, frame, to))
	return true
}

func (f fakeCarrier) SendDatagram(to raft.ID, b []byte) bool {
	return strings.HasPrefix(f.name, string(b))
}

func (f fakeCarrier) Rely(id raft.ID, on bool) {
	*f.out = append(*f.out, fmt.Sprintf("rely on %s to %d: %v", f.name, id, on))
}

// TestRoutes tells stories of one peer's links; each line is an event and what
// it leads to.
func TestRoutes(t *testing.T) {
	for name, story := range map[string]string{
		"bus first, WebRTC later, and back": `
			bus up a      -> rely on bus to 1: true; 1: "" to "broadcast"; bus sends f to 1
			webrtc up a   -> rely on bus to 1: false; 1: "broadcast" to "webrtc"; webrtc sends f to 1
			webrtc down a -> rely on bus to 1: true; 1: "webrtc" to "broadcast" (gone); bus sends f to 1
			bus down a    -> 1: "broadcast" to "" (gone)`,
		"the spare goes and comes": `
			webrtc up a   -> 1: "" to "webrtc"; webrtc sends f to 1
			bus up a      -> rely on bus to 1: false; webrtc sends f to 1
			bus down a    -> webrtc sends f to 1
			bus up a      -> rely on bus to 1: false; webrtc sends f to 1
			bus down a    -> webrtc sends f to 1
			webrtc down a -> 1: "webrtc" to "" (gone)`,
		"the network goes, and WebRTC's link stays up": `
			bus up a      -> rely on bus to 1: true; 1: "" to "broadcast"; bus sends f to 1
			webrtc up a   -> rely on bus to 1: false; 1: "broadcast" to "webrtc"; webrtc sends f to 1
			wait 100ms    -> webrtc sends f to 1
			heard         -> webrtc sends f to 1
			wait 100ms    -> webrtc sends f to 1
			wait 100ms    -> rely on bus to 1: true; 1: "webrtc" to "broadcast" (nothing was heard by WebRTC); bus sends f to 1
			wait 10s      -> bus sends f to 1
			heard         -> rely on bus to 1: false; 1: "broadcast" to "webrtc"; webrtc sends f to 1
			wait 200ms    -> rely on bus to 1: true; 1: "webrtc" to "broadcast" (nothing was heard by WebRTC); bus sends f to 1
			webrtc down a -> bus sends f to 1
			webrtc up a   -> rely on bus to 1: false; 1: "broadcast" to "webrtc"; webrtc sends f to 1`,
		"a killed tab is silent everywhere": `
			bus up a      -> rely on bus to 1: true; 1: "" to "broadcast"; bus sends f to 1
			webrtc up a   -> rely on bus to 1: false; 1: "broadcast" to "webrtc"; webrtc sends f to 1
			wait 200ms    -> rely on bus to 1: true; 1: "webrtc" to "broadcast" (nothing was heard by WebRTC); bus sends f to 1
			bus down a    -> 1: "broadcast" to "webrtc"; webrtc sends f to 1
			webrtc down a -> 1: "webrtc" to "" (gone)`,
		"silence without a spare": `
			webrtc up a   -> 1: "" to "webrtc"; webrtc sends f to 1
			wait 10s      -> webrtc sends f to 1
			bus up a      -> rely on bus to 1: false; webrtc sends f to 1
			wait 200ms    -> rely on bus to 1: true; 1: "webrtc" to "broadcast" (nothing was heard by WebRTC); bus sends f to 1`,
		"WebRTC alone, as between computers": `
			webrtc up a   -> 1: "" to "webrtc"; webrtc sends f to 1
			webrtc down a -> 1: "webrtc" to "" (gone)
			webrtc up a   -> 1: "" to "webrtc"; webrtc sends f to 1`,
		"a reload: the new life is seen before the old one's end": `
			bus up a      -> rely on bus to 1: true; 1: "" to "broadcast"; bus sends f to 1
			webrtc up a   -> rely on bus to 1: false; 1: "broadcast" to "webrtc"; webrtc sends f to 1
			bus down a    -> webrtc sends f to 1
			bus up b      -> 1: "webrtc" to "" (the peer was started again); rely on bus to 1: true; 1: "" to "broadcast"; bus sends f to 1
			webrtc down a -> bus sends f to 1
			webrtc up b   -> rely on bus to 1: false; 1: "broadcast" to "webrtc"; webrtc sends f to 1`,
		"what was never up": `
			bus down a    ->
			webrtc down a ->`,
	} {
		t.Run(name, func(t *testing.T) {
			var out []string
			now, heard, told, said := time.Second, time.Duration(0), 0, 0
			r := newRoutes(fakeCarrier{"webrtc", &out, &heard}, func() time.Duration { return now }, func(c routeChange) {
				told++
				text := fmt.Sprintf("%d: %q to %q", c.id, c.from, c.to)
				if c.reason != "" {
					text += " (" + c.reason + ")"
				}
				out = append(out, text)
			}, func(routeChange) { said++ })
			r.connect(func() (spare, error) { return fakeCarrier{"bus", &out, nil}, nil })
			for line := range strings.SplitSeq(strings.TrimSpace(story), "\n") {
				what, want, _ := strings.Cut(line, "->")
				f := strings.Fields(what)
				by := byWebRTC
				if f[0] == "bus" {
					by = byBus
				}
				out = nil
				switch {
				case f[0] == "heard":
					heard = now
				case f[0] == "wait":
					d, err := time.ParseDuration(f[1])
					if err != nil {
						t.Fatal(err)
					}
					now += d
				case f[1] == "up":
					heard = now
					r.up(1, f[2], by)
				default:
					r.down(1, f[2], by, "gone")
				}
				if sent := r.Send(1, []byte("f")); sent != (r.via(1) != byNone) {
					t.Errorf("%s: sent %v by %q", what, sent, r.via(1))
				}
				if said != told {
					t.Errorf("%s: %d changes said, %d told", what, said, told)
				}
				if by := string(r.via(1)); by != "" && !r.SendDatagram(1, []byte(by[:1])) {
					t.Errorf("%s: a datagram does not go by %s", what, by)
				}
				if got := strings.Join(out, "; "); got != strings.TrimSpace(want) {
					t.Errorf("%s\n gives %s\n want  %s", what, got, strings.TrimSpace(want))
				}
			}
		})
	}
}

// A server does without a bus that cannot be opened.
func TestRoutesWithoutBus(t *testing.T) {
	var out []string
	r := newRoutes(fakeCarrier{"webrtc", &out, nil}, func() time.Duration { return 0 }, func(routeChange) {}, func(routeChange) {})
	if err := r.connect(func() (spare, error) { return nil, errors.New("no") }); err == nil {
		t.Error("no error")
	}
	r.up(1, "a", byWebRTC)
	if !r.Send(1, []byte("f")) || r.Send(2, []byte("f")) || r.neighbours() != 0 || r.onlyBus(time.Hour) {
		t.Errorf("%v", out)
	}
}

// Two followers send one another datagrams only, once a leader is elected: a doubt
// from the election stayed for good, and with it the bus.
func TestDoubtIsLiftedWithoutFrames(t *testing.T) {
	var out []string
	now, heard := time.Second, time.Second
	r := newRoutes(fakeCarrier{"webrtc", &out, &heard}, func() time.Duration { return now }, func(routeChange) {}, func(routeChange) {})
	r.connect(func() (spare, error) { return fakeCarrier{"bus", &out, nil}, nil })
	r.up(1, "a", byWebRTC)
	r.up(1, "a", byBus)
	step := func(d time.Duration, answered bool, send func(raft.ID, []byte) bool, want transport) {
		t.Helper()
		now += d
		if answered {
			heard = now
		}
		if send(1, []byte("f")); r.via(1) != want {
			t.Errorf("at %v: by %q, not %q", now, r.via(1), want)
		}
	}
	step(time.Second, false, r.Send, byWebRTC)
	step(10*time.Second, false, r.SendDatagram, byWebRTC) // asks for no answer
	step(0, false, r.Send, byBus)
	step(time.Second, false, r.SendDatagram, byBus)
	step(time.Second, true, r.SendDatagram, byWebRTC)
	step(time.Second, false, r.Send, byWebRTC)
	step(time.Second, false, r.Send, byBus)
}
