package e2e

import (
	"errors"
	"fmt"
	"regexp"
	"testing"
	"time"
)

// A mixedRoom is a server and a cluster of three: a tab of a Chromium, a tab of a
// Firefox, and a native server.
type mixedRoom struct {
	cluster[anyTab]
	server   *server
	link     string // the invite link
	chromium *browser
	firefox  *firefox
	native   *nativePeer
	tabs     [2]anyTab // Chromium's and Firefox's
	ids      [3]string // of the servers: Chromium's, Firefox's, the native one
}

// The servers of a mixedRoom.
const (
	inChromium = iota
	inFirefox
	isNative
)

var mixedNames = [...]string{inChromium: "Chromium's tab", inFirefox: "Firefox's tab", isNative: "the native server"}

// nativeID finds the id in what `tabraft peer` says first.
var nativeID = regexp.MustCompile(`tabraft peer: this is .* \(([0-9a-f]{16})\)`)

func startMixedRoom(t testing.TB) *mixedRoom {
	t.Helper()
	s := startServer(t)
	m := &mixedRoom{cluster: newCluster[anyTab](t), server: s, chromium: startBrowser(t, browserOptions{}), firefox: startFirefox(t, firefoxOptions{})}
	m.tabs[inChromium] = m.chromium.open(s.url)
	waitFor(t, "the room", loadTimeout, func() error {
		state, err := m.tabs[inChromium].tryState()
		if err == nil && state.Role != "leader" {
			err = fmt.Errorf("its founder is %s", state.Role)
		}
		m.link = state.Room.Link
		return err
	})
	m.tabs[inFirefox] = m.firefox.open(m.link)
	m.native = startPeer(t, m.link)
	m.wait()
	for i, tb := range m.tabs {
		m.ids[i] = tb.state().ID
	}
	m.ids[isNative] = nativeID.FindStringSubmatch(m.native.life.output.String())[1]
	return m
}

// agreed is the leader of the cluster of three, as the tabs agree, when so many
// servers of it are alive.
func (m *mixedRoom) agreed(alive int, tabs ...anyTab) (leader string, err error) {
	var first State
	for i, tb := range tabs {
		s, err := tb.tryState()
		if err != nil {
			return "", fmt.Errorf("%v: %w", tb, err)
		}
		if i == 0 {
			first = s
		}
		switch {
		case len(s.Members) != 3 || s.Quorum.Voters != 3 || s.Quorum.Alive < alive:
			return "", fmt.Errorf("%v has %d members and the quorum %+v", tb, len(s.Members), s.Quorum)
		case s.Leader == "" || s.Leader != first.Leader || s.Term != first.Term || s.Cluster != first.Cluster:
			return "", fmt.Errorf("%v is %s with leader %q in term %d, %v has %q in %d: %s", tb, s.Role, s.Leader, s.Term, tabs[0], first.Leader, first.Term, s.Reason)
		}
		for _, other := range s.Members {
			if alive == 3 && !other.Self && other.Link != "open" {
				return "", fmt.Errorf("the link of %v to %s is %s", tb, other.Name, other.Link)
			}
		}
	}
	return first.Leader, nil
}

// wait waits until all three are one linked cluster.
func (m *mixedRoom) wait() {
	m.t.Helper()
	waitFor(m.t, "a linked cluster of three", peerTimeout, func() error {
		_, err := m.agreed(3, m.tabs[:]...)
		return err
	})
}

// lead has a server lead, asked by a tab other than the leader's if there is
// one, so that the request travels.
func (m *mixedRoom) lead(who int) {
	m.t.Helper()
	asked := m.tabs[(who+1)%len(m.tabs)]
	waitFor(m.t, mixedNames[who]+" to lead", gatherTimeout, func() error {
		if err := asked.tryEval(fmt.Sprintf("tabraft.transfer(%q)", m.ids[who]), nil); err != nil {
			return err
		}
		leader, err := m.agreed(3, m.tabs[:]...)
		if err == nil && leader != m.ids[who] {
			err = fmt.Errorf("%s leads", leader)
		}
		return err
	})
}

