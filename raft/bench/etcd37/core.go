package main

import (
	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"

	"tabraft/raft/bench/load"
)

// core.go: RawNodes in one goroutine, driven as in etcd36/core.go.

type core struct {
	servers []*coreServer
}

type coreServer struct {
	node    *raft.RawNode
	storage *raft.MemoryStorage
	machine *load.Machine
	applied uint64
	dirty   bool // something was stepped since the last Ready
	async   bool
}

func openCore(variant string, machines []*load.Machine) (load.Core, error) {
	c := &core{}
	for i, m := range machines {
		storage, err := newStorage(len(machines))
		if err != nil {
			return nil, err
		}
		cfg, err := newConfig(i+1, storage, variant)
		if err != nil {
			return nil, err
		}
		node, err := raft.NewRawNode(cfg)
		if err != nil {
			return nil, err
		}
		c.servers = append(c.servers, &coreServer{node: node, storage: storage, machine: m, async: cfg.AsyncStorageWrites})
	}
	c.servers[0].dirty = true
	if err := c.servers[0].node.Campaign(); err != nil {
		return nil, err
	}
	return c, c.Deliver(true)
}

func (c *core) Propose(command []byte) error {
	c.servers[0].dirty = true
	return c.servers[0].node.Propose(command)
}

func (c *core) ProposeBatch(commands [][]byte) error {
	entries := make([]*pb.Entry, len(commands))
	for i := range commands {
		entries[i] = &pb.Entry{Data: commands[i]}
	}
	c.servers[0].dirty = true
	return c.servers[0].node.Step(&pb.Message{Type: pb.MsgProp.Enum(), From: new(uint64(1)), Entries: entries})
}

// Deliver goes on until no server has anything to do. The leader tells what
// committed in messages of their own, so everywhere makes no difference.
func (c *core) Deliver(bool) error {
	for busy := true; busy; {
		busy = false
		for _, s := range c.servers {
			if !s.dirty {
				continue
			}
			s.dirty = false
			for s.node.HasReady() {
				busy = true
				rd := s.node.Ready()
				var err error
				if s.async {
					err = c.carryOutAsync(s, rd)
				} else {
					err = c.carryOut(s, rd)
				}
				if err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (c *core) carryOut(s *coreServer, rd raft.Ready) error {
	if err := s.save(rd.HardState, rd.Entries); err != nil {
		return err
	}
	for _, m := range rd.Messages {
		if err := c.step(m); err != nil {
			return err
		}
	}
	s.apply(rd.CommittedEntries)
	s.node.Advance(rd)
	return nil
}

func (c *core) carryOutAsync(s *coreServer, rd raft.Ready) error {
	for _, m := range rd.Messages {
		switch m.GetTo() {
		case raft.LocalAppendThread:
			hard := &pb.HardState{Term: m.Term, Vote: m.Vote, Commit: m.Commit}
			if err := s.save(hard, m.Entries); err != nil {
				return err
			}
		case raft.LocalApplyThread:
			s.apply(m.Entries)
		default:
			if err := c.step(m); err != nil {
				return err
			}
		}
		for _, r := range m.Responses {
			if err := c.step(r); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *core) step(m *pb.Message) error {
	to := c.servers[m.GetTo()-1]
	to.dirty = true
	return to.node.Step(m)
}

func (s *coreServer) save(hard *pb.HardState, entries []*pb.Entry) error {
	if !raft.IsEmptyHardState(hard) {
		if err := s.storage.SetHardState(hard); err != nil {
			return err
		}
	}
	return s.storage.Append(entries)
}

func (s *coreServer) apply(entries []*pb.Entry) {
	for _, e := range entries {
		if len(e.Data) > 0 { // else the leader's first entry
			s.machine.Apply(e.Data)
		}
		s.applied = e.GetIndex()
	}
}

func (c *core) Compact() error {
	for _, s := range c.servers {
		if err := s.storage.Compact(s.applied); err != nil {
			return err
		}
	}
	return nil
}
