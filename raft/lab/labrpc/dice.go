package labrpc

import "time"

// dice are the random numbers of one call (splitmix64). Each call has its own, so that
// what happens to it does not depend on what other calls do.
type dice uint64

func newDice(seed, end, call uint64) dice {
	d := dice(seed)
	d = dice(d.next() ^ end)
	d = dice(d.next() ^ call)
	return d
}

func (d *dice) next() uint64 {
	*d += 0x9e3779b97f4a7c15
	z := uint64(*d)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// intn returns a number from 0 to n-1. The bias for the small n used here is
// below one in 2^50.
func (d *dice) intn(n int) int {
	return int(d.next() % uint64(n))
}

// within returns a time from 0 to less than limit; 0 if limit is 0.
func (d *dice) within(limit time.Duration) time.Duration {
	if limit <= 0 {
		return 0
	}
	return time.Duration(d.next() % uint64(limit))
}
