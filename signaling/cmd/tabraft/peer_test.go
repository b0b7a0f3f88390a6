package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"tabraft/raft"
	"tabraft/raft/kv"
	"tabraft/raft/node"
	"tabraft/raft/node/wal"
	"tabraft/signaling"
	"tabraft/signaling/client"
	"tabraft/wasm/tab"
)

func TestPeerCommandLine(t *testing.T) {
	t.Chdir(t.TempDir())
	room, other := client.RandomRoom(), client.RandomRoom()
	link := room.Link("http://127.0.0.1:1/")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	theirs := t.TempDir()
	home, err := tab.OpenDir(theirs, other, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	home.Close()
	for _, c := range []struct {
		args           []string
		status         int
		stdout, stderr string // that must occur; empty: nothing is printed
	}{
		{[]string{}, 2, "", "-room is missing"},
		{[]string{"-h"}, 0, "such as ws://localhost:8080/signal", ""},
		{[]string{"-room"}, 2, "", "flag needs an argument: -room"},
		{[]string{"-dir", "x"}, 2, "", "-dir; tabraft help peer lists the flags"},
		{[]string{link}, 2, "", "unexpected argument"},
		{[]string{"-room", "hello"}, 2, "", "-room: "},
		{[]string{"-room", "http://127.0.0.1:1/"}, 2, "", "-room: the link names no room"},
		{[]string{"-room", "http://127.0.0.1:1/#room=" + room.Name}, 2, "", "and put it in quotes"},
		{[]string{"-room", link + "x"}, 2, "", "copy the whole invite link again"},
		{[]string{"-room", "ftp://127.0.0.1/#" + room.Fragment()}, 2, "", "this is not a tabraft link"},
		{[]string{"-room", "#" + room.Fragment()}, 2, "", "or give -signal"},
		{[]string{"-room", link, "-signal", "http://127.0.0.1:1/signal"}, 2, "", "-signal should look like ws://HOST:PORT/signal"},
		{[]string{"-room", link, "-signal", "ws://"}, 2, "", "-signal should look like"},
		{[]string{"-room", link, "-signal", "ws://%"}, 2, "", "-signal should look like"},
		{[]string{"-room", link, "-data", file}, 1, "", file},
		{[]string{"-room", link, "-data", theirs}, 1, "", `belongs to a server of the room "` + other.Name + `": give another directory with -data`},
		{[]string{"-room", link}, 0, "left; the same command brings this server back", ""},
		{[]string{"-room", "#" + room.Fragment(), "-signal", "wss://127.0.0.1:1/signal"}, 0, ", room " + room.Name, ""},
	} {
		got := runOnce(append([]string{"peer"}, c.args...)...)
		if got.status != c.status || !occurs(c.stdout, got.stdout) || !occurs(c.stderr, got.stderr) {
			t.Errorf("tabraft peer %q: status %d\nstdout: %s\nstderr: %s", c.args, got.status, got.stdout, got.stderr)
		}
		if c.status != exitOK && (strings.Count(got.stderr, "\n") != 1 || !strings.HasPrefix(got.stderr, "tabraft peer: ")) {
			t.Errorf("tabraft peer %q: not one line: %s", c.args, got.stderr)
		}
	}
	if _, err := os.Stat("tabraft-" + room.Name); err != nil {
		t.Errorf("the default directory: %v", err)
	}
}

// runningPeer is a `tabraft peer` in this process.
type runningPeer struct {
	t      *testing.T
	lines  chan string
	stderr *bytes.Buffer // to be read when it has ended
	cancel func()
	status chan int
}

func startPeer(t *testing.T, args ...string) *runningPeer {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p := &runningPeer{t: t, lines: make(chan string, 1000), stderr: &bytes.Buffer{}, cancel: cancel, status: make(chan int, 1)}
	out, stdout := io.Pipe()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		p.status <- run(ctx, append([]string{"peer", "-loopback"}, args...), stdout, p.stderr)
		stdout.Close()
	}()
	go func() {
		defer close(p.lines)
		for in := bufio.NewScanner(out); in.Scan(); {
			p.lines <- in.Text()
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return p
}

// expect waits for a line that matches and gives what its groups matched.
func (p *runningPeer) expect(pattern string) []string {
	p.t.Helper()
	re := regexp.MustCompile("^tabraft peer: " + pattern + "$")
	var seen []string
	for limit := time.After(patience); ; {
		select {
		case line, ok := <-p.lines:
			if !ok {
				p.t.Fatalf("it ended without a line %s: %q, %s", re, seen, p.stderr)
			}
			if groups := re.FindStringSubmatch(line); groups != nil {
				return groups[1:]
			}
			seen = append(seen, line)
		case <-limit:
			p.t.Fatalf("no line %s: %q", re, seen)
		}
	}
}

// ended waits for the end and gives the exit status and what was left to say.
func (p *runningPeer) ended() (status int, stdout []string, stderr string) {
	p.t.Helper()
	select {
	case status = <-p.status:
	case <-time.After(patience):
		p.t.Fatal("it does not end")
	}
	for line := range p.lines {
		stdout = append(stdout, line)
	}
	return status, stdout, p.stderr.String()
}

// startServer runs a server of the room, as a tab does; the first one founds
// the room's cluster.
func startServer(t *testing.T, room client.Room, base string, founds bool) *tab.Server {
	t.Helper()
	dir := t.TempDir()
	if founds {
		found(t, dir, room)
	}
	quiet := slog.New(slog.DiscardHandler)
	home, err := tab.OpenDir(dir, room, quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(home.Close)
	url, err := client.SignalURL(base)
	if err != nil {
		t.Fatal(err)
	}
	s, err := tab.NewServer(tab.Config{Room: room, Signal: url, Kind: signaling.KindTab, Home: home,
		Clock: node.NewSystemClock(), Logger: quiet, Loopback: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Leave)
	return s
}

// found makes a directory that of a founder, as a browser does for its tab.
func found(t *testing.T, dir string, room client.Room) {
	t.Helper()
	log, err := wal.Open(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	const id = raft.ID(0xf00d)
	if err := log.SetMeta(wal.Meta{Room: room.Token(), Name: room.Name, ID: id, Cluster: 77}); err != nil {
		t.Fatal(err)
	}
	if _, err := log.Load(); err != nil {
		t.Fatal(err)
	}
	saved := make(chan error, 1)
	log.Save(raft.Bootstrap(id), func(err error) { saved <- err })
	if err := <-saved; err != nil {
		t.Fatal(err)
	}
}

// await waits until a server's state is as told.
func await(t *testing.T, what string, s *tab.Server, ok func(tab.State) bool) {
	t.Helper()
	limit := time.After(patience)
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for !ok(s.State()) {
		select {
		case <-look.C:
		case <-limit:
			t.Fatalf("waited in vain: %s: %+v", what, s.State())
		}
	}
}

// A native peer joins two servers of a room, leaves, comes back as the server
// that it was, and ends when it is removed.
func TestPeer(t *testing.T) {
	base := startServe(t, "-addr", "127.0.0.1:0").base
	room := client.RandomRoom()
	founder := startServer(t, room, base, true)
	startServer(t, room, base, false)
	await(t, "two voters", founder, func(s tab.State) bool { return s.Quorum.Voters == 2 && s.Problem == "" })

	args := []string{"-room", room.Link(base), "-data", filepath.Join(t.TempDir(), "peer")}
	p := startPeer(t, args...)
	id := p.expect(`this is \w+ \w+ \(([0-9a-f]{16})\), room ` + room.Name)[0]
	p.expect(`follower, term \d+, 3 of 3 servers alive`)
	await(t, "three voters", founder, func(s tab.State) bool { return s.Quorum == tab.Quorum{Alive: 3, Needed: 2, Voters: 3} })

	second := runOnce(append([]string{"peer"}, args...)...)
	if second.status != exitFailed || second.stdout != "" || !strings.Contains(second.stderr, "in use by another server") {
		t.Errorf("a second one in its directory: %+v", second)
	}

	p.cancel()
	status, lines, stderr := p.ended()
	if status != exitOK || len(lines) == 0 || lines[len(lines)-1] != "tabraft peer: left; the same command brings this server back" || stderr != "" {
		t.Errorf("it left with status %d: %q, %s", status, lines, stderr)
	}
	await(t, "it is gone", founder, func(s tab.State) bool { return s.Quorum == tab.Quorum{Alive: 2, Needed: 2, Voters: 3} })
	put := make(chan *tab.CommandError, 1)
	founder.Do(kv.Command{Op: kv.Put, Key: "k", Value: "v"}, func(_ tab.Answer, err *tab.CommandError) { put <- err })
	if err := <-put; err != nil {
		t.Error(err)
	}

	p = startPeer(t, args...)
	if again := p.expect(`this is .*\((\w+)\).*`)[0]; again != id {
		t.Errorf("it came back as %s, was %s", again, id)
	}
	p.expect(`follower, term \d+, 3 of 3 servers alive`)
	await(t, "it caught up", founder, func(s tab.State) bool {
		for _, m := range s.Members {
			if m.ID == id && m.MatchIndex != nil {
				return *m.MatchIndex == s.LastIndex
			}
		}
		return s.Role != "leader" // then it does not know
	})

	gone, err := raft.ParseID(id)
	if err != nil {
		t.Fatal(err)
	}
	// One that is removed within 5 s of its return was removed for its absence, and
	// would join anew.
	time.Sleep(6 * time.Second)
	if err := founder.Remove(t.Context(), gone); err != nil {
		t.Fatal(err)
	}
	for life := range 2 { // and when it is started again
		if life > 0 {
			p = startPeer(t, args...)
		}
		status, _, stderr = p.ended()
		if want := "tabraft peer: The cluster removed this server. To join as a new one, start it with a new directory.\n"; status != exitFailed || stderr != want {
			t.Errorf("it was removed: status %d, %s", status, stderr)
		}
	}
	await(t, "two voters again", founder, func(s tab.State) bool { return s.Quorum.Voters == 2 && s.Problem == "" })
}

// A peer that the cluster removed while it was away joins as a new server, with
// the same command.
func TestPeerRemovedWhileAway(t *testing.T) {
	base := startServe(t, "-addr", "127.0.0.1:0").base
	room := client.RandomRoom()
	founder := startServer(t, room, base, true)
	startServer(t, room, base, false)
	await(t, "two voters", founder, func(s tab.State) bool { return s.Quorum.Voters == 2 && s.Problem == "" })
	dir := filepath.Join(t.TempDir(), "peer")
	args := []string{"-room", room.Link(base), "-data", dir, "-remove-after", "5s", "-hand-over=false"}
	p := startPeer(t, args...)
	id := p.expect(`this is \w+ \w+ \(([0-9a-f]{16})\), room ` + room.Name)[0]
	p.expect(`follower, term \d+, 3 of 3 servers alive`)
	p.cancel()
	p.ended()
	gone, err := raft.ParseID(id)
	if err != nil {
		t.Fatal(err)
	}
	if err := founder.Remove(t.Context(), gone); err != nil {
		t.Fatal(err)
	}
	p = startPeer(t, args...)
	p.expect(`this is .*\(` + id + `\).*`)
	p.expect(`the cluster removed this server while it was away; it joins as a new one, and what it had stored is now in .*` + id)
	if again := p.expect(`this is .*\((\w+)\).*`)[0]; again == id {
		t.Errorf("it is still %s", id)
	}
	p.expect(`follower, term \d+, 3 of 3 servers alive`)
	if _, err := os.Stat(filepath.Join(dir+".removed-"+id, "meta.json")); err != nil {
		t.Errorf("its state was not kept: %v", err)
	}
	await(t, "three voters", founder, func(s tab.State) bool { return s.Quorum == tab.Quorum{Alive: 3, Needed: 2, Voters: 3} })
}

// Without its signaling server a peer says so, and goes on trying.
func TestPeerWithoutServer(t *testing.T) {
	server := startServe(t, "-addr", "127.0.0.1:0")
	server.stop()
	room := client.RandomRoom()
	p := startPeer(t, "-room", room.Link(server.base), "-data", t.TempDir())
	p.expect(`joining, term 0, 0 of 0 servers alive: The signaling server cannot be reached, .*`)
	p.cancel()
	if status, _, stderr := p.ended(); status != exitOK || stderr != "" {
		t.Errorf("status %d: %s", status, stderr)
	}
}
