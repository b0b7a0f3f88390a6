package e2e

import (
	"errors"
	"fmt"
	"testing"
)

// staleTimeout bounds how long it takes that a silent server is called stale: 5 s
// on an idle machine.
const staleTimeout = gatherTimeout

// describe tells how one tab sees another.
func (tb *tab) describe(id string) (Member, error) {
	s, err := tb.tryState()
	if err != nil {
		return Member{}, err
	}
	for _, m := range s.Members {
		if m.ID == id {
			return m, nil
		}
	}
	return Member{}, fmt.Errorf("%v does not list %s", tb, id)
}

// knowing tells whether each tab shows each other's role, term and log as they
// are.
func knowing(tabs []*tab) error {
	for _, of := range tabs {
		is, err := of.tryState()
		if err != nil {
			return err
		}
		for _, tb := range tabs {
			m, err := tb.describe(is.ID)
			if err != nil {
				return err
			}
			if m.Term == nil || m.LastIndex == nil || m.AgeMs == nil {
				return fmt.Errorf("%v knows nothing of %v: %+v", tb, of, m)
			}
			if m.Role != is.Role || *m.Term != is.Term || *m.CommitIndex != is.CommitIndex || *m.LastApplied != is.LastApplied || *m.LastIndex != is.LastIndex || m.Stale {
				return fmt.Errorf("%v shows %v as %s in term %d, %d of %d committed, %d applied, stale %v; it is %s in term %d, %d of %d, %d", tb, of,
					m.Role, *m.Term, *m.CommitIndex, *m.LastIndex, *m.LastApplied, m.Stale, is.Role, is.Term, is.CommitIndex, is.LastIndex, is.LastApplied)
			}
		}
	}
	return nil
}

// label is what the ring of a tab says of a server to those who do not see it.
func (tb *tab) label(name string) (string, error) {
	var label string
	err := tb.tryEval(fmt.Sprintf(`[...document.querySelectorAll("tabraft-ring .node")].map((n) => n.getAttribute("aria-label")).find((l) => l.startsWith(%q)) ?? ""`, name), &label)
	return label, err
}

// Any tab shows the whole cluster, and says of what it shows how old it is.
func TestAnyTabShowsTheCluster(t *testing.T) {
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(3)
	r.fill(tabs[0], "k", 20)
	waitFor(t, "all tabs to know of all", spreadTimeout, func() error { return knowing(tabs) })

	leader := r.waitCluster(3, tabs...)
	cut, watcher := except(tabs, leader)[0], except(tabs, leader)[1]
	is := cut.state()
	watcher.front()
	wantLabel := func(words ...string) {
		t.Helper()
		waitFor(t, fmt.Sprintf("the ring to say %q of a server", words), staleTimeout, func() error {
			label, err := watcher.label(is.Name)
			for _, word := range words {
				if err == nil && !contains(label, word) {
					err = fmt.Errorf("it says %q", label)
				}
			}
			return err
		})
	}
	wantLabel("follower", fmt.Sprintf("term %d", is.Term), fmt.Sprintf("log of %d entries, %d committed", is.LastIndex, is.CommitIndex))
	cut.eval("tabraft.isolate(true)", nil)
	waitFor(t, "the others to call it stale", staleTimeout, func() error {
		for _, tb := range except(tabs, cut) {
			if m, err := tb.describe(is.ID); err != nil || !m.Stale || *m.AgeMs < 5000 {
				return fmt.Errorf("%v: %+v, %v", tb, m, err)
			}
			if err := knowing(except(tabs, cut)); err != nil {
				return err
			}
		}
		return nil
	})
	wantLabel("stale")
	r.put(leader, "meanwhile", "yes")
	cut.eval("tabraft.isolate(false)", nil)
	waitFor(t, "all tabs to know of all again", gatherTimeout, func() error { return knowing(tabs) })
}

// keepChannels keeps a page's unreliable channels where the test finds them.
const keepChannels = `window.e2eChannels = [];
const create = RTCPeerConnection.prototype.createDataChannel;
RTCPeerConnection.prototype.createDataChannel = function (label, options) {
	const channel = create.call(this, label, options);
	if (label === "telemetry") e2eChannels.push({channel, options});
	return channel;
}`

// flood has the tab send as many datagrams as the browser takes, for a while,
// and gives their number.
const flood = `(async () => {
	let sent = 0;
	const datagram = new Uint8Array(1024).fill(1), until = performance.now() + 3000;
	const { port1, port2 } = new MessageChannel(); // timers of hidden tabs are slow
	while (performance.now() < until) {
		for (const {channel} of e2eChannels) {
			for (let i = 0; i < 50 && channel.readyState === "open" && channel.bufferedAmount < 1 << 16; i++, sent++) channel.send(datagram);
		}
		await new Promise((next) => { port1.onmessage = next; port2.postMessage(0); });
	}
	return sent;
})()`

// A tab that floods the others with datagrams disturbs nothing, nor does one
// whose channel for them is closed.
func TestDatagramFloodInTabs(t *testing.T) {
	r := startRoom(t, browserOptions{})
	var tabs []*tab
	for range 3 {
		tabs = append(tabs, r.openWith(r.server.url, openOptions{inject: keepChannels}))
		r.waitCluster(len(tabs), tabs...)
	}
	r.put(tabs[0], "before", "yes")
	leader := r.waitCluster(3, tabs...)
	before := leader.state()
	flooder := except(tabs, leader)[0]
	var unreliable bool
	flooder.eval(`e2eChannels.length > 0 && e2eChannels.every(({channel, options}) => channel.id === 1 && channel.negotiated && !channel.ordered && channel.maxRetransmits === 0)`, &unreliable)
	if !unreliable {
		t.Error("the channel for datagrams is not stream 1, unordered, without repetition")
	}
	sent := make(chan int, 1)
	failed := make(chan error, 1)
	go func() {
		var n int
		if err := flooder.tryEval(flood, &n); err != nil {
			failed <- err
		}
		sent <- n
	}()
	for i, done := 0, false; !done; i++ {
		r.put(leader, fmt.Sprintf("k%d", i), "x")
		select {
		case n := <-sent:
			done = true
			if n < 1000 {
				t.Errorf("a flood of %d datagrams is none", n)
			}
			t.Logf("%d commands committed beside %d datagrams", i+1, n)
		default:
		}
	}
	select {
	case err := <-failed:
		t.Fatal(err)
	default:
	}
	if now := r.waitCluster(3, tabs...).state(); now.ID != before.ID || now.Term != before.Term {
		t.Errorf("%s led in term %d, now %s leads in term %d", before.ID, before.Term, now.ID, now.Term)
	}
	flooder.eval(`e2eChannels.forEach(({channel}) => channel.close())`, nil)
	waitFor(t, "the flooder's own channels to be closed", callTimeout, func() error {
		var open bool
		if err := flooder.tryEval(`e2eChannels.some(({channel}) => channel.readyState !== "closed")`, &open); err != nil || !open {
			return err
		}
		return errors.New("one is not")
	})
	r.put(flooder, "without telemetry", "yes")
	if now := r.waitCluster(3, tabs...).state(); now.Term != before.Term {
		t.Errorf("the term rose from %d to %d", before.Term, now.Term)
	}
	r.waitAcked(tabs...)
}
