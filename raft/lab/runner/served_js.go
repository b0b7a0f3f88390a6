package runner

import (
	"encoding/json"
	"syscall/js"

	"tabraft/raft/lab/suite"
)

// served carries out the order of the page around the program, if there is one.
func served(makeRaft any) bool {
	host := js.Global().Get("tabraftLab")
	if host.Type() != js.TypeObject {
		return false
	}
	tell := func(kind string, news any) {
		text, err := json.Marshal(news)
		if err != nil {
			kind, text = "refused", []byte(`"a result cannot be written as JSON"`)
		}
		host.Call("tell", kind, string(text))
	}
	var o Order
	if err := json.Unmarshal([]byte(host.Get("order").String()), &o); err != nil {
		tell("refused", err.Error())
		return true
	}
	if o.Explain != "" {
		crash, found := suite.ExplainCrash(o.Explain)
		e := Explained{Found: found}
		if found {
			e.Text = crash.String()
		}
		tell("crash", e)
		return true
	}
	if err := runOrder(o, makeRaft, tell); err != nil {
		tell("refused", err.Error())
	}
	return true
}

func runOrder(o Order, makeRaft any, tell func(kind string, news any)) error {
	c, err := suite.Find(o.Test)
	if err != nil {
		return err
	}
	_, err = suite.Run(suite.Options{
		Make: makeRaft, Run: "^Test" + c.ID() + "$", Seed: o.Seed,
		Before: func(c suite.Case, seed uint64) {
			tell("begin", map[string]any{"test": c.ID(), "seed": seed})
		},
		After: func(r suite.Result) {
			t := Told{Result: r, Text: r.Text(o.Replay)}
			if r.Verdict == suite.Passed {
				t.Line = r.Line()
			}
			if t.Failure != nil {
				// The page shows the text; events would double what is sent.
				f := *t.Failure
				f.Events = nil
				t.Failure = &f
			}
			tell("result", t)
		},
	})
	return err
}
