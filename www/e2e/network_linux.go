package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The private network: the test process and all it starts live in one network
// namespace, joined by a veth pair to a second one in which nothing listens.
// To a browser that is a LAN with a default route, which Chromium wants before
// it gathers any WebRTC candidate, and no packet can leave the machine. Both
// namespaces have no name: they go when their last process ends, however it
// ends, so there is nothing to clean up.
const (
	nearLink    = "tabraft0"
	farLink     = "tabraft1"
	nearAddress = lanAddress + "/24"
	farAddress  = "192.0.2.2/24"
	gateway     = "192.0.2.2"
	nearHost    = "192.0.2.1"
)

// farEnd is the process that holds the far end; nil on the host's network.
var farEnd *os.Process

// needFarEnd skips a test where there is no far end.
func needFarEnd(t testing.TB) {
	t.Helper()
	if farEnd == nil {
		t.Skip("this needs the private network: root and iproute2")
	}
	if _, err := exec.LookPath("nsenter"); err != nil {
		t.Skip("this needs nsenter, of util-linux")
	}
}

// farAway are the program and arguments that run a program at the far end.
func farAway(program string, args ...string) (string, []string) {
	return "nsenter", append([]string{"--net=/proc/" + strconv.Itoa(farEnd.Pid) + "/ns/net", program}, args...)
}

// mustIP changes the network here.
func mustIP(t testing.TB, arguments string) {
	t.Helper()
	if err := ip(arguments); err != nil {
		t.Fatal(err)
	}
}

// mustTC shapes the traffic here.
func mustTC(t testing.TB, arguments string) {
	t.Helper()
	if out, err := exec.Command("tc", strings.Fields(arguments)...).CombinedOutput(); err != nil {
		t.Fatalf("tc %s: %v: %s", arguments, err, strings.TrimSpace(string(out)))
	}
}

// mustFarIP changes the network at the far end.
func mustFarIP(t testing.TB, arguments string) {
	t.Helper()
	name, args := farAway("ip", strings.Fields(arguments)...)
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s at the far end: %v: %s", arguments, err, strings.TrimSpace(string(out)))
	}
}

// roleEnv tells a copy of the test binary which part it plays.
const (
	roleEnv  = "TABRAFT_E2E_ROLE"
	roleNear = "near" // runs the tests inside the private network
	roleFar  = "far"  // holds the other end of the veth pair
)

// farTimeout bounds the making of the private network.
const farTimeout = 10 * time.Second

// inNetwork runs the tests in the network they belong in and returns the exit
// status. It says in one line on w which network that is.
func inNetwork(w io.Writer, tests func() int) int {
	switch os.Getenv(roleEnv) {
	case roleFar:
		if err := holdFarEnd(); err != nil {
			fmt.Fprintln(os.Stderr, "e2e: the far end of the private network:", err)
			return 1
		}
		return 0
	case roleNear:
		far, err := makeNetwork()
		if err != nil {
			fmt.Fprintln(os.Stderr, "e2e: cannot make a private network:", err, "(TABRAFT_E2E_NET=host runs without one)")
			return 1
		}
		defer far.Close()
		fmt.Fprintf(w, "e2e: private network %s, nothing leaves this machine\n", nearAddress)
		return tests()
	}
	if why := whyHostNetwork(); why != "" {
		fmt.Fprintf(w, "e2e: host network (%s)\n", why)
		return tests()
	}
	inside := reexec(roleNear)
	inside.Args = append(inside.Args, os.Args[1:]...)
	inside.Stdin, inside.Stdout, inside.Stderr = os.Stdin, os.Stdout, os.Stderr
	return exitStatus(inside.Run())
}

// inPrivateNetwork tells whether this process is in one.
func inPrivateNetwork() bool { return os.Getenv(roleEnv) == roleNear }

func whyHostNetwork() string {
	if os.Getenv("TABRAFT_E2E_NET") == "host" {
		return "TABRAFT_E2E_NET=host"
	}
	if os.Geteuid() != 0 {
		return "a private one needs root"
	}
	if _, err := exec.LookPath("ip"); err != nil {
		return "a private one needs iproute2"
	}
	return ""
}

// reexec is this binary again, in a network namespace of its own, ending when
// this process ends. The calling goroutine stays on its thread: the kernel
// takes the end of the starting thread for the end of the parent.
func reexec(role string) *exec.Cmd {
	runtime.LockOSThread()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), roleEnv+"="+role)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	return cmd
}

func exitStatus(err error) int {
	if err == nil {
		return 0
	}
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() >= 0 {
		return exit.ExitCode()
	}
	fmt.Fprintln(os.Stderr, "e2e:", err)
	return 1
}

// makeNetwork sets up the namespace this process is alone in. Closing the
// result ends the far end.
func makeNetwork() (io.Closer, error) {
	if err := ip("link set lo up"); err != nil {
		return nil, err
	}
	far := reexec(roleFar)
	stdin, err := far.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := far.StdoutPipe()
	if err != nil {
		return nil, err
	}
	far.Stderr = os.Stderr
	if err := far.Start(); err != nil {
		return nil, err
	}
	pid := strconv.Itoa(far.Process.Pid)
	farEnd = far.Process
	if err := ip("link add " + nearLink + " type veth peer name " + farLink + " netns " + pid); err != nil {
		return nil, err
	}
	if _, err := io.WriteString(stdin, "go\n"); err != nil {
		return nil, err
	}
	ready := make(chan error, 1)
	go func() { _, err := bufio.NewReader(stdout).ReadString('\n'); ready <- err }()
	select {
	case err := <-ready:
		if err != nil {
			return nil, fmt.Errorf("the far end did not come up: %w", err)
		}
	case <-time.After(farTimeout):
		return nil, errors.New("the far end did not come up in time")
	}
	for _, step := range []string{
		"address add " + nearAddress + " dev " + nearLink,
		"link set " + nearLink + " up",
		"route add default via " + gateway,
	} {
		if err := ip(step); err != nil {
			return nil, err
		}
	}
	return stdin, nil
}

// holdFarEnd sets up the far end when told to, then waits to be let go.
func holdFarEnd() error {
	in := bufio.NewReader(os.Stdin)
	if _, err := in.ReadString('\n'); err != nil {
		return err
	}
	for _, step := range []string{
		"link set lo up",
		"address add " + farAddress + " dev " + farLink,
		"link set " + farLink + " up",
	} {
		if err := ip(step); err != nil {
			return err
		}
	}
	fmt.Println("ready")
	_, err := io.Copy(io.Discard, in)
	return err
}

func ip(arguments string) error {
	out, err := exec.Command("ip", strings.Fields(arguments)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ip %s: %w: %s", arguments, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// dieWithParent makes cmd end when the thread that starts it does.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// flightMode takes the private network down, as switching off Wi-Fi does: no
// address but those of lo is left, and no default route. What it returns brings the
// network back; the end of the test does so at the latest.
func flightMode(t testing.TB) (end func()) {
	t.Helper()
	if !inPrivateNetwork() {
		t.Skip("the host's network is not ours to take down")
	}
	must := func(step string) {
		t.Helper()
		if err := ip(step); err != nil {
			t.Fatal(err)
		}
	}
	must("address flush dev " + nearLink)
	must("link set " + nearLink + " down")
	end = sync.OnceFunc(func() {
		must("address add " + nearAddress + " dev " + nearLink)
		must("link set " + nearLink + " up")
		must("route add default via " + gateway)
	})
	t.Cleanup(end)
	return end
}
