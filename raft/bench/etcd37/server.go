package main

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"

	"tabraft/raft/bench/load"
)

// server.go: a loop around a RawNode, as in etcd36/server.go, which tells what was
// tried.

const (
	tick         = 50 * time.Millisecond
	startTimeout = 10 * time.Second
	// keepBehind is how much of the log stays behind what all have applied.
	keepBehind = 4096
)

type servers struct {
	all      []*server
	machines []*load.Machine
	answers  *load.Answers
}

type server struct {
	cluster *servers
	id      uint64
	node    *raft.RawNode
	storage *raft.MemoryStorage
	machine *load.Machine
	out     [][]*pb.Message // by receiver, while a Ready is carried out
	propose []*pb.Entry     // room for a MsgProp's entries
	applied uint64
	leads   chan struct{} // closed when it leads
	done    chan struct{}
	err     error // why it ended, once done is closed

	mailbox
}

// mailbox is what waits for a server's loop.
type mailbox struct {
	mu       sync.Mutex
	messages []*pb.Message
	commands [][]byte
	ticks    int
	stop     bool
	wake     chan struct{}
	ticker   *time.Ticker
}

func openServers(variant string, machines []*load.Machine, answers *load.Answers) (load.Cluster, error) {
	c := &servers{machines: machines, answers: answers}
	for i, m := range machines {
		storage, err := newStorage(len(machines))
		if err != nil {
			return nil, err
		}
		cfg, err := newConfig(i+1, storage, variant)
		if err != nil {
			return nil, err
		}
		if cfg.AsyncStorageWrites {
			return nil, errors.New("the node bench has no variant async")
		}
		node, err := raft.NewRawNode(cfg)
		if err != nil {
			return nil, err
		}
		c.all = append(c.all, &server{cluster: c, id: cfg.ID, node: node, storage: storage, machine: m,
			out: make([][]*pb.Message, len(machines)+1), leads: make(chan struct{}), done: make(chan struct{}),
			mailbox: mailbox{wake: make(chan struct{}, 1), ticker: time.NewTicker(tick)}})
	}
	if err := c.all[0].node.Campaign(); err != nil {
		return nil, err
	}
	for _, s := range c.all {
		s.put(func() {})
		go s.run()
		go s.countTicks()
	}
	select {
	case <-c.all[0].leads:
		return c, nil
	case <-time.After(startTimeout):
		return nil, fmt.Errorf("no leader after %v", startTimeout)
	}
}

func (c *servers) Propose(_ int, command []byte) {
	s := c.all[0]
	s.mu.Lock()
	s.commands = append(s.commands, command)
	s.mu.Unlock()
	s.nudge()
}

func (c *servers) Close() error {
	for _, s := range c.all {
		s.ticker.Stop()
		s.put(func() { s.stop = true })
	}
	var err error
	for _, s := range c.all {
		<-s.done
		if err == nil {
			err = s.err
		}
	}
	return err
}

func (b *mailbox) put(f func()) {
	b.mu.Lock()
	f()
	b.mu.Unlock()
	b.nudge()
}

func (b *mailbox) nudge() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

func (s *server) countTicks() {
	for {
		select {
		case <-s.ticker.C:
			s.put(func() { s.ticks++ })
		case <-s.done:
			return
		}
	}
}

// run is the loop. An error ends the server, and Close tells it.
func (s *server) run() {
	defer close(s.done)
	var messages []*pb.Message
	var commands [][]byte
	for {
		<-s.wake
		s.cluster.answers.Yield()
		s.mu.Lock()
		messages, s.messages = s.messages, messages[:0]
		commands, s.commands = s.commands, commands[:0]
		ticks, stop := s.ticks, s.stop
		s.ticks = 0
		s.mu.Unlock()
		if stop {
			return
		}
		if s.err = s.round(messages, commands, ticks); s.err != nil {
			s.cluster.answers.Fail(s.err)
			return
		}
		clear(messages)
	}
}

func (s *server) round(messages []*pb.Message, commands [][]byte, ticks int) error {
	for range ticks {
		s.node.Tick()
	}
	for _, m := range messages {
		if err := s.node.Step(m); err != nil {
			return err
		}
	}
	if len(commands) > 0 {
		// The core copies the slice, so that their room can be used again.
		s.propose = s.propose[:0]
		for _, c := range commands {
			s.propose = append(s.propose, &pb.Entry{Data: c})
		}
		if err := s.node.Step(&pb.Message{Type: pb.MsgProp.Enum(), From: new(s.id), Entries: s.propose}); err != nil {
			return err
		}
	}
	for s.node.HasReady() {
		if err := s.carryOut(s.node.Ready()); err != nil {
			return err
		}
	}
	return nil
}

func (s *server) carryOut(rd raft.Ready) error {
	if err := s.save(rd.HardState, rd.Entries); err != nil {
		return err
	}
	for _, m := range rd.Messages {
		s.out[m.GetTo()] = append(s.out[m.GetTo()], m)
	}
	s.flush()
	if err := s.apply(rd.CommittedEntries); err != nil {
		return err
	}
	s.node.Advance(rd)
	return nil
}

func (s *server) save(hard *pb.HardState, entries []*pb.Entry) error {
	if !raft.IsEmptyHardState(hard) {
		if err := s.storage.SetHardState(hard); err != nil {
			return err
		}
	}
	return s.storage.Append(entries)
}

// flush hands the messages of a Ready to their receivers.
func (s *server) flush() {
	for to, ms := range s.out {
		if len(ms) == 0 {
			continue
		}
		dst := s.cluster.all[to-1]
		dst.mu.Lock()
		dst.messages = append(dst.messages, ms...)
		dst.mu.Unlock()
		dst.nudge()
		clear(ms)
		s.out[to] = ms[:0]
	}
}

func (s *server) apply(entries []*pb.Entry) error {
	for _, e := range entries {
		if len(e.Data) > 0 {
			s.machine.Apply(e.Data)
			if s.id == 1 {
				s.cluster.answers.Done(load.Client(e.Data))
			}
		} else if s.id == 1 {
			close(s.leads) // the first entry of the leader's term
		}
		s.applied = e.GetIndex()
	}
	if len(entries) == 0 {
		return nil
	}
	s.machine.Publish()
	return compact(s.storage, s.applied, s.cluster.machines)
}

// compact forgets what every server has applied, now and then. That every server
// is asked is the benchmark's own shortcut: it keeps snapshots out.
func compact(storage *raft.MemoryStorage, applied uint64, machines []*load.Machine) error {
	first, err := storage.FirstIndex()
	if err != nil || applied < first+2*keepBehind {
		return err
	}
	to := applied
	for _, m := range machines {
		to = min(to, m.Published()+2) // commands are entries 3 and on
	}
	if to < first+2*keepBehind {
		return nil
	}
	return storage.Compact(to - keepBehind)
}
