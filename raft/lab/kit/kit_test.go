package kit

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tabraft/raft/lab/runner"
	"tabraft/raft/lab/suite"
)

// write puts a file into a folder.
func write(t *testing.T, dir, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// A new module compiles as it is, without this repository's go.sum and without a
// network, and its tests fail in the way that an empty Raft's do.
func TestNewModuleBuildsAndRuns(t *testing.T) {
	t.Setenv("GOPROXY", "off")
	t.Setenv("GOFLAGS", "-mod=mod")
	dir := filepath.Join(t.TempDir(), "My Raft")
	if err := New(dir); err != nil {
		t.Fatal(err)
	}
	p, err := Find(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if p.Import != "myraft" || p.Name != "raft" {
		t.Fatalf("%+v", p)
	}
	program := filepath.Join(t.TempDir(), "program")
	if err := p.Build(t.Context(), program, false); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), program, "-run", "InitialElection", "-seed", "7").Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != runner.Failed {
		t.Fatalf("%v: %s", err, out)
	}
	var r suite.Result
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if r.Test != "InitialElection2A" || r.Seed != 7 || r.Verdict == suite.Passed || r.Failure == nil {
		t.Fatalf("%+v", r)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*lab*")); len(left) > 0 {
		t.Fatalf("building left %v", left)
	}
	tests := exec.CommandContext(t.Context(), "go", "vet", "./...")
	tests.Dir = dir
	if out, err := tests.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

func TestNewKeepsWhatIsThere(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "raft.go", "package raft\n")
	if err := New(dir); !errors.Is(err, ErrNotEmpty) {
		t.Fatal(err)
	}
	if found, _ := os.ReadDir(dir); len(found) != 1 {
		t.Fatal(found)
	}
}

// What does not compile gives the compiler's lines, and nothing else.
func TestBuildError(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "r")
	if err := New(dir); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "mistake.go", "package raft\n\nfunc mistake() int { return \"x\" }\n")
	p, err := Find(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	err = p.Build(t.Context(), filepath.Join(t.TempDir(), "program"), false)
	var failed *BuildError
	if !errors.As(err, &failed) || !strings.Contains(failed.Lines, "mistake.go:3:") {
		t.Fatal(err)
	}
	// No Make.
	for _, name := range []string{"mistake.go", "raft.go", "raft_test.go"} {
		os.Remove(filepath.Join(dir, name))
	}
	if p, err = Find(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if err := p.Build(t.Context(), filepath.Join(t.TempDir(), "program"), false); !errors.As(err, &failed) || !strings.Contains(failed.Lines, "Make") {
		t.Fatal(err)
	}
}

func TestFindRefuses(t *testing.T) {
	empty, program := t.TempDir(), t.TempDir()
	write(t, program, "go.mod", "module p\n")
	write(t, program, "main.go", "package main\n\nfunc main() {}\n")
	write(t, empty, "raft.go", "package raft\n")
	for dir, want := range map[string]string{
		empty: "in no Go module", program: "package main", filepath.Join(empty, "no"): "no such file", filepath.Join(empty, "raft.go"): "not a folder",
	} {
		if _, err := Find(context.Background(), dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", dir, err, want)
		}
	}
}
