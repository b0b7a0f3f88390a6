package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/storage"
)

// inFlight keeps so many commands of a tab in flight, and remembers in the page which
// were acknowledged.
const inFlight = `(() => {
	const acked = window.e2eAcked = [], began = Date.now();
	let n = 0;
	const one = () => {
		const key = "in-flight-" + began + "-" + n++;
		tabraft.put(key, "x".repeat(2000)).then(() => { acked.push(key); one(); }, () => {});
	};
	for (let i = 0; i < 32; i++) one();
	return true;
})()`

// inFlightValue is what the commands of inFlight put.
var inFlightValue = strings.Repeat("x", 2000)

// waitInFlight waits until some of the commands of inFlight are acknowledged.
func waitInFlight(t *testing.T, tb anyTab) {
	t.Helper()
	waitFor(t, "commands in flight", identityTimeout, func() error {
		var n int
		err := tb.tryEval("e2eAcked.length", &n)
		if err == nil && n < 50 {
			err = fmt.Errorf("%d acknowledged", n)
		}
		return err
	})
}

// little is a quota in bytes: room for a server, and not for long.
const little = 4 << 20

// A failure is a way in which storage fails without losing what it has.
type failure struct {
	name, cause, words string
	// before is called before the page is opened, fail while commands are in flight,
	// mend at last.
	before, mend func(b *browser, origin string)
	fail         func(tb *tab)
}

var failures = []failure{
	{
		name: "quota reached", cause: "full", words: "Make room",
		before: func(b *browser, origin string) { b.quota(origin, little) },
		fail:   func(*tab) {}, // the commands in flight are many
		mend:   func(b *browser, origin string) { b.quota(origin, 0) },
	},
	{
		name: "transactions aborted", cause: "other", words: "What was stored before is safe",
		before: func(*browser, string) {},
		fail: func(tb *tab) {
			tb.eval(`IDBTransaction.prototype.commit = IDBTransaction.prototype.abort; true`, nil)
		},
		mend: func(*browser, string) {},
	},
}

// quota sets how many bytes an origin may store; 0 for what the browser allows. The first
// call is to come before the origin's first page: the browser looks again after 30 s only.
func (b *browser) quota(origin string, bytes float64) {
	b.t.Helper()
	p := storage.OverrideQuotaForOriginParams{Origin: origin}
	if bytes > 0 {
		p.QuotaSize = &bytes
	}
	if b.keeper == nil {
		b.keeper = b.open("about:blank") // which goes on as long as its tab is there
	}
	mustCall(b.keeper, storage.OverrideQuotaForOrigin, p)
}

// What a server alone acknowledged, it stored itself: nobody else has it. Its storage
// fails while commands are in flight; after a reload it has them all.
func TestStorageFailsAlone(t *testing.T) {
	t.Parallel()
	for _, f := range failures {
		t.Run(f.name, func(t *testing.T) {
			r := startRoom(t, browserOptions{})
			origin := strings.TrimSuffix(r.server.url, "/")
			f.before(r.browser, origin)
			tb := r.openTabs(1)[0]
			before := tb.state().ID
			tb.eval(inFlight, nil)
			waitInFlight(t, tb)
			f.fail(tb)
			waitText(t, tb, notice, f.words, identityTimeout)
			var acked []string
			tb.eval("e2eAcked", &acked)
			t.Logf("%d acknowledged before the storage failed", len(acked))
			for _, key := range acked {
				r.acked[key] = inFlightValue
			}
			f.mend(r.browser, origin)
			tb.reload()
			r.waitLeader(identityTimeout, 1, tb)
			if after := tb.state().ID; after != before {
				t.Fatalf("it was server %s and is now %s", before, after)
			}
			r.waitAcked(tb)
		})
	}
}

