package e2e

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/css"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/inspector"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// A tab is one tab of a browser, alive or not.
type tab struct {
	pageAPI
	browser  *browser
	number   int // of the tab in its browser, from 1
	ctx      context.Context
	cancel   context.CancelFunc
	id       target.ID
	renderer int // process id of its renderer; 0 if not known
	crashed  chan struct{}
	over     chan struct{} // closed when a test ends the tab

	mu      sync.Mutex
	console []chromedp.ConsoleMessage
	gone    bool
}

// attach finishes a tab whose context was just made.
func (b *browser) attach(ctx context.Context, cancel context.CancelFunc) (*tab, error) {
	if err := chromedp.Do(ctx); err != nil {
		cancel()
		return nil, err
	}
	tb := &tab{browser: b, ctx: ctx, cancel: cancel, crashed: make(chan struct{}), over: make(chan struct{})}
	tb.pageAPI = pageAPI{b.t, tb}
	tb.id = chromedp.FromContext(ctx).Target.TargetID
	// chromedp follows the document and the network, which costs a page that
	// redraws and talks all the time more than it costs to look when asked.
	for _, command := range []cdp.Command[cdp.Empty, cdp.Empty]{css.Disable, dom.Disable, network.Disable} {
		if _, err := call(tb, command, cdp.Empty{}); err != nil {
			cancel()
			return nil, err
		}
	}
	messages := chromedp.Console(ctx)
	go func() {
		for message, err := range messages {
			if err != nil {
				return
			}
			tb.mu.Lock()
			tb.console = append(tb.console, message)
			tb.mu.Unlock()
		}
	}()
	var once sync.Once
	err := chromedp.Listen(ctx, func(event any) {
		if _, ok := event.(*inspector.EventTargetCrashed); ok {
			once.Do(func() { close(tb.crashed) })
		}
	})
	if err != nil {
		cancel()
		return nil, err
	}
	b.mu.Lock()
	b.tabs = append(b.tabs, tb)
	tb.number = len(b.tabs)
	b.mu.Unlock()
	return tb, nil
}

// call runs a DevTools command on the tab.
func call[P, R any](tb *tab, command cdp.Command[P, R], params P) (R, error) {
	ctx, done := context.WithTimeout(tb.ctx, callTimeout)
	defer done()
	return chromedp.Call(ctx, command, params)
}

// mustCall is call for commands that do not fail in a sound browser.
func mustCall[P, R any](tb *tab, command cdp.Command[P, R], params P) R {
	tb.browser.t.Helper()
	result, err := call(tb, command, params)
	if err != nil {
		tb.browser.t.Fatalf("%v: %s: %v", tb, command.Method, err)
	}
	return result
}

func (tb *tab) String() string { return fmt.Sprintf("tab %d", tb.number) }

// evalWithin evaluates JavaScript as a person at the developer console does.
func (tb *tab) evalWithin(limit time.Duration, expression string, out any) error {
	ctx, done := context.WithTimeout(tb.ctx, limit)
	defer done()
	return tb.evalIn(ctx, expression, out)
}

var errGone = errors.New("the tab was closed or killed")

// lifetime is a context that ends with the tab, however that comes about.
func (tb *tab) lifetime() (context.Context, context.CancelFunc) {
	ctx, end := context.WithCancel(tb.ctx)
	go func() {
		select {
		case <-tb.crashed:
		case <-tb.over:
		case <-ctx.Done():
		}
		end()
	}()
	return ctx, end
}

func (tb *tab) in() string { return fmt.Sprintf("%v of browser %d", tb, tb.browser.number) }

// evalIn is tryEval with a context that comes from the tab's. It ends with the tab:
// the browser does not answer for a renderer that was killed.
func (tb *tab) evalIn(ctx context.Context, expression string, out any) error {
	ctx, done := context.WithCancelCause(ctx)
	defer done(nil)
	go func() {
		select {
		case <-tb.over:
			done(errGone)
		case <-ctx.Done():
		}
	}()
	yes := true
	result, err := chromedp.Call(ctx, runtime.Evaluate, runtime.EvaluateParams{
		Expression: expression, AwaitPromise: &yes, ReturnByValue: &yes, UserGesture: &yes,
	})
	switch {
	case err != nil:
		return cmp.Or(context.Cause(ctx), err)
	case result.ExceptionDetails != nil:
		return &chromedp.ExceptionError{ExceptionDetails: result.ExceptionDetails}
	case out == nil:
		return nil
	case len(result.Result.Value) == 0:
		return errors.New("undefined")
	}
	return json.Unmarshal(result.Result.Value, out)
}

// injectScript runs JavaScript before the scripts of every page the tab loads
// from now on.
func (tb *tab) injectScript(source string) {
	tb.browser.t.Helper()
	mustCall(tb, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: source})
}

// navigate loads a page and returns when its navigation is under way.
func (tb *tab) navigate(url string) {
	tb.browser.t.Helper()
	result := mustCall(tb, page.Navigate, page.NavigateParams{URL: url})
	if result.ErrorText != "" {
		tb.browser.t.Fatalf("%v: load %s: %s", tb, url, result.ErrorText)
	}
}

