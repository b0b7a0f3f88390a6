// Command wasm is the program in a tab: it makes the tab a server and offers it
// to the page, to scripts and to tests as window.tabraft. The calls are
// documented in www/src/api.ts.
package main

import (
	"fmt"
	"syscall/js"

	"tabraft/wasm/tab"
)

func main() {
	config := js.Global().Get("tabraftConfig")
	page := tab.PageConfig{Worker: config.Get("worker").String(), Signal: config.Get("signal").String()}
	events := newEvents()
	server, room, err := tab.Open(page, events.emit)
	a := &api{server: server, events: events}
	if server == nil {
		a.failed = tab.FailedState(room, err)
	}
	js.Global().Set("tabraft", a.export())
	js.Global().Call("dispatchEvent", js.Global().Get("Event").New("tabraft"))
	select {}
}

// callback makes a JavaScript function that reports a panic on the console
// instead of ending the program.
func callback(f func(args []js.Value) any) js.Func {
	return js.FuncOf(func(_ js.Value, args []js.Value) (result any) {
		defer func() {
			if p := recover(); p != nil {
				js.Global().Get("console").Call("error", fmt.Sprintf("tabraft: %v", p))
			}
		}()
		return f(args)
	})
}
