package client

import (
	"context"
	"errors"
	"strings"
	"syscall/js"
	"testing"
)

// browser puts a WebSocket class into the global object for one test. Its instances do nothing by themselves: the test plays browser and server.
type browser struct {
	created []js.Value
}

func newBrowser(t *testing.T) *browser {
	b := &browser{}
	before := js.Global().Get("WebSocket")
	class := js.FuncOf(func(_ js.Value, args []js.Value) any {
		if strings.HasPrefix(args[0].String(), "bad") {
			return js.Null()
		}
		socket := js.Global().Get("Object").New()
		socket.Set("url", args[0])
		socket.Set("bufferedAmount", 0)
		socket.Set("sent", js.Global().Get("Array").New())
		socket.Set("closed", 0)
		b.created = append(b.created, socket)
		return socket
	})
	methods := js.Global().Call("eval", `(make) => function(url) {
		const s = make(url);
		if (s === null) throw new SyntaxError("The URL '" + url + "' is invalid.");
		s.send = (text) => { if (s.broken) throw new Error("InvalidStateError"); s.sent.push(text) };
		s.close = () => { s.closed++ };
		return s;
	}`)
	js.Global().Set("WebSocket", methods.Invoke(class))
	t.Cleanup(func() {
		js.Global().Set("WebSocket", before)
		class.Release()
	})
	return b
}

// fire calls an event handler as the browser does: not at all if it is null.
func fire(ws js.Value, name string, event map[string]any) {
	if handler := ws.Get(name); handler.Type() == js.TypeFunction {
		handler.Invoke(js.ValueOf(event))
	}
}

// later runs f as the browser runs events: when everything else waits.
func later(f func()) {
	var task js.Func
	task = js.FuncOf(func(js.Value, []js.Value) any {
		task.Release()
		f()
		return nil
	})
	js.Global().Call("setTimeout", task, 0)
}

// open dials, and lets the browser open the socket.
func (b *browser) open(t *testing.T) (*jsSocket, js.Value) {
	t.Helper()
	n := len(b.created)
	later(func() { fire(b.created[n], "onopen", nil) })
	s, err := dial(context.Background(), "ws://test/signal")
	if err != nil {
		t.Fatal(err)
	}
	return s.(*jsSocket), b.created[n]
}

func TestJSSocket(t *testing.T) {
	s, ws := newBrowser(t).open(t)
	if url := ws.Get("url").String(); url != "ws://test/signal" {
		t.Errorf("opened %s", url)
	}
	fire(ws, "onmessage", map[string]any{"data": "one"})
	fire(ws, "onmessage", map[string]any{"data": "zwölf"})
	for _, want := range []string{"one", "zwölf"} {
		if got := string(<-s.messages()); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if err := s.write([]byte("hello")); err != nil || ws.Get("sent").Index(0).String() != "hello" {
		t.Errorf("sent %v, %v", ws.Get("sent"), err)
	}
	fire(ws, "onclose", map[string]any{"code": 4003, "reason": "the room is full"})
	if _, ok := <-s.messages(); ok {
		t.Error("a message after the end")
	}
	var closed *closeError
	if !errors.As(s.err(), &closed) || closed.code != 4003 || closed.reason != "the room is full" {
		t.Errorf("ended with %v", s.err())
	}
	if err := s.write([]byte("x")); err == nil {
		t.Error("wrote after the end")
	}
	s.close()
	for _, name := range []string{"onopen", "onmessage", "onclose", "onerror"} {
		if !ws.Get(name).IsNull() {
			t.Errorf("%s is still set, with a released function behind it", name)
		}
	}
}

func TestJSSocketClose(t *testing.T) {
	s, ws := newBrowser(t).open(t)
	s.close()
	s.close()
	if n := ws.Get("closed").Int(); n != 1 {
		t.Errorf("closed %d times", n)
	}
	fire(ws, "onclose", map[string]any{"code": 1005, "reason": ""})
	if _, ok := <-s.messages(); ok || !errors.Is(s.err(), ErrNotConnected) {
		t.Errorf("ended with %v", s.err())
	}
}

// What the page or the server does wrong ends the socket with a reason, and never the program.
func TestJSSocketTrouble(t *testing.T) {
	for name, c := range map[string]struct {
		act  func(s *jsSocket, ws js.Value)
		want string
	}{
		"binary":    {func(_ *jsSocket, ws js.Value) { fire(ws, "onmessage", map[string]any{"data": map[string]any{}}) }, "a binary message"},
		"no data":   {func(_ *jsSocket, ws js.Value) { fire(ws, "onmessage", nil) }, "a binary message"},
		"no event":  {func(_ *jsSocket, ws js.Value) { ws.Call("onmessage") }, "WebSocket: "},
		"odd close": {func(_ *jsSocket, ws js.Value) { fire(ws, "onclose", map[string]any{"code": "x"}) }, "WebSocket: "},
		"too large": {func(_ *jsSocket, ws js.Value) {
			fire(ws, "onmessage", map[string]any{"data": strings.Repeat("x", maxReceived+1)})
		}, "a message of 65537 characters"},
		"flood": {func(_ *jsSocket, ws js.Value) {
			for range maxInbox + 1 {
				fire(ws, "onmessage", map[string]any{"data": "x"})
			}
		}, "4096 messages wait"},
	} {
		t.Run(name, func(t *testing.T) {
			s, ws := newBrowser(t).open(t)
			c.act(s, ws)
			for range s.messages() {
			}
			if err := s.err(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("ended with %v, want %q", err, c.want)
			}
			if ws.Get("closed").Int() != 1 {
				t.Error("the browser's socket stays open")
			}
		})
	}

	s, ws := newBrowser(t).open(t)
	ws.Set("bufferedAmount", maxBuffered+1)
	if err := s.write([]byte("x")); !errors.Is(err, ErrSilent) {
		t.Errorf("wrote into a full buffer: %v", err)
	}
	ws.Set("bufferedAmount", 0)
	ws.Set("broken", true)
	if err := s.write([]byte("x")); err == nil || !strings.Contains(err.Error(), "InvalidStateError") {
		t.Errorf("an exception became %v", err)
	}
}

func TestJSDialErrors(t *testing.T) {
	b := newBrowser(t)
	if _, err := dial(context.Background(), "bad"); err == nil || !strings.Contains(err.Error(), "The URL 'bad' is invalid") {
		t.Errorf("a bad URL: %v", err)
	}

	for i, event := range []string{"onclose", "onerror"} {
		later(func() { fire(b.created[i], event, map[string]any{"code": 1006, "reason": ""}) })
		if _, err := dial(context.Background(), "ws://nobody/"); err == nil || !strings.Contains(err.Error(), "no connection to ws://nobody/") {
			t.Errorf("nobody listens, %s: %v", event, err)
		}
	}

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := dial(ctx, "ws://never/"); !errors.Is(err, context.Canceled) || b.created[2].Get("closed").Int() != 1 {
		t.Errorf("cancelled: %v", err)
	}

	js.Global().Delete("WebSocket")
	if _, err := dial(context.Background(), "ws://x/"); err == nil || !strings.Contains(err.Error(), "no WebSocket") {
		t.Errorf("no WebSocket: %v", err)
	}
}
