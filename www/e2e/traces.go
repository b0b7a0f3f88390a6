package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
)

// tracesFolder holds a folder for each failed test.
const tracesFolder = "traces"

// cleared tells which tests' old traces are gone.
var cleared sync.Map

// traceFolder is where the test's traces go. Those of an earlier run are
// removed when a test first asks.
func traceFolder(t testing.TB) string {
	folder, err := filepath.Abs(filepath.Join(tracesFolder, filepath.FromSlash(t.Name())))
	if err != nil {
		t.Fatal(err)
	}
	if _, done := cleared.LoadOrStore(folder, true); !done {
		os.RemoveAll(folder)
	}
	return folder
}

// keep writes a trace.
func keep(t testing.TB, name string, data []byte) {
	folder := traceFolder(t)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Log(err)
		return
	}
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Log(err)
		return
	}
	t.Logf("kept %s", path)
}

// keepTraces writes the console, the state and a picture of every tab.
func (b *browser) keepTraces() {
	b.mu.Lock()
	tabs := append([]*tab(nil), b.tabs...)
	b.mu.Unlock()
	for _, tb := range tabs {
		keep(b.t, fmt.Sprintf("browser%d-tab%d.txt", b.number, tb.number), tb.report())
		tb.mu.Lock()
		gone := tb.gone
		tb.mu.Unlock()
		if gone {
			continue
		}
		call(tb, page.BringToFront, cdp.Empty{})
		if picture, err := tb.screenshot(); err == nil {
			keep(b.t, fmt.Sprintf("browser%d-tab%d.png", b.number, tb.number), picture)
		}
	}
}

// reportState is JavaScript for what a page is and knows, as text.
const reportState = `JSON.stringify({url: location.href, visibility: document.visibilityState, state: window.tabraft?.state() ?? null}, null, 2)`

// report is all that is known of a tab, for a person to read.
func (tb *tab) report() []byte {
	var out strings.Builder
	fmt.Fprintf(&out, "%v, renderer %d\n\n", tb, tb.renderer)
	var state string
	if err := tb.tryEval(reportState, &state); err != nil {
		state = "no state: " + err.Error()
	}
	fmt.Fprintf(&out, "%s\n\nconsole:\n", state)
	for _, m := range tb.messages() {
		fmt.Fprintf(&out, "%s %s\n", m.Time.Format("15:04:05.000"), m)
		if m.Stack != nil {
			for _, frame := range m.Stack.CallFrames {
				fmt.Fprintf(&out, "\t%s %s:%d\n", frame.FunctionName, frame.URL, frame.LineNumber)
			}
		}
	}
	fmt.Fprintf(&out, "\nwritten %s\n", time.Now().Format("15:04:05.000"))
	return []byte(out.String())
}

// screenshot is a PNG of what the tab shows; the tab must be in front.
func (tb *tab) screenshot() ([]byte, error) {
	result, err := call(tb, page.CaptureScreenshot, page.CaptureScreenshotParams{})
	return result.Data, err
}
