package raft

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// cluster_test.go: random histories of small clusters. Everything that can go
// wrong between correct servers goes wrong: messages are lost, repeated,
// overtaken and delayed, servers crash and lose what was not on disk, disks
// are slow and report out of order, clocks jump, the members change. After
// every step the world checks what Raft promises; in the end everything is
// healed and the cluster must work again.
//
//	go test ./raft -run TestRandomHistories -seeds 5000
//	go test ./raft -run TestRandomHistories -first 1234 -seeds 1

var (
	flagSeeds = flag.Int("seeds", 60, "how many random histories to run")
	flagFirst = flag.Uint64("first", 1, "the seed of the first random history")
	flagSteps = flag.Int("steps", 3000, "the length of each random history")
)

func TestRandomHistories(t *testing.T) {
	sum := map[string]int{}
	for i := range *flagSeeds {
		seed := *flagFirst + uint64(i)
		h := newHistory(seed)
		if err := h.run(*flagSteps); err != nil {
			t.Fatalf("seed %d (-first %d -seeds 1): %v\nsettings: %s", seed, seed, err, h.settings)
		}
		for what, n := range h.w.events {
			sum[what] += n
		}
		for what, n := range h.w.sent {
			sum[what.String()] += n
		}
		sum["committed"] += len(h.w.facts)
	}
	t.Logf("%d histories: %v", *flagSeeds, sum)
	if *flagSeeds < 40 {
		return
	}
	for _, what := range []string{"leaders", "committed", "crashes", "reconfigured", "joint", "conflicting entries", "refusals", "suspensions",
		"snapshots", "snapshots restored", "InstallSnapshot", "reads", "transfers", "TimeoutNow"} {
		if sum[what] < *flagSeeds/4 {
			t.Errorf("only %d %s: the histories test too little", sum[what], what)
		}
	}
}

// history is one random run.
type history struct {
	w        *world
	rng      *rand.Rand
	now      time.Duration
	settings string
	reads    map[uint64]uint64 // by ticket: what was committed when it was asked for
	groups   map[ID]int        // partition: only servers of one group hear each other
	late     []Message         // on a long way

	// Chances out of 1000.
	drop, repeat, overtake, delay, pace, save, crash, restart, reconfigure, partition, compact, transfer int
	refinements                                                                                          bool // PreVote, CheckQuorum and stickiness are on
}

const historyHosts = 5

func newHistory(seed uint64) *history {
	h := &history{w: newWorld(), rng: rand.New(rand.NewPCG(seed, 1)), groups: map[ID]int{}, reads: map[uint64]uint64{}}
	pick := func(from ...int) int { return from[h.rng.IntN(len(from))] }
	h.drop, h.repeat, h.overtake = pick(0, 0, 20, 200), pick(0, 50, 300), pick(0, 50, 500)
	h.delay, h.pace = pick(0, 10, 100), pick(1000, 1000, 100, 30)
	h.save = pick(30, 200, 1000)
	h.crash, h.restart = pick(0, 2, 10), pick(10, 50)
	h.reconfigure, h.partition = pick(0, 5, 50), pick(0, 1, 5)
	h.compact, h.transfer = pick(0, 5, 50), pick(0, 0, 20)
	cfg := Config{
		MaxSaves:            pick(1, 1, 3, 8),
		MaxAppendBytes:      pick(0, 1, 200),
		MaxInflightMessages: pick(0, 1, 3),
		MaxUncommittedBytes: pick(0, 1000),
		SnapshotChunkBytes:  pick(0, 1, 20),
		RetainedBytes:       pick(0, -1, 300),
		DisablePreVote:      pick(0, 0, 0, 1) == 1,
		DisableCheckQuorum:  pick(0, 0, 0, 1) == 1,
		DisableStickiness:   pick(0, 0, 0, 1) == 1,
	}
	h.refinements = !cfg.DisablePreVote && !cfg.DisableCheckQuorum && !cfg.DisableStickiness
	founders := 1 + h.rng.IntN(historyHosts)
	h.settings = fmt.Sprintf("%d founders, %+v, drop %d, repeat %d, overtake %d, delay %d, pace %d, save %d, crash %d, restart %d, reconfigure %d, partition %d, compact %d, transfer %d",
		founders, cfg, h.drop, h.repeat, h.overtake, h.delay, h.pace, h.save, h.crash, h.restart, h.reconfigure, h.partition, h.compact, h.transfer)

	conf := Configuration{}
	for id := 1; id <= founders; id++ {
		conf.Voters = append(conf.Voters, ID(id))
	}
	h.w.addFact(foundingDisk(conf).Entries[0], 1)
	for id := ID(1); id <= historyHosts; id++ {
		disk := Stored{}
		if conf.IsVoter(id) {
			disk = foundingDisk(conf)
		}
		host := h.w.addHost(id, cfg, disk)
		host.seed += seed * 100
	}
	return h
}

func (h *history) chance(perMille int) bool { return h.rng.IntN(1000) < perMille }

