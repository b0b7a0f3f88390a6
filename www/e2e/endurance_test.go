package e2e

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"
)

const (
	enduranceCommands = 1_000_000
	enduranceStep     = 100_000
	enduranceTimeout  = 10 * time.Minute // for a step, on a busy machine
	// enduranceStorage bounds what three servers may keep of a map of 1,000
	// keys in one browser: each a log of at most 1.5 times what makes a
	// snapshot (4 MiB), a snapshot, and what is being written.
	enduranceStorage = 3 * 16 << 20
	// enduranceGrowth bounds the memory of a tab that has taken the load, beyond
	// what it had after the first tenth of it.
	enduranceGrowth = 128 << 20

	// steadyRate is how many commands a second TestSteadyLoad sends.
	steadyRate = 50
)

// stored gives the bytes and the number of the batches that all servers of this
// browser keep.
const stored = `new Promise((resolve, reject) => {
	const request = indexedDB.open("tabraft");
	request.onerror = () => reject(request.error);
	request.onsuccess = () => {
		const db = request.result;
		const stores = [...db.objectStoreNames].filter((name) => name.startsWith("saves"));
		const tx = db.transaction(stores, "readonly");
		let bytes = 0, batches = 0;
		for (const name of stores) tx.objectStore(name).openCursor().onsuccess = (event) => {
			const cursor = event.target.result;
			if (!cursor) return;
			bytes += cursor.value.byteLength ?? 0; // a fence has none
			batches++;
			cursor.continue();
		};
		tx.oncomplete = () => { db.close(); resolve({bytes, batches}); };
	};
})`

// memory is resident, where that can be told.
func (tb *tab) memory() int {
	tb.browser.t.Helper()
	bytes := tb.resident()
	if bytes == 0 {
		tb.browser.t.Fatalf("%v: the memory of its renderer is not known", tb)
	}
	return int(bytes)
}

func megabytes(bytes int) string { return fmt.Sprintf("%.1f MB", float64(bytes)/1e6) }

// A million commands of 100 bytes: what is stored and what a tab holds in memory stay
// bounded by the map, not by the history. TABRAFT_LONG runs it.
func TestMillionCommands(t *testing.T) {
	if os.Getenv("TABRAFT_LONG") == "" {
		t.Skip("make e2e-long runs it")
	}
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(3)
	leader := r.waitCluster(3, tabs...)
	leader.front()
	leader.eval(benchPuts, nil)
	var early int
	for done := 0; done < enduranceCommands; done += enduranceStep {
		var times putTimes
		if err := leader.evalWithin(enduranceTimeout, fmt.Sprintf("putMany(1024, %d, 0)", enduranceStep), &times); err != nil {
			t.Fatal(err)
		}
		if len(times.Failed) > 0 {
			t.Fatalf("failed commands: %v", times.Failed)
		}
		var kept struct{ Bytes, Batches int }
		leader.eval(stored, &kept)
		held := leader.memory()
		t.Logf("%9d commands: %6.0f/s, %s in %d batches stored by three servers, %s in memory, of followers %s and %s",
			done+enduranceStep, times.PerSecond, megabytes(kept.Bytes), kept.Batches, megabytes(held),
			megabytes(except(tabs, leader)[0].memory()), megabytes(except(tabs, leader)[1].memory()))
		if kept.Bytes > enduranceStorage {
			t.Errorf("three servers store %s", megabytes(kept.Bytes))
		}
		if early == 0 {
			early = held
		}
		if held > early+enduranceGrowth {
			t.Errorf("the leader's tab holds %s, %s after the first %d commands", megabytes(held), megabytes(early), enduranceStep)
		}
	}
	r.waitCluster(3, tabs...)
	if s := leader.state(); s.CommitIndex < enduranceCommands {
		t.Errorf("committed up to %d", s.CommitIndex)
	}
}

// Three tabs under a steady load of commands for as many minutes as TABRAFT_LONG says
// (60 if it is no number): the memory of a tab does not grow with the history.
func TestSteadyLoad(t *testing.T) {
	long := os.Getenv("TABRAFT_LONG")
	if long == "" {
		t.Skip("make e2e-long runs it")
	}
	minutes, err := strconv.Atoi(long)
	if err != nil {
		minutes = 60
	}
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(3)
	leader := r.waitCluster(3, tabs...)
	leader.front()
	term := leader.state().Term
	leader.eval(fmt.Sprintf(`window.steady = {done: 0, failed: 0}, setInterval(() => {
		for (let i = 0; i < %d; i++) tabraft.put("key-" + steady.done %% 1000, "v".repeat(100)).then(() => steady.done++, () => steady.failed++);
	}, 100), true`, steadyRate/10), nil)
	var first int
	for minute := range minutes {
		time.Sleep(time.Minute) // the load is what is tested, for a time
		var steady struct{ Done, Failed int }
		var kept struct{ Bytes, Batches int }
		leader.eval("steady", &steady)
		leader.eval(stored, &kept)
		held := leader.memory()
		t.Logf("minute %d: %d commands, %d failed, %s in memory, of followers %s and %s, %s stored", minute+1, steady.Done, steady.Failed,
			megabytes(held), megabytes(except(tabs, leader)[0].memory()), megabytes(except(tabs, leader)[1].memory()), megabytes(kept.Bytes))
		if first == 0 {
			first = held
		}
		if held > first+enduranceGrowth {
			t.Errorf("the leader's tab holds %s, %s after a minute", megabytes(held), megabytes(first))
		}
		if steady.Failed > 0 || steady.Done < (minute+1)*30*steadyRate {
			t.Errorf("%d commands done, %d failed", steady.Done, steady.Failed)
		}
	}
	if now := leader.state(); now.Term != term || now.Role != "leader" {
		t.Errorf("term %d, %s; it led in term %d", now.Term, now.Role, term)
	}
}