// reload reloads the page as F5 does and returns when the old one is gone.
func (tb *tab) reload() {
	tb.browser.t.Helper()
	tb.eval("window.e2eBeforeReload = true", nil)
	mustCall(tb, page.Reload, page.ReloadParams{})
	waitFor(tb.browser.t, fmt.Sprintf("%v to reload", tb), loadTimeout, func() error {
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

// duplicate opens the page again with a copy of its sessionStorage, as
// "Duplicate tab" does.
func (tb *tab) duplicate() *tab {
	b := tb.browser
	b.t.Helper()
	before, err := b.pages()
	if err != nil {
		b.t.Fatal(err)
	}
	tb.eval("Boolean(window.open(location.href))", nil)
	var opened target.ID
	waitFor(b.t, "the duplicated tab", loadTimeout, func() error {
		now, err := b.pages()
		if err != nil {
			return err
		}
		for _, id := range now {
			if !slices.Contains(before, id) {
				opened = id
				return nil
			}
		}
		return errors.New("no new tab")
	})
	return b.adopt(opened)
}

// close closes the tab as its x does, so that pagehide runs, and returns when
// it is gone.
func (tb *tab) close() {
	b := tb.browser
	b.t.Helper()
	tb.startClose()
	tb.waitGone()
	tb.cancel()
}

// startClose closes the tab without waiting for it to be gone.
func (tb *tab) startClose() {
	b := tb.browser
	b.t.Helper()
	tb.markGone()
	if err := tb.askToClose(); err != nil {
		b.t.Fatalf("close %v: %v", tb, err)
	}
}

func (tb *tab) askToClose() error {
	ctx, done := context.WithTimeout(tb.browser.ctx, callTimeout)
	defer done()
	_, err := chromedp.CallBrowser(ctx, target.CloseTarget, target.CloseTargetParams{TargetID: tb.id})
	return err
}

// waitGone waits until the browser lists a tab no more that was asked to close. It
// asks again: Chromium can lose the wish while a page takes another one's place
// (once in 150 tabs that were closed within 0.6 s of their navigation).
func (tb *tab) waitGone() {
	b := tb.browser
	b.t.Helper()
	asked := time.Now()
	waitFor(b.t, fmt.Sprintf("%v to close", tb), callTimeout, func() error {
		now, err := b.pages()
		if err != nil || !slices.Contains(now, tb.id) {
			return err
		}
		err = errors.New("still open")
		if time.Since(asked) > closeAgain {
			asked = time.Now()
			err = cmp.Or(tb.askToClose(), err) // it may be gone by now
		}
		return err
	})
}

// kill ends the tab's renderer process at once: nothing of the page runs any
// more, pagehide neither. The tab stays, showing the browser's sad face.
func (tb *tab) kill() {
	t := tb.browser.t
	t.Helper()
	tb.startKill()
	select {
	case <-tb.crashed:
	case <-time.After(callTimeout):
		t.Fatalf("%v: killed process %d, but the tab lives", tb, tb.renderer)
	}
}

// startKill is kill without waiting for the browser to notice.
func (tb *tab) startKill() {
	t := tb.browser.t
	t.Helper()
	if tb.renderer == 0 {
		t.Fatalf("%v: its process is not known", tb)
	}
	tb.markGone()
	for _, other := range tb.browser.live() {
		if other.renderer == tb.renderer {
			t.Fatalf("%v and %v share process %d", tb, other, tb.renderer)
		}
	}
	process, err := os.FindProcess(tb.renderer)
	if err == nil {
		err = process.Kill()
	}
	if err != nil {
		t.Fatalf("%v: kill process %d: %v", tb, tb.renderer, err)
	}
}

// dismiss closes what is left of a tab that was closed or killed.
func (tb *tab) dismiss() {
	tb.browser.t.Helper()
	_ = tb.askToClose() // it may be gone already; if not, it is asked again
	tb.waitGone()
}

func (tb *tab) markGone() {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	if !tb.gone {
		tb.gone = true
		close(tb.over)
	}
}

// live are the tabs that were neither closed nor killed.
func (b *browser) live() []*tab {
	b.mu.Lock()
	defer b.mu.Unlock()
	var tabs []*tab
	for _, tb := range b.tabs {
		tb.mu.Lock()
		if !tb.gone {
			tabs = append(tabs, tb)
		}
		tb.mu.Unlock()
	}
	return tabs
}

// front makes the tab the visible one of its window.
func (tb *tab) front() {
	tb.browser.t.Helper()
	mustCall(tb, page.BringToFront, cdp.Empty{})
}

// press types keys into whatever has the focus; kb names the special ones. A
// page that prevents a key's default keeps its letter out, as with a keyboard.
func (tb *tab) press(keys string) {
	tb.browser.t.Helper()
	for _, r := range keys {
		text := ""
		for _, event := range kb.Encode(r) {
			if event.Type == kb.KeyChar {
				text = event.Text
			}
		}
		for _, event := range kb.Encode(r) {
			switch event.Type {
			case kb.KeyChar:
				continue
			case kb.KeyRawDown, kb.KeyDown:
				event.Type, event.Text = kb.KeyDown, text
			}
			mustCall(tb, input.DispatchKeyEvent, *event)
		}
	}
}

// messages are the console's messages so far.
func (tb *tab) messages() []chromedp.ConsoleMessage {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	return slices.Clone(tb.console)
}
