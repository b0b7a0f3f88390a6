package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
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
	Refusals      []struct {
		Peer   string `json:"peer"`
		Name   string `json:"name"`
		Count  uint64 `json:"count"`
		Reason string `json:"reason"`
	} `json:"refusals"`
	Storage struct {
		Cause string `json:"cause"`
	} `json:"storage"`
	Quorum struct {
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
	Transport  string  `json:"transport"`
	// By its own word, AgeMs ago.
	Term        *uint64 `json:"term"`
	CommitIndex *uint64 `json:"commitIndex"`
	LastApplied *uint64 `json:"lastApplied"`
	LastIndex   *uint64 `json:"lastIndex"`
	AgeMs       *int64  `json:"ageMs"`
	Stale       bool    `json:"stale"`
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

// An evaluator runs JavaScript in a tab, whatever the browser and its protocol.
type evaluator interface {
	fmt.Stringer
	// evalWithin evaluates an expression in the page, waits for a promise, and
	// decodes the value into out unless that is nil.
	evalWithin(limit time.Duration, expression string, out any) error
}

// A pageAPI is what tests ask of a page through JavaScript alone. A tab of any
// browser embeds one.
type pageAPI struct {
	t   testing.TB
	tab evaluator
}

// An anyTab is a tab of any browser, for tests that mix them.
type anyTab interface {
	evaluator
	eval(expression string, out any)
	tryEval(expression string, out any) error
	tryState() (State, error)
	state() State
	log(from, to uint64) []LogEntry
	entries() (map[string]string, error)
	command(name string, arguments ...any) (Result, error)
	must(name string, arguments ...any) Result
	get(key string) Result
	text(selector string) (string, error)
	hidden() bool
}

var _ anyTab = (*tab)(nil)

// eval evaluates JavaScript, waits for a promise, and decodes the value into
// out unless that is nil.
func (p *pageAPI) eval(expression string, out any) {
	p.t.Helper()
	if err := p.tryEval(expression, out); err != nil {
		p.t.Fatalf("%v: %s: %v", p.tab, shorten(expression), err)
	}
}

func (p *pageAPI) tryEval(expression string, out any) error {
	return p.tab.evalWithin(callTimeout, expression, out)
}

// tryState is the tab's state; an error while its program is not up.
func (p *pageAPI) tryState() (State, error) {
	var s State
	err := p.tryEval("window.tabraft.state()", &s)
	return s, err
}

// state is the tab's state, which must be up.
func (p *pageAPI) state() State {
	p.t.Helper()
	s, err := p.tryState()
	if err != nil {
		p.t.Fatalf("%v: state: %v", p.tab, err)
	}
	return s
}

// log is the tab's log from..to.
func (p *pageAPI) log(from, to uint64) []LogEntry {
	p.t.Helper()
	var entries []LogEntry
	p.eval(fmt.Sprintf("tabraft.log(%d, %d)", from, to), &entries)
	return entries
}

// entries is the map as the tab has applied it.
func (p *pageAPI) entries() (map[string]string, error) {
	var entries map[string]string
	err := p.tryEval("tabraft.entries()", &entries)
	return entries, err
}

// command calls a function of window.tabraft that returns a command's promise.
// Its error is a *Failure if the promise was rejected with one.
func (p *pageAPI) command(name string, arguments ...any) (Result, error) {
	return p.commandWithin(commandTimeout, name, arguments...)
}

func (p *pageAPI) commandWithin(limit time.Duration, name string, arguments ...any) (Result, error) {
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
	if err := p.tab.evalWithin(limit, expression, &answer); err != nil {
		return Result{}, err
	}
	if answer.Failure != nil {
		return Result{}, answer.Failure
	}
	return answer.Result, nil
}

// get reads a key; it must succeed.
func (p *pageAPI) get(key string) Result {
	p.t.Helper()
	return p.must("get", key)
}

// must runs a command that must succeed.
func (p *pageAPI) must(name string, arguments ...any) Result {
	p.t.Helper()
	result, err := p.command(name, arguments...)
	if err != nil {
		p.t.Fatalf("%v: %s%v: %v", p.tab, name, arguments, err)
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

// hidden tells whether the page is hidden, as a background tab is.
func (p *pageAPI) hidden() bool {
	p.t.Helper()
	var state string
	p.eval("document.visibilityState", &state)
	return state == "hidden"
}

// text is what the page shows, or a part of it, as a person reads it.
func (p *pageAPI) text(selector string) (string, error) {
	var text string
	err := p.tryEval(fmt.Sprintf("document.querySelector(%q).innerText", selector), &text)
	return text, err
}

// shorten fits an expression into a line.
func shorten(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 120 {
		return s[:120] + "..."
	}
	return s
}
