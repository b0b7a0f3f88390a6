package e2e

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	benchStarts   = 3  // fresh browsers in which three tabs are opened
	benchReloads  = 5  // of a tab with a warm cache
	benchFails    = 20 // leaders closed, and as many killed
	benchCommands = 500
	benchSeconds  = 4 // of commands at many outstanding
	benchTimeout  = time.Minute
)

// TestBench measures three tabs in a real Chromium and prints a table. Every
// line is from this one run; times in the page are those of its own clock. A
// part can be run alone: -run TestBench/failover.
func TestBench(t *testing.T) {
	if os.Getenv("TABRAFT_BENCH") == "" {
		t.Skip("make bench runs the measurements")
	}
	table := &table{}
	t.Run("size", func(t *testing.T) { benchSize(t, startServer(t), table) })
	t.Run("start", func(t *testing.T) { benchStart(t, startServer(t), table) })
	t.Run("commands", func(t *testing.T) {
		r := startRoom(t, browserOptions{})
		table.title = fmt.Sprintf("Three tabs in one %s, headless, %s/%s, %d cores", chromiumVersion(r.browser), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
		raw := benchRaw(t, r.browser, table)
		tabs := r.openTabs(3)
		benchLatency(r, tabs, raw, table)
		benchThroughput(r, tabs, table)
	})
	t.Run("failover", func(t *testing.T) { benchFailovers(t, table) })
	fmt.Println(table)
}

// A table is what was measured, as Markdown.
type table struct {
	title string
	rows  [][3]string
}

func (tb *table) add(what, measured, goal string) {
	tb.rows = append(tb.rows, [3]string{what, measured, goal})
}

func (tb *table) String() string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s\n\n| what | measured | goal |\n|---|---|---|\n", tb.title)
	for _, row := range tb.rows {
		fmt.Fprintf(&out, "| %s | %s | %s |\n", row[0], row[1], row[2])
	}
	return out.String()
}

func chromiumVersion(b *browser) string {
	tb := b.open("about:blank")
	defer tb.close()
	var version string
	tb.eval(`navigator.userAgent.match(/Chrome\/(\d+)/)[1]`, &version)
	return "Chromium " + version
}

// benchSize measures tab.wasm as the server sends it.
func benchSize(t *testing.T, s *server, table *table) {
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	get := func(path, encoding string) []byte {
		request, err := http.NewRequest("GET", s.url+strings.TrimPrefix(path, "/"), nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Accept-Encoding", encoding)
		answer, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s, %v", path, answer.Status, err)
		}
		if got := answer.Header.Get("Content-Encoding"); encoding != "identity" && got != encoding {
			t.Fatalf("%s: asked for %s, got %q", path, encoding, got)
		}
		return body
	}
	address := regexp.MustCompile(`name="tabraft-wasm" content="([^"]+)"`).FindSubmatch(get("", "identity"))
	if address == nil {
		t.Fatal("the page does not say where tab.wasm is")
	}
	var sizes []string
	for _, encoding := range []string{"identity", "gzip", "br"} {
		sizes = append(sizes, fmt.Sprintf("%.2f MB", float64(len(get(string(address[1]), encoding)))/1e6))
	}
	table.add("tab.wasm raw, gzip, brotli", strings.Join(sizes, ", "), "brotli at most 1.35 MB")
}

// watchStart is injected before the page's scripts and notes, in milliseconds
// since the navigation began, when the program is up, when it has a role in a
// cluster, and when it sees a leader and three voters.
const watchStart = `addEventListener("tabraft", () => {
	window.e2eTimes = {up: performance.now()};
	const timer = setInterval(() => {
		const s = tabraft.state();
		if (s.leader && ["leader", "follower"].includes(s.role)) e2eTimes.member ??= performance.now();
		if (e2eTimes.member && s.members.filter((m) => m.voter).length === 3) {
			e2eTimes.three = performance.now();
			clearInterval(timer);
		}
	}, 5);
}, {once: true})`

type startTimes struct{ Up, Member, Three float64 }

// times waits for what watchStart notes, with three members or without.
func (tb *tab) times(three bool) startTimes {
	tb.browser.t.Helper()
	var times startTimes
	waitFor(tb.browser.t, "a tab to start", gatherTimeout, func() error {
		if err := tb.tryEval("window.e2eTimes ?? {}", &times); err != nil {
			return err
		}
		if times.Member == 0 || three && times.Three == 0 {
			return fmt.Errorf("so far %+v", times)
		}
		return nil
	})
	return times
}

