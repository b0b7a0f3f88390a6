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
