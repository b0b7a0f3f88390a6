package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// lab runs `tabraft lab` with arguments.
func lab(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run(t.Context(), append([]string{"lab"}, args...), &out, &errs)
	return status, out.String(), errs.String()
}

// A student's way: a new module, a Raft put into it, its tests, and a mistake.
func TestLab(t *testing.T) {
	t.Setenv("GOPROXY", "off")
	dir := filepath.Join(t.TempDir(), "mine")
	if status, out, errs := lab(t, "new", dir); status != exitOK || !strings.Contains(out, "go test -run 2A") {
		t.Fatal(status, out, errs)
	}
	if status, _, errs := lab(t, "new", dir); status != exitFailed || !strings.Contains(errs, "not empty") {
		t.Fatal(status, errs)
	}
	textbook := filepath.Join("..", "..", "..", "raft", "lab", "textbook")
	status, out, errs := lab(t, "run", textbook, "-run", "BasicAgree", "-seed", "5")
	if status != exitOK || !strings.Contains(out, "Test (2B): basic agreement (seed 5)") || !strings.Contains(out, "Passed --") {
		t.Fatal(status, out, errs)
	}
	status, out, errs = lab(t, "run", "-json", "-run=2A", "-count", "12", "-seed=100", textbook)
	var report struct {
		Results []struct {
			Test    string
			Seed    uint64
			Verdict string
		}
	}
	if err := json.Unmarshal([]byte(out), &report); status != exitOK || err != nil || len(report.Results) != 36 || report.Results[11].Seed != 111 {
		t.Fatal(status, err, out, errs)
	}

	// A goroutine that panics, of a Raft that prints a lot.
	raft := filepath.Join(dir, "raft.go")
	source, err := os.ReadFile(raft)
	if err != nil {
		t.Fatal(err)
	}
	broken := strings.Replace(string(source), "return rf\n", "go func() {\n\t\tfor i := range 20000 {\n\t\t\tprintln(\"line\", i)\n\t\t}\n\t\tvar none []int\n\t\t_ = none[me+7]\n\t}()\n\treturn rf\n", 1)
	if broken == string(source) {
		t.Fatal("the skeleton has changed")
	}
	if err := os.WriteFile(raft, []byte(broken), 0o644); err != nil {
		t.Fatal(err)
	}
	status, out, errs = lab(t, "run", dir, "-run", "InitialElection", "-count", "2")
	if status != exitFailed || !strings.Contains(out, "0 of 2") || !strings.Contains(out, "index out of range") || !strings.Contains(out, "raft.go:") {
		t.Fatal(status, out, errs)
	}
	if len(out) > 100_000 {
		t.Fatalf("%d bytes of output", len(out))
	}
	if err := os.WriteFile(raft, []byte("package raft\n\nfunc Make( {\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if status, _, errs = lab(t, "run", dir); status != exitFailed || !strings.Contains(errs, "raft.go:3:") {
		t.Fatal(status, errs)
	}
}

func TestLabUsage(t *testing.T) {
	for line, want := range map[string]string{
		"": "lab new", "dance": "no command", "run": "takes one folder", "run a b": "takes one folder", "run -speed 3 x": "not defined", "run nowhere": "no such file",
	} {
		if status, _, errs := lab(t, strings.Fields(line)...); status == exitOK || !strings.Contains(errs, want) && !strings.Contains(errs, "Usage") {
			t.Errorf("tabraft lab %s: status %d, %s", line, status, errs)
		}
	}
}
