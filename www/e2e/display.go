package e2e

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// displayTimeout bounds the start of the virtual screen.
const displayTimeout = 10 * time.Second

// startDisplay starts Xvfb on a free display and returns the display's name.
func startDisplay(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("Xvfb")
	if err != nil {
		t.Fatal("a headed browser needs Xvfb: install Debian's package xvfb, or run make e2e as root")
	}
	// Xvfb picks the number and writes it to the descriptor.
	number, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer number.Close()
	// Without -noreset it starts over, refusing clients for a moment, each time
	// its only client goes.
	screen, err := startProcessWith(processOptions{file: write}, path, "-displayfd", "3", "-screen", "0", "1400x1000x24", "-nolisten", "tcp", "-noreset")
	write.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(screen.kill)
	number.SetReadDeadline(time.Now().Add(displayTimeout))
	line, err := bufio.NewReader(number).ReadString('\n')
	if err != nil {
		t.Fatalf("Xvfb gave no display: %v\n%s", err, screen.output)
	}
	return ":" + strings.TrimSpace(line)
}
