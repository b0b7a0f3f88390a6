package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	// strangerID is the id of the hostile peer.
	strangerID = "00000000000000ad"
	// attackTimeout bounds the attacks: a peer that misbehaved is not connected to
	// for 1 s, 2 s, 4 s and so on.
	attackTimeout = 4 * time.Minute
	// mostGrown is how many bytes more a renderer may need after the attacks.
	mostGrown = 200 << 20
)

// startStranger starts the hostile peer of wasm/tab/testdata/stranger.
func startStranger(t *testing.T, arguments ...string) *process {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "stranger")
	build := exec.Command("go", "build", "-o", binary, "./wasm/tab/testdata/stranger")
	build.Dir = filepath.Join("..", "..")
	build.Env = append(os.Environ(), "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the stranger: %v\n%s", err, out)
	}
	p, err := startProcess(binary, arguments...)
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

// resident is how many bytes of memory a tab's renderer has, 0 if that cannot be
// told.
func (tb *tab) resident() int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", tb.renderer))
	fields := strings.Fields(string(b))
	if err != nil || len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize())
}

// refusedOf is how often a tab says that it refused something of a peer.
func refusedOf(s State, peer string) (count uint64, reason string) {
	for _, r := range s.Refusals {
		if r.Peer == peer {
			return r.Count, r.Reason
		}
	}
	return 0, ""
}

// A stranger with the room's key attacks every tab in every way it knows. The cluster
// commits as before, under the same leader; the tabs count what they refused and show
// it, and their memory stays bounded.
func TestStrangerAttacks(t *testing.T) {
	t.Parallel()
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(3)
	before := r.waitCluster(3, tabs...).state()
	var memory []int64
	for _, tb := range tabs {
		memory = append(memory, tb.resident())
	}
	cluster, err := strconv.ParseUint(before.Cluster, 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	p := startStranger(t, "-room", before.Room.Link, "-cluster", fmt.Sprint(cluster), "-leader", before.ID)
	kinds := []string{"forges", "4 GiB ", "4 GiB in a frame", "answers for another", "replays"}
	n := 0
	waitFor(t, "every attack on every tab", attackTimeout, func() error {
		for range 5 {
			r.put(tabs[n%3], fmt.Sprintf("meanwhile-%d", n), "yes")
			n++
		}
		output := p.output.String()
		for _, kind := range kinds {
			for _, tb := range tabs {
				if id := tb.state().ID; !strings.Contains(output, "attack "+strings.TrimSpace(kind)+" "+id) {
					return fmt.Errorf("no attack %q on %s yet", kind, id)
				}
			}
		}
		return nil
	})
	for i, tb := range tabs {
		s := tb.state()
		count, reason := refusedOf(s, strangerID)
		if count == 0 || reason == "" {
			t.Errorf("%v refused nothing: %+v", tb, s.Refusals)
		}
		tb.front() // a hidden page does not paint
		waitText(t, tb, "tabraft-facts", "refused", spreadTimeout)
		now := tb.resident()
		t.Logf("%v refused %d, the last: %s; memory %d MB, before %d MB", tb, count, reason, now>>20, memory[i]>>20)
		if memory[i] > 0 && now-memory[i] > mostGrown {
			t.Errorf("%v grew from %d to %d bytes", tb, memory[i], now)
		}
		if len(s.Members) != 3 || s.Leader != before.ID || s.Term != before.Term {
			t.Errorf("%v: leader %s in term %d of %d members; before %s in term %d", tb, s.Leader, s.Term, len(s.Members), before.ID, before.Term)
		}
	}
	r.waitAcked(tabs...)
}

// A stranger that knows the room's token, but not its key, is connected to nobody, and
// what it sends is counted.
func TestStrangerWithAWrongKey(t *testing.T) {
	t.Parallel()
	r := startRoom(t, browserOptions{})
	tabs := r.openTabs(3)
	p := startStranger(t, "-room", tabs[0].state().Room.Link, "-wrong-key")
	if _, err := p.line("pestering 3", peerTimeout); err != nil {
		t.Fatal(err)
	}
	for _, tb := range tabs {
		waitFor(t, fmt.Sprintf("%v to count it", tb), spreadTimeout, func() error {
			count, reason := refusedOf(tb.state(), "")
			if count < 20 || !strings.Contains(reason, "another key") {
				return fmt.Errorf("%d: %s", count, reason)
			}
			return nil
		})
		for _, m := range tb.state().Members {
			if m.ID == strangerID {
				t.Errorf("it is a member of %v's cluster", tb)
			}
		}
	}
	r.put(tabs[1], "k", "v")
	r.waitAcked(tabs...)
}
