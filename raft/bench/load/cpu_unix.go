//go:build unix

package load

import "syscall"

// cpuNanos is the processor time that this process has taken, in nanoseconds.
func cpuNanos() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return u.Utime.Nano() + u.Stime.Nano()
}