// kill ends a server at once: the whole browser, or the process.
func (m *mixedRoom) kill(who int) {
	switch who {
	case inChromium:
		m.chromium.kill()
	case inFirefox:
		m.firefox.kill()
	case isNative:
		m.native.kill()
	}
}

// restart starts a killed server on what it stored.
func (m *mixedRoom) restart(who int) {
	m.t.Helper()
	switch who {
	case inChromium:
		m.chromium.again()
		m.tabs[who] = m.chromium.open(m.link)
	case inFirefox:
		m.firefox.again()
		m.tabs[who] = m.firefox.open(m.link)
	case isNative:
		m.native.start()
	}
}

// others are the tabs but for the server's.
func (m *mixedRoom) others(who int) []anyTab {
	if who == isNative {
		return m.tabs[:]
	}
	return except(m.tabs[:], m.tabs[who])
}

// A cluster of a tab of Chromium, a tab of Firefox and a native server: commands
// from both tabs, whoever leads; each of the three killed as leader and started
// again; links cut and mended.
func TestMixedCluster(t *testing.T) {
	t.Parallel()
	m := startMixedRoom(t)
	for who, name := range mixedNames {
		m.lead(who)
		for i, tb := range m.tabs {
			key := fmt.Sprintf("from %v, led by %s", tb, name)
			put := m.put(tb, key, "one")
			for _, other := range m.tabs {
				if got := other.get(key); got.value() != "one" || got.Index < put.Index {
					t.Errorf("%v put at index %d, then %v got %s at index %d", tb, put.Index, other, got.value(), got.Index)
				}
			}
			_, err := m.tabs[1-i].command("cas", key, "two", "three")
			wantFailure(t, err, "mismatch", "one")
		}
		m.waitAcked(m.tabs[:]...)

		m.kill(who)
		left := m.others(who)
		took := waitFor(t, "another leader", leadTimeout, func() error {
			leader, err := m.agreed(2, left...)
			if err == nil && leader == m.ids[who] {
				err = errors.New("the killed server still leads")
			}
			return err
		})
		t.Logf("another leader %v after %s was killed as leader", took.Round(time.Millisecond), name)
		for _, tb := range left {
			m.put(tb, fmt.Sprintf("from %v, without %s", tb, name), "yes")
		}
		m.restart(who)
		m.wait()
		if who != isNative {
			if id := m.tabs[who].state().ID; id != m.ids[who] {
				t.Errorf("%s was server %s and is %s since it was killed", name, m.ids[who], id)
			}
		}
		m.waitAcked(m.tabs[:]...)
		sameLogs(t, m.tabs[:])
	}

	// Any one link may go: between followers nobody notices, and a leader that
	// cannot reach one of two followers has the other.
	for _, pair := range [][2]int{{inChromium, inFirefox}, {inChromium, isNative}, {inFirefox, isNative}} {
		from, to := m.tabs[pair[0]], m.ids[pair[1]]
		name := mixedNames[pair[0]] + " and " + mixedNames[pair[1]]
		m.lead(inChromium + inFirefox + isNative - pair[0] - pair[1])
		from.eval(fmt.Sprintf("tabraft.link(%q, {block: true})", to), nil)
		for _, tb := range m.tabs {
			m.put(tb, fmt.Sprintf("from %v, without the link of %s", tb, name), "yes")
		}
		from.eval(fmt.Sprintf("tabraft.link(%q, {block: false})", to), nil)
		m.lead(pair[0])
		from.eval(fmt.Sprintf("tabraft.link(%q, {block: true})", to), nil)
		m.put(from, "from a leader without the link of "+name, "yes")
		from.eval(fmt.Sprintf("tabraft.link(%q, {block: false})", to), nil)
		m.wait()
		m.waitAcked(m.tabs[:]...)
	}

	// A leader is cut off: the two others carry on without it.
	for who := range m.tabs {
		m.lead(who)
		m.tabs[who].eval("tabraft.isolate(true)", nil)
		other := m.others(who)[0]
		waitFor(t, "another leader", gatherTimeout, func() error {
			leader, err := m.agreed(2, other)
			if err == nil && leader == m.ids[who] {
				err = errors.New("the isolated server still leads")
			}
			return err
		})
		m.put(other, "while "+mixedNames[who]+" was cut off", "yes")
		m.tabs[who].eval("tabraft.isolate(false)", nil)
		m.wait()
		m.waitAcked(m.tabs[:]...)
	}
	sameLogs(t, m.tabs[:])
}

