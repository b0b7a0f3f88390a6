package e2e

import (
	"syscall"

	"github.com/chromedp/cdproto/page"
)

// suspend.go: tabs that stop and go on, as those of a laptop that sleeps.

// A suspension is a way to stop a tab without ending it.
type suspension struct {
	name        string
	begin, wake func(*tab)
}

// suspensions are the ways there are: the renderer's process is stopped, and
// with it all that the page has in the browser's hands, such as an open
// transaction; and the browser freezes the page in order.
var suspensions = []suspension{
	{"stopped process", func(tb *tab) { tb.signal(syscall.SIGSTOP) }, func(tb *tab) { tb.signal(syscall.SIGCONT) }},
	{"frozen page", func(tb *tab) { tb.lifecycle(page.SetWebLifecycleStateStateFrozen) },
		func(tb *tab) { tb.lifecycle(page.SetWebLifecycleStateStateActive) }},
}

// signal sends a signal to the tab's renderer.
func (tb *tab) signal(s syscall.Signal) {
	t := tb.browser.t
	t.Helper()
	if tb.renderer == 0 {
		t.Fatalf("%v: its process is not known", tb)
	}
	if err := syscall.Kill(tb.renderer, s); err != nil {
		t.Fatalf("%v: signal %v to process %d: %v", tb, s, tb.renderer, err)
	}
}

func (tb *tab) lifecycle(state page.SetWebLifecycleStateState) {
	tb.browser.t.Helper()
	mustCall(tb, page.SetWebLifecycleState, page.SetWebLifecycleStateParams{State: state})
}
