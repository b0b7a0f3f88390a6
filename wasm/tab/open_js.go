package tab

import (
	"context"
	"fmt"
	"syscall/js"
	"time"

	"tabraft/raft/node"
	"tabraft/signaling"
	"tabraft/signaling/client"
	"tabraft/wasm/bus"
)

// PageConfig is what the page tells before it starts the program: see
// www/src/api.ts.
type PageConfig struct {
	Worker string // address of the timer Worker's script
	Signal string // address of the signaling WebSocket
}

// Open makes a server of the page that this program runs in: in the room that
// the address names, as the identity that is this tab's. It waits for the
// browser's storage. If that does not answer, and so there is no server, it has the page
// loaded again once it does.
func Open(page PageConfig, observer func(Event)) (*Server, client.Room, error) {
	s, room, err := open(page, observer)
	if s == nil && busy(err) {
		go reloadLater()
	}
	return s, room, err
}

// reloadLater reloads the page when the storage answers again.
func reloadLater() {
	answers := func() bool {
		db, err := openStorage(context.Background())
		if err != nil {
			return false
		}
		defer db.Close()
		return db.Answers(context.Background()) == nil
	}
	for {
		time.Sleep(busyPause)
		if answers() {
			js.Global().Get("location").Call("reload")
			return
		}
	}
}

func open(page PageConfig, observer func(Event)) (*Server, client.Room, error) {
	ctx := context.Background()
	followHistory()
	keeperScript = page.Worker
	location := js.Global().Get("location")
	db, err := openStorage(ctx)
	if err != nil {
		return nil, client.Room{}, err
	}
	room, err := chooseRoom(ctx, db, location.Get("hash").String())
	if err != nil {
		db.Close()
		return nil, client.Room{}, err
	}
	// The address becomes the invitation, and a reload stays in the room.
	base := location.Get("origin").String() + location.Get("pathname").String()
	link := base + "#" + room.Fragment()
	throws(func() { js.Global().Get("history").Call("replaceState", js.Null(), "", link) })

	home, err := openHome(ctx, db, room)
	if err != nil {
		db.Close()
		return nil, room, err
	}
	var s *Server
	slow := make(chan error, 1)
	clock := newWorkerClock(page.Worker, func(err error) { slow <- err })
	s, err = NewServer(Config{
		Room: room, Signal: page.Signal, Link: link, Kind: signaling.KindTab, Home: home, Clock: clock,
		Radio: bus.Browser{}, Gather: gather(), Settings: storedSettings(),
		Logger: consoleLog{}, Observer: observer,
		Rejoin: func() { location.Call("reload") },
	})
	go func() { s.Warn(<-slow) }()
	s.followPage()
	return s, room, err
}

// gather gives a function that lets the page's pending microtasks run: all that
// wait for the same answer ask their next question before the server goes on.
func gather() func() {
	queueMicrotask := js.Global().Get("queueMicrotask")
	ran := make(chan struct{}, 1)
	run := callback(func(js.Value) any {
		ran <- struct{}{}
		return nil
	})
	return func() {
		queueMicrotask.Invoke(run)
		<-ran
	}
}

// on has the window's event call f.
func on(event string, f func(js.Value) any) {
	js.Global().Call("addEventListener", event, callback(f))
}

// followHistory starts the page anew where it must not go on.
func followHistory() {
	// A page that comes back from the back-forward cache has left its cluster, or
	// given up the claim that it was about to make.
	on("pageshow", func(e js.Value) any {
		if e.Get("persisted").Truthy() {
			js.Global().Get("location").Call("reload")
		}
		return nil
	})
	on("hashchange", func(js.Value) any {
		js.Global().Get("location").Call("reload")
		return nil
	})
}

// followPage ends the server with its page, and makes use of the network's
// return.
func (s *Server) followPage() {
	on("pagehide", func(js.Value) any {
		s.Leave()
		return nil
	})
	on("storage", func(e js.Value) any {
		if key := e.Get("key"); key.IsNull() || key.String() == settingsKey {
			s.SetSettings(storedSettings()) // another tab of this browser changed them
		}
		return nil
	})
	followVisibility := func(js.Value) any {
		s.SetHidden(js.Global().Get("document").Get("visibilityState").String() == "hidden")
		return nil
	}
	on("visibilitychange", followVisibility)
	followVisibility(js.Undefined())
	retry := callback(func(js.Value) any {
		s.Retry()
		return nil
	})
	js.Global().Call("addEventListener", "online", retry)
	js.Global().Get("document").Call("addEventListener", "resume", retry) // it was frozen
}

// consoleLog is a Logger that writes warnings to the browser's console.
type consoleLog struct{ node.NoLog }

func (consoleLog) Warn(message string, pairs ...any) {
	text := "tabraft: " + message
	for i := 0; i+1 < len(pairs); i += 2 {
		text += fmt.Sprintf(" %v=%v", pairs[i], pairs[i+1])
	}
	js.Global().Get("console").Call("warn", text)
}
