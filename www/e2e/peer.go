package e2e

import (
	"testing"
	"time"
)

// peerTimeout bounds how long `tabraft peer` takes to be a voter: a native
// offerer takes over a second for one link.
const peerTimeout = 20 * time.Second

// A nativePeer is `tabraft peer`: a server without a tab.
type nativePeer struct {
	t    testing.TB
	link string
	dir  string
	life *process
	// run gives the program and arguments that run the server; nil for here.
	run func(program string, args ...string) (string, []string)
	// more are arguments besides.
	more []string
}

// startPeer starts a server that joins the room of an invite link. It ends with
// the test.
func startPeer(t testing.TB, link string) *nativePeer {
	t.Helper()
	p := &nativePeer{t: t, link: link}
	p.begin()
	return p
}

// begin starts a server for the first time.
func (p *nativePeer) begin() {
	p.t.Helper()
	t := p.t
	p.dir = t.TempDir()
	p.start()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			keep(t, "peer.txt", []byte(p.life.output.String()))
		}
	})
}

// start starts the server, again if it was killed, on its data.
func (p *nativePeer) start() {
	p.t.Helper()
	name, args := program(p.t), append([]string{"peer", "-v", "-room", p.link, "-data", p.dir}, p.more...)
	if p.run != nil {
		name, args = p.run(name, args...)
	}
	life, err := startProcess(name, args...)
	if err != nil {
		p.t.Fatal(err)
	}
	p.life = life
	if _, err := life.line("tabraft peer: this is ", peerTimeout); err != nil {
		p.t.Fatalf("tabraft peer: %v", err)
	}
}

// waitVoter waits until the server says that it is a voter.
func (p *nativePeer) waitVoter() {
	p.t.Helper()
	if _, err := p.life.line("tabraft peer: follower, ", peerTimeout); err != nil {
		p.t.Fatalf("tabraft peer: %v", err)
	}
}

// kill ends the server at once, as a crash would.
func (p *nativePeer) kill() { p.life.kill() }
