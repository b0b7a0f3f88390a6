package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// simCommand runs `tabraft sim` and gives its exit status and what it printed.
func simCommand(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run(t.Context(), append([]string{"sim"}, args...), &out, &errs)
	return status, out.String(), errs.String()
}

func TestSimRunsWorlds(t *testing.T) {
	status, out, errs := simCommand(t, "-seeds", "5", "-steps", "500", "-first", "3")
	if status != exitOK || errs != "" || !strings.Contains(out, "5 worlds") || !strings.Contains(out, "deliveries/s") {
		t.Errorf("status %d, %s%s", status, out, errs)
	}
}

// A broken world is shrunk into a file, which shows the same again.
func TestSimShrinksBrokenWorlds(t *testing.T) {
	dir := t.TempDir()
	status, out, errs := simCommand(t, "-seed", "1", "-steps", "3000", "-flaw", "report-early", "-o", dir)
	if status != exitFailed || errs != "" || !strings.Contains(out, "again: go run ./signaling/cmd/tabraft sim -seed 1 -steps 3000 -flaw report-early") {
		t.Fatalf("status %d, %s%s", status, out, errs)
	}
	status, out, errs = simCommand(t, "-replay", filepath.Join(dir, "sim-1.trace"))
	if status != exitFailed || errs != "" || !strings.Contains(out, "broken: ") {
		t.Errorf("status %d, %s%s", status, out, errs)
	}
}

func TestSimRefusesNonsense(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.trace")
	if err := os.WriteFile(bad, []byte("1s explode 3\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"no flaw":      {"-flaw", "gravity"},
		"steps":        {"-steps", "-1"},
		"no such file": {"-replay", "/does/not/exist"},
		"unknown kind": {"-replay", bad},
	} {
		if status, out, errs := simCommand(t, args...); status != exitFailed || !strings.Contains(errs, want) {
			t.Errorf("%v: status %d, %s%s", args, status, out, errs)
		}
	}
}
