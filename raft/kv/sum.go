package kv

import (
	"encoding/binary"
	"hash/fnv"
	"maps"
	"slices"
)

// Sum digests all that decides what later commands do: keys and values,
// sessions, their order and results. Two copies that have applied the same
// commands have equal sums; tests compare servers by it.
func (m *Map) Sum() uint64 {
	m.mu.RLock()
	defer m.mu.RUnlock()
	h := fnv.New64a()
	var buf []byte
	flush := func() {
		h.Write(buf)
		buf = buf[:0]
	}
	buf = binary.AppendUvarint(buf, uint64(len(m.values)))
	for _, e := range m.entries() {
		buf = appendText(appendText(buf, e.Key), e.Value)
		flush()
	}
	for e := m.sessions.order.Front(); e != nil; e = e.Next() {
		s := e.Value.(*session)
		buf = binary.AppendUvarint(buf, s.id)
		buf = binary.AppendUvarint(buf, s.done)
		buf = binary.AppendUvarint(buf, uint64(len(s.results)))
		for _, seq := range slices.Sorted(maps.Keys(s.results)) {
			buf = s.results[seq].AppendTo(binary.AppendUvarint(buf, seq))
			flush()
		}
	}
	flush()
	return h.Sum64()
}
