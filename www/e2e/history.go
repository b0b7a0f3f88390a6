package e2e

import (
	"fmt"
	"sync"
	"time"
)

// history.go: what clients asked of a cluster and what they were told, for
// check.go to judge.

// A history is a record of operations. It is kept outside the browsers, so that
// it survives whatever happens to tabs. An operation's call is noted before it is
// handed to the tab and its return after the answer has come back, so the moment
// at which it took effect is certainly between the two.
type history struct {
	began time.Time

	mu         sync.Mutex
	operations []*operation
}

func newHistory() *history { return &history{began: time.Now()} }

// verb is what an operation does to its key.
type verb string

const (
	verbPut    verb = "put"
	verbGet    verb = "get"
	verbCAS    verb = "cas"
	verbDelete verb = "delete"
)

// outcome is what the client knows of an operation.
type outcome string

const (
	// answered: it took effect, and the client has its result.
	answered outcome = "answered"
	// mismatched: a cas that found another value, its result, and changed nothing.
	mismatched outcome = "mismatch"
	// refused: it certainly took no effect.
	refused outcome = "refused"
	// unknown: it may take effect at any time after its call, once, or never.
	unknown outcome = "unknown"
)

// An operation is one command of one client. It is changed only by its client,
// until its return is set.
type operation struct {
	client string
	tab    user // where it was asked
	verb   verb
	key    string
	value  content // put, cas: what it writes
	old    content // cas: what it expects

	call, ret time.Duration // since the history began; ret is 0 while under way
	outcome   outcome
	result    content // answered, mismatched: what the command gave or found
	index     uint64  // answered: of the log
	term      uint64
	why       string // refused, unknown: the failure's code, or an error
}

// content is a key's value, or none.
type content struct {
	found bool
	text  string
}

func some(text string) content { return content{true, text} }

var none content

func contentOf(value *string) content {
	if value == nil {
		return none
	}
	return some(*value)
}

func (c content) String() string {
	if !c.found {
		return "nothing"
	}
	return fmt.Sprintf("%q", c.text)
}

// writes tells whether the operation changes its key if it takes effect.
func (o *operation) writes() bool { return o.verb != verbGet }

// tells whether its client saw what the key held.
func (o *operation) tells() bool { return o.outcome == answered || o.outcome == mismatched }

// leaves is what the key has after the operation took effect.
func (o *operation) leaves() content {
	if o.verb == verbDelete {
		return none
	}
	return o.value
}

func (o *operation) String() string {
	s := fmt.Sprintf("%s: %s %s", o.client, o.verb, o.key)
	switch o.verb {
	case verbPut:
		s += " " + o.value.String()
	case verbCAS:
		s += fmt.Sprintf(" from %v to %v", o.old, o.value)
	}
	s += fmt.Sprintf(", called at %v", o.call.Round(time.Microsecond))
	switch o.outcome {
	case answered:
		s += fmt.Sprintf(", answered at %v: %v at index %d of term %d", o.ret.Round(time.Microsecond), o.result, o.index, o.term)
	case "":
		s += ", under way"
	case mismatched:
		s += fmt.Sprintf(", found %v at %v", o.result, o.ret.Round(time.Microsecond))
	default:
		s += fmt.Sprintf(", %s at %v: %s", o.outcome, o.ret.Round(time.Microsecond), o.why)
	}
	return s
}

// begin notes the call of an operation, which is unknown until its end.
func (h *history) begin(o operation) *operation {
	o.outcome = unknown
	h.mu.Lock()
	defer h.mu.Unlock()
	o.call = time.Since(h.began)
	h.operations = append(h.operations, &o)
	return h.operations[len(h.operations)-1]
}

// end notes the return of an operation.
func (h *history) end(o *operation, outcome outcome, result Result, why string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	o.ret = max(time.Since(h.began), 1)
	o.outcome, o.why = outcome, why
	o.result, o.index, o.term = contentOf(result.Value), result.Index, result.Term
}

// answered counts the operations that were answered.
func (h *history) answered() (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, o := range h.operations {
		if o.outcome == answered {
			n++
		}
	}
	return n
}

// seen are the operations so far, in the order of their calls. What is still
// under way counts as unknown.
func (h *history) seen() []operation {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]operation, len(h.operations))
	for i, o := range h.operations {
		all[i] = *o
	}
	return all
}
