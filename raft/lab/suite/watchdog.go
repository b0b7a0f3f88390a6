package suite

import (
	"fmt"
	"time"

	"tabraft/raft/lab/suite/rules"
)

// Limits in real time, on runs in which virtual time has stopped to pass.
const (
	// watchEvery is how often the watchdog looks.
	watchEvery = 200 * time.Millisecond
	// deadlockAfter is how long everything must have stood still, with no
	// goroutine running, to be called a deadlock.
	deadlockAfter = 2 * time.Second
	// SpinLimit is how long a goroutine may run without letting virtual time
	// pass, before it is said to loop for ever. On a machine with more to do than it
	// can, it lasts until the process has had a processor for half as long.
	SpinLimit = 20 * time.Second
	// RealLimit is how long a test may take in real time as a rule.
	RealLimit = 10 * time.Minute
)

var started = time.Now()

// spins tells whether a process in which virtual time has stood still for so long,
// and which has had a processor for so long meanwhile, is in a loop.
func spins(still, had, limit time.Duration) bool { return still > limit && had > limit/2 }

// watchdog waits, in real time, for the end of a run. It returns nil if that came,
// and otherwise why the run was left behind. Under GOOS=js it gets to look only
// while all goroutines wait: a page must itself stop a Worker that is silent.
func (l *lab) watchdog(done <-chan struct{}, realLimit, spinLimit time.Duration) *Failure {
	every := time.NewTicker(watchEvery)
	defer every.Stop()
	begun := time.Now()
	last, since, had, lastStill := int64(-1), begun, processorTime(), ""
	for {
		select {
		case <-done:
			return nil
		case <-every.C:
		}
		if time.Since(begun) > realLimit {
			return l.stuck(rules.Timeout, false, fmt.Sprintf("the test was stopped after %v of real time", realLimit))
		}
		if t := l.ticks.Load(); t != last {
			last, since, had, lastStill = t, time.Now(), processorTime(), ""
			continue
		}
		still := time.Since(since)
		if still < deadlockAfter {
			continue
		}
		stacks := l.stacks()
		now := stacks.stillness()
		if now != "" && now == lastStill {
			return l.deadlock(stacks)
		}
		lastStill = now
		if spins(still, processorTime()-had, spinLimit) {
			f := l.stuck(rules.Spin, true, fmt.Sprintf("a goroutine has been running for %v without waiting for anything: a loop that never ends?", spinLimit))
			f.Stacks = stacks.runningText()
			return f
		}
	}
}

// stuck makes the failure of a run that is left behind.
func (l *lab) stuck(kind rules.Kind, running bool, message string) *Failure {
	return &Failure{Kind: kind, Message: message, At: l.ticked().Seconds(), Running: running, Stacks: l.stacks().studentsText()}
}

// ticked returns how far virtual time has come, roughly, from outside the bubble.
func (l *lab) ticked() time.Duration { return time.Duration(l.ticks.Load()) * tick }

// deadlock makes the failure of a run in which goroutines wait for locks and
// nobody runs.
func (l *lab) deadlock(s stacks) *Failure {
	message, finding := s.explainDeadlock()
	f := l.stuck(rules.Deadlock, false, message)
	f.Stacks = s.ofLockers().studentsText()
	f.Finding = finding
	return f
}
