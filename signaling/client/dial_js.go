package client

import (
	"context"
	"fmt"
	"syscall/js"
)

const (
	// maxInbox bounds the messages that arrived and were not yet handled; at it, the socket ends. A browser cannot be told to wait,
	// and a tab that was frozen can find hundreds.
	maxInbox = 4096
	// maxBuffered bounds what the browser holds back for us, in bytes; at it, the socket ends: the server does not read.
	maxBuffered = 1 << 20
)

// jsSocket is a socket over the browser's WebSocket. Its callbacks only queue and return. Under js all goroutines share one thread and yield
// only when they block, so its fields need no lock.
type jsSocket struct {
	ws     js.Value
	inbox  chan []byte
	opened chan struct{} // closed when open, or ended
	isOpen bool
	ended  bool
	end    error // set before inbox is closed
	funcs  []js.Func
}

func dial(ctx context.Context, url string) (socket, error) {
	ws, err := newWebSocket(url)
	if err != nil {
		return nil, err
	}
	s := &jsSocket{ws: ws, inbox: make(chan []byte, maxInbox), opened: make(chan struct{})}
	s.on("onopen", func(js.Value) {
		s.isOpen = true
		close(s.opened)
	})
	s.on("onmessage", func(event js.Value) { s.arrived(event.Get("data")) })
	s.on("onclose", func(event js.Value) {
		s.finish(&closeError{event.Get("code").Int(), event.Get("reason").String()})
	})
	s.on("onerror", func(js.Value) {
		// After the opening a close event follows, which says more. Before it the specification promises one too; Node 20 sends none.
		if !s.isOpen {
			s.finish(fmt.Errorf("signaling: no connection to %s", url))
		}
	})
	select {
	case <-s.opened:
	case <-ctx.Done():
		s.close()
		return nil, fmt.Errorf("signaling: no connection to %s: %w", url, ctx.Err())
	}
	if !s.isOpen {
		return nil, fmt.Errorf("signaling: no connection to %s", url)
	}
	return s, nil
}

// newWebSocket turns the exception that the constructor throws at a bad URL, or at ws: on an https page, into an error.
func newWebSocket(url string) (ws js.Value, err error) {
	defer recoverTo(&err)
	constructor := js.Global().Get("WebSocket")
	if constructor.IsUndefined() {
		return js.Value{}, fmt.Errorf("signaling: this browser has no WebSocket")
	}
	return constructor.New(url), nil
}

func recoverTo(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("signaling: WebSocket: %v", r)
	}
}

// on sets an event handler that cannot end the program.
func (s *jsSocket) on(name string, handle func(event js.Value)) {
	f := js.FuncOf(func(_ js.Value, args []js.Value) any {
		var err error
		func() {
			defer recoverTo(&err)
			if !s.ended {
				handle(args[0])
			}
		}()
		if err != nil {
			s.fail(err)
		}
		return nil
	})
	s.funcs = append(s.funcs, f)
	s.ws.Set(name, f)
}

func (s *jsSocket) arrived(data js.Value) {
	if data.Type() != js.TypeString {
		s.fail(fmt.Errorf("%w: a binary message", ErrProtocol))
		return
	}
	// In UTF-16 units, of which the protocol's ASCII needs one a byte. A string has a length only as an object.
	if n := js.Global().Get("Object").New(data).Length(); n > maxReceived {
		s.fail(fmt.Errorf("%w: a message of %d characters", ErrProtocol, n))
		return
	}
	select {
	case s.inbox <- []byte(data.String()):
	default:
		s.fail(fmt.Errorf("signaling: %d messages wait and nobody handles them", maxInbox))
	}
}

func (s *jsSocket) messages() <-chan []byte { return s.inbox }

func (s *jsSocket) err() error { return s.end }

func (s *jsSocket) write(b []byte) (err error) {
	if s.ended {
		return s.end
	}
	defer recoverTo(&err)
	if s.ws.Get("bufferedAmount").Int() > maxBuffered {
		return ErrSilent
	}
	s.ws.Call("send", string(b))
	return nil
}

func (s *jsSocket) close() { s.fail(ErrNotConnected) }

// fail closes the WebSocket and ends the socket without waiting for the close event, which comes late, or never, from a server that is gone.
func (s *jsSocket) fail(err error) {
	if s.ended {
		return
	}
	s.finish(err)
	defer recoverTo(&err)
	s.ws.Call("close")
}

// finish ends the socket, once.
func (s *jsSocket) finish(err error) {
	if s.ended {
		return
	}
	s.ended, s.end = true, err
	for _, name := range []string{"onopen", "onmessage", "onclose", "onerror"} {
		s.ws.Set(name, js.Null())
	}
	for _, f := range s.funcs { // it may be one of them that runs now, which syscall/js allows
		f.Release()
	}
	if !s.isOpen {
		close(s.opened)
	}
	close(s.inbox)
}
