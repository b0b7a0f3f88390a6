package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	// labBuildTimeout bounds a build of a student's program, the first one of which
	// compiles what it imports too.
	labBuildTimeout = 90 * time.Second
	// labRunTimeout bounds one test of the lab in a tab, on a busy machine.
	labRunTimeout = 60 * time.Second
	textbook      = "../../raft/lab/textbook"
)

// A student has a module with a Raft, which begins as the textbook's.
type student struct {
	t      testing.TB
	folder string
}

func newStudent(t testing.TB) *student {
	t.Helper()
	s := &student{t: t, folder: filepath.Join(t.TempDir(), "myraft")}
	if out, err := exec.Command(program(t), "lab", "new", s.folder).CombinedOutput(); err != nil {
		t.Fatalf("tabraft lab new: %v\n%s", err, out)
	}
	skeleton, err := filepath.Glob(filepath.Join(s.folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range skeleton {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	s.restore()
	return s
}

// restore makes the Raft the textbook's.
func (s *student) restore() {
	s.t.Helper()
	files, err := filepath.Glob(filepath.Join(textbook, "*.go"))
	if err != nil || len(files) == 0 {
		s.t.Fatalf("no textbook Raft: %v", err)
	}
	for _, from := range files {
		if strings.HasSuffix(from, "_test.go") {
			continue
		}
		text, err := os.ReadFile(from)
		if err != nil {
			s.t.Fatal(err)
		}
		s.write(filepath.Base(from), string(text))
	}
}

func (s *student) write(name, text string) {
	s.t.Helper()
	to := filepath.Join(s.folder, name)
	if old, err := os.ReadFile(to); err == nil && string(old) == text {
		return
	}
	if err := os.WriteFile(to, []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// patch restores the textbook's Raft, but with one piece of one file replaced.
func (s *student) patch(name, old, replacement string) {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(textbook, name))
	if err != nil {
		s.t.Fatal(err)
	}
	if strings.Count(string(text), old) != 1 {
		s.t.Fatalf("%s has %q %d times", name, old, strings.Count(string(text), old))
	}
	patched := strings.Replace(string(text), old, replacement, 1)
	s.restoreBut(name)
	s.write(name, patched)
}

func (s *student) restoreBut(name string) {
	files, _ := filepath.Glob(filepath.Join(s.folder, "*.go"))
	for _, file := range files {
		base := filepath.Base(file)
		text, err := os.ReadFile(filepath.Join(textbook, base))
		if base == name || err != nil {
			continue
		}
		s.write(base, string(text))
	}
}

// startLab serves the lab with the package in a folder, and gives its address.
func startLab(t testing.TB, folder string) (url string, life *process) {
	t.Helper()
	port := freePort(t)
	life, err := startProcess(program(t), "lab", "serve", "-addr", "127.0.0.1:"+port, folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		life.kill()
		if t.Failed() {
			t.Logf("tabraft lab serve:\n%s", life.output)
		}
	})
	line, err := life.line("tabraft: open ", serverTimeout)
	url = "http://localhost:" + port + "/"
	if err != nil || line != "tabraft: open "+url+"lab/ to run the tests" {
		t.Fatalf("tabraft lab serve says %q, %v", line, err)
	}
	return url, life
}

// A labRow is what a tab shows of one test.
type labRow struct {
	State, Rate, Line, Report, Output, Again, Digest string
}

func (p *pageAPI) labRow(test string) (labRow, error) {
	var r labRow
	err := p.tryEval(fmt.Sprintf(`(() => {
		const row = document.getElementById("test-%s");
		const text = (selector) => row.querySelector(selector)?.textContent ?? "";
		const pres = [...row.querySelectorAll("details")];
		return {Digest: row.dataset.digest ?? "", State: row.dataset.state, Rate: text(".rate"), Line: text(".line"),
			Report: pres[0].querySelector("pre").textContent, Output: pres[1].querySelector("pre").textContent,
			Again: [...row.querySelectorAll("button")].map((b) => b.textContent).join("|")};
	})()`, test), &r)
	return r, err
}

// labPress presses the button of that name, in a test's row or at the top.
func (p *pageAPI) labPress(scope, name string) {
	p.t.Helper()
	waitFor(p.t, "the button "+name, labBuildTimeout, func() error {
		var pressed bool
		err := p.tryEval(fmt.Sprintf(`(() => {
			const b = [...document.querySelectorAll(%q)].find((b) => b.textContent.startsWith(%q) && !b.disabled && !b.hidden);
			b?.click();
			return b !== undefined;
		})()`, scope+" button", name), &pressed)
		if err == nil && !pressed {
			err = errors.New("it is not there or disabled")
		}
		return err
	})
}

// runLabTest runs one test and waits for its end.
func (p *pageAPI) runLabTest(test string) labRow {
	p.t.Helper()
	p.labPress("#test-"+test, "Run")
	return p.waitLabTest(test)
}

func (p *pageAPI) waitLabTest(test string) labRow {
	p.t.Helper()
	var r labRow
	waitFor(p.t, test+" to end", labRunTimeout, func() (err error) {
		if r, err = p.labRow(test); err == nil && r.State != "passed" && r.State != "failed" {
			err = fmt.Errorf("it is %s", r.State)
		}
		return err
	})
	return r
}

// waitBuilt waits until the page has a program other than before, and gives its
// address.
func (p *pageAPI) waitBuilt(before string) string {
	p.t.Helper()
	now := ""
	waitFor(p.t, "a new build", labBuildTimeout, func() error {
		err := p.tryEval(`document.documentElement.dataset.program ?? ""`, &now)
		if err == nil && (now == "" || now == before) {
			err = errors.New("none yet")
		}
		return err
	})
	return now
}
