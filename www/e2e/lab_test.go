package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// buildState is what the page says of the build.
const buildState = "section.trouble"

// The lab's page on a student's Raft that is right, wrong in several ways, and not
// even Go; each change of its files is built and loaded.
func TestLabPage(t *testing.T) {
	s := newStudent(t)
	url, life := startLab(t, s.folder)
	b := startBrowser(t, browserOptions{})
	tb := b.open(url + "lab/")
	at := tb.waitBuilt("")

	t.Run("the whole suite", func(t *testing.T) { wholeSuite(t, tb) })
	t.Run("seed in the link", func(t *testing.T) {
		first := tb.runLabTest("Figure82C")
		seed := strings.TrimPrefix(first.Again[strings.Index(first.Again, "with seed"):], "with seed ")
		other := b.open(fmt.Sprintf("%slab/#test=Figure82C&seed=%s", url, seed))
		other.waitBuilt("")
		if again := other.waitLabTest("Figure82C"); again.Line != first.Line || again.Digest != first.Digest || first.Digest == "" {
			t.Errorf("seed %s gave\n%s\nand, by its link in another tab,\n%s", seed, first.Line, again.Line)
		}
		other.close()
	})
	t.Run("many seeds", func(t *testing.T) {
		tb.eval(`document.querySelector("input").value = "6"`, nil)
		tb.labPress("#test-BasicAgree2B", "Many seeds")
		waitFor(t, "six runs", labRunTimeout, func() error {
			r, err := tb.labRow("BasicAgree2B")
			if err == nil && r.Rate != "6 of 6 passed" {
				err = fmt.Errorf("it says %q", r.Rate)
			}
			return err
		})
	})

	t.Run("thousands of runs, stopped", func(t *testing.T) {
		tb.eval(`document.querySelector("input").value = "200"`, nil)
		tb.labPress("section.controls", "Many seeds")
		if slowest := pageDelay(tb, time.Second); slowest > 500 {
			t.Errorf("the page did not come to its events for %.0f ms", slowest)
		}
		tb.labPress("section.controls", "Stop")
		waitFor(t, "the runs to stop", 5*time.Second, func() error {
			var going int
			err := tb.tryEval(`document.querySelectorAll('[data-state="running"], [data-state="waiting"]').length`, &going)
			if err == nil && going > 0 {
				err = fmt.Errorf("%d tests go on", going)
			}
			return err
		})
	})

	for _, c := range []struct{ name, file, old, replacement, test, words string }{
		{"state not saved", "persist.go", "rf.persister.Save(buf.Bytes(), rf.snapshot)", "_ = rf.snapshot", "Persist12C", "persist"},
		{"too many heartbeats", "leader.go", "time.Sleep(heartbeatInterval)", "time.Sleep(heartbeatInterval / 50)", "Count2B", "RPCs"},
		{"panic in a goroutine", "apply.go", "rf.log[rf.lastApplied-rf.snapshotIndex].Command", "rf.log[rf.lastApplied].Command", "SnapshotBasic2D", "index out of range"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.patch(c.file, c.old, c.replacement)
			at = tb.waitBuilt(at)
			r := tb.runLabTest(c.test)
			t.Logf("%s\n%s", r.Line, r.Report)
			if r.State != "failed" || !contains(r.Report, c.words) || !contains(r.Report, "#test="+c.test+"&seed=") {
				t.Errorf("it %s, and the report lacks %q or the link", r.State, c.words)
			}
			if c.words == "index out of range" && (!contains(r.Line, "server ") || !contains(r.Line, "apply.go")) {
				t.Errorf("the line does not tell server and place: %s", r.Line)
			}
		})
	}

	t.Run("does not compile", func(t *testing.T) {
		s.patch("election.go", "rf.role = Candidate\n", "rf.rule = Candidate\n")
		text := waitText(t, tb, buildState, "election.go", labBuildTimeout)
		if !contains(text, "rf.rule undefined") || !contains(text, "last good build stays") {
			t.Errorf("the page says\n%s", text)
		}
		if _, err := life.line("rf.rule undefined", serverTimeout); err != nil {
			t.Errorf("the terminal does not have the compiler's lines: %v", err)
		}
		if r := tb.runLabTest("InitialElection2A"); r.State != "passed" {
			t.Errorf("the last good build does not run: %s", r.Line)
		}
	})
	t.Run("prints and loops for ever", func(t *testing.T) {
		s.patch("election.go", "rf.role = Candidate\n", "rf.role = Candidate\n\tfor i := range 100_000 {\n\t\tprintln(\"line\", i)\n\t}\n\tfor rf.me >= 0 {\n\t}\n")
		at = tb.waitBuilt(at)
		tb.labPress("#test-InitialElection2A", "Run")
		slowest := pageDelay(tb, 3*time.Second)
		r := tb.waitLabTest("InitialElection2A")
		if r.State != "failed" || !contains(r.Line, "10 s without a sign of life") || !contains(r.Report, "InitialElection2A") {
			t.Errorf("it %s: %s\n%s", r.State, r.Line, r.Report)
		}
		if !contains(r.Output, "lines before these are left out") || !contains(r.Output, "line ") || len(r.Output) > 300_000 {
			t.Errorf("%d characters of output: %.200s", len(r.Output), r.Output)
		}
		if slowest > 500 {
			t.Errorf("the page did not come to its events for %.0f ms", slowest)
		}
	})
	t.Run("allocates without bound", func(t *testing.T) {
		s.patch("election.go", "rf.role = Candidate\n", "rf.role = Candidate\n\tvar hoard [][]byte\n\tfor rf.me >= 0 {\n\t\thoard = append(hoard, make([]byte, 16<<20))\n\t}\n\t_ = hoard\n")
		at = tb.waitBuilt(at)
		r := tb.runLabTest("InitialElection2A")
		t.Logf("%s\n%s", r.Line, r.Report)
		if r.State != "failed" || !contains(r.Line, "out of memory") || !contains(r.Report, "server ") || !contains(r.Report, "election.go") {
			t.Errorf("it %s, without server or place", r.State)
		}
	})
	for _, m := range tb.messages() {
		if m.IsException() || m.Type == "error" {
			t.Errorf("console, %s: %s", m.Type, m.Text)
		}
	}
}

