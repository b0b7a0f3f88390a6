package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"
)

// labState is the part of a room's state that tests look at: see
// www/src/lab/room-api.ts.
type labState struct {
	Me    int
	Seats []struct {
		Seat   int
		Up     bool
		Digest *struct {
			Term   int
			Leader bool
			Index  int
			Hash   string
			State  int
			Recent []struct {
				Index int
				Text  string
			}
			RPCs map[string]struct{ Sent, Answered, Handled int }
		}
	}
	Problem, Link, Ended string
	Complaints           []string
	Signaling            bool
}

func (tb *tab) labState() (labState, error) {
	var text string
	var s labState
	err := tb.tryEval("window.tabraftRoom?.state() ?? ''", &text)
	if err == nil && text == "" {
		err = errors.New("its program is not up")
	}
	if err == nil {
		err = json.Unmarshal([]byte(text), &s)
	}
	return s, err
}

// waitLabRoom waits until the tabs agree on a leader, and all have applied index;
// it gives the leader's tab.
func waitLabRoom(t *testing.T, index int, tabs ...*tab) *tab {
	t.Helper()
	var leader *tab
	waitFor(t, fmt.Sprintf("%d tabs to agree at index %d", len(tabs), index), labBuildTimeout, func() error {
		leader = nil
		hash := ""
		for _, tb := range tabs {
			s, err := tb.labState()
			switch {
			case err != nil:
				return fmt.Errorf("%v: %w", tb, err)
			case s.Ended != "" || s.Me < 0:
				return fmt.Errorf("%v ended: %s", tb, s.Ended)
			}
			own := s.Seats[s.Me].Digest
			switch {
			case own.Index != index:
				return fmt.Errorf("%v has applied %d", tb, own.Index)
			case hash != "" && own.Hash != hash:
				return fmt.Errorf("%v has applied other commands: %+v", tb, own.Recent)
			}
			hash = own.Hash
			if own.Leader {
				leader = tb
			}
			up := 0
			for _, seat := range s.Seats {
				if seat.Up && seat.Digest != nil && seat.Digest.Index == index {
					up++
				}
			}
			if up != len(tabs) {
				return fmt.Errorf("%v knows %d servers that have applied %d", tb, up, index)
			}
		}
		if leader == nil {
			return errors.New("nobody leads")
		}
		return nil
	})
	return leader
}

// startCommand types a command into the room's console and gives the answer.
func (tb *tab) startCommand(command string) string {
	tb.browser.t.Helper()
	var answer string
	tb.eval(fmt.Sprintf(`window.tabraftRoom.start(%q).then(JSON.stringify)`, command), &answer)
	return answer
}

// Three tabs over the textbook Raft of a student's module: commands, the leader's tab killed and
// another one closed, and both opened again.
func TestLabRoom(t *testing.T) {
	s := newStudent(t)
	url, _ := startLab(t, s.folder)
	b := startBrowser(t, browserOptions{})
	tabs := []*tab{b.open(url + "lab/room#new&n=3")}
	waitFor(t, "the first tab to have a room", labBuildTimeout, func() error {
		state, err := tabs[0].labState()
		if err == nil && state.Link == "" {
			err = errors.New("no link")
		}
		return err
	})
	first, _ := tabs[0].labState()
	tabs = append(tabs, b.open(first.Link), b.open(first.Link))
	leader := waitLabRoom(t, 0, tabs...)
	seats := map[int]bool{}
	for _, tb := range tabs {
		state, _ := tb.labState()
		seats[state.Me] = true
	}
	if len(seats) != 3 {
		t.Fatalf("three tabs share the seats %v", seats)
	}
	full := b.open(first.Link)
	waitText(t, full, "section.trouble", "all seats of this room are taken", loadTimeout)
	full.close()

	leader.startCommand("one")
	waitLabRoom(t, 1, tabs...)
	follower := except(tabs, leader)[0]
	follower.front()
	follower.eval(`document.querySelector("form input").value = "lost"; document.querySelector("form button").click()`, nil)
	waitText(t, follower, ".answers", "this server does not lead; server", loadTimeout)
	leader.front()
	leader.eval(`document.querySelector("form input").value = "<b>two</b>"; document.querySelector("form button").click()`, nil)
	waitText(t, leader, ".answers", "index 2", loadTimeout)
	waitLabRoom(t, 2, tabs...)
	waitText(t, leader, "lab-seat[data-role=leader]", "AppendEntries", loadTimeout)

	state, _ := leader.labState()
	seat := state.Me
	leader.kill()
	left := except(tabs, leader)
	begun := time.Now()
	second := waitLabLeader(t, left)
	t.Logf("a leader %v after the old one's tab was killed", time.Since(begun).Round(time.Millisecond))
	second.startCommand("three")
	reopened := b.open(first.Link)
	all := append(left, reopened)
	waitLabRoom(t, 3, all...)
	again, _ := reopened.labState()
	if again.Me != seat {
		t.Errorf("the reopened tab has seat %d, the free one was %d", again.Me, seat)
	}
	if d := again.Seats[seat].Digest; len(d.Recent) != 3 || d.Recent[1].Text != "<b>two</b>" {
		t.Errorf("it applied %+v", d.Recent)
	}

	// All closed and all opened again: what is applied then comes from storage.
	for _, tb := range all {
		tb.close()
	}
	tabs = b.openAll(first.Link, 3)
	leader = waitLabLeader(t, tabs)
	leader.startCommand("four") // an entry of the new term commits the older ones
	waitLabRoom(t, 4, tabs...)
	tabs[0].reload()
	waitLabRoom(t, 4, tabs...)
	var index struct{ Index int }
	leader = waitLabLeader(t, tabs)
	leader.eval("window.tabraftRoom.snapshot()", &index)
	if index.Index != 4 {
		t.Errorf("a snapshot of index %d", index.Index)
	}
	final, _ := leader.labState()
	if final.Problem != "" || len(final.Complaints) > 0 {
		t.Errorf("problem %q, complaints %q", final.Problem, final.Complaints)
	}
}

