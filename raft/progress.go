package raft

import "time"

// progress is what a leader knows of one follower or learner: nextIndex and
// matchIndex of Figure 2, and what is on its way to it.
type progress struct {
	id ID
	// match is the highest index known to be durable in its log and equal to
	// ours; it never falls while we lead.
	match uint64
	// next is the index of the next entry to send; next > match.
	next uint64
	// probing: we do not know where its log meets ours. One AppendEntries is
	// outstanding at a time, and the next one goes out on its reply or with
	// the next heartbeat. Not probing: entries are sent without waiting, as
	// far as the window reaches (pipelining).
	probing bool
	// waiting: probing, and a probe is on its way.
	waiting bool
	window  window
	// sentCommit is the highest commitIndex told.
	sentCommit uint64
	lastHeard  time.Duration
	// round is the latest round of the leader's that it answered.
	round uint64

	// snapshot is what it is being sent in place of entries that are gone, nil
	// if it lacks none of those; then it is probing, too. Offset is where the
	// next chunk begins, received how much of it has come in sequence. Resent:
	// it reported a gap, and was sent again what follows it.
	snapshot         *Snapshot
	offset, received uint64
	resent           bool
}

func (p *progress) probe() {
	p.probing, p.waiting = true, false
	p.next = p.match + 1
	p.window.clear()
	p.snapshot = nil
}

// lost tells that everything on its way is lost.
func (p *progress) lost() {
	if p.snapshot != nil {
		p.offset, p.resent = p.received, false
		return
	}
	p.probe()
}

func (p *progress) replicate() {
	p.probing, p.waiting = false, false
}

// window is the list of AppendEntries with entries on their way to one
// follower, oldest first: their last indexes and sizes. It limits how much is
// sent ahead of acknowledgements.
type window struct {
	inflight []sent
	bytes    int
}

type sent struct {
	last  uint64
	bytes int
}

func (w *window) add(last uint64, bytes int) {
	w.inflight = append(w.inflight, sent{last, bytes})
	w.bytes += bytes
}

// acked frees everything up to index.
func (w *window) acked(index uint64) {
	n := 0
	for n < len(w.inflight) && w.inflight[n].last <= index {
		w.bytes -= w.inflight[n].bytes
		n++
	}
	if n > 0 {
		rest := copy(w.inflight, w.inflight[n:])
		w.inflight = w.inflight[:rest]
	}
}

func (w *window) clear() { w.inflight, w.bytes = w.inflight[:0], 0 }

func (w *window) full(messages, bytes int) bool {
	return len(w.inflight) >= messages || len(w.inflight) > 0 && w.bytes >= bytes
}
