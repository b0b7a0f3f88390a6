package e2e

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// A foxTab is one tab of a Firefox, alive or not.
type foxTab struct {
	pageAPI
	browser *firefox
	number  int    // of the tab in its browser, from 1
	id      string // as BiDi names it

	// Guarded by browser.mu.
	console []foxMessage
	gone    bool
	over    chan struct{} // closed with it
}

var _ anyTab = (*foxTab)(nil)

// A foxMessage is a line of a page's console.
type foxMessage struct {
	Type   string `json:"type"`  // console or javascript, for an uncaught exception
	Level  string `json:"level"` // debug, info, warn or error
	Text   string `json:"text"`
	Source struct {
		Context string `json:"context"`
	} `json:"source"`
	Timestamp int64 `json:"timestamp"` // milliseconds since 1970
}

func (m foxMessage) String() string {
	return fmt.Sprintf("%s %s, %s: %s", time.UnixMilli(m.Timestamp).Format("15:04:05.000"), m.Type, m.Level, m.Text)
}

// open opens a page in a new tab, which hides the others, and returns when the
// navigation is under way.
func (f *firefox) open(url string) *foxTab {
	f.t.Helper()
	return f.openWith(url, openOptions{})
}

func (f *firefox) openWith(url string, options openOptions) *foxTab {
	f.t.Helper()
	kind := "tab"
	if options.window {
		kind = "window"
	}
	var created struct {
		Context string `json:"context"`
	}
	f.call("browsingContext.create", object{"type": kind}, &created)
	tb := f.adopt(created.Context)
	if options.inject != "" {
		f.call("script.addPreloadScript", object{
			"functionDeclaration": "() => {" + options.inject + "}",
			"contexts":            []string{tb.id},
		}, nil)
	}
	tb.navigate(url)
	return tb
}

// adopt takes over a tab that is there.
func (f *firefox) adopt(id string) *foxTab {
	tb := &foxTab{browser: f, id: id, over: make(chan struct{})}
	tb.pageAPI = pageAPI{f.t, tb}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tabs = append(f.tabs, tb)
	tb.number = len(f.tabs)
	return tb
}

func (tb *foxTab) String() string { return fmt.Sprintf("Firefox tab %d", tb.number) }

// evalWithin evaluates JavaScript in the page.
func (tb *foxTab) evalWithin(limit time.Duration, expression string, out any) error {
	return tb.browser.evaluate(limit, tb.id, expression, out)
}

// navigate loads a page and returns when its navigation is under way.
func (tb *foxTab) navigate(url string) {
	tb.t.Helper()
	tb.browser.call("browsingContext.navigate", object{"context": tb.id, "url": url, "wait": "none"}, nil)
}

// reload reloads the page as F5 does and returns when the old one is gone.
func (tb *foxTab) reload() {
	tb.t.Helper()
	tb.eval("window.e2eBeforeReload = true", nil)
	tb.browser.call("browsingContext.reload", object{"context": tb.id, "wait": "none"}, nil)
	waitFor(tb.t, fmt.Sprintf("%v to reload", tb), loadTimeout, func() error {
		var old bool
		if err := tb.tryEval("window.e2eBeforeReload === true", &old); err != nil {
			return err
		}
		if old {
			return errors.New("the old page is still there")
		}
		return nil
	})
}

// duplicate does what the tab's menu entry "Duplicate Tab" does.
func (tb *foxTab) duplicate() *foxTab {
	f := tb.browser
	f.t.Helper()
	before := f.contexts()
	if err := f.chrome(fmt.Sprintf("(gBrowser.duplicateTab(gBrowser.getTabForBrowser(%s)), true)", tb.element()), nil); err != nil {
		f.t.Fatalf("duplicate %v: %v", tb, err)
	}
	var opened string
	waitFor(f.t, "the duplicated tab", loadTimeout, func() error {
		for _, id := range f.contexts() {
			if !slices.Contains(before, id) {
				opened = id
				return nil
			}
		}
		return errors.New("no new tab yet")
	})
	return f.adopt(opened)
}

// startClose closes the tab as its x does, so that pagehide runs.
func (tb *foxTab) startClose() {
	tb.t.Helper()
	tb.markGone()
	tb.browser.call("browsingContext.close", object{"context": tb.id}, nil)
}

