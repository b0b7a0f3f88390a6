package suite_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"tabraft/raft/lab/suite"
	"tabraft/raft/lab/suite/rules"
)

// plain builds testdata/plain, a program that is no test, once for each platform.
func plain(t *testing.T, goos string) string {
	t.Helper()
	if runtime.GOOS == "js" {
		t.Skip("starts programs")
	}
	path, err := map[string]func() (string, error){"native": plainNative, "js": plainJS}[goos]()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var (
	plainNative = sync.OnceValues(func() (string, error) { return buildPlain("plain") })
	plainJS     = sync.OnceValues(func() (string, error) { return buildPlain("plain.wasm", "GOOS=js", "GOARCH=wasm") })
	plainDir    = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "suite-plain-") })
)

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := plainDir(); err == nil {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

func buildPlain(name string, env ...string) (string, error) {
	dir, err := plainDir()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, name)
	cmd := exec.Command("go", "build", "-o", path, "./testdata/plain")
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = os.Stderr
	return path, cmd.Run()
}

// play runs a built program and returns its report, what it wrote to its
// standard error, and whether it ended with success.
func play(t *testing.T, cmd *exec.Cmd) (suite.Report, string, bool) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var r suite.Report
	if stdout.Len() > 0 {
		if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
			t.Fatalf("%v\n%s%s", err, stdout.String(), stderr.String())
		}
	}
	return r, stderr.String(), err == nil
}

// The suite runs in a program that is no test.
func TestPlainProgram(t *testing.T) {
	r, stderr, ok := play(t, exec.Command(plain(t, "native"), "2A|BasicAgree", "11"))
	if !ok || len(r.Results) != 4 || !r.Passed() || r.Seed != 11 {
		t.Errorf("%v %+v\n%s", ok, r, stderr)
	}
}

// A panic in a goroutine of the student's ends the program. What it wrote last says
// whose it was.
func TestPanicInAGoroutine(t *testing.T) {
	_, stderr, ok := play(t, exec.Command(plain(t, "native"), "InitialElection", "7", "panics"))
	if ok {
		t.Fatal("the program ended well")
	}
	c, found := suite.ExplainCrash(stderr)
	if !found || c.Server != "2" || c.Test != "InitialElection2A" || c.Seed != "7" || !strings.Contains(c.Message, "index out of range") || !strings.Contains(c.Where, "main.misbehave (main.go:") {
		t.Errorf("%v %+v\n%s", found, c, stderr)
	}
	if _, found := suite.ExplainCrash("nothing of the kind"); found {
		t.Error("found a crash where there is none")
	}
}

// A goroutine that never lets go is stopped after a while, and the program can
// say which test it was.
func TestEndlessLoop(t *testing.T) {
	r, stderr, ok := play(t, exec.Command(plain(t, "native"), "2A", "7", "spins"))
	if ok || len(r.Results) != 1 || r.Aborted == "" {
		t.Fatalf("%v %+v\n%s", ok, r, stderr)
	}
	f := r.Results[0].Failure
	if f.Kind != rules.Spin || !f.Running || !strings.Contains(f.Stacks, "server 1 runs") || !strings.Contains(f.Stacks, "main.misbehave") {
		t.Errorf("%+v", f)
	}
}

// Goroutines that outlive Kill are named; a test does not fail for that.
func TestGoroutinesThatOutliveKill(t *testing.T) {
	for how, state := range map[string]string{"lives on": "sleeps", "waits on": "waits: select (no cases)"} {
		r, stderr, ok := play(t, exec.Command(plain(t, "native"), "InitialElection", "7", how))
		if !ok || len(r.Results[0].Warnings) != 1 {
			t.Fatalf("%s: %v %+v\n%s", how, ok, r, stderr)
		}
		w := r.Results[0].Warnings[0]
		if !strings.Contains(w, "3 goroutines still run") || !strings.Contains(w, state) || !strings.Contains(w, "main.misbehave") {
			t.Errorf("%s: %s", how, w)
		}
	}
}

// Under GOOS=js, with chance and clock from the seed, a seed is a run, byte for byte.
func TestSameSeedSameRunJS(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("no node")
	}
	wasm := plain(t, "js")
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	seeded, err := filepath.Abs("seeded/seeded.js")
	if err != nil {
		t.Fatal(err)
	}
	loader := filepath.Join(strings.TrimSpace(string(goroot)), "lib", "wasm", "wasm_exec_node.js")
	once := func(seed string) (suite.Report, string) {
		cmd := exec.Command(node, "--stack-size=8192", "--require", seeded, loader, wasm, "2A|Agree|Persist3|SnapshotInit", seed)
		// wasm_exec_node.js wants an environment that is not too large.
		cmd.Env = []string{"TABRAFT_SEED=" + seed, "PATH=" + os.Getenv("PATH")}
		r, stderr, ok := play(t, cmd)
		if !ok {
			t.Fatalf("seed %s: %s", seed, stderr)
		}
		return r, stderr
	}
	r1, out1 := once("5")
	r2, out2 := once("5")
	other, _ := once("6")
	if out1 != out2 {
		t.Errorf("two runs of a seed differ:\n%s\n%s", out1, out2)
	}
	for i, r := range r1.Results {
		if r.Digest != r2.Results[i].Digest || r.Digest == "" {
			t.Errorf("%s: two runs of a seed differ", r.Test)
		}
		if r.Digest == other.Results[i].Digest {
			t.Errorf("%s: two seeds do not differ", r.Test)
		}
	}
}
