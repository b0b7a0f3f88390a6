package main

import (
	"encoding/json"
	"sync"
	"syscall/js"

	"tabraft/raft/kv"
	"tabraft/wasm/tab"
)

// commands is the program's side of put, get, cas and delete; the page's is
// www/src/commands.ts. Both directions go in batches, as JSON.
type commands struct {
	api    *api
	answer js.Value // takes a batch of answers
	flush  chan struct{}

	mu      sync.Mutex
	answers []answer
}

type command struct {
	ID    uint64  `json:"id"`
	Op    string  `json:"op"`
	Key   string  `json:"key"`
	Value string  `json:"value"`
	Old   *string `json:"old"`
}

type answer struct {
	ID      uint64  `json:"id"`
	Value   *string `json:"value"`
	Index   uint64  `json:"index"`
	Term    uint64  `json:"term"`
	Code    string  `json:"code,omitempty"`
	Message string  `json:"message,omitempty"`
}

// exportCommands has the page make the four calls and puts them into o.
func (a *api) exportCommands(o js.Value) {
	c := &commands{api: a, flush: make(chan struct{}, 1)}
	submit := callback(func(args []js.Value) any {
		c.submit(args[0].String())
		return nil
	})
	made := js.Global().Get("tabraftConfig").Call("commands", submit)
	for _, name := range []string{"put", "get", "cas", "delete"} {
		o.Set(name, made.Get(name))
	}
	c.answer = made.Get("answer")
	go c.run()
}

var ops = map[string]kv.Op{"put": kv.Put, "get": kv.Get, "cas": kv.CAS, "delete": kv.Delete}

func (c *commands) submit(batch string) {
	var all []command
	if err := json.Unmarshal([]byte(batch), &all); err != nil {
		panic(err) // the page's own
	}
	for _, m := range all {
		done := func(a tab.Answer, err *tab.CommandError) {
			c.done(answer{ID: m.ID, Value: a.Value, Index: a.Index, Term: a.Term}, err)
		}
		if c.api.server == nil {
			done(tab.Answer{}, &tab.CommandError{Code: tab.CodeStopped, Message: c.api.failed.Reason})
			continue
		}
		k := kv.Command{Op: ops[m.Op], Key: m.Key, Value: m.Value, OldAbsent: m.Op == "cas" && m.Old == nil}
		if m.Old != nil {
			k.Old = *m.Old
		}
		c.api.server.Do(k, done)
	}
}

func (c *commands) done(a answer, err *tab.CommandError) {
	if err != nil {
		a.Code, a.Message = err.Code, err.Message
	}
	c.mu.Lock()
	c.answers = append(c.answers, a)
	c.mu.Unlock()
	select {
	case c.flush <- struct{}{}:
	default:
	}
}

// run hands answers to the page. It runs when the server's goroutines have
// come to rest, so that a round's answers go together.
func (c *commands) run() {
	for range c.flush {
		c.mu.Lock()
		answers := c.answers
		c.answers = nil
		c.mu.Unlock()
		if len(answers) == 0 {
			continue // they went with the batch before
		}
		batch, err := json.Marshal(answers)
		if err != nil {
			panic(err) // our own types
		}
		c.answer.Invoke(string(batch))
	}
}
