package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// witness.go: what every server said of itself while a test ran, also those that
// died meanwhile. Pages tell by a function that DevTools adds to them.

const (
	// witnessEvery is how often a page tells what it is, if nothing changes.
	witnessEvery = 500 * time.Millisecond
	// clockSlack is by how much the clocks of two pages on one machine may
	// differ: browsers make them coarse.
	clockSlack = 10 * time.Millisecond
	// joiningLimit is how long a server may be outside while there is a leader.
	joiningLimit = 10 * time.Second
)

// watching makes a page tell the witness at every change of role, term or
// leader, and every witnessEvery. It may run any number of times in one page.
var watching = fmt.Sprintf(`(() => {
	if (window.e2ePage) return true;
	window.e2ePage = Math.random().toString(36).slice(2) + Date.now();
	const tell = (change) => {
		const {id, cluster, role, term, leader, members} = tabraft.state();
		const ids = members.map((m) => m.id);
		try { e2eTell(JSON.stringify({page: e2ePage, at: Date.now(), id, cluster, role, term, leader, members: ids, ...change})); } catch {}
	};
	const begin = () => {
		for (const kind of ["role", "term", "leader"]) tabraft.on(kind, ({role, term, leader}) => tell({event: true, role, term, leader: leader ?? ""}));
		setInterval(() => tell({}), %d);
		tell({});
	};
	if (window.tabraft) begin(); else addEventListener("tabraft", begin, {once: true});
	return true;
})()`, witnessEvery.Milliseconds())

// A testimony is what one page said at one moment.
type testimony struct {
	Page    string   `json:"page"` // differs for every load of a page
	At      int64    `json:"at"`   // milliseconds since 1970
	ID      string   `json:"id"`
	Cluster string   `json:"cluster"`
	Role    string   `json:"role"`
	Term    uint64   `json:"term"`
	Leader  string   `json:"leader"`
	Members []string `json:"members"`
	// Event marks what was told at a change: an event may come later than a
	// look at the state that knows of it already.
	Event bool `json:"event"`
}

// A witness keeps what pages say.
type witness struct {
	t    testing.TB
	mu   sync.Mutex
	said []testimony // in the order in which it was heard
	bad  error       // a testimony that cannot be read
}

func newWitness(t testing.TB) *witness { return &witness{t: t} }

// follow listens to a tab from now on, over its reloads.
func (w *witness) follow(tb *tab) {
	w.t.Helper()
	err := chromedp.Listen(tb.ctx, func(event any) {
		if told, ok := event.(*runtime.EventBindingCalled); ok && told.Name == "e2eTell" {
			w.hear(told.Payload)
		}
	})
	if err != nil {
		w.t.Fatalf("%v: %v", tb, err)
	}
	mustCall(tb, runtime.AddBinding, runtime.AddBindingParams{Name: "e2eTell"})
	mustCall(tb, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: watching})
	tb.eval(watching, nil)
}

func (w *witness) hear(payload string) {
	var s testimony
	err := json.Unmarshal([]byte(payload), &s)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.bad = err
		return
	}
	w.said = append(w.said, s)
}

func (w *witness) all() []testimony {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.said)
}

// check fails the test if two servers led in one term, one identity ran in two
// pages, or a server's term went back.
func (w *witness) check() {
	w.t.Helper()
	said := w.all()
	if w.bad != nil {
		w.t.Errorf("a page said what cannot be read: %v", w.bad)
	}
	for _, err := range []error{oneLeader(said), oneOfEach(said), termsRise(said)} {
		if err != nil {
			w.t.Error(err)
		}
	}
	leaders := map[string]bool{}
	ids := map[string]bool{}
	for _, s := range said {
		ids[s.ID] = true
		if s.Role == "leader" {
			leaders[fmt.Sprint(s.Cluster, s.Term)] = true
		}
	}
	w.t.Logf("%d servers, %d leaderships, %d testimonies", len(ids), len(leaders), len(said))
}

// turns are the moments at which a page had something new to say.
func (w *witness) turns() (lines []diaryLine) {
	last := map[string]string{} // by page
	for _, s := range w.all() {
		what := fmt.Sprintf("server %.4s, %d members: %s in term %d", s.ID, len(s.Members), s.Role, s.Term)
		if s.Role != "leader" && s.Leader != "" {
			what += fmt.Sprintf(" of %.4s", s.Leader)
		}
		if what != last[s.Page] {
			last[s.Page] = what
			lines = append(lines, diaryLine{time.UnixMilli(s.At), what})
		}
	}
	return lines
}

