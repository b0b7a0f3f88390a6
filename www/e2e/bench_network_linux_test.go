package e2e

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"
)

const (
	benchOutages  = 5  // of signaling, and of each kind of the network's
	benchRestarts = 20 // of ICE
	outage        = 5 * time.Second
	// offersApart keeps to rtc.OffersPerSecond.
	offersApart = 500 * time.Millisecond
)

// TestBenchNetwork measures how soon what the network broke is whole again, and
// prints a table.
func TestBenchNetwork(t *testing.T) {
	if os.Getenv("TABRAFT_BENCH") == "" {
		t.Skip("make bench-network runs the measurements")
	}
	table := &table{title: "When the network is broken, and whole again"}
	t.Run("signaling", func(t *testing.T) { benchSignaling(t, table) })
	t.Run("ice", func(t *testing.T) { benchICE(t, table) })
	t.Run("far", func(t *testing.T) { benchFar(t, table) })
	fmt.Println(table)
}

// times is a row's figures.
func (tb *table) times(what string, values []float64) {
	tb.add(what, fmt.Sprintf("%s, %s (%d times)", millis(median(values)), millis(slices.Max(values)), len(values)), "")
}

// benchSignaling measures from the start of the signaling server, which was away,
// until the tabs have found it.
func benchSignaling(t *testing.T, table *table) {
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(3)
	var first, all []float64
	for range benchOutages {
		r.server.kill()
		waitSignaling(t, tabs, false, rejoinTimeout)
		time.Sleep(outage)
		r.server.start()
		start := time.Now()
		earliest := 0.0
		for left := slices.Clone(tabs); len(left) > 0; {
			left = slices.DeleteFunc(left, func(tb *tab) bool { return tb.state().Signaling == "connected" })
			if earliest == 0 && len(left) < len(tabs) {
				earliest = time.Since(start).Seconds() * 1000
			}
			if time.Since(start) > rejoinTimeout {
				t.Fatal("signaling is not found again")
			}
			time.Sleep(10 * time.Millisecond)
		}
		first, all = append(first, earliest), append(all, time.Since(start).Seconds()*1000)
	}
	r.waitCluster(3, tabs...)
	table.times(fmt.Sprintf("signaling back, after %v away, to the first tab connected, median and max", outage), first)
	table.times("the same to the last of three tabs", all)
}

// waitSignaling waits until all tabs are connected to signaling, or none is.
func waitSignaling(t *testing.T, tabs []*tab, connected bool, limit time.Duration) {
	t.Helper()
	waitFor(t, fmt.Sprintf("signaling connected: %v", connected), limit, func() error {
		for _, tb := range tabs {
			if s := tb.state().Signaling; (s == "connected") != connected {
				return fmt.Errorf("%v: %s", tb, s)
			}
		}
		return nil
	})
}

// keepConnections keeps a page's connections where the test finds them.
const keepConnections = `window.e2eConnections = [];
const Connection = RTCPeerConnection;
window.RTCPeerConnection = class extends Connection {
	constructor(...args) {
		super(...args);
		e2eConnections.push(this);
	}
}`

// restartICE has the page believe that a connection lost its path, and gives the
// milliseconds until the peer has answered the offer of another, and until the
// connection uses that.
const restartICE = `(async () => {
	const connection = e2eConnections.find((c) => c.connectionState === "connected");
	const remote = () => connection.remoteDescription?.sdp.match(/a=ice-ufrag:(\S+)/)?.[1];
	const used = async () => {
		const stats = await connection.getStats();
		const transport = [...stats.values()].find((s) => s.type === "transport");
		return stats.get(stats.get(transport.selectedCandidatePairId)?.localCandidateId)?.usernameFragment;
	};
	const before = [remote(), await used()], began = performance.now();
	Object.defineProperty(connection, "connectionState", {value: "disconnected", configurable: true});
	connection.dispatchEvent(new Event("connectionstatechange"));
	delete connection.connectionState;
	const until = async (ready) => {
		while (!(await ready())) {
			if (performance.now() - began > 10000) throw new Error("no ICE restart: " + [remote(), await used()]);
			await new Promise((next) => { const {port1, port2} = new MessageChannel(); port1.onmessage = next; port2.postMessage(0); });
		}
		return performance.now() - began;
	};
	return {answered: await until(() => remote() !== before[0]), moved: await until(async () => ![before[1], undefined].includes(await used()))};
})()`

func benchICE(t *testing.T, table *table) {
	r := startRoom(t, browserOptions{})
	var tabs []*tab
	for range 2 {
		tabs = append(tabs, r.openWith(r.server.url, openOptions{inject: keepConnections}))
		r.waitLeader(benchTimeout, len(tabs), tabs...)
	}
	r.waitCluster(2, tabs...)
	names := []string{"the offerer", "the answerer"}
	if tabs[0].state().ID > tabs[1].state().ID {
		slices.Reverse(tabs)
	}
	for i, tb := range tabs {
		tb.front()
		var answered, moved []float64
		for range benchRestarts {
			time.Sleep(offersApart)
			var took struct{ Answered, Moved float64 }
			tb.eval(restartICE, &took)
			answered, moved = append(answered, took.Answered), append(moved, took.Moved)
		}
		table.times(fmt.Sprintf("ICE restart, noticed by %s, to the answer, median and max", names[i]), answered)
		table.times("the same to the new path in use", moved)
	}
	for _, tb := range tabs {
		for _, m := range tb.state().Members {
			if !m.Self && m.Link != "open" {
				t.Errorf("%v: %+v", tb, m)
			}
		}
	}
}

// benchFar measures from the mending of the network, or from the change of an
// address, until the far server is linked and up to date.
func benchFar(t *testing.T, table *table) {
	r := startFarRoom(t)
	for what, both := range map[string]bool{"both directions": true, "one direction": false} {
		var lost, repaired []float64
		for range benchOutages {
			mend, start := r.cut(both), time.Now()
			r.waitLost()
			lost = append(lost, time.Since(start).Seconds()*1000)
			time.Sleep(outage)
			mend()
			repaired = append(repaired, r.waitRepaired().Seconds()*1000)
		}
		table.times(fmt.Sprintf("network cut in %s to its links given up, median and max", what), lost)
		table.times(fmt.Sprintf("mended %v later, to linked and up to date again", outage), repaired)
	}
	var moved []float64
	here := farAddress
	for i := range benchOutages {
		next := fmt.Sprintf("192.0.2.%d/24", 20+i)
		mustFarIP(t, "address del "+here+" dev "+farLink)
		mustFarIP(t, "address add "+next+" dev "+farLink)
		here = next
		start := time.Now()
		r.waitMoved()
		moved = append(moved, time.Since(start).Seconds()*1000)
	}
	mustFarIP(t, "address del "+here+" dev "+farLink)
	mustFarIP(t, "address add "+farAddress+" dev "+farLink)
	r.waitMoved()
	table.times("another address of a server to linked and up to date again, median and max", moved)
}
