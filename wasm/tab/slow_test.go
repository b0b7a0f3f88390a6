//go:build !js

package tab

import (
	"strings"
	"testing"
	"time"

	"tabraft/raft/node"
	"tabraft/signaling"
)

// Storage that does not answer was told nowhere: a room of one committed nothing, and
// state().problem was empty. The server goes on when the storage does.
func TestSlowStorageIsTold(t *testing.T) {
	for name, n := range map[string]int{"alone": 1, "of three": 3} {
		t.Run(name, func(t *testing.T) {
			virtualWorld(t, func(t *testing.T, w *world) { slowStorage(t, w, n) })
		})
	}
}

func slowStorage(t *testing.T, w *world, n int) {
	servers := w.tabs(n, "broadcast")
	first := w.awaitLeader(servers...)
	slow := func() bool { return first.State().Problem == "slow-storage" }
	first.home.storage.Stall(true)
	answer := first.ask(put("k", "v"))
	w.await("it is told", slow)
	if s := first.State(); s.Role == "stopped" || !strings.Contains(s.Reason, "has not answered for 5 s") {
		t.Errorf("%s: %s", s.Role, s.Reason)
	}
	told := func(e Event) bool {
		said, ok := e.Data.(ErrorEvent)
		return ok && e.Kind == "error" && said.Message == node.ErrSlowSave.Error()
	}
	if !first.heard(told) {
		t.Error("no event tells of it")
	}
	r := w.answered(answer)
	if n == 1 && r.err == nil || n > 1 && r.err != nil {
		t.Errorf("a command meanwhile: %v", r.err)
	}
	if n > 1 {
		w.await("another leads", func() bool { return servers[1].State().Leader != "" && servers[1].State().Leader != first.id.String() })
	}
	first.home.storage.Stall(false)
	w.await("it is well again", func() bool { return !slow() })
	first.must(put("k", "after"))
}

func TestSlowWords(t *testing.T) {
	for kind, part := range map[signaling.Kind]string{signaling.KindTab: "another tab of this page is stopped", signaling.KindNative: "Check the disk"} {
		words := slowWords(7400*time.Millisecond, kind)
		checkWords(t, "slow-storage", words)
		if !strings.Contains(words, "for 7 s") || !strings.Contains(words, part) {
			t.Error(words)
		}
	}
}
