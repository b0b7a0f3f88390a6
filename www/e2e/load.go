package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// load.go: clients that use a cluster while things happen to it.

const (
	// patience is how long a client waits for one command: longer than the
	// page itself, which gives up after 5 s unless it is suspended.
	patience = 20 * time.Second
	// afterFailure is a client's pause after a command that failed.
	afterFailure = 100 * time.Millisecond
	// operationsOnKey is how many operations begin on a key before clients go
	// on to another, so that each history is short.
	operationsOnKey = 100
	// keysAtOnce is how many keys are in use at a time.
	keysAtOnce = 4
)

// A load is clients, each on one tab, that issue one command after another on
// few keys, and the record of it all.
type load struct {
	*history
	t      testing.TB
	prefix string        // of its keys
	pause  time.Duration // between two commands of a client, on average
	ctx    context.Context
	end    context.CancelFunc
	enough chan struct{} // closed when no further command is to begin
	once   sync.Once
	all    sync.WaitGroup

	mu      sync.Mutex
	random  *rand.Rand
	clients int
	writes  int
	keys    []*loadKey
	made    int // keys so far
}

type loadKey struct {
	name string
	used int
	last content // as some client saw it last
}

// startLoad makes a load without clients, which ends with the test. Nobody else
// uses keys that begin with prefix.
func startLoad(t testing.TB, prefix string, seed uint64, pause time.Duration) *load {
	l := &load{history: newHistory(), t: t, prefix: prefix, pause: pause, enough: make(chan struct{}), random: rand.New(rand.NewPCG(seed, 0x10ad))}
	l.ctx, l.end = context.WithCancel(context.Background())
	t.Cleanup(func() { l.end(); l.stop() })
	return l
}

// stop has all clients end with the command that they are at, and waits for them.
func (l *load) stop() {
	l.once.Do(func() { close(l.enough) })
	l.all.Wait()
}

// A user is a tab of any browser that clients use.
type user interface {
	evaluator
	// lifetime is a context that ends with the tab.
	lifetime() (context.Context, context.CancelFunc)
	// evalIn is evalWithin for as long as a context lasts that comes from lifetime.
	evalIn(ctx context.Context, expression string, out any) error
	// in names the tab and its browser.
	in() string
}

// use adds n clients to a tab. They end when the tab does.
func (l *load) use(tb user, n int) {
	ctx, end := tb.lifetime()
	context.AfterFunc(l.ctx, end)
	for range n {
		l.mu.Lock()
		l.clients++
		name := fmt.Sprintf("client %d in %s", l.clients, tb.in())
		l.mu.Unlock()
		l.all.Go(func() {
			for ctx.Err() == nil {
				pause := afterFailure
				o, key := l.next(name)
				o.tab = tb
				if l.do(ctx, tb, o, key) {
					l.mu.Lock()
					pause = time.Duration(l.random.Int64N(int64(2*l.pause) + 1))
					l.mu.Unlock()
				}
				select {
				case <-time.After(pause):
				case <-ctx.Done():
				case <-l.enough:
					return
				}
			}
		})
	}
}

// next chooses an operation.
func (l *load) next(client string) (operation, *loadKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.keys) < keysAtOnce {
		l.made++
		l.keys = append(l.keys, &loadKey{name: fmt.Sprintf("%skey-%d", l.prefix, l.made)})
	}
	i := l.random.IntN(len(l.keys))
	k := l.keys[i]
	if k.used++; k.used == operationsOnKey {
		l.keys = slices.Delete(l.keys, i, i+1)
	}
	o := operation{client: client, key: k.name}
	l.writes++
	value := some(fmt.Sprintf("value-%d", l.writes))
	switch n := l.random.IntN(100); {
	case n < 45:
		o.verb, o.value = verbPut, value
	case n < 65:
		o.verb, o.value, o.old = verbCAS, value, k.last
	case n < 70:
		o.verb = verbDelete
	default:
		o.verb = verbGet
	}
	return o, k
}

// answer is what the page returns for a command.
type answer struct {
	Result  Result   `json:"result"`
	Failure *Failure `json:"failure"`
}

// do runs an operation and notes what came of it, and tells whether it was
// answered.
func (l *load) do(ctx context.Context, tb user, o operation, k *loadKey) bool {
	ctx, done := context.WithTimeout(ctx, patience)
	defer done()
	op := l.begin(o)
	var a answer
	if err := tb.evalIn(ctx, o.expression(), &a); err != nil {
		l.history.end(op, unknown, Result{}, whyLost(ctx, err))
		return false
	}
	how, seen := l.told(op, a)
	if how == answered || how == mismatched {
		l.mu.Lock()
		k.last = contentOf(seen.Value)
		if how == answered && o.writes() {
			k.last = o.leaves()
		}
		l.mu.Unlock()
		return true
	}
	return false
}

// told notes the answer to an operation.
func (l *load) told(op *operation, a answer) (outcome, Result) {
	how, seen, why := a.outcome()
	l.history.end(op, how, seen, why)
	return how, seen
}

