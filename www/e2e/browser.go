package e2e

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/systeminfo"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

const (
	// callTimeout bounds one call of the DevTools protocol.
	callTimeout = 45 * time.Second
	// closeAgain is after how long a tab that is still there is asked again to close.
	closeAgain = 2 * time.Second
	// closeTimeout bounds a browser's own closing; after it the browser is killed.
	closeTimeout = 10 * time.Second
	// profileTimeout bounds the removal of a profile that processes still write to.
	profileTimeout = 5 * time.Second

	windowWidth, windowHeight = 1280, 900
)

// browserOptions say what is special about a browser.
type browserOptions struct {
	// display is the X display of a headed browser, such as ":99"; empty for a
	// headless one.
	display string
	// profile is the folder of an existing profile; empty for a fresh one.
	profile string
	// flags are further command line flags, without the dashes.
	flags map[string]any
}

// A browser is a running Chromium. Its first tab stays blank, so that it lives
// on when all others are closed.
type browser struct {
	t       testing.TB
	number  int // of the browser among those of all tests, from 1
	profile string
	options browserOptions
	ctx     context.Context
	cancel  context.CancelFunc
	keeper  *tab // for quota

	mu   sync.Mutex
	tabs []*tab // in the order of opening, closed ones too
}

// browsers counts the browsers that were started.
var browsers atomic.Int32

// startBrowser starts a browser, which ends with the test.
func startBrowser(t testing.TB, options browserOptions) *browser {
	t.Helper()
	b := &browser{t: t, number: int(browsers.Add(1)), options: options, profile: options.profile}
	if b.profile == "" {
		b.profile = profileDir(t)
	}
	traceFolder(t)
	b.start()
	t.Cleanup(func() {
		if t.Failed() {
			b.keepTraces()
		}
		b.kill()
	})
	return b
}

// profileDir makes a folder for a profile, removed after the test. t.TempDir
// gives up when a dying browser still writes to it.
func profileDir(t testing.TB) string {
	dir, err := os.MkdirTemp("", "tabraft-profile-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		deadline := time.Now().Add(profileTimeout)
		for os.RemoveAll(dir) != nil && time.Now().Before(deadline) {
			time.Sleep(20 * time.Millisecond)
		}
	})
	return dir
}

func (b *browser) start() {
	b.t.Helper()
	allocator, cancelAllocator := chromedp.NewExecAllocator(context.Background(), b.flags()...)
	ctx, cancel := chromedp.NewContext(allocator,
		// What chromedp reports here are events newer than it is.
		chromedp.WithErrorf(func(string, ...any) {}), chromedp.WithLogf(func(string, ...any) {}))
	b.ctx = ctx
	b.cancel = func() { cancel(); cancelAllocator() }
	if err := chromedp.Do(ctx); err != nil {
		b.cancel()
		b.t.Fatalf("start Chromium: %v (TABRAFT_CHROMIUM names another browser)", err)
	}
}

