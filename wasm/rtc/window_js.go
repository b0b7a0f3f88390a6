package rtc

import (
	"syscall/js"
	"time"
)

// Chromium hides a page's addresses behind mDNS names, which each window asks a
// service of the browser for. A window that first did so without a network gets no
// names any more, not even when the network is back: its connections gather for
// ever and find no candidate (seen in Chromium 156). A reload helps, and so does
// another window. So where a connection was stuck like that, the next ones are
// made by a window of this page that nobody sees: that of an empty frame.

// stuckAfter is how long a connection gathers without a candidate until its
// window is taken for spent. Names take some 100 ms.
const stuckAfter = 3 * time.Second

// window makes connections. The page's own has no frame.
type window struct {
	frame js.Value // undefined for the page's own
	users int      // connections that it made and that are not closed
	spent bool     // it makes none that find candidates
}

// windowNow makes the next connections. There is but one thread.
var windowNow = &window{}

// useWindow runs what makes a connection with the constructor of windowNow.
func useWindow(make func() error) error {
	if windowNow.spent {
		windowNow = newWindow()
	}
	if w := windowNow; w.frame.Truthy() {
		const name = "RTCPeerConnection"
		global := js.Global()
		own := global.Get(name)
		global.Set(name, w.frame.Get("contentWindow").Get(name))
		defer global.Set(name, own)
	}
	return make()
}

// newWindow makes a frame, or gives the page's own window if it cannot.
func newWindow() (w *window) {
	w = &window{}
	defer func() {
		if recover() != nil {
			w.frame = js.Undefined()
		}
	}()
	document := js.Global().Get("document")
	frame := document.Call("createElement", "iframe")
	frame.Set("hidden", true)
	document.Get("documentElement").Call("append", frame)
	w.frame = frame
	return w
}

// release takes note that a connection of the window is closed. stuck says that it
// gathered for long and found no candidate, which without a network is no wonder.
func (w *window) release(stuck bool) {
	w.users--
	if stuck && js.Global().Get("navigator").Get("onLine").Truthy() {
		w.spent = true
	}
	if w.users == 0 && w.spent && w.frame.Truthy() {
		w.frame.Call("remove") // the next connection has another one made
	}
}
