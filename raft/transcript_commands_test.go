package raft

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The commands of transcripts; TestTranscripts describes them.

func (x *transcript) new(a args) {
	off := func(name string) bool { return a.text(name, "on") == "off" }
	x.cfg = Config{
		DisablePreVote: off("prevote"), DisableCheckQuorum: off("checkquorum"), DisableStickiness: off("stickiness"),
		MaxAppendBytes: a.number("append") * entryOverhead, MaxInflightMessages: a.number("inflight"), MaxSaves: a.number("saves"),
		SnapshotChunkBytes: a.number("chunk"), RetainedBytes: a.number("retain") * entryOverhead, LeaseReads: a.text("lease", "off") == "on",
	}
	if x.cfg.RetainedBytes == 0 {
		x.cfg.RetainedBytes = -1
	}
	conf := Configuration{Voters: numbers(a.words()), Learners: a.list("learners")}
	x.w.addFact(foundingDisk(conf).Entries[0], 1)
	for _, id := range conf.Members() {
		x.manual[id] = a.text("storage", "auto") == "manual"
		x.start(x.w.addHost(id, x.cfg, foundingDisk(conf)))
	}
}

func (x *transcript) found(a args) {
	id := number(a.words()[0])
	s := Bootstrap(id)
	x.start(x.w.addHost(id, x.cfg, Stored{HardState: s.HardState, Entries: s.Entries}))
}

func (x *transcript) join(a args) {
	x.start(x.w.addHost(number(a.words()[0]), x.cfg, Stored{}))
}

func (x *transcript) stored(a args) {
	h := x.running(number(a.words()[0]))
	conf := h.disk.Entries[0]
	x.w.crash(h, 0)
	h.disk = Stored{HardState: HardState{Commit: 1}, Entries: []Entry{conf}}
	terms := a.list("terms")
	for i, term := range terms[1:] {
		data := fmt.Sprintf("t%d", term)
		h.disk.Entries = append(h.disk.Entries, Entry{Index: uint64(i) + 2, Term: uint64(term), Data: []byte(data)})
	}
	last := h.disk.Entries[len(terms)-1]
	h.disk.HardState.Term = max(last.Term, uint64(a.number("term")))
	h.disk.HardState.Vote = ID(a.number("vote"))
	x.start(h)
}

func (x *transcript) start(h *host) {
	x.w.start(h)
	s := h.core.Status()
	x.printf("%d: %s of term %d, last %d, %s", h.id, s.Role, s.Term, s.LastIndex, s.Configuration)
	x.output(h)
}

func (x *transcript) tick(a args) {
	for _, id := range numbers(a.words()) {
		h := x.running(id)
		h.now = max(h.now, h.core.NextDeadline())
		x.act(h, func(c *Core) { c.Tick(h.now) })
	}
}

func (x *transcript) elapse(a args) {
	for _, h := range x.some(numbers(a.words()[1:])) {
		h.now += duration(a.words()[0])
	}
	x.printf("ok")
}

func (x *transcript) run(a args) {
	x.quiet = true
	left := duration(a.words()[0])
	x.deliverAll()
	for {
		next := left
		for _, h := range x.some(nil) {
			next = min(next, max(0, h.core.NextDeadline()-h.now))
		}
		x.pass(next)
		if left -= next; left <= 0 {
			return
		}
		for _, h := range x.some(nil) {
			if h.core.NextDeadline() <= h.now {
				x.act(h, func(c *Core) { c.Tick(h.now) })
			}
		}
		x.deliverAll()
	}
}

func (x *transcript) pass(d time.Duration) {
	for _, h := range x.w.hosts {
		h.now += d
	}
}

func (x *transcript) deliver(a args) {
	fits := func(m Message) bool {
		return (!a.HasArg("from") || ID(a.number("from")) == m.From) &&
			(!a.HasArg("to") || ID(a.number("to")) == m.To) &&
			(!a.HasArg("type") || a.text("type", "") == m.Type.String())
	}
	var chosen, rest []Message
	for _, m := range x.w.net {
		if fits(m) && !(a.HasArg("first") && len(chosen) > 0) {
			chosen = append(chosen, m)
		} else {
			rest = append(rest, m)
		}
	}
	if a.Cmd != "repeat" {
		x.w.net = rest
	}
	for _, m := range chosen {
		if a.Cmd == "drop" {
			x.printf("dropped: %s", messageText(m))
		} else {
			x.arrive(m)
		}
	}
}

// arrive brings one message to its receiver, if it is up and reachable.
func (x *transcript) arrive(m Message) {
	h := x.w.host(m.To)
	if h == nil || h.core == nil || x.group[m.From] != x.group[m.To] {
		if !x.quiet {
			x.printf("lost: %s", messageText(m))
		}
		return
	}
	if !x.quiet {
		x.printf("%d receives %s from %d", m.To, m.Type, m.From)
	}
	x.act(h, func(c *Core) {
		if err := c.Step(h.now, m); err != nil {
			x.printf("  %v", err)
		}
	})
}

