package rules

import "time"

// An entryKey names an entry: index and term determine what it is (Figure 3, Log
// Matching).
type entryKey struct{ index, term int }

// given are the entries that a server may have, in all its lives: those of AppendEntries
// that it accepted, of snapshots, and those that it took by Start. What it deleted
// since is among them, so the log itself may be less, and cannot be more.
type given struct {
	entries map[entryKey]bool
	// best is the most up-to-date of them (5.4.1): no log that the server ever
	// had was more up-to-date.
	best entryKey
	// covered is how far snapshots go that were given to it: they stand for entries
	// that it may never have seen one by one.
	covered int
}

func (g *given) add(index, term int) {
	k := entryKey{index, term}
	g.entries[k] = true
	if older(g.best.index, g.best.term, index, term) {
		g.best = k
	}
}

// take adds what a request brought that a server carried out.
func (g *given) take(c *callSeen) {
	switch c.kind {
	case appendEntries:
		for i, term := range c.entries {
			g.add(c.index+1+i, term)
		}
	case installSnapshot:
		g.add(c.index, c.iterm)
	}
}

// lacks tells whether a request has an entry that the server never had: what it had
// may have been saved already.
func (g *given) lacks(c *callSeen) bool {
	for i, term := range c.entries {
		if !g.entries[entryKey{c.index + 1 + i, term}] {
			return true
		}
	}
	return false
}

// brings tells whether a request brings an entry.
func (c *callSeen) brings(index, term int) bool {
	switch c.kind {
	case appendEntries:
		i := index - c.index - 1
		return i >= 0 && i < len(c.entries) && c.entries[i] == term
	case installSnapshot:
		return c.index == index && c.iterm == term
	}
	return false
}

// another tells whether there was an entry at an index with another term.
func (g *given) another(index, term int) bool {
	for k := range g.entries {
		if k.index == index && k.term != term {
			return true
		}
	}
	return false
}

// mayHave tells whether a server may have an entry. In a term in which it was a
// candidate, it may have made entries that nobody knows of.
func (s *server) mayHave(index, term int) bool {
	if index <= 0 || s.given.entries[entryKey{index, term}] {
		return true
	}
	for c := range s.open {
		if c.brings(index, term) {
			return true // it may have carried it out already
		}
	}
	to, voted := s.votedFor[term]
	return voted && to == s.id
}

// claims checks what a server says about its own log: an RPC names an entry that it
// can only name if it has it.
func (w *Watch) claims(now time.Duration, s *server, index, term int, certain bool, what string) {
	if w.noLog || w.others || s.mayHave(index, term) {
		return
	}
	const format = "server %d says in %s of term %d that its log has an entry of term %d at index %d, which nobody ever gave it"
	if certain {
		w.certainly(LogMisstated, now, s.id, format, s.id, what, s.term, term, index)
	} else {
		w.likely(LogMisstated, now, s.id, format, s.id, what, s.term, term, index)
	}
}

// checksPrev: a server that accepts AppendEntries must have the entry at
// prevLogIndex. Without entries the reply may mean less to the two of them.
func (w *Watch) checksPrev(now time.Duration, c *callSeen, s *server) {
	if w.others || c.index <= max(s.given.covered, s.snapshot) || s.mayHave(c.index, c.iterm) {
		return
	}
	const format = "server %d accepts AppendEntries of server %d with prevLogIndex %d and prevLogTerm %d; it never had such an entry"
	if c.count > 0 {
		w.certainly(LogNotChecked, now, s.id, format, s.id, c.from, c.index, c.iterm)
	} else {
		w.likely(LogNotChecked, now, s.id, format, s.id, c.from, c.index, c.iterm)
	}
}