// run gives the rule that was broken, if one was.
func (h *history) run(steps int) (err error) {
	step := 0
	defer func() {
		switch r := recover().(type) {
		case nil:
		case broken:
			err = fmt.Errorf("step %d: %s", step, r.what)
		case *InvariantError:
			err = fmt.Errorf("step %d: %w", step, r)
		default:
			panic(r)
		}
	}()
	for _, s := range h.w.hosts {
		h.w.start(s)
	}
	for ; step < steps; step++ {
		h.w.full = step%100 == 99
		h.step()
	}
	h.heal()
	return nil
}

func (h *history) step() {
	h.passTime()
	h.deliver()
	for _, s := range h.w.hosts {
		h.moveDisk(s)
		h.trouble(s)
	}
	h.clients()
	for _, s := range h.w.hosts {
		if s.core != nil && h.chance(800) {
			h.w.ready(s)
		}
	}
	h.checkReads()
}

func (h *history) passTime() {
	h.now += time.Duration(h.rng.Int64N(int64(8 * time.Millisecond)))
	if h.chance(5) {
		h.now += time.Duration(h.rng.Int64N(int64(2 * time.Second)))
		h.w.events["suspensions"]++
	}
	for _, s := range h.w.hosts {
		s.now = h.now
		if s.core != nil && s.core.NextDeadline() <= h.now && h.chance(700) {
			h.w.do(s, func(c *Core) { c.Tick(h.now) })
		}
	}
}

func (h *history) deliver() {
	const most = 400 // older messages are lost
	if extra := len(h.w.net) - most; extra > 0 {
		h.w.net = h.w.net[extra:]
	}
	if n := len(h.late); n > 0 && h.chance(50) {
		i := h.rng.IntN(n)
		h.w.net = append(h.w.net, h.late[i])
		h.late = slices.Delete(h.late, i, i+1)
	}
	for range len(h.w.net)/2 + 1 {
		if !h.chance(h.pace) {
			continue
		}
		if len(h.w.net) == 0 {
			return
		}
		i := 0
		if h.chance(h.overtake) {
			i = h.rng.IntN(len(h.w.net))
		}
		m := h.w.net[i]
		if !h.chance(h.repeat) {
			h.w.net = slices.Delete(h.w.net, i, i+1)
		}
		if h.chance(h.delay) && len(h.late) < most {
			h.late = append(h.late, m)
			continue
		}
		to := h.w.host(m.To)
		if to.core == nil || h.groups[m.From] != h.groups[m.To] || h.chance(h.drop) {
			continue
		}
		h.w.step(to, m)
		if m.Type == AppendEntriesReply && m.Reject {
			h.w.events["refusals"]++
		}
	}
}

func (h *history) moveDisk(s *host) {
	if s.core == nil || !h.chance(h.save) {
		return
	}
	for range len(s.writing) {
		if h.chance(700) {
			h.w.write(s)
		}
	}
	for range len(s.unreported) {
		if h.chance(700) {
			h.w.report(s, s.unreported[h.rng.IntN(len(s.unreported))])
		}
	}
}

func (h *history) trouble(s *host) {
	switch {
	case s.core == nil:
		if h.chance(h.restart) {
			h.w.start(s)
		}
	case h.chance(h.crash):
		h.w.events["crashes"]++
		h.w.crash(s, h.rng.IntN(len(s.writing)+1))
	case h.chance(2):
		peer := h.w.hosts[h.rng.IntN(len(h.w.hosts))]
		h.w.do(s, func(c *Core) { c.PeerDown(h.now, peer.id) })
	}
	if s.core != nil && h.chance(h.compact) {
		h.snapshot(s)
	}
	if s.core != nil && h.chance(50) {
		h.read(s)
	}
	if h.chance(h.partition) {
		h.groups[s.id] = h.rng.IntN(2)
	}
}

// snapshot compacts a server's log at a place that it has applied.
func (h *history) snapshot(s *host) {
	from := s.core.SnapshotIndex()
	if from >= s.seen.applied {
		return
	}
	index := from + 1 + h.rng.Uint64N(s.seen.applied-from)
	if index <= s.core.log.base {
		return
	}
	h.w.events["snapshots"]++
	data := bytes.Repeat(h.w.facts[index-1].state, 1+h.rng.IntN(20))
	h.w.do(s, func(c *Core) {
		if err := c.Compact(index, data); err != nil {
			h.w.fail("server %x: %v", uint64(s.id), err)
		}
	})
}

// read asks for a read, which must see all that is committed now.
func (h *history) read(s *host) {
	h.w.do(s, func(c *Core) {
		if ticket, err := c.ReadIndex(h.now); err == nil {
			h.reads[ticket] = uint64(len(h.w.facts))
		}
	})
}

// checkReads looks at the answers.
func (h *history) checkReads() {
	for _, r := range h.w.answers {
		if least, asked := h.reads[r.Ticket]; !asked || r.Index < least {
			h.w.fail("read at %d, when it was asked for %d were committed", r.Index, least)
		}
		h.w.events["reads"]++
	}
	h.w.answers = h.w.answers[:0]
}

