package kv

import (
	"slices"
	"strings"
	"sync"
)

// MaxMap bounds the keys and values of a Map together, in bytes, each key
// counted with 64 bytes more for its place. A command that would exceed it is
// Refused. It decides what is applied: servers of one cluster must have the
// same. A full map's snapshot stays within MaxSnapshot, and so within what
// servers take from one another.
const MaxMap = 64 << 20

// entryOverhead is what an entry counts beyond its key and value, about what it
// takes in memory, so that millions of short ones are not free.
const entryOverhead = 64

// Entry is a key with its value.
type Entry struct{ Key, Value string }

// Map is one server's copy. Its methods may be called from any goroutine; Apply
// from one at a time.
type Map struct {
	mu       sync.RWMutex
	values   map[string]string
	bytes    int // of keys and values, with entryOverhead
	sessions sessions
}

// NewMap makes an empty map.
func NewMap() *Map {
	return &Map{values: make(map[string]string), sessions: newSessions()}
}

// Apply runs the command committed at index and gives its encoded Result. Both
// it and what it changes depend on nothing but the commands applied before.
// Bytes that are no command give Refused and change nothing.
func (m *Map) Apply(index uint64, command []byte) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.apply(index, command).AppendTo(nil)
}

func (m *Map) apply(index uint64, command []byte) Result {
	c, err := DecodeCommand(command)
	if err != nil {
		return refused("the command cannot be read")
	}
	if c.Op == OpenSession {
		m.sessions.open(index)
		return Result{}
	}
	s := m.sessions.use(c.Session)
	if s == nil {
		return Result{Code: SessionExpired}
	}
	m.sessions.forget(s, c.Done)
	if c.Seq < s.done {
		return refused("the client said that it had the answer")
	}
	if c.Seq-s.done >= MaxOutstanding {
		return refused("too many commands of the session are unanswered")
	}
	if r, ok := s.results[c.Seq]; ok {
		return r
	}
	r := refused("the session's unanswered results are too large")
	if s.bytes < MaxSessionResults {
		r = m.run(&c)
	}
	m.sessions.remember(s, c.Seq, r)
	return r
}

// run does what the command says.
func (m *Map) run(c *Command) Result {
	value, found := m.values[c.Key]
	switch c.Op {
	case Get:
		return Result{Found: found, Value: value}
	case Delete:
		if found {
			delete(m.values, c.Key)
			m.bytes -= entryOverhead + len(c.Key) + len(value)
		}
		return Result{Found: found, Value: value}
	case CAS:
		if found == c.OldAbsent || value != c.Old {
			return Result{Code: Mismatch, Found: found, Value: value}
		}
	}
	return m.set(c.Key, c.Value)
}

func (m *Map) set(key, value string) Result {
	old, found := m.values[key]
	grow := len(value) - len(old)
	if !found {
		grow += entryOverhead + len(key)
	}
	if grow > 0 && m.bytes+grow > MaxMap {
		return refused("the map is full")
	}
	m.values[key] = value
	m.bytes += grow
	return Result{Found: true, Value: value}
}

func refused(why string) Result { return Result{Code: Refused, Value: why} }

// Get reads what this copy holds now, which may be older than what is
// committed. A Get command reads through the log.
func (m *Map) Get(key string) (value string, found bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	value, found = m.values[key]
	return value, found
}

// Len is the number of keys.
func (m *Map) Len() int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return len(m.values)
}

// Entries gives all that this copy holds now, in the order of the keys' bytes.
func (m *Map) Entries() []Entry {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.entries()
}

func (m *Map) entries() []Entry {
	out := make([]Entry, 0, len(m.values))
	for k, v := range m.values {
		out = append(out, Entry{Key: k, Value: v})
	}
	slices.SortFunc(out, func(a, b Entry) int { return strings.Compare(a.Key, b.Key) })
	return out
}