// flags are those of a person's browser without its chatter: nothing that
// keeps hidden tabs faster than they are.
func (b *browser) flags() []chromedp.ExecAllocatorOption {
	options := []chromedp.ExecAllocatorOption{
		chromedp.NoFirstRun,
		chromedp.NoDefaultBrowserCheck,
		chromedp.UserDataDir(b.profile),
		chromedp.WindowSize(windowWidth, windowHeight),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-breakpad", true),
		chromedp.Flag("disable-client-side-phishing-detection", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-default-apps", true),
		chromedp.Flag("disable-dev-shm-usage", true), // small in containers
		chromedp.Flag("disable-extensions", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("force-color-profile", "srgb"),
		chromedp.Flag("metrics-recording-only", true),
		chromedp.Flag("no-pings", true),
		chromedp.Flag("password-store", "basic"),
		// MediaRouter looks for devices on the network. Without a spare
		// renderer a new tab starts its own, which tells us its process.
		chromedp.Flag("disable-features", "Translate,MediaRouter,OptimizationHints,SpareRendererForSitePerProcess"),
	}
	if path := os.Getenv("TABRAFT_CHROMIUM"); path != "" {
		options = append(options, chromedp.ExecPath(path))
	}
	if b.options.display == "" {
		options = append(options, chromedp.Headless)
	} else {
		options = append(options, chromedp.Env("DISPLAY="+b.options.display))
	}
	for name, value := range b.options.flags {
		options = append(options, chromedp.Flag(name, value))
	}
	return options
}

// close closes the browser as a person would, with all its tabs.
func (b *browser) close() {
	b.t.Helper()
	ctx, done := context.WithTimeout(b.ctx, closeTimeout)
	defer done()
	if err := chromedp.Cancel(ctx); err != nil && !errors.Is(err, context.Canceled) {
		b.t.Fatalf("close Chromium: %v", err)
	}
	b.cancel()
}

// kill ends the browser at once, as a crash would.
func (b *browser) kill() {
	if p := chromedp.FromContext(b.ctx).Browser.Process(); p != nil {
		p.Kill()
	}
	b.cancel()
}

// running tells whether the browser was neither closed nor killed.
func (b *browser) running() bool { return b.ctx.Err() == nil }

// again starts the closed or killed browser on the same profile.
func (b *browser) again() {
	b.t.Helper()
	b.mu.Lock()
	b.tabs = nil
	b.mu.Unlock()
	b.start()
}

// openOptions say what is special about a tab.
type openOptions struct {
	// window opens it in a window of its own; otherwise it hides the other
	// tabs of the first window, as a person's new tab does.
	window bool
	// inject is JavaScript to run before any script of the page.
	inject string
}

// open opens a page in a new tab and returns when the navigation is under way.
func (b *browser) open(url string) *tab {
	b.t.Helper()
	return b.openWith(url, openOptions{})
}

func (b *browser) openWith(url string, options openOptions) *tab {
	b.t.Helper()
	before := b.renderers()
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithNewWindow(options.window), chromedp.WithDetachOnCancel())
	tb, err := b.attach(ctx, cancel)
	if err != nil {
		b.t.Fatalf("open a tab: %v", err)
	}
	if options.inject != "" {
		tb.injectScript(options.inject)
	}
	tb.navigate(url)
	tb.renderer = onlyNew(before, b.renderers())
	return tb
}

// openAll opens n tabs of one page without waiting between them.
func (b *browser) openAll(url string, n int) []*tab {
	b.t.Helper()
	ids := make([]target.ID, n)
	for i := range ids {
		created, err := chromedp.CallBrowser(b.ctx, target.CreateTarget, target.CreateTargetParams{URL: url})
		if err != nil {
			b.t.Fatalf("open a tab: %v", err)
		}
		ids[i] = created.TargetID
	}
	tabs := make([]*tab, n)
	for i, id := range ids {
		tabs[i] = b.adopt(id)
	}
	return tabs
}

// adopt takes over a tab that a page or openAll opened.
func (b *browser) adopt(id target.ID) *tab {
	b.t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithTargetID(id), chromedp.WithDetachOnCancel())
	tb, err := b.attach(ctx, cancel)
	if err != nil {
		b.t.Fatalf("attach to a tab: %v", err)
	}
	return tb
}

// pages are the targets of the browser's open tabs.
func (b *browser) pages() ([]target.ID, error) {
	infos, err := chromedp.Targets(b.ctx)
	if err != nil {
		return nil, err
	}
	var ids []target.ID
	for _, info := range infos {
		if info.Type == "page" {
			ids = append(ids, info.TargetID)
		}
	}
	return ids, nil
}

// renderers are the process ids of the browser's renderers.
func (b *browser) renderers() []int {
	b.t.Helper()
	info, err := chromedp.CallBrowser(b.ctx, systeminfo.GetProcessInfo, cdp.Empty{})
	if err != nil {
		b.t.Fatalf("list the browser's processes: %v", err)
	}
	var pids []int
	for _, p := range info.ProcessInfo {
		if p.Type == "renderer" {
			pids = append(pids, int(p.ID))
		}
	}
	return pids
}

// onlyNew is the one number of after that is not in before, or 0.
func onlyNew(before, after []int) int {
	found := 0
	for _, pid := range after {
		if slices.Contains(before, pid) {
			continue
		}
		if found != 0 {
			return 0
		}
		found = pid
	}
	return found
}
