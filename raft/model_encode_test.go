package raft

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"
	"time"
)

// model_encode_test.go: the bytes of cores, messages and disks. Two canonical
// cores with the same bytes behave the same from then on.

// renaming gives each server of the model, by id, another name; 0 stays.
type renaming [modelServers + 1]ID

// encoder writes canonical bytes with the servers renamed. What is kept in the
// order of ids is put in the new order.
type encoder struct {
	b  []byte
	to *renaming
}

func (e *encoder) n(v uint64)         { e.b = binary.AppendUvarint(e.b, v) }
func (e *encoder) t(v time.Duration)  { e.b = binary.AppendVarint(e.b, int64(v)) }
func (e *encoder) id(id ID)           { e.b = append(e.b, byte(e.to[id])) }
func (e *encoder) data(b []byte)      { e.n(uint64(len(b))); e.b = append(e.b, b...) }
func (e *encoder) entries(es []Entry) { eachOf(e, es, e.entry) }

func (e *encoder) yes(v ...bool) {
	for _, b := range v {
		e.b = append(e.b, map[bool]byte{true: 1}[b])
	}
}

func eachOf[T any](e *encoder, list []T, encode func(*T)) {
	e.n(uint64(len(list)))
	for i := range list {
		encode(&list[i])
	}
}

// sorted writes the elements of a list in the order of their bytes.
func sorted[T any](e *encoder, list []T, encode func(*T)) {
	from, each := len(e.b), make([]string, len(list))
	for i := range list {
		encode(&list[i])
		each[i] = string(e.b[from:])
		e.b = e.b[:from]
	}
	slices.Sort(each)
	e.n(uint64(len(list)))
	for _, s := range each {
		e.b = append(e.b, s...)
	}
}

func (e *encoder) ids(ids []ID) { sorted(e, ids, func(id *ID) { e.id(*id) }) }

func (e *encoder) configuration(c *Configuration) {
	e.ids(c.Voters)
	e.ids(c.Outgoing)
	e.ids(c.Learners)
}

func (e *encoder) encodedConfiguration(b []byte) {
	c, err := DecodeConfiguration(b)
	if err != nil {
		panic(err)
	}
	e.configuration(&c)
}

func (e *encoder) entry(x *Entry) {
	e.n(x.Index)
	e.n(x.Term)
	e.n(uint64(x.Kind))
	if x.Kind == EntryConfiguration {
		e.encodedConfiguration(x.Data)
	} else {
		e.data(x.Data)
	}
}

func (e *encoder) snapshot(s *Snapshot) {
	e.yes(s != nil)
	if s != nil {
		e.n(s.Index)
		e.n(s.Term)
		e.configuration(&s.Configuration)
		e.n(s.ConfigurationIndex)
		e.data(s.Data)
	}
}

func (e *encoder) message(m *Message) {
	e.b = append(e.b, byte(m.Type))
	e.yes(m.Reject, m.Force, m.Chunk != nil)
	e.id(m.From)
	e.id(m.To)
	for _, v := range [...]uint64{m.Term, m.LogIndex, m.LogTerm, m.Commit, m.Hint, m.Round} {
		e.n(v)
	}
	e.entries(m.Entries)
	if k := m.Chunk; k != nil {
		e.n(k.Offset)
		e.n(k.Size)
		e.encodedConfiguration(k.Configuration)
		e.n(k.ConfigurationIndex)
		e.data(k.Data)
	}
}

func (e *encoder) answers(votes map[ID]bool) {
	ids := slices.SortedFunc(maps.Keys(votes), func(a, b ID) int { return cmp.Compare(e.to[a], e.to[b]) })
	e.n(uint64(len(ids)))
	for _, id := range ids {
		e.id(id)
		e.yes(votes[id])
	}
}

func (e *encoder) hard(h HardState) {
	e.n(h.Term)
	e.id(h.Vote)
	e.n(h.Commit)
}