// ask puts a value of its own from a tab without waiting for the answer, which
// what it returns does: it fails the test if there is none within the limit, or
// one that says nothing. The page's e2eSettled has the key once there is one.
func (l *load) ask(tb *tab, key string) (wait func(limit time.Duration) string) {
	l.t.Helper()
	key = l.prefix + key
	op := l.begin(operation{client: "the test", tab: tb, verb: verbPut, key: key, value: some("of " + key)})
	tb.eval(fmt.Sprintf(`{
		window.e2eSettled ??= new Set();
		const asked = (window.e2eAsked ??= {})[%[1]q] = Promise.resolve(%[2]s);
		asked.then(() => e2eSettled.add(%[1]q));
		true;
	}`, key, op.expression()), nil)
	return func(limit time.Duration) string {
		l.t.Helper()
		var a answer
		if err := tb.evalWithin(limit, fmt.Sprintf("e2eAsked[%q]", key), &a); err != nil {
			l.t.Fatalf("%v: no answer to put %s: %v", tb, key, err)
		}
		if f := a.Failure; f != nil && (f.Code == "" || f.Message == "") {
			l.t.Errorf("%v: put %s failed without a reason: %+v", tb, key, *f)
		}
		how, _ := l.told(op, a)
		return strings.TrimSuffix(string(how)+" "+op.why, " ")
	}
}

// expression is the operation in JavaScript. Its promise always becomes an
// answer.
func (o *operation) expression() string {
	arguments := []any{o.key}
	if o.verb == verbCAS {
		arguments = append(arguments, o.old.argument())
	}
	if o.verb == verbCAS || o.verb == verbPut {
		arguments = append(arguments, o.value.text)
	}
	encoded, err := json.Marshal(arguments)
	if err != nil {
		panic(err) // strings
	}
	return fmt.Sprintf(`window.tabraft?.put ? tabraft.%s(...%s).then((result) => ({result}),
		(e) => ({failure: {code: String(e?.code ?? ""), message: String(e?.message ?? e)}})) : {failure: {code: "starting", message: ""}}`, o.verb, encoded)
}

// argument is how the content is given to cas.
func (c content) argument() any {
	if !c.found {
		return nil
	}
	return c.text
}

// whyLost names why a tab gave no answer.
func whyLost(ctx context.Context, err error) string {
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return "no answer"
	case ctx.Err() != nil:
		return "the tab ended"
	}
	return "the page ended: " + strings.TrimSpace(err.Error())
}

// found reads the value that a failed cas names.
var found = regexp.MustCompile(`^the value is “(.*)”, not the expected one`)

// outcome reads a page's answer.
func (a answer) outcome() (how outcome, seen Result, why string) {
	if a.Failure == nil {
		return answered, a.Result, ""
	}
	why = a.Failure.Code
	switch a.Failure.Code {
	case "mismatch":
		if m := found.FindStringSubmatch(a.Failure.Message); m != nil {
			seen.Value = &m[1]
		} else if !strings.HasPrefix(a.Failure.Message, "the key has no value") {
			return unknown, Result{}, "a mismatch that does not tell the value: " + a.Failure.Message
		}
		return mismatched, seen, why
	case "starting", "no-leader", "overloaded":
		// What window.tabraft promises was not executed.
		return refused, Result{}, why
	}
	return unknown, Result{}, why
}

// finish ends the load, checks its history against the map that all the tabs
// have, once they have applied the same, and returns that map.
func (l *load) finish(limit time.Duration, tabs ...*tab) (final map[string]string) {
	l.t.Helper()
	return finish(l, limit, tabs)
}

// finish is load.finish for tabs of any browser.
func finish[T tabLike](l *load, limit time.Duration, tabs []T) (final map[string]string) {
	l.t.Helper()
	l.stop()
	final = sameMaps(l.t, limit, tabs)
	own := map[string]string{}
	for key, value := range final {
		if strings.HasPrefix(key, l.prefix) {
			own[key] = value
		}
	}
	operations := l.seen()
	if err := check(operations, own); err != nil {
		keep(l.t, "history.txt", []byte(listing(operations)))
		l.t.Errorf("%v", err)
	}
	return final
}

// sameMaps waits until the tabs have applied equally much and returns their map,
// which must be the same in all of them.
func sameMaps[T tabLike](t testing.TB, limit time.Duration, tabs []T) (final map[string]string) {
	t.Helper()
	waitFor(t, "equal maps", limit, func() error {
		var first State
		for i, tb := range tabs {
			s, err := tb.tryState()
			if err != nil {
				return fmt.Errorf("%v: %w", tb, err)
			}
			if i == 0 {
				first = s
			}
			if s.LastApplied != first.LastApplied || s.CommitIndex != s.LastApplied || s.LastIndex != s.CommitIndex {
				return fmt.Errorf("%v has applied %d of %d, %v %d of %d", tabs[0], first.LastApplied, first.LastIndex, tb, s.LastApplied, s.LastIndex)
			}
		}
		for i, tb := range tabs {
			now, err := tb.entries()
			if err != nil {
				return fmt.Errorf("%v: %w", tb, err)
			}
			if i == 0 {
				final = now
			} else if difference := different(final, now); difference != "" {
				return fmt.Errorf("the maps of %v and %v differ: %s", tabs[0], tb, difference)
			}
		}
		return nil
	})
	return final
}

// different names a key that two maps do not agree on.
func different(a, b map[string]string) string {
	for _, m := range []map[string]string{a, b} {
		for key := range m {
			va, oka := a[key]
			vb, okb := b[key]
			if va != vb || oka != okb {
				return fmt.Sprintf("%s is %v and %v", key, content{oka, va}, content{okb, vb})
			}
		}
	}
	return ""
}

// listing is a whole history, for a person to read.
func listing(operations []operation) string {
	var out strings.Builder
	for i := range operations {
		fmt.Fprintln(&out, &operations[i])
	}
	return out.String()
}