func (x *transcript) settle(a args) {
	x.quiet = a.HasArg("quiet")
	x.deliverAll()
	for x.tellNews() {
		x.deliverAll()
	}
}

// tellNews lets time pass, on all clocks, until a leader tells what committed.
func (x *transcript) tellNews() bool {
	for _, h := range x.some(nil) {
		untold := func(p *progress) bool { return !p.probing && p.sentCommit < h.core.commitIndex }
		if h.core.role == Leader && slices.ContainsFunc(h.core.peers, untold) {
			x.pass(max(0, h.core.NextDeadline()-h.now))
			x.act(h, func(c *Core) { c.Tick(h.now) })
			return true
		}
	}
	return false
}

func (x *transcript) deliverAll() {
	for range 10000 {
		if len(x.w.net) > 0 {
			m := x.w.net[0]
			x.w.net = x.w.net[1:]
			x.arrive(m)
			continue
		}
		idle := true
		for _, h := range x.some(nil) {
			if len(h.writing)+len(h.unreported) > 0 {
				idle = false
				x.complete(h, nil)
				x.output(h)
			}
		}
		if idle {
			return
		}
	}
	panic(usage("it does not settle"))
}

func (x *transcript) partition(a args) {
	clear(x.group)
	for i, group := range a.words() {
		for _, id := range numbers(strings.Split(group, ",")) {
			x.group[id] = i
		}
	}
	x.printf("ok")
}

func (x *transcript) network(args) {
	for _, m := range x.w.net {
		x.printf("%s", messageText(m))
	}
}

func (x *transcript) propose(a args) {
	words := a.words()
	h := x.running(number(words[0]))
	for _, what := range words[1:] {
		x.input(h, func(c *Core) {
			if _, _, err := c.Propose(h.now, []byte(what)); err != nil {
				x.printf("%d: %v", h.id, err)
			}
		})
	}
	x.output(h)
}

func (x *transcript) reconfigure(a args) {
	h := x.running(number(a.words()[0]))
	x.act(h, func(c *Core) {
		if _, err := c.Reconfigure(a.list("voters"), a.list("learners")); err != nil {
			x.printf("%d: %v", h.id, err)
		}
	})
}

func (x *transcript) compact(a args) {
	h := x.running(number(a.words()[0]))
	index := h.seen.applied
	if len(a.words()) > 1 {
		index = uint64(number(a.words()[1]))
	}
	x.act(h, func(c *Core) {
		// A state as long as the log was, so that chunks can be seen.
		data := bytes.Repeat(x.w.facts[index-1].state, int(index))
		if err := c.Compact(index, data); err != nil {
			x.printf("%d: %v", h.id, err)
		}
	})
}

func (x *transcript) read(a args) {
	for _, id := range numbers(a.words()) {
		h := x.running(id)
		x.act(h, func(c *Core) {
			if _, err := c.ReadIndex(h.now); err != nil {
				x.printf("%d: %v", h.id, err)
			}
		})
	}
}

func (x *transcript) transfer(a args) {
	h := x.running(number(a.words()[0]))
	x.act(h, func(c *Core) {
		if err := c.Transfer(h.now, number(a.words()[1])); err != nil {
			x.printf("%d: %v", h.id, err)
		}
	})
}

func (x *transcript) handOver(a args) {
	h := x.running(number(a.words()[0]))
	x.act(h, func(c *Core) { c.HandOver(h.now) })
}

func (x *transcript) peerDown(a args) {
	h := x.running(number(a.words()[0]))
	before := h.core.NextDeadline()
	x.act(h, func(c *Core) { c.PeerDown(h.now, number(a.words()[1])) })
	if after := h.core.NextDeadline(); after < before {
		x.printf("%d: will campaign %s earlier", h.id, (before - after).Round(time.Millisecond))
	}
}

func (x *transcript) crash(a args) {
	for _, id := range numbers(a.words()) {
		h := x.running(id)
		x.printf("%d: crashed, %d saves lost", id, len(h.writing))
		x.w.crash(h, 0)
	}
}

func (x *transcript) restart(a args) {
	for _, id := range numbers(a.words()) {
		x.start(x.w.host(id))
	}
}

func (x *transcript) storage(a args) {
	id := number(a.words()[0])
	x.manual[id] = slices.Contains(a.words(), "manual")
	x.printf("ok")
	x.output(x.running(id))
	if h := x.running(id); !x.manual[id] {
		x.complete(h, nil)
		x.output(h)
	}
}

func (x *transcript) save(a args) {
	words := a.words()
	h := x.running(number(words[0]))
	var seqs []uint64
	for _, n := range numbers(words[1:]) {
		seqs = append(seqs, uint64(n))
	}
	x.complete(h, seqs)
	x.output(h)
}
