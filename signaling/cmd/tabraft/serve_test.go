package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"tabraft/signaling"
	"tabraft/signaling/client"
)

// patience bounds every wait of these tests for something that comes at once when all is well.
const patience = 20 * time.Second

// result is what a run of the program left.
type result struct {
	status         int
	stdout, stderr string
}

func runOnce(args ...string) result {
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // a serve that starts against expectation ends at once
	var stdout, stderr bytes.Buffer
	status := run(ctx, args, &stdout, &stderr)
	return result{status, stdout.String(), stderr.String()}
}

func TestCommandLine(t *testing.T) {
	for line, want := range map[string]struct {
		status         int
		stdout, stderr string // that must occur; empty: nothing is printed
	}{
		"":                          {2, "", "Usage: tabraft COMMAND"},
		"help":                      {0, "serve", ""},
		"--help":                    {0, "serve", ""},
		"help help":                 {0, "serve", ""},
		"help serve":                {0, "-addr", ""},
		"serve -h":                  {0, "turn:user:password@host:port", ""},
		"help sing":                 {2, "", `no command "sing"`},
		"version":                   {0, "tabraft ", ""},
		"sing":                      {2, "", `no command "sing"; tabraft help`},
		"serve now":                 {2, "", `unexpected argument "now"`},
		"serve -port 80":            {2, "", "-port"},
		"serve -log xml":            {2, "", "use text or json"},
		"serve -ice http://x":       {2, "", "stun"},
		"serve -ice stun:h:1,turn:": {2, "", "turn:user:password@host:port"},
		"serve -addr localhost":     {1, "", "for example -addr :8081"},
		"serve -addr :http-alt-not": {1, "", "cannot listen"},
		"serve -addr :99999":        {1, "", "cannot listen"},
		"serve -addr 127.0.0.1:0":   {0, "tabraft: open http://localhost:", "shutting down"},
		"serve -addr 0 -log json":   {0, "tabraft: open http://localhost:", `"msg":"shutting down"`},
		"serve -addr 127.0.0.1:0 -ice stun:h:1,stun:i:2 -ice turn:u:p@h:3": {0, "tabraft: open http://localhost:", "shutting down"},
	} {
		got := runOnce(strings.Fields(line)...)
		if got.status != want.status || !occurs(want.stdout, got.stdout) || !occurs(want.stderr, got.stderr) {
			t.Errorf("tabraft %s: status %d\nstdout: %s\nstderr: %s", line, got.status, got.stdout, got.stderr)
		}
	}
}

func occurs(want, in string) bool {
	return want == "" && in == "" || want != "" && strings.Contains(in, want)
}

func TestPortInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	got := runOnce("serve", "-addr", taken.Addr().String())
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	if got.status != exitFailed || got.stdout != "" || strings.Count(got.stderr, "\n") != 1 ||
		!strings.Contains(got.stderr, "port "+port+" is in use") || !regexp.MustCompile(`-addr :\d+, or make run ADDR=:\d+`).MatchString(got.stderr) {
		t.Errorf("%+v", got)
	}
}

func TestAnnounce(t *testing.T) {
	lan := []net.IP{net.IPv4(192, 168, 1, 7), net.ParseIP("fd00::7")}
	actual := &net.TCPAddr{Port: 8080}
	for asked, want := range map[string]string{
		":8080":          "http://localhost:8080/ http://192.168.1.7:8080/ http://[fd00::7]:8080/",
		"0.0.0.0:8080":   "http://localhost:8080/ http://192.168.1.7:8080/ http://[fd00::7]:8080/",
		"[::]:0":         "http://localhost:8080/ http://192.168.1.7:8080/ http://[fd00::7]:8080/",
		"127.0.0.1:8080": "http://localhost:8080/",
		"localhost:8080": "http://localhost:8080/",
		"[::1]:8080":     "http://localhost:8080/",
		"10.0.0.1:8080":  "http://10.0.0.1:8080/",
		"raft.test:8080": "http://raft.test:8080/",
	} {
		var out strings.Builder
		announce(&out, serveOptions{addr: asked, todo: "in three tabs"}, actual, lan)
		first, _, _ := strings.Cut(out.String(), "\n")
		if !regexp.MustCompile(`^tabraft: open http://\S+/ in three tabs$`).MatchString(first) {
			t.Errorf("%s: the first line is %q", asked, first)
		}
		if got := strings.Join(regexp.MustCompile(`http://\S+`).FindAllString(out.String(), -1), " "); got != want {
			t.Errorf("%s: %s, want %s", asked, got, want)
		}
	}
}