// wholeSuite runs all tests in one Worker at a time.
func wholeSuite(t *testing.T, tb *tab) {
	tb.labPress("section.controls", "Run all")
	begun := time.Now()
	slowest := pageDelay(tb, 3*time.Second)
	text := waitText(t, tb, "section.controls", "of 28 tests passed.", 4*time.Minute)
	took := time.Since(begun)
	var lines string
	tb.eval(`[...document.querySelectorAll("lab-test")].map((r) => r.id.slice(5) + " " + r.dataset.state + " " +
		r.querySelector(".time").textContent + "  " + r.querySelector(".line").textContent).join("\n")`, &lines)
	t.Logf("28 tests in %v; the page came to its events within %.0f ms\n%s", took.Round(100*time.Millisecond), slowest, lines)
	if !contains(text, "28 of 28 tests passed") {
		t.Errorf("the page says %s", text)
	}
	// Far above what a machine with nothing else to do needs: 100 ms.
	if slowest > 5000 {
		t.Errorf("the page did not come to its events for %.0f ms", slowest)
	}
}

// pageDelay is the longest time, in ms, that a page's event had to wait within d.
func pageDelay(tb *tab, d time.Duration) float64 {
	var slowest float64
	tb.eval(fmt.Sprintf(`new Promise((done) => {
		const channel = new MessageChannel(), end = performance.now() + %d;
		let last = performance.now(), slowest = 0;
		channel.port1.onmessage = () => {
			const now = performance.now();
			slowest = Math.max(slowest, now - last);
			last = now;
			if (now > end) done(slowest);
			else setTimeout(() => channel.port2.postMessage(0), 5);
		};
		channel.port2.postMessage(0);
	})`, d.Milliseconds()), &slowest)
	return slowest
}
