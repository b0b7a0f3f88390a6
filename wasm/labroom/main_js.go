package labroom

import (
	"context"
	crand "crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"syscall/js"
	"time"

	"tabraft/raft/lab/tester"
	"tabraft/signaling/client"
	"tabraft/wasm/tab"
)

// Main is the program of a room's tab, with a student's Make in the form of any year. It
// takes what it needs of the page from window.tabraftRoomConfig, sets window.tabraftRoom,
// dispatches the event "tabraftroom", and does not return. Both are described in
// www/src/lab/room-api.ts.
func Main(makeRaft any) {
	p := &page{config: js.Global().Get("tabraftRoomConfig")}
	go p.keepTime()
	p.export()
	if err := p.open(makeRaft); err != nil {
		p.fail(err)
	}
	p.dispatch()
	select {}
}

// page is a room's tab.
type page struct {
	config js.Value
	member *member // nil if it could not be opened
	link   string
	name   string
	seats  int
	failed error
}

func (p *page) dispatch() {
	js.Global().Call("dispatchEvent", js.Global().Get("Event").New("tabraftroom"))
}

func (p *page) fail(err error) {
	if p.failed == nil {
		p.failed = err
	}
	if p.member != nil {
		p.member.end()
	}
}

// open finds the room and a free seat in it, and starts the student's server there.
func (p *page) open(makeRaft any) error {
	form, err := tester.Adapt(makeRaft)
	if err != nil {
		return err
	}
	location := js.Global().Get("location")
	room, seats, err := chooseRoom(location.Get("hash").String())
	if err != nil {
		return err
	}
	fragment := room.Fragment() + "&n=" + strconv.Itoa(seats)
	p.link = location.Get("origin").String() + location.Get("pathname").String() + "#" + fragment
	p.name, p.seats = room.Name, seats
	js.Global().Get("history").Call("replaceState", js.Null(), "", p.link)
	remember("localStorage", lastRoomKey, fragment)

	ctx, cancel := context.WithTimeout(context.Background(), openTimeout)
	defer cancel()
	signal := p.config.Get("signal").String()
	s := &seat{store: p.config.Get("store"), token: room.Token(), incarnation: random()}
	if err := s.take(ctx, seats, func() map[int]bool { return present(ctx, signal, room) }); err != nil {
		return err
	}
	s.failed = p.fail
	clock := tab.NewClock(p.config.Get("worker").String(), func(err error) { js.Global().Get("console").Call("warn", err.Error()) })
	joined := make(chan struct{})
	defer close(joined)
	p.member, err = join(memberConfig{
		room: room, signal: signal, seat: s, seats: seats, form: form, clock: clock,
		build: p.config.Get("build").String(), failed: p.fail,
		taken: sync.OnceFunc(func() {
			<-joined
			p.member.end()
			if s.giveUp() {
				js.Global().Get("location").Call("reload") // and take another
			} else {
				p.fail(errOccupied)
			}
		}),
	})
	if err != nil {
		return err
	}
	p.followPage()
	if p.failed != nil { // meanwhile
		p.member.end()
	}
	return nil
}

// openTimeout bounds the wait for the browser's storage and for a seat.
const openTimeout = 15 * time.Second

// lastRoomKey is where a browser remembers the room that it used last.
const lastRoomKey = "tabraft.lab.room"

var errSeats = fmt.Errorf("a room has %d to %d seats: n=3 in its address", MinSeats, MaxSeats)

// chooseRoom gives the room that an address names, the last one, or a new one; #new
// and #new&n=5 always make one.
func chooseRoom(hash string) (room client.Room, seats int, err error) {
	fragment := strings.TrimPrefix(hash, "#")
	if fragment == "" {
		fragment = recall("localStorage", lastRoomKey)
	}
	seats = DefaultSeats
	fresh := fragment == ""
	for field := range strings.SplitSeq(fragment, "&") {
		if field == "new" {
			fresh = true
		}
		if n, ok := strings.CutPrefix(field, "n="); ok {
			if seats, err = strconv.Atoi(n); err != nil || seats < MinSeats || seats > MaxSeats {
				return room, 0, errSeats
			}
		}
	}
	if fresh {
		return client.RandomRoom(), seats, nil
	}
	room, err = client.ParseFragment(fragment)
	return room, seats, err
}

