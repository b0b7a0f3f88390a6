package main

import (
	"sync"
	"syscall/js"

	"tabraft/raft"
	"tabraft/raft/node"
	"tabraft/wasm/tab"
)

// kinds are what on() takes.
const kinds = "role, term, leader, commit, apply, message, peer, snapshot, storage, error"

// events calls the page's listeners. Events without a listener cost next to
// nothing, since some come thousands of times a second.
type events struct {
	mu        sync.Mutex
	listeners map[string]map[int]js.Value
	next      int
	term      uint64
	leader    string
}

func newEvents() *events { return &events{listeners: map[string]map[int]js.Value{}} }

// on adds a listener and gives the function that takes it away.
func (v *events) on(kind string, fn js.Value) js.Func {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.next++
	key := v.next
	if v.listeners[kind] == nil {
		v.listeners[kind] = map[int]js.Value{}
	}
	v.listeners[kind][key] = fn
	return callback(func([]js.Value) any {
		v.mu.Lock()
		defer v.mu.Unlock()
		delete(v.listeners[kind], key)
		return nil
	})
}

func (v *events) emit(e tab.Event) {
	switch data := e.Data.(type) {
	case node.Event:
		v.message(data)
		return
	case tab.RoleEvent:
		v.mu.Lock()
		term, leader := data.Term != v.term, data.Leader != v.leader
		v.term, v.leader = data.Term, data.Leader
		v.mu.Unlock()
		if term {
			v.call("term", func() any { return fromJSON(data) })
		}
		if leader {
			v.call("leader", func() any { return fromJSON(data) })
		}
	}
	v.call(e.Kind, func() any { return fromJSON(e.Data) })
}

func (v *events) message(e node.Event) {
	v.call("message", func() any {
		m := e.Message
		dir := "sent"
		if e.Kind == node.EventReceived {
			dir = "received"
		}
		index := m.LogIndex
		if m.Type == raft.AppendEntries {
			index += uint64(len(m.Entries))
		}
		return map[string]any{"dir": dir, "type": m.Type.String(), "peer": e.Peer.String(),
			"term": float64(m.Term), "index": float64(index), "entries": len(m.Entries)}
	})
}

// call calls the listeners of a kind; what they throw is theirs.
func (v *events) call(kind string, data func() any) {
	v.mu.Lock()
	var fns []js.Value
	for _, fn := range v.listeners[kind] {
		fns = append(fns, fn)
	}
	v.mu.Unlock()
	if len(fns) == 0 {
		return
	}
	value := js.ValueOf(data())
	for _, fn := range fns {
		func() {
			defer func() {
				if p := recover(); p != nil {
					if e, ok := p.(js.Error); ok {
						js.Global().Get("console").Call("error", e.Value)
						return
					}
					panic(p)
				}
			}()
			fn.Invoke(value)
		}()
	}
}
