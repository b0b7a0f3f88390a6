package suite

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"tabraft/raft/lab/raftapi"
	"tabraft/raft/lab/suite/rules"
)

// receive is the service above one life of a server: it takes what Raft
// applies. After a crash it goes on receiving, and ignores it, so that
// what is left of the life is not held up by it.
func (l *lab) receive(s *server, lf *life, applyCh chan raftapi.ApplyMsg) {
	defer unlessStopped()
	for {
		select {
		case m, ok := <-applyCh:
			if !ok {
				return
			}
			l.take(s, lf, m)
		case <-l.stop:
			return
		}
	}
}

func (l *lab) take(s *server, lf *life, m raftapi.ApplyMsg) {
	switch {
	case m.SnapshotValid:
		l.takeSnapshot(s, lf, m)
	case m.CommandValid:
		if l.takeCommand(s, lf, m) && l.snapshots && (m.CommandIndex+1)%snapshotEvery == 0 {
			l.snapshot(s, lf, m.CommandIndex)
		}
	}
}

// takeCommand applies a command; it returns false if it did not.
func (l *lab) takeCommand(s *server, lf *life, m raftapi.ApplyMsg) bool {
	l.mu.Lock()
	if lf.over || l.ended {
		l.mu.Unlock()
		return false
	}
	kind, wrong := s.wrong(l.chosen, m)
	if wrong == "" {
		if m.CommandIndex == len(l.chosen) {
			l.chosen = append(l.chosen, m.Command)
		}
		s.log = append(s.log, m.Command)
		s.lastApplied = m.CommandIndex
	}
	before := s.lastApplied
	l.mu.Unlock()
	l.watch.Applied(s.id, lf.number, m.CommandIndex, m.Command)
	if wrong != "" {
		l.fail(kind, wrong)
		l.watch.BadApply(s.id, kind, m.CommandIndex, before)
		return false
	}
	return true
}

// wrong tells what is wrong with a command that is about to be applied.
func (s *server) wrong(chosen []any, m raftapi.ApplyMsg) (rules.Kind, string) {
	index := m.CommandIndex
	switch want := s.lastApplied + 1; {
	case index < 1:
		return rules.ApplyOrder, fmt.Sprintf("server %d applied index %d; the first index is 1", s.id, index)
	case index > 0 && index < len(chosen) && !same(chosen[index], m.Command):
		return rules.ApplyDiffers, fmt.Sprintf("server %d applied %v at index %d, where another server, or itself in an earlier life, applied %v",
			s.id, brief(m.Command), index, brief(chosen[index]))
	case index < want:
		return rules.ApplyOrder, fmt.Sprintf("server %d applied index %d again; the next would be %d", s.id, index, want)
	case index > want:
		return rules.ApplyOrder, fmt.Sprintf("server %d applied index %d, but the next would be %d", s.id, index, want)
	case index > len(chosen):
		return rules.ApplyOrder, fmt.Sprintf("server %d applied index %d, but nobody has applied index %d", s.id, index, len(chosen))
	}
	return "", ""
}

// same compares commands. What the tests hand to Start is comparable; what comes
// out of a student's Raft need not be.
func same(a, b any) bool {
	switch b.(type) {
	case int, string:
		return a == b
	}
	return false
}

// brief is a command in words short enough for a message.
func brief(cmd any) string { return rules.Brief(cmd) }

// snapshot gives Raft the service's state up to an index. It is called by the
// goroutine that receives, as a service would.
func (l *lab) snapshot(s *server, lf *life, index int) {
	l.mu.Lock()
	state := encodeState(s.log[:index+1])
	l.mu.Unlock()
	if rf := l.raftOf(lf); rf != nil {
		l.watch.Snapshot(s.id, index)
		l.call(s.id, "Snapshot", func() { rf.Snapshot(index, state) })
	}
}

// takeSnapshot replaces the service's state.
func (l *lab) takeSnapshot(s *server, lf *life, m raftapi.ApplyMsg) {
	if ci, ok := l.raftOf(lf).(raftapi.CondInstaller); ok {
		install := true
		l.call(s.id, "CondInstallSnapshot", func() {
			install = ci.CondInstallSnapshot(m.SnapshotTerm, m.SnapshotIndex, m.Snapshot)
		})
		if !install {
			return
		}
	}
	log, err := decodeState(m.Snapshot)
	l.mu.Lock()
	if lf.over || l.ended {
		l.mu.Unlock()
		return
	}
	before := s.lastApplied
	kind, wrong := rules.BadSnapshot, ""
	switch {
	case err != nil:
		wrong = fmt.Sprintf("server %d applied a snapshot that is not one of the service's: %v", s.id, err)
	case m.SnapshotIndex != len(log)-1:
		wrong = fmt.Sprintf("server %d applied a snapshot with SnapshotIndex %d, but its content goes up to index %d", s.id, m.SnapshotIndex, len(log)-1)
	case m.SnapshotIndex < before:
		kind, wrong = rules.ApplyOrder, fmt.Sprintf("server %d applied a snapshot up to index %d, but had already applied index %d", s.id, m.SnapshotIndex, before)
	default:
		s.log, s.lastApplied = log, m.SnapshotIndex
	}
	l.mu.Unlock()
	l.watch.AppliedSnapshot(s.id, lf.number, m.SnapshotIndex)
	if wrong != "" {
		l.fail(kind, wrong)
		l.watch.BadApply(s.id, kind, m.SnapshotIndex, before)
	}
}

// raftOf returns a life's Raft, waiting for Make to return; nil if it does not.
func (l *lab) raftOf(lf *life) raftapi.Raft {
	select {
	case <-lf.made:
		return lf.rf
	case <-l.stop:
		return nil
	}
}

// restore puts the service of a new life into the state of the saved snapshot, and
// returns its last index.
func (l *lab) restore(s *server, snapshot []byte) int {
	log := []any{nil}
	if l.snapshots && len(snapshot) > 0 {
		var err error
		if log, err = decodeState(snapshot); err != nil {
			l.failf(rules.BadSnapshot, "server %d restarts with a saved snapshot that is not one of the service's: %v", s.id, err)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s.log, s.lastApplied = log, len(log)-1
	return s.lastApplied
}

var errState = errors.New("damaged")

// encodeState encodes a service's state: the commands from index 1 on.
func encodeState(log []any) []byte {
	b := binary.AppendUvarint(nil, uint64(len(log)))
	for _, cmd := range log[1:] {
		switch cmd := cmd.(type) {
		case int:
			b = binary.AppendVarint(append(b, 'i'), int64(cmd))
		case string:
			b = binary.AppendUvarint(append(b, 's'), uint64(len(cmd)))
			b = append(b, cmd...)
		}
	}
	return b
}

func decodeState(b []byte) (log []any, err error) {
	r := bytes.NewReader(b)
	n, err := binary.ReadUvarint(r)
	if err != nil || n < 1 || n > uint64(len(b))+1 {
		return nil, errState
	}
	log = append(make([]any, 0, n), nil)
	for range n - 1 {
		switch tag, _ := r.ReadByte(); tag {
		case 'i':
			v, err := binary.ReadVarint(r)
			if err != nil {
				return nil, errState
			}
			log = append(log, int(v))
		case 's':
			size, err := binary.ReadUvarint(r)
			if err != nil || size > uint64(r.Len()) {
				return nil, errState
			}
			text := make([]byte, size)
			r.Read(text)
			log = append(log, string(text))
		default:
			return nil, errState
		}
	}
	return log, nil
}
