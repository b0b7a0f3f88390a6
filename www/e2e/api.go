package e2e

import (
	"encoding/json"
	"fmt"
	"time"
)

// State is what window.tabraft.state() returns, as far as the tests look.
type State struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Room struct {
		Name string `json:"name"`
		Link string `json:"link"`
	} `json:"room"`
	Cluster       string   `json:"cluster"`
	Role          string   `json:"role"`
	Term          uint64   `json:"term"`
	Leader        string   `json:"leader"`
	CommitIndex   uint64   `json:"commitIndex"`
	LastApplied   uint64   `json:"lastApplied"`
	LastIndex     uint64   `json:"lastIndex"`
	FirstIndex    uint64   `json:"firstIndex"`
	SnapshotIndex uint64   `json:"snapshotIndex"`
	Members       []Member `json:"members"`
	Signaling     string   `json:"signaling"`
	Quorum        struct {
		Alive  int `json:"alive"`
		Needed int `json:"needed"`
		Voters int `json:"voters"`
	} `json:"quorum"`
	Reason  string `json:"reason"`
	Problem string `json:"problem"`
}

// Member is a server of the cluster, as one tab sees it.
type Member struct {
	ID         string  `json:"id"`
	Name       string  `json:"name"`
	Role       string  `json:"role"`
	Voter      bool    `json:"voter"`
	Self       bool    `json:"self"`
	Reachable  bool    `json:"reachable"`
	MatchIndex *uint64 `json:"matchIndex"`
	NextIndex  *uint64 `json:"nextIndex"`
	RemovalMs  *int64  `json:"removalMs"`
	Link       string  `json:"link"`
}

// LogEntry is an element of window.tabraft.log().
type LogEntry struct {
	Index uint64 `json:"index"`
	Term  uint64 `json:"term"`
	Kind  string `json:"kind"`
	Text  string `json:"text"`
}

// Result is what a command's promise resolves to. Value is nil for null.
type Result struct {
	Value *string `json:"value"`
	Index uint64  `json:"index"`
	Term  uint64  `json:"term"`
}

// Failure is what a command's promise rejects with.
type Failure struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (f *Failure) Error() string { return f.Code + ": " + f.Message }

// commandTimeout bounds a command: longer than a page's own limit for
// commands that find no leader.
const commandTimeout = 40 * time.Second

// tryState is the tab's state; an error while its program is not up.
func (tb *tab) tryState() (State, error) {
	var s State
	err := tb.tryEval("window.tabraft.state()", &s)
	return s, err
}

// state is the tab's state, which must be up.
func (tb *tab) state() State {
	tb.browser.t.Helper()
	s, err := tb.tryState()
	if err != nil {
		tb.browser.t.Fatalf("%v: state: %v", tb, err)
	}
	return s
}

// log is the tab's log from..to.
func (tb *tab) log(from, to uint64) []LogEntry {
	tb.browser.t.Helper()
	var entries []LogEntry
	tb.eval(fmt.Sprintf("tabraft.log(%d, %d)", from, to), &entries)
	return entries
}

// entries is the map as the tab has applied it.
func (tb *tab) entries() (map[string]string, error) {
	var entries map[string]string
	err := tb.tryEval("tabraft.entries()", &entries)
	return entries, err
}

// command calls a function of window.tabraft that returns a command's promise.
// Its error is a *Failure if the promise was rejected with one.
func (tb *tab) command(name string, arguments ...any) (Result, error) {
	return tb.commandWithin(commandTimeout, name, arguments...)
}

func (tb *tab) commandWithin(limit time.Duration, name string, arguments ...any) (Result, error) {
	encoded, err := json.Marshal(append([]any{}, arguments...))
	if err != nil {
		return Result{}, err
	}
	var answer struct {
		Result  Result   `json:"result"`
		Failure *Failure `json:"failure"`
	}
	expression := fmt.Sprintf(`tabraft.%s(...%s).then(
		(result) => ({result}),
		(e) => ({failure: {code: String(e?.code ?? ""), message: String(e?.message ?? e)}}))`, name, encoded)
	if err := tb.evalWithin(limit, expression, &answer); err != nil {
		return Result{}, err
	}
	if answer.Failure != nil {
		return Result{}, answer.Failure
	}
	return answer.Result, nil
}

// get reads a key; it must succeed.
func (tb *tab) get(key string) Result {
	tb.browser.t.Helper()
	return tb.must("get", key)
}

// must runs a command that must succeed.
func (tb *tab) must(name string, arguments ...any) Result {
	tb.browser.t.Helper()
	result, err := tb.command(name, arguments...)
	if err != nil {
		tb.browser.t.Fatalf("%v: %s%v: %v", tb, name, arguments, err)
	}
	return result
}

// value is a result's value as text, "null" for an absent key.
func (r Result) value() string {
	if r.Value == nil {
		return "null"
	}
	return *r.Value
}