// Every way in which a tab's storage can fail it while commands are in flight: the tab
// stops as if crashed and says why, in its own words; what it acknowledged, the
// others have; and it comes back as the server it was only if nothing of that was
// lost.
func TestStorageCauses(t *testing.T) {
	t.Parallel()
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(2)
	link := tabs[0].state().Room.Link
	origin := strings.TrimSuffix(r.server.url, "/")
	nothing := func(*browser, string) {}
	type cause struct {
		failure
		wiped bool
	}
	causes := []cause{
		{wiped: true, failure: failure{name: "site data cleared", cause: "closed", words: "if the site's data was deleted, it is a new one", before: nothing, mend: nothing, fail: func(tb *tab) {
			mustCall(tb, storage.ClearDataForOrigin, storage.ClearDataForOriginParams{Origin: origin, StorageTypes: "all"})
		}}},
		{wiped: true, failure: failure{name: "database deleted", cause: "cleared", words: "deleted in this browser", before: nothing, mend: nothing, fail: func(tb *tab) {
			tb.eval(`indexedDB.deleteDatabase("tabraft"), true`, nil)
		}}},
		{wiped: true, failure: failure{name: "saves deleted", cause: "cleared", words: "deleted in this browser", before: nothing, mend: nothing, fail: func(tb *tab) {
			tb.eval(clearSaves, nil)
		}}},
	}
	for _, f := range failures {
		causes = append(causes, cause{failure: f})
	}
	for _, c := range causes {
		t.Run(c.name, func(t *testing.T) {
			b := startBrowser(t, browserOptions{})
			c.before(b, origin)
			tb := b.open(link)
			r.waitLeader(identityTimeout, 3, tabs[0], tabs[1], tb)
			before := tb.state().ID
			tb.eval(inFlight, nil)
			waitInFlight(t, tb)
			c.fail(tb)
			waitText(t, tb, notice, c.words, identityTimeout)
			s := tb.state()
			if s.Role != "stopped" || s.Problem != "storage" || s.Storage.Cause != c.cause {
				t.Errorf("it is %s, problem %q, cause %q: %s", s.Role, s.Problem, s.Storage.Cause, s.Reason)
			}
			t.Log(s.Reason)
			if _, err := tb.command("put", "late", "no"); err == nil {
				t.Error("a stopped server acknowledged a command")
			}
			var acked []string
			tb.eval("e2eAcked", &acked)
			for _, key := range acked {
				r.acked[key] = inFlightValue
			}
			r.put(tabs[0], "the others go on", c.name)
			r.waitAcked(tabs...)
			c.mend(b, origin)
			tb.reload()
			if c.wiped {
				waitFor(t, "a new server", identityTimeout, func() error {
					s, err := tb.tryState()
					if err == nil && (s.ID == before || s.Role == "joining" || s.Role == "stopped" || s.ID == "") {
						err = fmt.Errorf("it is %s %s: %s", s.Role, s.ID, s.Reason)
					}
					return err
				})
				tabs[0].eval(fmt.Sprintf("tabraft.remove(%q)", before), nil)
			}
			r.waitLeader(identityTimeout, 3, tabs[0], tabs[1], tb)
			if after := tb.state().ID; (after == before) == c.wiped {
				t.Errorf("it was server %s and is now %s", before, after)
			}
			r.waitAcked(tabs[0], tabs[1], tb)
			// It makes room for the next.
			last := tb.state().ID
			tb.close()
			tabs[0].eval(fmt.Sprintf("tabraft.remove(%q)", last), nil)
			r.waitLeader(identityTimeout, 2, tabs...)
		})
	}
}

// holdServers begins a transaction that does not end, like that of a tab that is stopped
// in the middle of it, on the store that all tabs take their server from.
const holdServers = `new Promise((resolve, reject) => {
	const request = indexedDB.open("tabraft");
	request.onerror = () => reject(request.error);
	request.onsuccess = () => {
		const store = request.result.transaction("servers", "readwrite").objectStore("servers");
		const again = () => { store.get("nothing").onsuccess = again; resolve(true); };
		again();
	};
})`

// A tab is stopped in the middle of using the storage: one that opens and one that
// restarts meanwhile say what they wait for, and go on by themselves when it is closed.
func TestStorageIsBusy(t *testing.T) {
	t.Parallel()
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(2)
	link := tabs[0].state().Room.Link
	holder := r.browser.open(strings.TrimSuffix(r.server.url, "/") + "/no-such-page")
	holder.eval(holdServers, nil)
	tabs[1].eval(`tabraft.crash()`, nil)
	tabs[1].eval(`tabraft.restart().catch(() => {}), true`, nil)
	late := r.browser.open(link)
	for _, tb := range []*tab{tabs[1], late} {
		tb.front() // a hidden page does not paint
		waitText(t, tb, notice, "tries again by itself", identityTimeout)
		if s := tb.state(); s.Role != "stopped" || s.Problem != "storage" || s.Storage.Cause != "busy" {
			t.Errorf("it is %s, problem %q, cause %q: %s", s.Role, s.Problem, s.Storage.Cause, s.Reason)
		}
	}
	holder.close()
	r.waitLeader(identityTimeout, 3, tabs[0], tabs[1], late)
}
