package main

import (
	"fmt"
	"sync"
	"time"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"

	"tabraft/raft/bench/load"
)

// server.go: the best loop around a RawNode that we could write. Each server is
// one goroutine with one mailbox, which it drains at once; all proposals found in
// it become one MsgProp, so that they leave in one message for each follower, and
// all messages of a Ready for one server take its lock once. Messages are handed
// over as they are, or encoded and decoded if the variant says so, as a network
// would have it.
//
// Tried and slower, or no faster: a channel of messages for each server, one
// Propose for each command, a goroutine of its own for appending or applying (for
// memory as storage its switches cost more than it saves), 64 to 4096 messages in
// flight.

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
	async   bool
	encoded bool
	out     [][]pb.Message // by receiver, while a Ready is carried out
	propose []pb.Entry     // room for a MsgProp's entries
	applied uint64
	leads   chan struct{} // closed when it leads
	done    chan struct{}
	err     error // why it ended, once done is closed

	mailbox
}

// mailbox is what waits for a server's loop.
type mailbox struct {
	mu       sync.Mutex
	messages []pb.Message
	frames   [][]byte
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
		node, err := raft.NewRawNode(cfg)
		if err != nil {
			return nil, err
		}
		c.all = append(c.all, &server{cluster: c, id: cfg.ID, node: node, storage: storage, machine: m,
			async: cfg.AsyncStorageWrites, encoded: variant == "encoded",
			out: make([][]pb.Message, len(machines)+1), leads: make(chan struct{}), done: make(chan struct{}),
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
	var messages []pb.Message
	var frames, commands [][]byte
	for {
		<-s.wake
		s.cluster.answers.Yield()
		s.mu.Lock()
		messages, s.messages = s.messages, messages[:0]
		frames, s.frames = s.frames, frames[:0]
		commands, s.commands = s.commands, commands[:0]
		ticks, stop := s.ticks, s.stop
		s.ticks = 0
		s.mu.Unlock()
		if stop {
			return
		}
		if s.err = s.round(messages, frames, commands, ticks); s.err != nil {
			s.cluster.answers.Fail(s.err)
			return
		}
		clear(messages)
		clear(frames)
	}
}

func (s *server) round(messages []pb.Message, frames, commands [][]byte, ticks int) error {
	for range ticks {
		s.node.Tick()
	}
	for i := range messages {
		if err := s.node.Step(messages[i]); err != nil {
			return err
		}
	}
	for _, b := range frames {
		var m pb.Message
		if err := m.Unmarshal(b); err != nil {
			return err
		}
		if err := s.node.Step(m); err != nil {
			return err
		}
	}
	if len(commands) > 0 {
		// The core copies the entries, so that their room can be used again.
		s.propose = s.propose[:0]
		for _, c := range commands {
			s.propose = append(s.propose, pb.Entry{Data: c})
		}
		if err := s.node.Step(pb.Message{Type: pb.MsgProp, From: s.id, Entries: s.propose}); err != nil {
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
	if !s.async {
		if err := s.save(rd.HardState, rd.Entries); err != nil {
			return err
		}
		for i := range rd.Messages {
			s.put1(&rd.Messages[i])
		}
		if err := s.flush(); err != nil {
			return err
		}
		if err := s.apply(rd.CommittedEntries); err != nil {
			return err
		}
		s.node.Advance(rd)
		return nil
	}
	var apply *pb.Message
	for i := range rd.Messages {
		m := &rd.Messages[i]
		switch m.To {
		case raft.LocalAppendThread:
			if err := s.save(pb.HardState{Term: m.Term, Vote: m.Vote, Commit: m.Commit}, m.Entries); err != nil {
				return err
			}
			if err := s.respond(m); err != nil {
				return err
			}
		case raft.LocalApplyThread:
			apply = m
		default:
			s.put1(m)
		}
	}
	if err := s.flush(); err != nil {
		return err
	}
	if apply == nil {
		return nil
	}
	if err := s.apply(apply.Entries); err != nil {
		return err
	}
	return s.respond(apply)
}

// respond carries the responses of a storage message: to this server, or out.
func (s *server) respond(m *pb.Message) error {
	for i := range m.Responses {
		r := &m.Responses[i]
		if r.To != s.id {
			s.put1(r)
		} else if err := s.node.Step(*r); err != nil {
			return err
		}
	}
	return nil
}

func (s *server) save(hard pb.HardState, entries []pb.Entry) error {
	if !raft.IsEmptyHardState(hard) {
		if err := s.storage.SetHardState(hard); err != nil {
			return err
		}
	}
	return s.storage.Append(entries)
}

func (s *server) put1(m *pb.Message) { s.out[m.To] = append(s.out[m.To], *m) }

// flush hands what put1 gathered to its receivers.
func (s *server) flush() error {
	for to, ms := range s.out {
		if len(ms) == 0 {
			continue
		}
		dst := s.cluster.all[to-1]
		if s.encoded {
			for i := range ms {
				b, err := ms[i].Marshal()
				if err != nil {
					return err
				}
				dst.put(func() { dst.frames = append(dst.frames, b) })
			}
		} else {
			dst.mu.Lock()
			dst.messages = append(dst.messages, ms...)
			dst.mu.Unlock()
			dst.nudge()
		}
		clear(ms)
		s.out[to] = ms[:0]
	}
	return nil
}

func (s *server) apply(entries []pb.Entry) error {
	for i := range entries {
		e := &entries[i]
		if len(e.Data) > 0 {
			s.machine.Apply(e.Data)
			if s.id == 1 {
				s.cluster.answers.Done(load.Client(e.Data))
			}
		} else if s.id == 1 {
			close(s.leads) // the first entry of the leader's term
		}
		s.applied = e.Index
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
