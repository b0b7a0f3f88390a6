package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"tabraft/raft"
	"tabraft/raft/bench/load"
)

// core.go: Cores in one goroutine. A message is stepped into its receiver as soon
// as the sender's Ready has it, a save is reported at once, and a Ready is asked
// for only where something was stepped.
//
// The leader tells its followers what has committed with the next entries or,
// if none come, with a heartbeat a little later. Where every command is to be
// applied everywhere before the next one, the driver therefore lets that time
// pass: the ticks and heartbeats are counted like everything else.

type core struct {
	servers []*coreServer
	now     time.Duration
	discard bool
}

type coreServer struct {
	core    *raft.Core
	store   *store
	machine *load.Machine
	applied uint64
	dirty   bool // something was stepped since the last Ready
}

// limits are as far apart as those of the rivals, which are given 1 MiB a message
// and 256 messages.
var limits = raft.Config{
	MaxAppendBytes:      1 << 20,
	MaxInflightMessages: 256,
	MaxInflightBytes:    64 << 20,
}

// openCore has the variant discard, whose storage keeps nothing: what a log
// occupies is then counted once, as it is for the rivals, whose log is their
// storage.
func openCore(variant string, machines []*load.Machine) (load.Core, error) {
	if variant != "" && variant != "discard" {
		return nil, fmt.Errorf("there is no variant %q", variant)
	}
	c := &core{discard: variant == "discard"}
	for i, m := range machines {
		cfg := limits
		cfg.ID, cfg.Rand = raft.ID(i+1), rand.New(rand.NewPCG(uint64(i), 1))
		s := &coreServer{store: bootstrap(len(machines)), machine: m, applied: 0}
		var err error
		if s.core, err = raft.New(cfg, s.store.load(), 0); err != nil {
			return nil, err
		}
		c.servers = append(c.servers, s)
	}
	leader := c.servers[0]
	for leader.core.View().Role != raft.Leader {
		c.tickLeader()
		if err := c.settle(); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// tickLeader lets the time pass until the leader, or who is to become it, wants
// to act.
func (c *core) tickLeader() {
	leader := c.servers[0]
	c.now = max(c.now, leader.core.NextDeadline())
	leader.core.Tick(c.now)
	leader.dirty = true
}

func (c *core) Propose(command []byte) error {
	leader := c.servers[0]
	leader.dirty = true
	_, _, err := leader.core.Propose(c.now, command)
	return err
}

// ProposeBatch is not needed: proposals are batched when Ready is asked for.
func (c *core) ProposeBatch([][]byte) error { return load.ErrNoBatch }

func (c *core) Deliver(everywhere bool) error {
	if err := c.settle(); err != nil || !everywhere {
		return err
	}
	// The leader has told when its followers have answered: one beat is enough,
	// and a second one is for a leader whose own save committed the last entry.
	for range 3 {
		if c.everywhere() {
			return nil
		}
		c.tickLeader()
		if err := c.settle(); err != nil {
			return err
		}
	}
	return errors.New("a heartbeat did not bring what has committed")
}

func (c *core) everywhere() bool {
	for _, s := range c.servers[1:] {
		if s.applied != c.servers[0].applied {
			return false
		}
	}
	return true
}

// settle goes on until no server has anything to do.
func (c *core) settle() error {
	for busy := true; busy; {
		busy = false
		for _, s := range c.servers {
			for s.dirty {
				s.dirty = false
				rd, ok := s.core.Ready()
				if !ok {
					break
				}
				busy = true
				if err := c.carryOut(s, &rd); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (c *core) carryOut(s *coreServer, rd *raft.Ready) error {
	for i := range rd.Messages {
		m := &rd.Messages[i]
		to := c.servers[m.To-1]
		to.dirty = true
		if err := to.core.Step(c.now, *m); err != nil {
			return err
		}
	}
	if rd.Save != nil {
		if !c.discard {
			s.store.save(rd.Save)
		}
		s.dirty = true
		if err := s.core.Saved(c.now, rd.Save.Seq); err != nil {
			return err
		}
	}
	for i := range rd.Committed {
		e := &rd.Committed[i]
		if e.Kind == raft.EntryCommand {
			s.machine.Apply(e.Data)
		}
		s.applied = e.Index
	}
	return nil
}

// Compact takes a snapshot on every server. It is an empty one, as those of the
// rivals are: what a snapshot costs is the state machine's affair.
func (c *core) Compact() error {
	for _, s := range c.servers {
		s.dirty = true
		if err := s.core.Compact(s.applied, nil); err != nil {
			return err
		}
	}
	return c.settle()
}
