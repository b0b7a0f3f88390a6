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
	const acked = window.e2eAcked = [];
	let n = 0;
	const one = () => {
		const key = "in-flight-" + n++;
		tabraft.put(key, "x".repeat(2000)).then(() => { acked.push(key); one(); }, () => {});
	};
	for (let i = 0; i < 32; i++) one();
	return true;
})()`

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
	quota := func(tb *tab, bytes *float64) {
		mustCall(tb, storage.OverrideQuotaForOrigin, storage.OverrideQuotaForOriginParams{Origin: origin, QuotaSize: bytes})
	}
	for _, c := range []struct {
		name, cause, words string
		fail, mend         func(tb *tab)
		wiped              bool
	}{
		{name: "site data cleared", cause: "closed", words: "if the site's data was deleted, it is a new one", wiped: true, fail: func(tb *tab) {
			mustCall(tb, storage.ClearDataForOrigin, storage.ClearDataForOriginParams{Origin: origin, StorageTypes: "all"})
		}},
		{name: "database deleted", cause: "cleared", words: "deleted in this browser", wiped: true, fail: func(tb *tab) {
			tb.eval(`indexedDB.deleteDatabase("tabraft"), true`, nil)
		}},
		{name: "quota reached", cause: "full", words: "Make room", fail: func(tb *tab) {
			full := float64(1)
			quota(tb, &full)
		}, mend: func(tb *tab) { quota(tb, nil) }},
		{name: "transactions aborted", cause: "other", words: "What was stored before is safe", fail: func(tb *tab) {
			tb.eval(`IDBTransaction.prototype.commit = IDBTransaction.prototype.abort; true`, nil)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := startBrowser(t, browserOptions{})
			tb := b.open(link)
			r.waitLeader(identityTimeout, 3, tabs[0], tabs[1], tb)
			before := tb.state().ID
			tb.eval(inFlight, nil)
			waitFor(t, "commands in flight", identityTimeout, func() error {
				var n int
				err := tb.tryEval("e2eAcked.length", &n)
				if err == nil && n < 50 {
					err = fmt.Errorf("%d acknowledged", n)
				}
				return err
			})
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
				r.acked[key] = strings.Repeat("x", 2000)
			}
			r.put(tabs[0], "the others go on", c.name)
			r.waitAcked(tabs...)
			if c.mend != nil {
				c.mend(tb)
			}
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
