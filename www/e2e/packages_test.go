package e2e

import "testing"

// TestBrowserPackages runs the tests that need a browser, of packages for
// GOOS=js, in a tab.
func TestBrowserPackages(t *testing.T) {
	for _, name := range []string{"wasm/idb", "wasm/tab"} {
		t.Run(name, func(t *testing.T) { runGoTest(t, "./"+name) })
	}
}
