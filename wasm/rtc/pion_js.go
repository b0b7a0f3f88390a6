//go:build js

package rtc

import (
	"errors"
	"fmt"
	"syscall/js"
	"time"

	"github.com/pion/webrtc/v3"
)

// This file holds what pion/webrtc v3 needs in a browser; pion_native.go is its
// twin. pion makes and closes the connection; descriptions and candidates (promise_js.go),
// the data channel and all events are taken from the connection's JavaScript value
// instead, because pion v3
//
//   - waits for promises that never settle, when the connection is closed meanwhile;
//   - starts a goroutine for each message, and reads Blobs in it, so that
//     messages can overtake one another;
//   - releases its callbacks in Close before the browser has stopped calling
//     them ("call to released function" on the console);
//   - makes a Uint8Array for each message sent (50 µs for 16 KiB, not 0.3 µs);
//   - loses part of each candidate when it turns it into its own type.

var (
	uint8Array = js.Global().Get("Uint8Array")
	// sendBuffer carries every outgoing message: the browser copies it before
	// send returns, and there is but one thread.
	sendBuffer = uint8Array.New(MaxFragment)
)

// supported says why connections are not to be had, if so.
func supported() error {
	if js.Global().Get("RTCPeerConnection").Type() != js.TypeFunction {
		return errors.New("rtc: this browser has no WebRTC, or it is switched off")
	}
	return nil
}

// newPeerConnection makes a connection. Which addresses it uses is the
// browser's choice.
func newPeerConnection(servers []webrtc.ICEServer, _ bool) (*webrtc.PeerConnection, error) {
	var pc *webrtc.PeerConnection
	err := useWindow(func() (err error) {
		pc, err = webrtc.NewPeerConnection(webrtc.Configuration{ICEServers: servers})
		return err
	})
	return pc, err
}

// channel is a data channel of a connection.
type channel struct {
	pc       *webrtc.PeerConnection
	dc       js.Value
	lossy    js.Value // the unreliable one beside it; undefined if there is none
	handlers []handler
	closed   chan struct{} // ends the waits for promises

	// window made the connection, began ago; it gathered so many candidates.
	window     *window
	began      time.Time
	candidates int
}

// handler is one on... property that calls into Go.
type handler struct {
	target js.Value
	name   string
	call   js.Func
}

// openChannel makes the data channel, before any offer or answer, and has the
// events of both channel and connection reported.
func openChannel(pc *webrtc.PeerConnection, w watcher) (c *channel, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	target := pc.JSValue()
	dc := target.Call("createDataChannel", channelLabel, map[string]any{"negotiated": true, "id": channelStream})
	dc.Set("binaryType", "arraybuffer")
	dc.Set("bufferedAmountLowThreshold", lowWater)
	c = &channel{pc: pc, dc: dc, closed: make(chan struct{}), window: windowNow, began: time.Now()}
	c.window.users++
	c.on(w, dc, "onopen", func(js.Value) { w.channelOpened() })
	c.on(w, dc, "onclose", func(js.Value) { w.channelClosed() })
	c.on(w, dc, "onbufferedamountlow", func(js.Value) { w.drained() })
	c.on(w, dc, "onmessage", func(ev js.Value) { message(w, ev.Get("data")) })
	c.on(w, target, "onicecandidate", func(ev js.Value) {
		if candidate := ev.Get("candidate"); candidate.Truthy() {
			c.candidates++
			w.gathered(candidate.Get("candidate").String())
			return
		}
		w.gathered("")
	})
	c.on(w, target, "onconnectionstatechange", func(js.Value) {
		w.stateChanged(target.Get("connectionState").String())
	})
	return c, nil
}

// openDatagrams makes the unreliable channel beside a connection's channel.
func openDatagrams(c *channel, w watcher) (s sender, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	dc := c.pc.JSValue().Call("createDataChannel", datagramLabel,
		map[string]any{"negotiated": true, "id": datagramStream, "ordered": false, "maxRetransmits": 0})
	dc.Set("binaryType", "arraybuffer")
	c.on(w, dc, "onopen", func(js.Value) { w.datagramsOpen(true) })
	c.on(w, dc, "onclose", func(js.Value) { w.datagramsOpen(false) })
	c.on(w, dc, "onmessage", func(ev js.Value) { datagram(w, ev.Get("data")) })
	c.lossy = dc
	return &channel{pc: c.pc, dc: dc}, nil
}

func datagram(w watcher, data js.Value) {
	size := 0 // of text, which is not taken
	if data.Type() == js.TypeObject {
		size = data.Get("byteLength").Int()
	}
	if !w.admits(size) {
		return
	}
	b := make([]byte, size)
	js.CopyBytesToGo(b, uint8Array.New(data))
	w.datagram(b)
}

// deafen has the browser call no more for datagrams, which costs more than
// dropping them.
func (c *channel) deafen() { c.lossy.Set("onmessage", js.Null()) }

// on has the browser call f, on its event loop: f must not block.
func (c *channel) on(w watcher, target js.Value, name string, f func(ev js.Value)) {
	call := js.FuncOf(func(_ js.Value, args []js.Value) any {
		defer w.guard()
		f(args[0])
		return nil
	})
	target.Set(name, call)
	c.handlers = append(c.handlers, handler{target, name, call})
}

func message(w watcher, data js.Value) {
	if data.Type() != js.TypeObject {
		w.misbehaved(errText)
		return
	}
	size := data.Get("byteLength").Int()
	if size > MaxFragment {
		w.misbehaved(errTooLarge)
		return
	}
	b := make([]byte, size)
	js.CopyBytesToGo(b, uint8Array.New(data))
	w.received(b)
}

// send hands one message over; the slice is the caller's again.
func (c *channel) send(b []byte) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("rtc: send: %v", p)
		}
	}()
	view := sendBuffer
	if len(b) < MaxFragment {
		view = sendBuffer.Call("subarray", 0, len(b))
	}
	js.CopyBytesToJS(view, b)
	c.dc.Call("send", view)
	return nil
}

// buffered is the number of bytes handed over and not sent yet.
func (c *channel) buffered() int { return c.dc.Get("bufferedAmount").Int() }

// closeAll closes the channels' connections before it returns.
func closeAll(channels []*channel) {
	for _, c := range channels {
		closeSoon(c)
	}
}

// closeSoon closes a channel's connection, which takes no time here.
func closeSoon(c *channel) {
	for _, h := range c.handlers {
		h.target.Set(h.name, js.Null())
	}
	gathering := c.pc.JSValue().Get("iceGatheringState").String() == "gathering"
	c.pc.Close()
	close(c.closed)
	c.window.release(gathering && c.candidates == 0 && time.Since(c.began) >= stuckAfter)
	for _, h := range c.handlers {
		h.call.Release()
	}
	c.handlers = nil
}
