package sim

import "tabraft/raft"

// network.go: messages under way. Each ordered pair of servers has a link,
// from which messages are taken in any order.

// maxUnderWay is how many messages a link holds; when more are sent the
// oldest is lost.
const maxUnderWay = 256

type link struct {
	from, to *server
	count    uint32 // of messages ever sent
	messages []underWay
}

// underWay is a message with its number on its link.
type underWay struct {
	n uint32
	raft.Message
}

// send puts a message onto a link and gives its number there.
func (l *link) send(m *raft.Message) uint32 {
	if len(l.messages) >= maxUnderWay {
		l.remove(0)
	}
	l.count++
	l.messages = append(l.messages, underWay{l.count, *m})
	return l.count
}

// numbered finds a message by its number; -1 if it is not under way any more.
func (l *link) numbered(n uint32) int {
	for i := range l.messages {
		if l.messages[i].n == n {
			return i
		}
	}
	return -1
}

// find finds the oldest message that looks like sum or else, since it may stand
// for one that was sent in another term or place, the newest of a type; -1 if
// there is none.
func (l *link) find(t raft.MessageType, sum uint64) int {
	other := -1
	for i := range l.messages {
		m := &l.messages[i].Message
		if m.Type != t {
			continue
		}
		if looks(m) == sum {
			return i
		}
		other = i
	}
	return other
}

func (l *link) remove(i int) {
	last := copy(l.messages[i:], l.messages[i+1:]) + i
	l.messages[last] = underWay{}
	l.messages = l.messages[:last]
}

// looks digests what a message says, so that it is found again in another run
// in which fewer messages were sent.
func looks(m *raft.Message) uint64 {
	h := uint64(14695981039346656037)
	mix := func(v uint64) { h = (h ^ v) * 1099511628211 }
	mix(uint64(m.Type))
	mix(m.Term)
	mix(m.LogIndex)
	mix(m.LogTerm)
	mix(m.Commit)
	mix(m.Hint)
	mix(m.Round)
	mix(uint64(len(m.Entries)))
	if m.Reject {
		mix(1)
	}
	if m.Force {
		mix(2)
	}
	if m.Chunk != nil {
		mix(m.Chunk.Offset)
		mix(uint64(len(m.Chunk.Data)))
	}
	return h
}