// Clients use a mixed cluster while each server is killed, the pages alone, and all at
// once; while each link is cut in one direction, lossy, slow, and flaps; and while the
// signaling server is away. What they were told is linearizable and nothing of it is
// lost, and each server is again who it was.
func TestMixedClusterUnderFaults(t *testing.T) {
	t.Parallel()
	m := startMixedRoom(t)
	l := startLoad(t, "", 7, clientPause)
	for _, tb := range m.tabs {
		l.use(tb.(user), 2)
	}
	answers := func(n int, when string) {
		t.Helper()
		enough := l.answered() + n
		waitFor(t, "answers "+when, gatherTimeout, func() error {
			if now := l.answered(); now < enough {
				return fmt.Errorf("%d commands are answered, %d are to be", now, enough)
			}
			return nil
		})
	}
	// served waits until the cluster is whole again and clients of it are answered.
	served := func(after string) {
		t.Helper()
		m.wait()
		answers(10, "after "+after)
		t.Log("it went on after", after)
		for i, tb := range m.tabs {
			if id := tb.state().ID; id != m.ids[i] {
				t.Fatalf("after %s %s is server %s, and was %s", after, mixedNames[i], id, m.ids[i])
			}
		}
	}
	restart := func(who ...int) {
		for _, i := range who {
			if m.restart(i); i != isNative {
				l.use(m.tabs[i].(user), 2)
			}
		}
	}
	for who, name := range mixedNames {
		m.kill(who)
		restart(who)
		served("a kill of " + name)
	}
	m.tabs[inChromium].(*tab).kill()
	m.tabs[inChromium] = m.chromium.open(m.link)
	l.use(m.tabs[inChromium].(user), 2)
	served("a kill of Chromium's renderer")
	m.tabs[inFirefox].(*foxTab).kill()
	m.tabs[inFirefox] = m.firefox.open(m.link)
	l.use(m.tabs[inFirefox].(user), 2)
	served("a kill of Firefox's content process")
	for who := range mixedNames {
		m.kill(who)
	}
	restart(inChromium, inFirefox, isNative)
	served("a kill of all at once")

	for _, pair := range [][2]int{{inChromium, inFirefox}, {inFirefox, inChromium}, {inChromium, isNative}, {inFirefox, isNative}} {
		from, to := m.tabs[pair[0]], m.ids[pair[1]]
		name := mixedNames[pair[0]] + " to " + mixedNames[pair[1]]
		for _, c := range []struct{ what, begin, end string }{
			{"cut out", `{block: true, way: "out"}`, "{block: false}"},
			{"cut in", `{block: true, way: "in"}`, "{block: false}"},
			{"lossy", `{drop: 0.3}`, "{drop: 0}"},
			{"slow", `{delayMs: 150}`, "{delayMs: 0}"},
			{"flapping", "", "{block: false}"},
		} {
			if c.begin == "" {
				for range 5 {
					from.eval(fmt.Sprintf("tabraft.link(%q, {block: true}), new Promise((done) => setTimeout(done, 200))", to), nil)
					from.eval(fmt.Sprintf("tabraft.link(%q, {block: false}), new Promise((done) => setTimeout(done, 200))", to), nil)
				}
			} else {
				from.eval(fmt.Sprintf("tabraft.link(%q, %s)", to, c.begin), nil)
			}
			answers(10, "while the link of "+name+" is "+c.what)
			from.eval(fmt.Sprintf("tabraft.link(%q, %s)", to, c.end), nil)
		}
		served("the faults of the link of " + name)
	}

	m.server.kill()
	answers(20, "without signaling")
	m.server.start()
	served("signaling's return")
	t.Log(summarise(l.seen()))
	finish(l, gatherTimeout, m.tabs[:])
	sameLogs(t, m.tabs[:])
}
