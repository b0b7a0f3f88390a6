package e2e

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	// serverTimeout bounds the start of `tabraft serve`.
	serverTimeout = 10 * time.Second
	// stopTimeout bounds its graceful end, which waits 5 s for clients.
	stopTimeout = 8 * time.Second
)

// lanAddress is this computer's in the private network.
const lanAddress = "192.0.2.1" // TEST-NET-1, RFC 5737

// program is the path of the built tabraft. It fails the test if there is none.
func program(t testing.TB) string {
	t.Helper()
	path := os.Getenv("TABRAFT_BIN")
	if path == "" {
		path = filepath.Join("..", "..", "build", "tabraft")
	}
	path, err := filepath.Abs(path)
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		t.Fatalf("no program to test: %v; make build makes it, TABRAFT_BIN names another", err)
	}
	return path
}

// A server is `tabraft serve` on a port of its own.
type server struct {
	t    testing.TB
	port string
	host string // where it listens; empty for all addresses
	// url is that of the page with no fragment.
	url  string
	life *process
	logs []*transcript // of every life
}

// startServer starts a server, which ends with the test.
func startServer(t testing.TB) *server {
	t.Helper()
	return startServerAt(t, "127.0.0.1")
}

// startServerAt starts one that listens on an address, or on all.
func startServerAt(t testing.TB, host string) *server {
	t.Helper()
	traceFolder(t)
	s := &server{t: t, host: host, port: freePort(t)}
	s.url = "http://localhost:" + s.port + "/"
	t.Cleanup(func() {
		if s.life != nil {
			s.life.kill()
		}
		if t.Failed() {
			s.keepLogs()
		}
	})
	s.start()
	return s
}

// freePort is a port that was free a moment ago and stays the server's over
// its restarts.
func freePort(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// start starts the server, again if it was killed, on its port.
func (s *server) start() {
	s.t.Helper()
	life, err := startProcess(program(s.t), "serve", "-v", "-addr", s.host+":"+s.port)
	if err != nil {
		s.t.Fatal(err)
	}
	s.life, s.logs = life, append(s.logs, life.output)
	line, err := life.line("tabraft: open ", serverTimeout)
	if err != nil {
		s.t.Fatalf("tabraft serve: %v", err)
	}
	if want := "tabraft: open " + s.url + " in three tabs"; line != want {
		s.t.Fatalf("tabraft serve says %q, want %q", line, want)
	}
	waitFor(s.t, "the server to answer", serverTimeout, func() error {
		answer, err := http.Get(s.url + "healthz")
		if err != nil {
			return err
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("/healthz says %s", answer.Status)
		}
		return nil
	})
}

// kill ends the server at once, as a crash would.
func (s *server) kill() {
	s.life.kill()
	s.life = nil
}

// stop ends the server as Ctrl-C does.
func (s *server) stop() {
	s.t.Helper()
	if err := s.life.interrupt(stopTimeout); err != nil {
		s.t.Fatalf("tabraft serve, interrupted: %v\n%s", err, s.life.output)
	}
	s.life = nil
}

func (s *server) keepLogs() {
	var all strings.Builder
	for i, log := range s.logs {
		fmt.Fprintf(&all, "life %d\n%s\n", i+1, log)
	}
	keep(s.t, "server.txt", []byte(all.String()))
}