// running is a `tabraft serve` in this process.
type running struct {
	base string
	stop func() // as a signal does; returns when it has ended
}

func startServe(t *testing.T, args ...string) running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, stdout := io.Pipe()
	status := make(chan int, 1)
	go func() {
		status <- run(ctx, append([]string{"serve"}, args...), stdout, io.Discard)
		stdout.Close()
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	go io.Copy(io.Discard, out)
	base := strings.TrimSuffix(strings.TrimPrefix(line, "tabraft: open "), " in three tabs\n")
	stopped := false
	stop := func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		select {
		case s := <-status:
			if s != exitOK {
				t.Errorf("serve ended with status %d", s)
			}
		case <-time.After(patience):
			t.Error("serve does not end")
		}
	}
	t.Cleanup(stop)
	return running{base, stop}
}

// hearing is a handler that passes on what these tests ask about.
type hearing struct {
	welcome chan []signaling.ICEServer
	lost    chan error
	signal  chan string
}

func newHearing() hearing {
	return hearing{make(chan []signaling.ICEServer, 10), make(chan error, 10), make(chan string, 10)}
}

func (h hearing) Welcome(_ []signaling.Peer, ice []signaling.ICEServer) { h.welcome <- ice }
func (h hearing) Joined(signaling.Peer)                                 {}
func (h hearing) Left(signaling.Peer)                                   {}
func (h hearing) Signal(_ signaling.Peer, payload []byte)               { h.signal <- string(payload) }
func (h hearing) Connection(connected bool, err error) {
	if !connected {
		h.lost <- err
	}
}

func wait[T any](t *testing.T, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(patience):
		t.Fatal("waited in vain")
	}
	return v
}

// The server serves page, health and signaling, and says goodbye when it is told to stop.
func TestServe(t *testing.T) {
	server := startServe(t, "-addr", "127.0.0.1:0", "-ice", "stun:stun.example.org:3478")
	for path, want := range map[string]int{"": 0, "healthz": http.StatusOK, "nothing-here": http.StatusNotFound} {
		answer, err := http.Get(server.base + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if want != 0 && answer.StatusCode != want {
			t.Errorf("/%s: %s", path, answer.Status)
		}
		switch path {
		case "":
			if !strings.Contains(string(body), "tabraft") {
				t.Errorf("the page is %q", body)
			}
		case "healthz":
			var h signaling.Health
			if err := json.Unmarshal(body, &h); err != nil || h.Status != "ok" {
				t.Errorf("%s, %v", body, err)
			}
		}
	}

	url, err := client.SignalURL(server.base)
	if err != nil {
		t.Fatal(err)
	}
	room := client.RandomRoom()
	join := func(id string) (*client.Client, hearing) {
		h := newHearing()
		c := client.Start(client.Config{URL: url, Room: room, Handler: h,
			Peer: signaling.Peer{ID: id, Incarnation: id, Kind: signaling.KindNative}})
		t.Cleanup(c.Close)
		if ice := wait(t, h.welcome); len(ice) != 1 || ice[0].URLs[0] != "stun:stun.example.org:3478" {
			t.Errorf("ICE servers %v", ice)
		}
		return c, h
	}
	a, heardA := join("000000000000000a")
	_, heardB := join("000000000000000b")
	if err := a.Send("000000000000000b", []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if got := wait(t, heardB.signal); got != "hello" {
		t.Errorf("got %q", got)
	}

	server.stop()
	if err := wait(t, heardA.lost); err == nil || !strings.Contains(err.Error(), "shutting down") {
		t.Errorf("the client heard: %v", err)
	}
}
