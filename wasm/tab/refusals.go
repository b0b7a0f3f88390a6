package tab

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"tabraft/raft"
)

// refusals.go: what this server refused, and from whom, since it began its life. It
// is shown on the page: strangers and faulty servers must not go unnoticed.

const (
	// maxRefused is how many peers are told apart; what others do counts as
	// nobody's.
	maxRefused = 32
	// refusalQuiet is how long a refusal like the one before is only counted.
	refusalQuiet = time.Second
)

// Refusal is what was refused from one peer.
type Refusal struct {
	// Peer is its id; empty for what nobody can be named for.
	Peer  string `json:"peer"`
	Name  string `json:"name"`
	Count uint64 `json:"count"`
	// Reason is why the last one was refused, AgoMs how long ago.
	Reason string `json:"reason"`
	AgoMs  int64  `json:"agoMs"`
}

// refusals counts by peer.
type refusals struct {
	mu sync.Mutex
	by map[raft.ID]*refused
}

type refused struct {
	count  uint64
	reason string
	at     time.Duration
	toldAt time.Duration
}

// add counts, and tells whether that is news: peers that repeat themselves must not
// flood the log or the page's listeners.
func (r *refusals) add(now time.Duration, from raft.ID, count uint64, reason string) (news bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.by == nil {
		r.by = map[raft.ID]*refused{}
	}
	x := r.by[from]
	if x == nil && len(r.by) >= maxRefused {
		from = raft.None
		x = r.by[from]
	}
	if x == nil {
		x = &refused{toldAt: -refusalQuiet}
		r.by[from] = x
	}
	x.count += count
	x.reason, x.at = reason, now
	if now-x.toldAt < refusalQuiet {
		return false
	}
	x.toldAt = now
	return true
}

// list gives them, the most frequent first.
func (r *refusals) list(now time.Duration) []Refusal {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]Refusal, 0, len(r.by))
	for id, x := range r.by {
		item := Refusal{Count: x.count, Reason: x.reason, AgoMs: (now - x.at).Milliseconds()}
		if id != raft.None {
			item.Peer, item.Name = id.String(), Name(id)
		}
		all = append(all, item)
	}
	slices.SortFunc(all, func(a, b Refusal) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Peer, b.Peer))
	})
	return all
}
