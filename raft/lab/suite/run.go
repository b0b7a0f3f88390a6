package suite

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"tabraft/raft/lab/suite/rules"
)

const (
	// tick is how often the lab looks after itself.
	tick = 50 * time.Millisecond
	// dieLimit is how long killed servers may take to end their goroutines.
	dieLimit = 5 * time.Second
	// endLimit is how long a test that has failed may take to come to its end,
	// before it is left behind.
	endLimit = 10 * time.Second
)

// main is the life of a lab, in its bubble.
func (l *lab) main() {
	l.markBubble()
	var body sync.WaitGroup
	over := make(chan struct{})
	l.goAs(&body, func() {
		l.setLabels()
		l.open()
		l.opened.Store(true)
		l.body(l)
	})
	go func() {
		body.Wait()
		close(over)
	}()
	l.tend(over)
	l.close()
}

// tend lets the test run, and looks after what the test itself cannot
// notice, until the test is over or is not worth waiting for.
func (l *lab) tend(over chan struct{}) {
	var failedAt time.Time
	for {
		select {
		case <-over:
			return
		case <-time.After(tick):
		}
		l.ticks.Add(1)
		if !l.opened.Load() {
			if c := l.slowCall(); c != nil {
				l.blocked(c)
				return
			}
			continue
		}
		switch c := l.slowCall(); {
		case l.hasFailed() && failedAt.IsZero():
			failedAt = time.Now()
		case l.hasFailed() && time.Since(failedAt) > endLimit:
			return
		case l.hasFailed():
		case c != nil:
			l.blocked(c)
		case l.net.GetTotalCount() > MaxRPCs:
			l.fail(rules.TooManyRPCs, fmt.Sprintf("more than %d RPCs in %.1f s: the test was stopped", MaxRPCs, l.now().Seconds()))
		case l.now() > TestLimit+callLimit:
			l.fail(rules.Timeout, fmt.Sprintf("the test has taken longer than %v", TestLimit))
		}
	}
}

// blocked fails the test because the student's code does not return.
func (l *lab) blocked(c *studentCall) {
	where := l.stacks().ofServer(c.server).studentsText()
	l.fail(rules.Blocked, fmt.Sprintf("%s of server %d has not returned for %v", c.what, c.server, callLimit))
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failure.Kind == rules.Blocked {
		l.failure.Stacks = where
	}
}

func (l *lab) hasFailed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failure != nil
}

// close ends the servers and the network, and gives the goroutines time to end.
func (l *lab) close() {
	l.mu.Lock()
	l.ended = true
	l.seconds = l.now()
	var lives []*life
	for _, s := range l.servers {
		lives = append(lives, s.life)
	}
	l.mu.Unlock()
	if l.net == nil {
		return
	}
	l.rpcs, l.bytes = l.net.GetTotalCount(), l.net.GetTotalBytes()

	for i, lf := range lives {
		if lf != nil {
			// In goroutines of their own: a Kill that hangs must not hang the lab.
			go func() {
				defer unlessStopped()
				l.kill(i, lf)
			}()
		}
	}
	l.net.Cleanup()
	for waited := time.Duration(0); waited < dieLimit; waited += tick {
		time.Sleep(tick)
		l.ticks.Add(1)
	}
	close(l.stop)
	time.Sleep(tick)
}

// run plays the lab and returns what came of it. t may be nil.
func (l *lab) run(t *testing.T, realLimit, spinLimit time.Duration) Result {
	begun := time.Now()
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.setLabels()
		if l.real {
			l.main()
			return
		}
		inBubble(t, l.main)
	}()
	stuck := l.watchdog(done, realLimit, spinLimit)
	r := l.result(stuck)
	r.RealSeconds = time.Since(begun).Seconds()
	return r
}
