//go:build !linux

package e2e

import (
	"fmt"
	"io"
	"os/exec"
	"testing"
)

// inNetwork runs the tests on the host's network: private ones are for Linux.
func inNetwork(w io.Writer, tests func() int) int {
	fmt.Fprintln(w, "e2e: host network")
	return tests()
}

func inPrivateNetwork() bool { return false }

func dieWithParent(*exec.Cmd) {}

func flightMode(t testing.TB) (end func()) {
	t.Skip("needs network namespaces")
	return nil
}
