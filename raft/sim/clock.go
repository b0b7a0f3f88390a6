package sim

import "time"

// clock is a server's: monotonic, but neither right nor of the right speed.
type clock struct {
	since time.Duration // the true time at which
	base  time.Duration // it showed this
	rate  int64         // thousandths of the true rate; 0: it stands still
}

// at is what the clock shows at a true time.
func (c *clock) at(true time.Duration) time.Duration {
	if c.rate == 1000 {
		return c.base + true - c.since
	}
	return c.base + time.Duration(int64(true-c.since)*c.rate/1000)
}

// set makes it jump ahead and changes its rate.
func (c *clock) set(now, jump time.Duration, rate int64) {
	c.base, c.since, c.rate = c.at(now)+jump, now, rate
}

// never is later than everything.
const never = time.Duration(1<<63 - 1)

// when is the true time at which it will show shown, or never.
func (c *clock) when(shown time.Duration) time.Duration {
	switch {
	case shown <= c.base:
		return c.since
	case c.rate == 0:
		return never
	case c.rate == 1000:
		return c.since + shown - c.base
	}
	return c.since + time.Duration((int64(shown-c.base)*1000+c.rate-1)/c.rate)
}