// element is JavaScript for Firefox's element of the tab, in its own window.
func (tb *foxTab) element() string {
	return fmt.Sprintf(`ChromeUtils.importESModule("chrome://remote/content/shared/NavigableManager.sys.mjs")
		.NavigableManager.getBrowserById(%q)`, tb.id)
}

// process is the id of the process that runs the tab's page.
func (tb *foxTab) process() int {
	tb.t.Helper()
	var pid int
	if err := tb.browser.chrome(tb.element()+".browsingContext.currentWindowGlobal.osPid", &pid); err != nil || pid <= 0 {
		tb.t.Fatalf("%v: its process is %d: %v", tb, pid, err)
	}
	return pid
}

// kill ends the tab's content process at once: nothing of the page runs any
// more, pagehide neither.
func (tb *foxTab) kill() {
	tb.t.Helper()
	pid := tb.process()
	for _, other := range tb.browser.live() {
		if other != tb && other.process() == pid {
			tb.t.Fatalf("%v and %v share process %d", tb, other, pid)
		}
	}
	tb.markGone()
	process, err := os.FindProcess(pid)
	if err == nil {
		err = process.Kill()
	}
	if err != nil {
		tb.t.Fatalf("%v: kill process %d: %v", tb, pid, err)
	}
}

func (tb *foxTab) markGone() {
	tb.browser.mu.Lock()
	defer tb.browser.mu.Unlock()
	if !tb.gone {
		tb.gone = true
		close(tb.over)
	}
}

// lifetime is a context that ends with the tab.
func (tb *foxTab) lifetime() (context.Context, context.CancelFunc) {
	ctx, end := context.WithCancel(context.Background())
	go func() {
		select {
		case <-tb.over:
		case <-ctx.Done():
		}
		end()
	}()
	return ctx, end
}

func (tb *foxTab) in() string { return fmt.Sprintf("%v of browser %d", tb, tb.browser.number) }

// evalIn evaluates JavaScript in the page while a context lasts.
func (tb *foxTab) evalIn(ctx context.Context, expression string, out any) error {
	type answer struct {
		raw json.RawMessage
		err error
	}
	answered := make(chan answer, 1)
	go func() {
		var a answer
		a.err = tb.evalWithin(patience, expression, &a.raw)
		answered <- a
	}()
	select {
	case a := <-answered:
		if a.err != nil || out == nil {
			return a.err
		}
		return json.Unmarshal(a.raw, out)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// live are the tabs that were neither closed nor killed.
func (f *firefox) live() []*foxTab {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(f.tabs), func(tb *foxTab) bool { return tb.gone })
}

// front makes the tab the visible one of its window.
func (tb *foxTab) front() {
	tb.t.Helper()
	tb.browser.call("browsingContext.activate", object{"context": tb.id}, nil)
}

// messages are the console's messages so far.
func (tb *foxTab) messages() []foxMessage {
	tb.browser.mu.Lock()
	defer tb.browser.mu.Unlock()
	return slices.Clone(tb.console)
}

// screenshot is a PNG of what the tab shows.
func (tb *foxTab) screenshot() ([]byte, error) {
	var picture struct {
		Data string `json:"data"`
	}
	err := tb.browser.session.call(callTimeout, "browsingContext.captureScreenshot", object{"context": tb.id}, &picture)
	if err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(picture.Data)
}

// keepTraces writes the console, the state and a picture of every tab, and what
// the browser said.
func (f *firefox) keepTraces() {
	f.mu.Lock()
	tabs := slices.Clone(f.tabs)
	f.mu.Unlock()
	keep(f.t, fmt.Sprintf("firefox%d.txt", f.number), []byte(f.life.output.String()))
	for _, tb := range tabs {
		var out strings.Builder
		var state string
		if err := tb.tryEval(reportState, &state); err != nil {
			state = "no state: " + err.Error()
		}
		fmt.Fprintf(&out, "%v\n\n%s\n\nconsole:\n", tb, state)
		for _, m := range tb.messages() {
			fmt.Fprintln(&out, m)
		}
		keep(f.t, fmt.Sprintf("firefox%d-tab%d.txt", f.number, tb.number), []byte(out.String()))
		if picture, err := tb.screenshot(); err == nil {
			keep(f.t, fmt.Sprintf("firefox%d-tab%d.png", f.number, tb.number), picture)
		}
	}
}
