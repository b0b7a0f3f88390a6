package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// stranger.go: hostile peers.

// strangerID is the id of a stranger that gives none.
const strangerID = "00000000000000ad"

// startStranger starts the hostile peer of wasm/tab/testdata/stranger.
func startStranger(t testing.TB, arguments ...string) *process {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "stranger")
	build := exec.Command("go", "build", "-o", binary, "./wasm/tab/testdata/stranger")
	build.Dir = filepath.Join("..", "..")
	build.Env = append(os.Environ(), "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the stranger: %v\n%s", err, out)
	}
	// An attacker elsewhere would use its own processor.
	p, err := startProcess("nice", append([]string{"-n", "19", binary}, arguments...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			keep(t, "stranger.txt", []byte(p.output.String()))
		}
	})
	return p
}

// A hostile peer has the room's key and attacks in some ways, again and again: the more
// often it was found out, the longer it is kept away.
type hostile struct {
	id   string
	ways []string
	*process
}

// attack starts a hostile peer on a cluster.
func attack(t testing.TB, s State, id string, ways ...string) hostile {
	t.Helper()
	cluster, err := strconv.ParseUint(s.Cluster, 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return hostile{id, ways, startStranger(t, "-id", id, "-attacks", strings.Join(ways, ","),
		"-room", s.Room.Link, "-cluster", fmt.Sprint(cluster), "-leader", s.ID)}
}

// done tells whether it has attacked each tab in all its ways, and each is over.
func (h hostile) done(tabs []*tab) error {
	output := h.output.String()
	for _, way := range h.ways {
		for _, tb := range tabs {
			if id := tb.state().ID; !strings.Contains(output, "over "+way+" "+id+"\n") {
				return fmt.Errorf("attack %q on %s is not over yet", way, id)
			}
		}
	}
	return nil
}
