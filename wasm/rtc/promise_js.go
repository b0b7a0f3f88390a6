package rtc

import (
	"fmt"
	"syscall/js"
)

// This file makes and takes descriptions and candidates in a browser, all of which
// are promises. That of a connection which is closed may never settle (seen in
// Chromium 156), or settle late.

// pending are the promises waited for, by a number of ours; there is but one thread.
// What JavaScript holds of them are bound forms of settle, and a number, of which
// nothing remains here when the wait has ended otherwise.
var (
	pending     = make(map[int]chan settlement)
	lastPending int
	settle      = js.FuncOf(func(_ js.Value, args []js.Value) any {
		number := args[0].Int()
		if wait, ok := pending[number]; ok {
			delete(pending, number)
			wait <- settlement{args[1].Bool(), args[2]}
		}
		return nil
	})
)

// settlement is how a promise settled.
type settlement struct {
	fulfilled bool
	value     js.Value // or what it was rejected with
}

// await waits until a promise settles, or fails with errClosed when closed is.
func await(promise js.Value, closed <-chan struct{}) (js.Value, error) {
	lastPending++
	number, wait := lastPending, make(chan settlement, 1)
	pending[number] = wait
	defer delete(pending, number)
	promise.Call("then", settle.Call("bind", nil, number, true), settle.Call("bind", nil, number, false))
	select {
	case s := <-wait:
		if !s.fulfilled {
			return js.Undefined(), js.Error{Value: s.value}
		}
		return s.value, nil
	case <-closed:
		return js.Undefined(), errClosed
	}
}

// ask calls a method of the connection that gives a promise, and awaits it.
func (c *channel) ask(method string, args ...any) (result js.Value, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s: %v", method, p)
		}
	}()
	return await(c.pc.JSValue().Call(method, args...), c.closed)
}

// offer makes an offer. A browser takes it in the place of one without an answer, so
// it never is one that was taken.
func (c *channel) offer(restart bool) (sdp string, taken bool, err error) {
	d, err := c.ask("createOffer", map[string]any{"iceRestart": restart})
	if err != nil {
		return "", false, err
	}
	return d.Get("sdp").String(), false, nil
}

// answer makes the answer to the offer that setRemote took.
func (c *channel) answer() (sdp string, err error) {
	d, err := c.ask("createAnswer")
	if err != nil {
		return "", err
	}
	return d.Get("sdp").String(), nil
}

// setLocal takes our description, a signalOffer or signalAnswer.
func (c *channel) setLocal(kind, sdp string) error {
	_, err := c.ask("setLocalDescription", map[string]any{"type": kind, "sdp": sdp})
	return err
}

// setRemote takes the peer's.
func (c *channel) setRemote(kind, sdp string) error {
	_, err := c.ask("setRemoteDescription", map[string]any{"type": kind, "sdp": sdp})
	return err
}

// addCandidate takes a candidate of the peer, empty for the last.
func (c *channel) addCandidate(candidate string) error {
	_, err := c.ask("addIceCandidate", map[string]any{"candidate": candidate, "sdpMLineIndex": 0})
	return err
}
