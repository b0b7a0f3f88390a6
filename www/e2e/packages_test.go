package e2e

import (
	"fmt"
	"testing"
)

// TestBrowserPackages runs the tests that need a browser, of packages for
// GOOS=js, in a tab.
func TestBrowserPackages(t *testing.T) {
	for _, name := range []string{"wasm/idb", "wasm/tab"} {
		t.Run(name, func(t *testing.T) { runGoTest(t, "./"+name, 0) })
	}
	t.Run("wasm/rtc, connections at work", func(t *testing.T) {
		runGoTest(t, "./wasm/rtc", 0, "-test.run=Promise|ClosedAtWork|ICERestart")
	})
	t.Run("wasm/idb with a full disk", func(t *testing.T) {
		const quota = 8 << 20
		runGoTest(t, "./wasm/idb", quota, "-test.run=^TestFull$", fmt.Sprintf("-quota=%d", quota))
	})
	t.Run("wasm/idb with its data deleted", func(t *testing.T) {
		runGoTest(t, "./wasm/idb", 0, "-test.run=^TestClosedByTheBrowser$", "-clear")
	})
}
