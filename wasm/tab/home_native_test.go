//go:build !js

package tab

import (
	"errors"
	"log/slog"
	"os"
	"strings"
	"testing"

	"tabraft/raft"
	"tabraft/raft/node"
	"tabraft/raft/node/wal"
	"tabraft/signaling"
	"tabraft/signaling/client"
)

var quiet = slog.New(slog.DiscardHandler)

func mustOpenDir(t *testing.T, dir string, room client.Room) *DirHome {
	t.Helper()
	h, err := OpenDir(dir, room, quiet)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestOpenDir(t *testing.T) {
	dir, room := t.TempDir()+"/server", client.RandomRoom()
	h := mustOpenDir(t, dir, room)
	id := h.ID()
	if id == raft.None || h.Cluster() != 0 || h.Kind() != "file" {
		t.Errorf("id %v, cluster %x, kind %s", id, h.Cluster(), h.Kind())
	}
	if _, err := OpenDir(dir, room, quiet); !errors.Is(err, wal.ErrLocked) || !strings.Contains(err.Error(), dir) {
		t.Errorf("a second server in the directory: %v", err)
	}
	if err := h.SetCluster(7); err != nil {
		t.Error(err)
	}
	if err := h.SetCluster(8); err == nil {
		t.Error("it went over to another cluster")
	}
	if err := h.SetCluster(7); err != nil {
		t.Error(err)
	}
	h.Close()
	h.Close()

	if _, err := OpenDir(dir, client.RandomRoom(), quiet); err == nil ||
		!strings.Contains(err.Error(), `belongs to a server of the room "`+room.Name+`": give another directory with -data`) {
		t.Errorf("a server of another room: %v", err)
	}
	h = mustOpenDir(t, dir, room)
	defer h.Close()
	if h.ID() != id || h.Cluster() != 7 {
		t.Errorf("it came back as %v of cluster %x, was %v of 7", h.ID(), h.Cluster(), id)
	}
	other := mustOpenDir(t, t.TempDir(), room)
	defer other.Close()
	if other.ID() == id {
		t.Error("two directories are one server")
	}
}

func TestOpenDirFails(t *testing.T) {
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, file + "/below"} {
		if _, err := OpenDir(dir, client.RandomRoom(), quiet); err == nil || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v", dir, err)
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/meta.json", []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenDir(dir, client.RandomRoom(), quiet); !errors.Is(err, wal.ErrCorrupt) {
		t.Errorf("a damaged directory: %v", err)
	}
}

// A server in a directory comes back as the same member, with its log.
func TestServerInADirectory(t *testing.T) {
	w := newWorld(t)
	founder := w.found()
	dir := t.TempDir()
	start := func() (*DirHome, *testServer) {
		t.Helper()
		h := mustOpenDir(t, dir, w.room)
		t.Cleanup(h.Close)
		return h, w.start(signaling.KindNative, h)
	}
	h, s := start()
	w.awaitVoters(founder, s)
	s.must(put("k", "v"))
	last := s.State().LastIndex
	s.Crash()
	if err := s.Restart(); err == nil || !strings.Contains(err.Error(), "start its process again") {
		t.Errorf("a second life: %v", err)
	}
	s.Leave()
	h.Close()

	_, again := start()
	if again.id != s.id {
		t.Errorf("it came back as %v, was %v", again.id, s.id)
	}
	if state := again.State(); state.LastIndex < last-1 || state.Role == "joining" || state.Storage.Kind != "file" {
		t.Errorf("it came back with %+v", state)
	}
	w.awaitVoters(founder, again)
	if a := again.must(get("k")); a.Value == nil || *a.Value != "v" {
		t.Errorf("it has lost a value: %+v", a)
	}
	if err := founder.Remove(t.Context(), again.id); err != nil {
		t.Fatal(err)
	}
	w.await("it stops", func() bool { return again.State().Problem == "removed" })
	if reason := again.State().Reason; !strings.HasSuffix(reason, "start it with a new directory.") {
		t.Errorf("reason %q", reason)
	}
	if err := again.Restart(); !errors.Is(err, node.ErrRemoved) {
		t.Errorf("restart: %v", err)
	}
}