// waitLabLeader waits for a leader among the tabs.
func waitLabLeader(t *testing.T, tabs []*tab) (leader *tab) {
	t.Helper()
	waitFor(t, "a leader", labBuildTimeout, func() error {
		for _, tb := range tabs {
			s, err := tb.labState()
			if err != nil {
				return fmt.Errorf("%v: %w", tb, err)
			}
			if s.Me >= 0 && s.Seats[s.Me].Digest.Leader {
				leader = tb
				return nil
			}
		}
		return errors.New("nobody leads")
	})
	return leader
}

// deafAtFirst keeps a page from asking signaling who is there, for longer than it waits
// for that, until it is reloaded.
const deafAtFirst = `if (!sessionStorage.getItem("asked")) {
	const Socket = WebSocket, began = Date.now();
	window.WebSocket = class { constructor(...args) { if (Date.now() - began < 5000) throw new Error("not yet"); sessionStorage.setItem("asked", "yes"); return new Socket(...args); } };
}`

// Two browsers take one seat in the same moment: who comes second takes another. It
// stayed out for good.
func TestLabSeatTakenTwice(t *testing.T) {
	url, _ := startLab(t, newStudent(t).folder)
	here, there := startBrowser(t, browserOptions{}), startBrowser(t, browserOptions{})
	first := here.open(url + "lab/room#new&n=3")
	var link string
	waitFor(t, "the first tab to sit", labBuildTimeout, func() error {
		state, err := first.labState()
		if link = state.Link; err == nil && (link == "" || state.Me != 0 || !state.Signaling) {
			err = fmt.Errorf("it has seat %d, and signaling %v", state.Me, state.Signaling)
		}
		return err
	})
	second := there.openWith(link, openOptions{inject: deafAtFirst})
	tabs := append([]*tab{first, second}, here.open(link))
	waitLabRoom(t, 0, tabs...)
	var asked string
	if second.eval(`sessionStorage.getItem("asked") ?? ""`, &asked); asked != "yes" {
		t.Error("the second tab saw that the seat was taken")
	}
}

// A room of five over two browsers, which share nothing but the network, and a
// Raft that panics in one of them.
func TestLabRoomOfFiveInTwoBrowsers(t *testing.T) {
	s := newStudent(t)
	s.patch("raft.go", "	rf.log = append(rf.log, LogEntry{Term: rf.currentTerm, Command: command})",
		"	if command == \"panic\" {\n\t\t_ = rf.log[-1-len(rf.log)+rf.commitIndex-rf.commitIndex]\n\t}\n	rf.log = append(rf.log, LogEntry{Term: rf.currentTerm, Command: command})")
	url, _ := startLab(t, s.folder)
	here, there := startBrowser(t, browserOptions{}), startBrowser(t, browserOptions{})
	first := here.open(url + "lab/room#new&n=5")
	var link string
	waitFor(t, "the first tab to have a room", labBuildTimeout, func() error {
		state, err := first.labState()
		if link = state.Link; err == nil && link == "" {
			err = errors.New("no link")
		}
		return err
	})
	tabs := append([]*tab{first}, here.openAll(link, 2)...)
	tabs = append(tabs, there.openAll(link, 2)...)
	leader := waitLabRoom(t, 0, tabs...)
	leader.startCommand("one")
	leader = waitLabRoom(t, 1, tabs...)

	state, _ := leader.labState()
	leader.front()
	leader.eval(`document.querySelector("form input").value = "panic"; document.querySelector("form button").click()`, nil)
	waitText(t, leader, "section.trouble", fmt.Sprintf("The program of server %d ended: panic: runtime error: index out of range", state.Me), loadTimeout)
	waitText(t, leader, "section.trouble", "myraft.(*Raft).Start, raft.go:", loadTimeout)
	second := waitLabLeader(t, except(tabs, leader))
	second.startCommand("two")
	leader.reload()
	waitLabRoom(t, 2, tabs...)

	// The browser with two seats goes; three are a majority. It comes back with both.
	seats := map[int]bool{}
	for _, tb := range tabs[3:] {
		state, _ := tb.labState()
		seats[state.Me] = true
	}
	there.kill()
	waitLabLeader(t, tabs[:3]).startCommand("three")
	there.again()
	waitLabRoom(t, 3, append(tabs[:3:3], there.openAll(link, 2)...)...)
	for _, tb := range there.live() {
		if state, _ := tb.labState(); !seats[state.Me] {
			t.Errorf("%v took seat %d, its browser had %v", tb, state.Me, seats)
		}
	}
}