func (e *encoder) core(c *Core) {
	e.id(c.cfg.ID)
	e.t(c.now)
	e.n(c.currentTerm)
	e.id(c.votedFor)
	e.n(c.log.base)
	e.n(c.log.baseTerm)
	e.n(uint64(c.log.bytes))
	e.entries(c.log.entries)
	e.n(c.commitIndex)
	e.n(c.lastApplied)
	e.b = append(e.b, byte(c.role))
	e.id(c.leader)
	e.t(c.leaderContact)
	e.t(c.electionDeadline)
	e.t(c.electionTimeout)
	e.yes(c.woke, c.named, c.votes != nil)
	e.answers(c.votes)
	e.answers(c.gone)
	e.t(c.candidacy)
	e.n(c.voteSeq)
	sorted(e, c.peers, func(p **progress) { e.progress(*p) })
	e.t(c.heartbeatDeadline)
	e.n(c.termStart)
	e.n(uint64(c.uncommittedBytes))
	e.n(c.settledAt)
	e.reads(&c.reads)
	e.id(c.transfer.target)
	e.t(c.transfer.deadline)
	eachOf(e, c.configurations, func(at *configurationAt) {
		e.n(at.index)
		e.configuration(&at.Configuration)
	})
	e.snapshot(c.snapshot)
	e.n(c.incoming.term)
	e.snapshot(&c.incoming.Snapshot)
	e.n(c.incoming.size)
	e.saves(&c.saves)
	sorted(e, c.out, e.message)
	eachOf(e, c.answered, func(r *Read) { e.n(r.Ticket); e.n(r.Index) })
	e.n(c.lastTicket)
}

func (e *encoder) progress(p *progress) {
	e.id(p.id)
	e.n(p.match)
	e.n(p.next)
	e.yes(p.probing, p.waiting, p.resent)
	eachOf(e, p.window.inflight, func(s *sent) { e.n(s.last); e.n(uint64(s.bytes)) })
	e.n(uint64(p.window.bytes))
	e.n(p.sentCommit)
	e.t(p.lastHeard)
	e.n(p.round)
	e.snapshot(p.snapshot)
	e.n(p.offset)
	e.n(p.received)
}

func (e *encoder) reads(r *reads) {
	request := func(q *readRequest) { e.id(q.from); e.n(q.ticket) }
	e.n(r.round)
	e.yes(r.open, r.handedOver)
	e.t(r.began)
	e.n(r.index)
	eachOf(e, r.asked, request)
	eachOf(e, r.waiting, request)
	e.t(r.leaseUntil)
}

func (e *encoder) saves(s *saves) {
	for _, v := range [...]uint64{s.issued, s.durable, s.durableIndex, s.hardSeq, s.index} {
		e.n(v)
	}
	eachOf(e, s.pending, func(p *pendingSave) { e.n(p.lastIndex); e.yes(p.done) })
	e.hard(s.hard)
	e.snapshot(s.snapshot)
	sorted(e, s.held, func(h *heldMessage) { e.n(h.after); e.message(&h.m) })
}

func (e *encoder) stored(d *Stored) {
	e.hard(d.HardState)
	e.snapshot(d.Snapshot)
	e.entries(d.Entries)
}

// sum128 stands for a state or a part of one. Sums of the parts' sums stand
// for the whole, in any order; they are cryptographic ones, so that different
// states with equal sums need not be reckoned with.
type sum128 struct{ hi, lo uint64 }

func sumOf(kind byte, b []byte) sum128 {
	s := sha256.Sum256(append(b, kind))
	return sum128{binary.LittleEndian.Uint64(s[:]), binary.LittleEndian.Uint64(s[8:])}
}

func (a sum128) less(b sum128) bool { return a.hi < b.hi || a.hi == b.hi && a.lo < b.lo }

// sums are one for each renaming in use.
type sums [6]sum128

// add and sub work on the first n; the halves are added each by itself.
func (a *sums) add(b *sums, n int) {
	for i := range n {
		a[i].hi += b[i].hi
		a[i].lo += b[i].lo
	}
}

func (a *sums) sub(b *sums, n int) {
	for i := range n {
		a[i].hi -= b[i].hi
		a[i].lo -= b[i].lo
	}
}

// least is the same for all states that differ in names alone.
func (a *sums) least(n int) sum128 {
	m := a[0]
	for _, s := range a[1:n] {
		if s.less(m) {
			m = s
		}
	}
	return m
}
