package sim

import (
	"math/rand/v2"
	"time"

	"tabraft/raft"
	"tabraft/raft/kv"
)

// server is one server: its disk, which survives, and its life.
type server struct {
	id    raft.ID
	cfg   raft.Config
	disk  disk
	clock clock
	lives uint64

	// While it is up:
	core    *raft.Core
	machine *kv.Map // with Settings.Maps
	applied uint64
	waiting []waiting      // commands proposed here
	asking  []asker        // reads to ask the core for
	asked   map[uint64]ask // reads by ticket
	reading []reading      // reads that wait for what is applied

	// What was seen after its last input.
	view          raft.View
	transferSince time.Duration       // on its clock
	conf          *raft.Configuration // in force
	terms         []uint64            // of its log, by index

	outgoing [MaxServers]*link
	timer    timer // chaos's
}

// name is what people call it: 1, 2, 3.
func (s *server) name() int { return int(s.id) }

func (s *server) up() bool { return s.core != nil }

// hasty is a source of numbers some of which, of 1000, are very small. With
// them an election timeout is the shortest there is.
type hasty struct {
	rand.PCG
	chance uint64
}

func (h *hasty) Uint64() uint64 {
	n := h.PCG.Uint64()
	if h.chance > 0 && h.PCG.Uint64()%1000 < h.chance {
		return n >> 20
	}
	return n
}

// start makes the core from the disk.
func (w *world) start(s *server) {
	s.lives++
	if s.lives > 1 {
		w.stats[Starts]++
		if s.disk.snapshot != nil {
			w.stats[StartsFromSnapshot]++
		}
	}
	cfg := s.cfg
	cfg.Rand = rand.New(&hasty{*rand.NewPCG(w.set.Seed, uint64(s.id)<<32|s.lives), uint64(w.set.Hasty)})
	st := w.load(s)
	w.flawedStart(s, &st)
	core, err := raft.New(cfg, st, w.local(s))
	if err != nil {
		w.fail(ruleStart, "server %d does not start: %v", s.name(), err)
	}
	s.core, s.applied = core, 0
	if w.set.Maps {
		s.machine = kv.NewMap()
	}
	s.disk.lastSave = raft.Save{HardState: st.HardState}
	s.view, s.terms = raft.View{Term: st.HardState.Term}, s.terms[:1]
	s.conf = copyOf(core.Configuration())
	w.input(s)
}

// crash stops a server after its disk took the first n of the saves under way.
func (w *world) crash(s *server, n int) {
	for range min(n, len(s.disk.writing)) {
		w.write(s)
	}
	if len(s.disk.writing) > 0 {
		w.stats[LostWrites]++
	}
	w.flawedCrash(s)
	s.disk.forget()
	s.core, s.machine, s.waiting, s.asking, s.reading = nil, nil, nil, nil, nil
	clear(s.asked)
}

// readyTwice is how rarely Ready is asked again at once, in events.
const readyTwice = 64

func (w *world) local(s *server) time.Duration { return s.clock.at(w.now) }

// ready carries out what a server wants, once.
func (w *world) ready(s *server) {
	if len(s.asking) > 0 {
		w.askReads(s)
	}
	rd, ok := s.core.Ready()
	if !ok {
		return
	}
	if rd.Save != nil {
		w.checkSave(s, rd.Save)
		s.disk.lastSave = *rd.Save
		s.disk.writing = append(s.disk.writing, rd.Save)
		if w.flaw == reportEarly {
			s.disk.unreported = append(s.disk.unreported, rd.Save.Seq)
		}
		if w.trace != nil && !w.calm {
			w.trace.save(rd.Save)
		}
		if w.chaos != nil {
			w.chaos.saving(s)
		}
	}
	for i := range rd.Messages {
		m := &rd.Messages[i]
		w.checkPromise(s, m)
		w.countSent(m)
		l := s.outgoing[m.To-1]
		n := l.send(w.travel(m))
		if w.trace != nil && !w.calm {
			w.trace.sent(m)
		}
		if w.chaos != nil {
			w.chaos.sent(l, n)
		}
	}
	if rd.Snapshot != nil {
		w.checkRestored(s, rd.Snapshot)
		w.restore(s, rd.Snapshot)
	}
	for i := range rd.Committed {
		w.applyEntry(s, &rd.Committed[i])
	}
	for _, r := range rd.Reads {
		w.checkRead(s, r)
	}
	w.observe(s)
	w.answerReads(s)
	if w.steps%readyTwice == 0 {
		if again, more := s.core.Ready(); more {
			w.fail(ruleAll, "server %d: Ready twice in a row gives %+v", s.name(), again)
		}
	}
	if w.chaos != nil {
		w.chaos.setTimer(s)
	}
}
