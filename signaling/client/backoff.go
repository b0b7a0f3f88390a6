package client

import "time"

// How long the client waits before it tries to connect again.
const (
	// FirstRetry bounds the wait after the first failure.
	FirstRetry = 200 * time.Millisecond
	// MaxRetry bounds every wait. After a refusal that a quick retry cannot cure the wait is between half of it and all of it.
	MaxRetry = 5 * time.Second
	// RivalRetry is the same after another incarnation was found in this one's place: it may be about to go.
	RivalRetry = time.Second
	// StableAfter is how long a connection must have lasted for the next failure to count as the first.
	StableAfter = 5 * time.Second
)

// backoff is exponential with full jitter: after n failures in a row the wait is uniform in [0, min(MaxRetry, FirstRetry*2^n)),
// so that many tabs that lost one server do not come back all at once.
type backoff struct {
	failures int
	random   func() float64 // uniform in [0, 1)
}

// next returns the wait after one more failure.
func (b *backoff) next() time.Duration {
	bound := MaxRetry
	if b.failures < 16 {
		bound = min(MaxRetry, FirstRetry<<b.failures)
	}
	b.failures++
	return time.Duration(b.random() * float64(bound))
}

// refused returns the wait after a refusal that a quick retry cannot cure.
func (b *backoff) refused() time.Duration {
	b.failures++
	return MaxRetry/2 + time.Duration(b.random()*float64(MaxRetry/2))
}

// rival returns the wait after another incarnation was found in this one's place.
func (b *backoff) rival() time.Duration {
	return RivalRetry/2 + time.Duration(b.random()*float64(RivalRetry/2))
}

func (b *backoff) reset() { b.failures = 0 }
