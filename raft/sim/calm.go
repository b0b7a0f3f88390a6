package sim

import (
	"slices"
	"time"

	"tabraft/raft"
)

// calm.go: the phase without faults at the end of a run. Everybody is up, all
// messages arrive, disks are quick. Then the cluster must work again: every
// client finishes what it began and one operation more, the last change of
// members is completed, all members have everything; and the leader stays.

const (
	// calmStep is how long a message takes when all is calm.
	calmStep = time.Millisecond
	// calmPatience is how long the cluster may take, in election timeouts.
	calmPatience = 200
	// calmAsk is how often a client that waits asks again, in calmSteps.
	calmAsk = 100
)

// calmDown runs the calm phase.
func (w *world) calmDown() {
	w.calm, w.chaos = true, nil
	if w.trace != nil {
		w.trace.line("now all is calm")
	}
	w.meet.cut = false
	for _, s := range w.servers {
		if s.clock.rate == 0 {
			w.do(Event{Kind: Clock, A: uint8(s.id), N: 1000})
		}
		w.do(Event{Kind: Start, A: uint8(s.id)})
	}
	final := make([]int, len(w.clients)) // operations that each client will have begun
	for i, c := range w.clients {
		final[i] = c.count + 2 // a write and a read
	}
	round := 0
	w.until("progress", func() bool {
		w.calmClients(round, final)
		round++
		return w.settled(final)
	})
	w.drill()
	w.end = true
	w.checkHistories()
}

// until lets calm rounds pass until something has come true; it must, in time.
func (w *world) until(what string, reached func() bool) {
	deadline := w.now + calmPatience*w.set.ElectionTimeout
	for !reached() {
		if w.end = w.now > deadline; w.end {
			w.fail(ruleLive, "no %s in %v: %s", what, calmPatience*w.set.ElectionTimeout, w.describe())
		}
		w.calmRound()
	}
}

// calmRound lets time pass until something happens, a calmStep at least, and
// everybody do what is due.
func (w *world) calmRound() {
	w.passTime()
	for _, s := range w.servers {
		if s.up() && s.core.NextDeadline() <= w.local(s) {
			w.do(Event{Kind: Tick, A: uint8(s.id)})
		}
	}
	for _, from := range w.servers {
		for _, l := range from.outgoing[:len(w.servers)] {
			for n := len(l.messages); n > 0; n-- {
				m := &l.messages[0].Message
				how := Deliver
				if l.from == w.cutOff || l.to == w.cutOff || !l.to.up() {
					how = Drop
				}
				e := Event{At: w.now, Kind: how, A: uint8(m.From), B: uint8(m.To), M: uint8(m.Type)}
				if w.record != nil {
					e.N = looks(m)
				}
				w.begin(&e)
				w.take(l, 0, how)
			}
		}
	}
	for _, s := range w.servers {
		if !s.up() {
			continue
		}
		w.do(Event{Kind: Ready, A: uint8(s.id)})
		for len(s.disk.writing)+len(s.disk.unreported) > 0 {
			for len(s.disk.writing) > 0 {
				w.do(Event{Kind: Write, A: uint8(s.id)})
			}
			for len(s.disk.unreported) > 0 {
				w.do(Event{Kind: Report, A: uint8(s.id)})
			}
			w.do(Event{Kind: Ready, A: uint8(s.id)})
		}
	}
}

// do makes an event happen now.
func (w *world) do(e Event) {
	e.At = w.now
	w.apply(&e)
}

func (w *world) passTime() {
	next := w.now + calmAsk*calmStep
	for _, s := range w.servers {
		for _, l := range s.outgoing[:len(w.servers)] {
			if len(l.messages) > 0 {
				next = w.now
			}
		}
		if !s.up() {
			continue
		}
		next = min(next, s.clock.when(s.core.NextDeadline()))
	}
	w.now = max(next, w.now+calmStep)
}

// calmClients lets every client go on until it has begun as many operations as
// it should.
func (w *world) calmClients(round int, final []int) {
	for i, c := range w.clients {
		if c.op != nil || c.session == nil {
			if (round+i)%calmAsk != 0 {
				continue
			}
		} else if c.count >= final[i] {
			continue
		}
		s := w.leaderNow()
		if s == nil {
			continue
		}
		code := uint64(opPut)
		if c.count == final[i]-1 && c.op == nil {
			code = uint64(opRead)
			if members := members(s.conf); len(members) > 0 { // of any member
				s = w.servers[members[i%len(members)]-1]
			}
		}
		w.do(Event{Kind: Client, A: uint8(s.id), B: uint8(c.name), N: code})
	}
}

// leaderNow is the leader of the latest term; nil if there is none.
func (w *world) leaderNow() *server {
	var leader *server
	for _, s := range w.servers {
		if s.up() && s.view.Role == raft.Leader && (leader == nil || leader.view.Term < s.view.Term) {
			leader = s
		}
	}
	return leader
}

// settled tells whether all clients are done and all members have everything.
func (w *world) settled(final []int) bool {
	leader := w.leaderNow()
	if leader == nil || leader.conf.Joint() || leader.view.ConfigurationIndex > leader.view.CommitIndex || !leader.view.TermCommitted {
		return false
	}
	for i, c := range w.clients {
		if c.op != nil || c.session == nil || c.count < final[i] {
			return false
		}
	}
	for _, id := range members(leader.conf) {
		if w.servers[id-1].applied < leader.view.CommitIndex {
			return false
		}
	}
	return true
}

// members lists everyone, by itself, so as not to repeat a mistake of the core's.
func members(c *raft.Configuration) []raft.ID {
	all := slices.Concat(c.Voters, c.Outgoing, c.Learners)
	slices.Sort(all)
	return slices.Compact(all)
}

func (w *world) describe() string {
	text := ""
	for _, s := range w.servers {
		if !s.up() {
			continue
		}
		st := s.core.Status()
		text += "\n\t" + describeStatus(s, &st)
	}
	for _, c := range w.clients {
		if c.op != nil {
			text += "\n\t" + c.op.String()
		}
	}
	return text
}