func (h *history) clients() {
	s := h.w.hosts[h.rng.IntN(len(h.w.hosts))]
	if s.core == nil || s.core.role != Leader {
		return
	}
	for range h.rng.IntN(4) {
		h.propose(s, fmt.Sprintf("%x proposes at %s", uint64(s.id), h.now))
	}
	if h.chance(h.transfer) {
		to := h.w.hosts[h.rng.IntN(len(h.w.hosts))].id
		h.w.events["transfers"]++
		h.w.do(s, func(c *Core) {
			if h.chance(300) {
				c.HandOver(h.now)
			} else if err := c.Transfer(h.now, to); err != nil && !errors.Is(err, ErrNotVoter) && err != ErrTransferring {
				h.w.fail("Transfer: %v", err)
			}
		})
	}
	if h.chance(h.reconfigure * 5) {
		var voters, learners []ID
		for id := ID(1); id <= historyHosts; id++ {
			switch h.rng.IntN(3) {
			case 0:
				voters = append(voters, id)
			case 1:
				learners = append(learners, id)
			}
		}
		h.w.do(s, func(c *Core) {
			_, err := c.Reconfigure(voters, learners)
			if err == nil {
				h.w.events["reconfigured"]++
				if c.Configuration().Joint() {
					h.w.events["joint"]++
				}
			} else if !errors.Is(err, ErrChangeInProgress) && !errors.Is(err, ErrTermNotCommitted) &&
				err != ErrNotLeader && err != ErrTransferring && len(voters) > 0 {
				h.w.fail("Reconfigure: %v", err)
			}
		})
	}
}

// propose gives the entry's index, or 0.
func (h *history) propose(s *host, what string) (index uint64) {
	h.w.do(s, func(c *Core) {
		var err error
		index, _, err = c.Propose(h.now, []byte(what))
		if err != nil && err != ErrNotLeader && err != ErrOverloaded && err != ErrTransferring {
			h.w.fail("Propose: %v", err)
		}
	})
	return index
}

// heal ends all trouble. A command must then commit on all members, and with
// the refinements on, a leader once found must stay.
func (h *history) heal() {
	h.drop, h.repeat, h.overtake, h.groups = 0, 0, 0, map[ID]int{}
	h.w.full = false
	h.w.net = append(h.w.net, h.late...)
	for _, s := range h.w.hosts {
		if s.core == nil {
			h.w.start(s)
		}
	}
	const patience = 60 * time.Second
	deadline, proposed := h.now+patience, uint64(0)
	var mark string
	for !h.everywhere(proposed, mark) {
		if h.now > deadline {
			h.w.fail("no progress in %s without faults: %s", patience, h.describe())
		}
		h.calmStep()
		leader := h.leader()
		if lost := proposed > 0 && int(proposed) <= len(h.w.facts) && string(h.w.facts[proposed-1].Data) != mark; lost {
			proposed = 0
		}
		if leader != nil && (proposed == 0 || leader.core.log.lastIndex() < proposed) {
			mark = fmt.Sprintf("healed at %s", h.now)
			proposed = h.propose(leader, mark)
		}
	}
	if leader := h.leader(); h.refinements && leader != nil {
		term, from := leader.core.currentTerm, h.now
		for h.now < from+5*time.Second {
			h.calmStep()
		}
		if leader.core.role != Leader || leader.core.currentTerm != term {
			h.w.fail("the leader of term %d was deposed without a fault: %s", term, h.describe())
		}
	}
}

// calmStep lets a millisecond pass in which everything works.
func (h *history) calmStep() {
	h.now += time.Millisecond
	for _, s := range h.w.hosts {
		s.now = h.now
	}
	h.w.calmStep(func(ID, ID) bool { return true })
}

// leader is the one of the latest term.
func (h *history) leader() *host {
	var leader *host
	for _, s := range h.w.hosts {
		if s.core.role == Leader && (leader == nil || leader.core.currentTerm < s.core.currentTerm) {
			leader = s
		}
	}
	return leader
}

// everywhere tells whether all members have applied the command proposed at
// index, and the last change of members is complete.
func (h *history) everywhere(index uint64, mark string) bool {
	leader := h.leader()
	if index == 0 || leader == nil || leader.core.commitIndex < index || index <= leader.core.log.base || string(leader.core.log.at(index).Data) != mark {
		return false
	}
	conf := leader.core.Configuration()
	if conf.Joint() || leader.core.configurationIndex() > leader.core.commitIndex {
		return false
	}
	for _, id := range conf.Members() {
		if h.w.host(id).core.lastApplied < leader.core.commitIndex {
			return false
		}
	}
	return true
}

func (h *history) describe() string {
	s := ""
	for _, host := range h.w.hosts {
		if host.core != nil {
			st := host.core.Status()
			s += fmt.Sprintf("\n%x: %s of term %d, leader %x, last %d, committed %d, durable %d, %s",
				uint64(host.id), st.Role, st.Term, uint64(st.Leader), st.LastIndex, st.CommitIndex, st.DurableIndex, st.Configuration)
		}
	}
	return s
}
