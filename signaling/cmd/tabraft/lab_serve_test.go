package main

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tabraft/raft/lab/kit"
)

func TestLabServeRefuses(t *testing.T) {
	for _, c := range []struct {
		args   []string
		status int
		words  string
	}{
		{[]string{"serve", t.TempDir()}, exitFailed, "is in no Go module"},
		{[]string{"serve", "a", "b"}, exitUsage, "it takes one folder, 2 were named"},
		{[]string{"serve", "-addr", "nonsense", "../../../raft/lab/textbook"}, exitFailed, "not host:port"},
	} {
		status, _, errs := lab(t, c.args...)
		if status != c.status || !strings.Contains(errs, c.words) {
			t.Errorf("lab %q gave %d and %q, want %d and %q", c.args, status, errs, c.status, c.words)
		}
	}
}

// What pages ask for, before anything was built.
func TestLabAddresses(t *testing.T) {
	l := &labPage{pkg: &kit.Package{Import: "myraft"}, roomErr: errors.New("no source folder"), wasmExec: []byte("go")}
	l.suite.Want()
	mux := http.NewServeMux()
	l.mount(mux)
	get := func(path string, want int) string {
		t.Helper()
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
		if w.Code == http.StatusOK && !strings.Contains(w.Header().Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s has no policy", path)
		}
		return w.Body.String()
	}
	var s labStatus
	if err := json.Unmarshal([]byte(get("/lab/status", http.StatusOK)), &s); err != nil || len(s.Tests) != 28 || !s.Building || s.Program != "" {
		t.Errorf("status %+v, %v", s, err)
	}
	var room labStatus
	if err := json.Unmarshal([]byte(get("/lab/room/status", http.StatusOK)), &room); err != nil || room.Unavailable == "" || room.Building {
		t.Errorf("status of the room %+v, %v", room, err)
	}
	get("/lab/program/0123456789ab.wasm", http.StatusNotFound)
	get("/lab/elsewhere", http.StatusNotFound)
	get("/lab", http.StatusMovedPermanently)
	if text := get("/lab/seeded.js", http.StatusOK); !strings.Contains(text, "seedEverything") {
		t.Error("seeded.js is not served")
	}
	get("/lab/wasm_exec.js", http.StatusOK)
}

// `tabraft serve` has the lab with the textbook Raft, where it can be compiled.
func TestTextbookLab(t *testing.T) {
	get := func(h http.Handler, path string) (int, string) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		return w.Code, w.Body.String()
	}
	mux := http.NewServeMux()
	(&textbookLab{ctx: t.Context(), log: io.Discard}).mount(mux)
	code, body := get(mux, "/lab/wasm_exec.js")
	if code != http.StatusOK || !strings.Contains(body, "Go") {
		t.Errorf("wasm_exec.js: %d, %.100s", code, body)
	}
	if code, _ := get(mux, "/lab/elsewhere"); code != http.StatusNotFound {
		t.Errorf("/lab/elsewhere: %d", code)
	}

	t.Chdir(t.TempDir())
	mux = http.NewServeMux()
	(&textbookLab{ctx: t.Context(), log: io.Discard}).mount(mux)
	code, body = get(mux, "/lab/")
	if code != http.StatusNotFound || !strings.Contains(body, "make run") || !strings.Contains(body, "source folder") {
		t.Errorf("without the source folder: %d, %s", code, body)
	}
}