// followPage ends the server with its page.
func (p *page) followPage() {
	on := func(event string, f func(js.Value)) {
		js.Global().Call("addEventListener", event, callback(func(args []js.Value) any {
			f(args[0])
			return nil
		}))
	}
	reload := func() { js.Global().Get("location").Call("reload") }
	on("pagehide", func(js.Value) { p.member.end() })
	on("pageshow", func(e js.Value) {
		if e.Get("persisted").Truthy() {
			reload()
		}
	})
	on("hashchange", func(js.Value) { reload() })
	on("online", func(js.Value) { p.member.client.Retry() })
}

// beat is how often the Worker wakes the page, in ms. A hidden page's own timers, and with them
// a student's time.Sleep, are slowed down to one a second; a call into Go makes it
// look at its timers.
const beat = 10

// keepTime has a Worker call into Go for as long as the page lives.
func (p *page) keepTime() {
	worker := js.Global().Get("Worker").New(p.config.Get("worker").String())
	worker.Set("onmessage", callback(func([]js.Value) any {
		worker.Call("postMessage", beat)
		return nil
	}))
}

// export sets window.tabraftRoom.
func (p *page) export() {
	js.Global().Set("tabraftRoom", map[string]any{
		"state": callback(func([]js.Value) any { return p.state() }),
		"start": callback(func(args []js.Value) any {
			if len(args) != 1 || args[0].Type() != js.TypeString {
				return rejected(ErrCommand)
			}
			command := args[0].String()
			return p.promise(func(s *Server) (map[string]any, error) {
				index, term, leader, err := s.Start(command)
				return map[string]any{"index": index, "term": term, "leader": leader}, err
			})
		}),
		"snapshot": callback(func([]js.Value) any {
			return p.promise(func(s *Server) (map[string]any, error) {
				index, err := s.Snapshot()
				return map[string]any{"index": index}, err
			})
		}),
	})
}

// state gives JSON: a View and what the tab knows besides.
func (p *page) state() any {
	out := struct {
		View
		Room      string `json:"room"`
		Link      string `json:"link"`
		Count     int    `json:"count"`
		Signaling bool   `json:"signaling"`
		Ended     string `json:"ended"`
	}{Room: p.name, Link: p.link, Count: p.seats}
	out.Me = -1
	if p.member != nil {
		out.View = p.member.server.View()
		out.Signaling = p.member.client.Connected()
	}
	if p.failed != nil {
		out.Ended = p.failed.Error()
	}
	text, err := json.Marshal(out)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// promise runs f, which may wait, in a goroutine.
func (p *page) promise(f func(*Server) (map[string]any, error)) any {
	var executor js.Func
	executor = js.FuncOf(func(_ js.Value, args []js.Value) any {
		resolve, reject := args[0], args[1]
		go func() {
			defer executor.Release()
			if p.member == nil {
				reject.Invoke(ErrEnded.Error())
				return
			}
			answer, err := f(p.member.server)
			if err != nil {
				reject.Invoke(err.Error())
				return
			}
			resolve.Invoke(answer)
		}()
		return nil
	})
	return js.Global().Get("Promise").New(executor)
}

func rejected(err error) any { return js.Global().Get("Promise").Call("reject", err.Error()) }

// callback makes a JavaScript function that reports a panic on the console
// instead of ending the program.
func callback(f func(args []js.Value) any) js.Func {
	return js.FuncOf(func(_ js.Value, args []js.Value) (result any) {
		defer func() {
			if v := recover(); v != nil {
				js.Global().Get("console").Call("error", fmt.Sprintf("tabraft lab: in a callback: %v", v))
			}
		}()
		return f(args)
	})
}

func random() string {
	var b [8]byte
	crand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// remember and recall use a storage of the browser, which may be forbidden.
func remember(storage, key, value string) {
	defer func() { _ = recover() }()
	js.Global().Get(storage).Call("setItem", key, value)
}

func recall(storage, key string) (value string) {
	defer func() { _ = recover() }()
	if v := js.Global().Get(storage).Call("getItem", key); v.Type() == js.TypeString {
		value = v.String()
	}
	return value
}