// benchStart opens three tabs in fresh browsers, and reloads one.
func benchStart(t *testing.T, s *server, table *table) {
	var cold, third, warm, warmMember []float64
	for range benchStarts {
		b := startBrowser(t, browserOptions{})
		open := func() *tab { return b.openWith(s.url, openOptions{inject: watchStart}) }
		cold = append(cold, open().times(false).Up)
		open().times(false)
		last := open()
		third = append(third, last.times(true).Three)
		for range benchReloads {
			last.reload()
			times := last.times(true)
			warm, warmMember = append(warm, times.Up), append(warmMember, times.Member)
		}
		b.kill()
	}
	table.add("navigation to interactive, cold cache", millis(median(cold)), "")
	table.add("navigation to interactive, warm cache", millis(median(warm)), "under 1 s")
	table.add("reload to member of the cluster again, warm cache", millis(median(warmMember)), "")
	table.add("third tab's navigation to a leader and three voters", fmt.Sprintf("%s (slowest %s)", millis(median(third)), millis(slices.Max(third))), "under 3 s")
}

// rawTimes are what no replication over these channels and this storage can beat.
type rawTimes struct{ trip, write float64 }

// benchRaw measures a data channel and IndexedDB in plain JavaScript.
func benchRaw(t *testing.T, b *browser, table *table) rawTimes {
	url := blankPage(t)
	answerer, offerer := b.open(url), b.open(url)
	for _, tb := range []*tab{answerer, offerer} {
		tb.eval(rawLink, nil)
	}
	answerer.eval("window.opened = link(false).then(() => channel.onmessage = (e) => channel.send(e.data)), true", nil)
	var trips []float64
	err := offerer.evalWithin(benchTimeout, fmt.Sprintf(`link(true).then(async () => {
		const times = [], data = new Uint8Array(100);
		for (let i = 0; i < %d; i++) {
			const start = performance.now();
			await new Promise((done) => { channel.onmessage = done; channel.send(data); });
			times.push(performance.now() - start);
		}
		return times;
	})`, benchCommands), &trips)
	if err != nil {
		t.Fatal(err)
	}
	writes := rawWrites(t, offerer)
	// Three servers write at once, where one browser has one storage.
	together := rawWrites(t, offerer, answerer, b.open(url))
	answerer.close()
	offerer.close()
	table.add("raw data-channel round trip, 100 bytes, p50 and p99", spread(trips), "")
	table.add("raw strict IndexedDB write, 200 bytes, p50 and p99", spread(writes), "")
	table.add("the same, by three tabs at once", spread(together), "")
	return rawTimes{median(trips), median(writes)}
}

