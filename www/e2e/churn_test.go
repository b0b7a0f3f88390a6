package e2e

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// churnRemoveAfter is the setting removeAfterMs of the churn: a second more than
// what it takes a tab to be opened again on a busy machine.
const churnRemoveAfter = 3 * time.Second

// identities is what a browser's IndexedDB holds, as ids of servers.
type identities struct {
	Servers []string `json:"servers"` // the identities
	Saves   []string `json:"saves"`   // those of which there are saves
}

// readIdentities reads what a tab's browser stores.
const readIdentities = `new Promise((resolve, reject) => {
	const request = indexedDB.open("tabraft");
	request.onerror = () => reject(request.error);
	request.onsuccess = () => {
		const db = request.result, stores = [...db.objectStoreNames].filter((name) => name.startsWith("saves"));
		const tx = db.transaction(["servers", ...stores]), servers = tx.objectStore("servers").getAllKeys();
		const saves = stores.map((name) => tx.objectStore(name).getAllKeys());
		tx.oncomplete = () => { db.close(); resolve({servers: servers.result, saves: [...new Set(saves.flatMap((s) => s.result).map((key) => key[0]))]}); };
		tx.onabort = () => reject(tx.error);
	};
})`

// Tabs are opened and closed at random while clients use them: 20 tabs for ten
// minutes in the long form. The configuration follows; members whose tabs are gone
// are removed as set; nobody is outside for long while there is a leader; of
// removed identities nothing is left in the browser.
func TestChurn(t *testing.T) {
	t.Parallel()
	most, d := 8, 40*time.Second
	if longForm() {
		most, d = 20, 10*time.Minute
	}
	n := seed(t)
	r := rand.New(rand.NewPCG(n, 0xc4a2))
	f := startFleet(t, 1)
	b := f.browsers[0]
	for range 3 {
		f.open(b)
	}
	leader := f.waitCluster(3, f.live()...)
	leader.eval(fmt.Sprintf("tabraft.settings({removeAfterMs: %d})", churnRemoveAfter.Milliseconds()), nil)
	f.startLoad("", n)
	opened, closed, largest := 0, 0, 0
	for end := time.Now().Add(d); time.Now().Before(end); {
		tabs := f.live()
		largest = max(largest, len(tabs))
		// As often up as down between 3 and most. A majority is never closed at
		// once, so members stay fewer than twice the tabs.
		if len(tabs) <= 3 || len(tabs) < most && r.IntN(2) == 0 {
			f.open(b)
			opened++
		} else if state, err := tabs[0].tryState(); err == nil && state.Quorum.Alive > state.Quorum.Needed {
			tabs[r.IntN(len(tabs))].close()
			closed++
		}
		time.Sleep(time.Duration(r.Int64N(int64(2 * time.Second))))
	}
	tabs := f.live()
	f.waitLeader(recoverTimeout, len(tabs), tabs...) // the dead are removed, the others are in
	f.waitCluster(len(tabs), tabs...)
	l := f.load
	f.finish(recoverTimeout)
	waitSwept(t, tabs[0], f.ids(tabs...))
	f.witness.check()
	if err := stuck(f.witness.all()); err != nil {
		t.Error(err)
	}
	t.Logf("%d tabs opened, %d closed, at most %d at once, %d at the end", opened+3, closed, largest, len(tabs))
	t.Logf("longest outside while somebody led: %v", longestJoin(f.witness.all()))
	t.Log(summarise(l.seen()))
}

// waitSwept waits until a tab's browser stores the servers of these ids and nothing of
// any other.
func waitSwept(t testing.TB, tb *tab, ids []string) {
	t.Helper()
	slices.Sort(ids)
	waitFor(t, "the browser to store nothing of removed servers", recoverTimeout, func() error {
		var kept identities
		if err := tb.tryEval(readIdentities, &kept); err != nil {
			return err
		}
		slices.Sort(kept.Servers)
		slices.Sort(kept.Saves)
		if !slices.Equal(kept.Servers, ids) || !slices.Equal(kept.Saves, ids) {
			return fmt.Errorf("it stores the servers %v and saves of %v; the members are %v", kept.Servers, kept.Saves, ids)
		}
		return nil
	})
}
