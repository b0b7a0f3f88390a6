package main

import (
	"context"
	"encoding/json"
	"syscall/js"
	"time"

	"tabraft/raft"
	"tabraft/raft/node"
	"tabraft/wasm/tab"
)

const (
	// removeTimeout bounds remove(): without a quorum it cannot come true.
	removeTimeout = 10 * time.Second
	// snapshotTimeout bounds snapshot(): storage may take its time.
	snapshotTimeout = 30 * time.Second
)

// api is window.tabraft.
type api struct {
	server *tab.Server // nil if it could not be made
	failed tab.State   // why, then
	events *events
}

func (a *api) export() js.Value {
	o := js.Global().Get("Object").New()
	method := func(name string, f func(args []js.Value) any) { o.Set(name, callback(f)) }

	method("state", func([]js.Value) any {
		if a.server == nil {
			return fromJSON(a.failed)
		}
		return fromJSON(a.server.State())
	})
	method("log", func(args []js.Value) any {
		if a.server == nil {
			return fromJSON([]tab.LogEntry{})
		}
		return fromJSON(a.server.Log(index(args, 0, 1), index(args, 1, 1<<53)))
	})
	method("entries", func([]js.Value) any {
		entries := js.Global().Get("Object").New()
		if a.server != nil {
			for _, e := range a.server.Entries() {
				define(entries, e.Key, e.Value)
			}
		}
		return entries
	})

	a.exportCommands(o)

	method("crash", func([]js.Value) any {
		return promise(func() (any, error) {
			if a.server != nil {
				a.server.Crash()
			}
			return nil, nil
		})
	})
	method("restart", func([]js.Value) any {
		return promise(func() (any, error) {
			if a.server == nil {
				return nil, &tab.CommandError{Code: tab.CodeStopped, Message: a.failed.Reason}
			}
			return nil, a.server.Restart()
		})
	})
	method("remove", func(args []js.Value) any {
		return promise(func() (any, error) {
			id, err := a.peer(args)
			if err != nil {
				return nil, err
			}
			ctx, cancel := context.WithTimeout(context.Background(), removeTimeout)
			defer cancel()
			return nil, a.server.Remove(ctx, id)
		})
	})
	method("transfer", func(args []js.Value) any {
		return promise(func() (any, error) {
			id, err := a.peer(args)
			if err != nil {
				return nil, err
			}
			return nil, a.server.Transfer(context.Background(), id)
		})
	})
	method("snapshot", func([]js.Value) any {
		return promise(func() (any, error) {
			if a.server == nil {
				return nil, &tab.CommandError{Code: tab.CodeStopped, Message: a.failed.Reason}
			}
			ctx, cancel := context.WithTimeout(context.Background(), snapshotTimeout)
			defer cancel()
			index, err := a.server.Snapshot(ctx)
			return map[string]any{"index": float64(index)}, err
		})
	})
	method("settings", func(args []js.Value) any {
		if a.server == nil {
			return fromJSON(a.failed.Settings)
		}
		if change := arg(args, 0); change.Type() == js.TypeObject {
			a.server.ChooseSettings(settings(a.server.Settings(), change))
		}
		return fromJSON(a.server.Settings())
	})
	method("link", func(args []js.Value) any {
		return settled(func() error {
			id, err := a.peer(args)
			if err != nil {
				return err
			}
			f, err := fault(a.server.Fault(id), arg(args, 1))
			if err != nil {
				return err
			}
			a.server.Link(id, f)
			return nil
		})
	})
	method("isolate", func(args []js.Value) any {
		return settled(func() error {
			if a.server != nil {
				a.server.Isolate(len(args) == 0 || args[0].Truthy())
			}
			return nil
		})
	})
	method("on", func(args []js.Value) any {
		kind, fn := arg(args, 0), arg(args, 1)
		if kind.Type() != js.TypeString || fn.Type() != js.TypeFunction {
			complain("on(kind, function): the kinds are " + kinds)
			return nil
		}
		return a.events.on(kind.String(), fn)
	})
	return o
}

// peer reads a server's id, the first argument.
func (a *api) peer(args []js.Value) (raft.ID, error) {
	if a.server == nil {
		return raft.None, &tab.CommandError{Code: tab.CodeStopped, Message: a.failed.Reason}
	}
	v := arg(args, 0)
	if v.Type() != js.TypeString {
		return raft.None, &tab.CommandError{Code: tab.CodeInvalid, Message: "the first argument is a server's id, 16 hex digits"}
	}
	id, err := raft.ParseID(v.String())
	if err != nil {
		return raft.None, &tab.CommandError{Code: tab.CodeInvalid, Message: err.Error()}
	}
	return id, nil
}

// ways are the directions of a fault.
var ways = map[string]node.Way{"both": node.BothWays, "out": node.WayOut, "in": node.WayIn}

// fault changes f as an object {block, drop, delayMs, way} says; what it leaves
// out stays.
func fault(f node.Fault, o js.Value) (node.Fault, error) {
	if o.Type() != js.TypeObject {
		return node.Fault{}, nil
	}
	if v := o.Get("block"); v.Type() == js.TypeBoolean {
		f.Block = v.Bool()
	}
	if v := o.Get("drop"); v.Type() == js.TypeNumber {
		f.Drop = v.Float()
	}
	if v := o.Get("delayMs"); v.Type() == js.TypeNumber {
		f.Delay = time.Duration(v.Float() * float64(time.Millisecond))
	}
	if v := o.Get("way"); !v.IsUndefined() {
		way, ok := ways[v.String()]
		if !ok {
			return f, &tab.CommandError{Code: tab.CodeInvalid, Message: `way is "both", "out" or "in"`}
		}
		f.Way = way
	}
	return f, nil
}

// settings changes s as an object {removeAfterMs, handOver} says; what it leaves
// out stays.
func settings(s tab.Settings, o js.Value) tab.Settings {
	if v := o.Get("removeAfterMs"); v.Type() == js.TypeNumber && v.Float() > -1<<53 && v.Float() < 1<<53 {
		s.RemoveAfterMs = int64(v.Float())
	}
	if v := o.Get("handOver"); v.Type() == js.TypeBoolean {
		s.HandOver = v.Bool()
	}
	return s
}

func arg(args []js.Value, i int) js.Value {
	if i < len(args) {
		return args[i]
	}
	return js.Undefined()
}

// index reads a log index; anything that is none becomes otherwise.
func index(args []js.Value, i int, otherwise uint64) uint64 {
	v := arg(args, i)
	if v.Type() != js.TypeNumber || !(v.Float() >= 0) || v.Float() > 1<<53 {
		return otherwise
	}
	return uint64(v.Float())
}

// fromJSON makes a JavaScript value of a Go one.
func fromJSON(v any) js.Value {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // our own types
	}
	return js.Global().Get("JSON").Call("parse", string(b))
}

// define sets a property, whatever it is called: keys come from others.
func define(o js.Value, key, value string) {
	js.Global().Get("Object").Call("defineProperty", o, key,
		map[string]any{"value": value, "enumerable": true, "configurable": true, "writable": true})
}

func complain(message string) { js.Global().Get("console").Call("error", "tabraft: "+message) }
