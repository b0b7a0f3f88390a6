package sim

import (
	"time"

	"tabraft/raft"
)

// faults.go: what chaos does to servers, links, clocks and members.

// The kinds of faults, and of requests that nobody but an operator makes.
const (
	faultPartition = iota
	faultCrash
	faultDisk
	faultSuspend
	faultJump
	faultHint
	faultReconfigure
	faultTransfer
	faultCompact
	faultCount
)

// every is twice the mean time between two of a kind; 0: never.
func (c *chaos) every(kind int) time.Duration {
	set := &c.w.set
	return [faultCount]time.Duration{set.PartitionEvery, set.CrashEvery, set.FailEvery, set.SuspendEvery, set.JumpEvery,
		set.PeerDowns, set.ReconfigureEvery, set.TransferEvery, set.CompactEvery}[kind]
}

func (c *chaos) nextFault(kind int) {
	if d := c.every(kind); d > 0 {
		c.after(c.upTo(2*d), due{what: dueFault, ref: uint32(kind)})
	}
}

func (c *chaos) fault(kind int) {
	// Half of all trouble is the leader's.
	s := c.leader()
	if s == nil || c.chance(500) {
		s = c.w.servers[c.rng.IntN(len(c.w.servers))]
	}
	other := c.w.servers[c.rng.IntN(len(c.w.servers))]
	a := uint8(s.id)
	switch kind {
	case faultPartition:
		c.cutLinks(s)
	case faultCrash:
		if c.chance(100) { // all at once
			for _, s := range c.w.servers {
				c.crash(s, Crash)
			}
			return
		}
		if c.chance(500) {
			s = c.writing(s)
		}
		c.crash(s, Crash)
	case faultDisk:
		if s := c.writing(s); len(s.disk.writing) > 0 {
			c.crash(s, DiskError)
		}
	case faultSuspend:
		c.suspend(s)
	case faultJump:
		c.w.stats[ClockJumps]++
		c.setClock(s, c.upTo(3*c.w.set.ElectionTimeout), c.rate())
	case faultHint:
		if s.up() && s != other {
			c.do(Event{Kind: PeerDown, A: uint8(other.id), B: a})
		}
	case faultReconfigure:
		c.reconfigure()
	case faultTransfer:
		if l := c.leader(); l != nil && c.chance(850) {
			c.do(Event{Kind: Transfer, A: uint8(l.id), B: uint8(other.id)})
		} else if l != nil {
			c.do(Event{Kind: HandOver, A: uint8(l.id)})
		}
	case faultCompact:
		if s.up() {
			c.do(Event{Kind: Compact, A: a})
		}
	}
}

// writing is a server with saves under way, if there is one, and else s.
func (c *chaos) writing(s *server) *server {
	n := int(s.id)
	for i := range c.w.servers {
		if other := c.w.servers[(n+i)%len(c.w.servers)]; len(other.disk.writing) > 0 {
			return other
		}
	}
	return s
}

// leader is the one of the latest term that is up.
func (c *chaos) leader() *server {
	var leader *server
	for _, s := range c.w.servers {
		if s.up() && s.view.Role == raft.Leader && (leader == nil || leader.view.Term < s.view.Term) {
			leader = s
		}
	}
	return leader
}

func (c *chaos) crash(s *server, how Kind) {
	if !s.up() {
		return
	}
	c.do(Event{Kind: how, A: uint8(s.id), N: uint64(c.rng.IntN(len(s.disk.writing) + 1))})
	s.timer = timer{at: never, ready: s.timer.ready}
	c.after(c.upTo(c.w.set.DownMax)+1, due{what: dueStart, a: uint8(s.id)})
}

// suspend stops a server's driver; its clock goes on, or stands still too.
func (c *chaos) suspend(s *server) {
	if !s.up() || s.timer.suspended > c.w.now {
		return
	}
	c.w.stats[Suspensions]++
	d := c.upTo(c.w.set.SuspendMax)
	s.timer.suspended = c.w.now + d
	if (!c.w.set.LeaseReads || c.w.flaw == badClocks) && c.chance(300) {
		c.w.stats[FrozenClocks]++
		c.setClock(s, 0, 0)
		c.after(d, due{what: dueThaw, a: uint8(s.id)})
	}
}

// rate draws the speed of a clock.
func (c *chaos) rate() int {
	skew := c.w.set.Skew
	return 1000 - skew + c.rng.IntN(2*skew+1)
}

// partitionTimeouts lets partitions last for some election timeouts.
const partitionTimeouts = 4

// cutLinks makes a partition: of one server, of two groups, in one direction,
// or of links here and there.
func (c *chaos) cutLinks(victim *server) {
	c.heal()
	c.w.stats[Partitions]++
	how, side := c.rng.IntN(6), c.rng.IntN(1<<len(c.w.servers))
	if how == 4 {
		c.w.stats[OneWay]++
	}
	for i := range c.w.servers {
		for j := range c.w.servers {
			l := &c.links[i][j]
			switch how {
			case 0, 1: // one server
				l.cut = (i == int(victim.id)-1) != (j == int(victim.id)-1)
			case 2, 3: // two groups
				l.cut = side>>i&1 != side>>j&1
			case 4: // two groups, one way
				l.cut = side>>i&1 < side>>j&1
			case 5: // here and there
				l.cut = c.chance(300)
			}
		}
	}
	c.w.meet.cut = true
	c.after(c.upTo(c.w.set.PartitionEvery+partitionTimeouts*c.w.set.ElectionTimeout), due{what: dueHeal, ref: c.partition})
}

// heal joins all links again.
func (c *chaos) heal() {
	c.partition++
	c.w.meet.cut = false
	for i := range c.links {
		for j := range c.links[i] {
			c.links[i][j].cut = false
		}
	}
}

// reconfigure asks for any members at all.
func (c *chaos) reconfigure() {
	leader := c.leader()
	if leader == nil {
		return
	}
	var voters, learners uint64
	for i := range c.w.servers {
		switch c.rng.IntN(5) {
		case 0, 1:
			voters |= 1 << i
		case 2:
			learners |= 1 << i
		}
	}
	if c.chance(100) { // other voters altogether
		voters = 0
		for i, s := range c.w.servers {
			if !leader.conf.IsVoter(s.id) {
				voters |= 1 << i
			}
		}
	}
	if voters != 0 {
		c.do(Event{Kind: Reconfigure, A: uint8(leader.id), N: voters | learners&^voters<<8})
	}
}