// rawWrites has tabs write to IndexedDB, all at the same time, and gives how
// long each write took.
func rawWrites(t *testing.T, tabs ...*tab) []float64 {
	times, errs := make([][]float64, len(tabs)), make([]error, len(tabs))
	var all sync.WaitGroup
	for i, tb := range tabs {
		all.Go(func() { errs[i] = tb.evalWithin(benchTimeout, fmt.Sprintf(rawWrite, benchCommands), &times[i]) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	return slices.Concat(times...)
}

const rawWrite = `new Promise((resolve, reject) => {
	const request = indexedDB.open("bench");
	request.onupgradeneeded = () => request.result.createObjectStore("writes");
	request.onerror = reject;
	request.onsuccess = async () => {
		const times = [], data = new Uint8Array(200);
		for (let i = 0; i < %d; i++) {
			const start = performance.now();
			await new Promise((done, failed) => {
				const tx = request.result.transaction("writes", "readwrite", {durability: "strict"});
				tx.objectStore("writes").put(data, i);
				tx.oncomplete = done;
				tx.onabort = failed;
			});
			times.push(performance.now() - start);
		}
		resolve(times);
	};
})`

// benchPuts makes window.putMany, which puts 100-byte values with so many
// commands outstanding, for so many commands or seconds, and window.getMany, which
// does the same with gets.
const benchPuts = `window.putMany = (...args) => many((i) => tabraft.put("bench-" + i % 1000, "v".repeat(100)), ...args),
window.getMany = (...args) => many((i) => tabraft.get("bench-" + i % 1000), ...args),
window.many = async (command, outstanding, commands, seconds) => {
	const times = [], failed = {}, began = performance.now();
	let next = 0, done = 0;
	const more = () => seconds ? performance.now() - began < seconds * 1000 : next < commands;
	await Promise.all(Array.from({length: outstanding}, async () => {
		while (more()) {
			const start = performance.now();
			try {
				await command(next++);
				done++;
				times.push(performance.now() - start);
			} catch (e) { failed[e.code] = (failed[e.code] ?? 0) + 1; }
		}
	}));
	times.sort((a, b) => a - b);
	const at = (share) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
	return {persecond: done / (performance.now() - began) * 1000, p50: at(.5), p99: at(.99), failed};
}, true`

type putTimes struct {
	PerSecond float64 `json:"persecond"`
	P50, P99  float64
	Failed    map[string]int
}

func (r *room) putMany(tb *tab, outstanding, commands, seconds int) putTimes {
	r.t.Helper()
	return r.many("put", tb, outstanding, commands, seconds)
}

func (r *room) getMany(tb *tab, outstanding, commands, seconds int) putTimes {
	r.t.Helper()
	return r.many("get", tb, outstanding, commands, seconds)
}

func (r *room) many(what string, tb *tab, outstanding, commands, seconds int) putTimes {
	r.t.Helper()
	tb.eval(benchPuts, nil)
	var times putTimes
	expression := fmt.Sprintf("%sMany(%d, %d, %d)", what, outstanding, commands, seconds)
	if err := tb.evalWithin(benchTimeout, expression, &times); err != nil {
		r.t.Fatalf("%s: %v", expression, err)
	}
	if len(times.Failed) > 0 {
		r.t.Errorf("%s: failed commands %v", expression, times.Failed)
	}
	return times
}

func benchLatency(r *room, tabs []*tab, raw rawTimes, table *table) {
	leader := r.waitCluster(3, tabs...)
	for _, c := range []struct {
		who string
		tab *tab
	}{{"leader", leader}, {"follower", except(tabs, leader)[0]}} {
		c.tab.front()
		r.putMany(c.tab, 1, 0, benchSeconds) // warms up: the browser compiles what is hot
		times := r.putMany(c.tab, 1, benchCommands, 0)
		floor, goal := raw.trip+raw.write, ""
		if c.tab == leader {
			goal = "at most 1.5 times"
		}
		table.add(fmt.Sprintf("commit latency in the %s's tab, 1 outstanding, p50 and p99", c.who),
			fmt.Sprintf("%s, %s; %.2f times round trip + write (%s)", millis(times.P50), millis(times.P99), times.P50/floor, millis(floor)), goal)
		r.getMany(c.tab, 1, 0, 1)
		times = r.getMany(c.tab, 1, benchCommands, 0)
		table.add(fmt.Sprintf("get in the %s's tab, 1 outstanding, p50 and p99", c.who),
			fmt.Sprintf("%s, %s; %.2f times a round trip (%s)", millis(times.P50), millis(times.P99), times.P50/raw.trip, millis(raw.trip)), "")
	}
}

func benchThroughput(r *room, tabs []*tab, table *table) {
	leader := r.waitCluster(3, tabs...)
	leader.front()
	for _, outstanding := range []int{64, 1024} {
		r.putMany(leader, outstanding, 0, 1) // warms up
		times := r.putMany(leader, outstanding, 0, benchSeconds)
		goal := ""
		if outstanding == 1024 {
			goal = "at least 20,000"
		}
		table.add(fmt.Sprintf("commits a second, %d outstanding, 100-byte values", outstanding),
			fmt.Sprintf("%.0f (latency p50 %s, p99 %s)", times.PerSecond, millis(times.P50), millis(times.P99)), goal)
	}
	for _, tb := range []*tab{leader, except(tabs, leader)[0]} {
		tb.front()
		r.getMany(tb, 64, 0, 1)
		times := r.getMany(tb, 64, 0, benchSeconds)
		table.add(fmt.Sprintf("gets a second in the %s's tab, 64 outstanding", map[bool]string{true: "leader", false: "follower"}[tb == leader]),
			fmt.Sprintf("%.0f (latency p50 %s, p99 %s)", times.PerSecond, millis(times.P50), millis(times.P99)), "")
	}
	r.waitCluster(3, tabs...)
}

func median(values []float64) float64 { return share(values, .5) }

// share is the value below which this share of the values lies.
func share(values []float64, of float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(len(sorted)-1, int(math.Floor(of*float64(len(sorted)))))]
}

func spread(values []float64) string {
	return millis(median(values)) + ", " + millis(share(values, .99))
}

func millis(ms float64) string {
	if ms >= 100 {
		return fmt.Sprintf("%.0f ms", ms)
	}
	return fmt.Sprintf("%.1f ms", ms)
}
