package kv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// snapshot.go: the whole state of a Map as bytes, from which a server that
// lacks the log's beginning goes on.

const (
	// SnapshotVersion is the version of the snapshots' format, their first byte.
	SnapshotVersion = 1
	// MaxSnapshot bounds the length in bytes of what Snapshot gives: a full map,
	// all results that may be remembered, and the sessions. It is less than
	// what a server takes from a leader by default (raft.Config.MaxSnapshotBytes).
	MaxSnapshot = 1 + 2*maxCount + MaxMap + MaxResults + MaxSessions*sessionOverhead

	// maxCount is the length of the longest uv.
	maxCount = binary.MaxVarintLen64
	// sessionOverhead bounds what a session takes beyond its results.
	sessionOverhead = 3 * maxCount
	// minEntry and so on are the lengths of the shortest ones.
	minEntry, minSession, minResult = 3, 3, 4
)

// ErrSnapshotVersion: the snapshot is of a version this code does not know.
var ErrSnapshotVersion = errors.New("unknown version")

// Snapshot encodes all that decides what later commands do: keys and values,
// sessions, their order and results. Equal states give equal bytes. At most
// MaxSnapshot bytes.
func (m *Map) Snapshot() []byte {
	m.mu.RLock()
	defer m.mu.RUnlock()
	// The limits count more for each entry and result than it takes here.
	dst := make([]byte, 0, 1+2*maxCount+m.bytes+m.sessions.bytes+m.sessions.order.Len()*sessionOverhead)
	dst = append(dst, SnapshotVersion)
	dst = binary.AppendUvarint(dst, uint64(len(m.values)))
	for _, e := range m.entries() {
		dst = appendText(appendText(dst, e.Key), e.Value)
	}
	dst = binary.AppendUvarint(dst, uint64(m.sessions.order.Len()))
	for e := m.sessions.order.Front(); e != nil; e = e.Next() {
		dst = e.Value.(*session).appendTo(dst)
	}
	return dst
}

func (s *session) appendTo(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, s.id)
	dst = binary.AppendUvarint(dst, s.done)
	dst = binary.AppendUvarint(dst, uint64(len(s.results)))
	next := s.done
	for _, seq := range slices.Sorted(maps.Keys(s.results)) {
		dst = binary.AppendUvarint(dst, seq-next)
		dst = s.results[seq].AppendTo(dst)
		next = seq + 1
	}
	return dst
}

// Restore sets the map to a state that Snapshot gave. After an error, which any
// other bytes give, the map is as it was. It keeps nothing of snapshot.
func (m *Map) Restore(snapshot []byte) error {
	if len(snapshot) > MaxSnapshot {
		return fmt.Errorf("kv: snapshot of %d bytes, at most %d", len(snapshot), MaxSnapshot)
	}
	r := reader{buf: snapshot}
	if v := r.byte("version"); r.err == nil && v != SnapshotVersion {
		r.err = fmt.Errorf("%w %d, this server reads %d", ErrSnapshotVersion, v, SnapshotVersion)
	}
	values, bytes := r.values()
	ss := r.sessions()
	r.end()
	if r.err != nil {
		return fmt.Errorf("kv: snapshot: %w", r.err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.values, m.bytes, m.sessions = values, bytes, ss
	return nil
}

// values reads the map, whose keys come in the order of their bytes.
func (r *reader) values() (values map[string]string, bytes int) {
	n := r.count("entries", MaxMap/entryOverhead, minEntry)
	values = make(map[string]string, n)
	last := ""
	for range n {
		key, value := r.text("key", MaxKey, ErrKeyTooLarge), r.text("value", MaxValue, ErrValueTooLarge)
		if key <= last {
			r.fail("key out of order")
		}
		if bytes += entryOverhead + len(key) + len(value); bytes > MaxMap {
			r.fail("more than a map may hold")
		}
		if r.err != nil {
			return nil, 0
		}
		values[key], last = value, key
	}
	return values, bytes
}

// sessions reads the sessions, the least recently used one first.
func (r *reader) sessions() sessions {
	ss := newSessions()
	for range r.count("sessions", MaxSessions, minSession) {
		s := r.session()
		if r.err == nil && ss.byID[s.id] != nil {
			r.fail("session twice")
		}
		if r.err != nil {
			break
		}
		ss.byID[s.id] = ss.order.PushBack(s)
		if ss.bytes += s.bytes; ss.bytes > MaxResults {
			r.fail("more results than may be remembered")
		}
	}
	return ss
}

func (r *reader) session() *session {
	s := &session{id: r.uv("session"), done: r.uv("done")}
	n := r.count("results", MaxOutstanding, minResult)
	s.results = make(map[uint64]Result, n)
	next := s.done
	for range n {
		seq := next + r.uv("seq")
		result := r.result()
		if seq < next || seq-s.done >= MaxOutstanding {
			r.fail("seq")
		}
		if r.err != nil {
			break
		}
		s.add(seq, result)
		next = seq + 1
	}
	return s
}