// oneLeader: of a cluster's servers at most one leads in a term.
func oneLeader(said []testimony) error {
	type office struct {
		cluster string
		term    uint64
	}
	leads := map[office]testimony{}
	for _, s := range said {
		who := s.Leader
		if s.Role == "leader" {
			who = s.ID
		}
		if who == "" || s.Role == "stopped" || s.Cluster == "" {
			continue
		}
		o := office{s.Cluster, s.Term}
		before, known := leads[o]
		if !known {
			s.Leader = who
			leads[o] = s
		} else if before.Leader != who {
			return fmt.Errorf("term %d of cluster %s has two leaders: %s said %s, %s said %s", s.Term, s.Cluster, before.ID, before.Leader, s.ID, who)
		}
	}
	return nil
}

// oneOfEach: no identity runs in two pages at once. A page runs from the first
// moment at which it says that it does to the last, unless it says in between that
// it is stopped.
func oneOfEach(said []testimony) error {
	type life struct {
		page        string
		from, until int64
	}
	lives := map[string][]life{}       // by id
	open := map[[2]string]int{}        // by page and id: its life, if it runs
	slack := clockSlack.Milliseconds() // to both sides
	ordered := slices.SortedStableFunc(slices.Values(said), func(a, b testimony) int { return int(a.At - b.At) })
	for _, s := range ordered {
		key := [2]string{s.Page, s.ID}
		i, running := open[key]
		switch {
		case s.Role == "stopped":
			delete(open, key)
		case running:
			lives[s.ID][i].until = s.At
		default:
			open[key] = len(lives[s.ID])
			lives[s.ID] = append(lives[s.ID], life{s.Page, s.At, s.At})
		}
	}
	for id, all := range lives {
		for i, a := range all {
			for _, b := range all[i+1:] {
				if a.page != b.page && a.from+slack < b.until && b.from+slack < a.until {
					return fmt.Errorf("server %s ran twice: in page %s from %d to %d, in page %s from %d to %d", id, a.page, a.from, a.until, b.page, b.from, b.until)
				}
			}
		}
	}
	return nil
}

// termsRise: a server never goes back to an earlier term of its cluster.
func termsRise(said []testimony) error {
	terms := map[[2]string]uint64{}
	ordered := slices.SortedStableFunc(slices.Values(said), func(a, b testimony) int { return int(a.At - b.At) })
	for _, s := range ordered {
		key := [2]string{s.ID, s.Cluster}
		if s.Event || s.Cluster == "" || s.Role == "stopped" {
			continue
		}
		if s.Term < terms[key] {
			return fmt.Errorf("server %s was in term %d and is in term %d", s.ID, terms[key], s.Term)
		}
		terms[key] = s.Term
	}
	return nil
}

// stuck: a server that joins is let in within joiningLimit, as long as somebody
// leads.
func stuck(said []testimony) error {
	if id, d := joins(said); d > joiningLimit {
		return fmt.Errorf("server %s was joining for %v, and there was a leader", id, d)
	}
	return nil
}

// longestJoin is the longest time that a server was joining while somebody led.
func longestJoin(said []testimony) time.Duration {
	_, d := joins(said)
	return d
}

// joins finds the server that was joining for the longest time. A time without a
// leader does not count, nor one in which the page said nothing since it was
// stopped.
func joins(said []testimony) (id string, longest time.Duration) {
	type wait struct{ since, last int64 }
	joining := map[string]wait{} // by page
	var led int64                // when a leader last spoke
	silent := 4 * witnessEvery.Milliseconds()
	for _, s := range slices.SortedStableFunc(slices.Values(said), func(a, b testimony) int { return int(a.At - b.At) }) {
		if s.Role == "leader" {
			led = s.At
		}
		if s.Role != "joining" {
			delete(joining, s.Page)
			continue
		}
		at, known := joining[s.Page]
		if !known || s.At-led > silent || s.At-at.last > silent {
			at.since = s.At
		}
		at.last = s.At
		joining[s.Page] = at
		if d := time.Duration(s.At-at.since) * time.Millisecond; d > longest {
			id, longest = s.ID, d
		}
	}
	return id, longest
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
