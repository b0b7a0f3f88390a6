package node

import (
	"errors"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"tabraft/raft"
)

func logOf(first, last, term uint64) (entries []raft.Entry) {
	for i := first; i <= last; i++ {
		entries = append(entries, raft.Entry{Index: i, Term: term})
	}
	return entries
}

func TestMemoryStorageWithSnapshots(t *testing.T) {
	snapshot := &raft.Snapshot{Index: 3, Term: 1, Data: []byte("three")}
	leaders := &raft.Snapshot{Index: 9, Term: 2, Data: []byte("nine")}
	s := NewMemoryStorage(0)
	for i, step := range []struct {
		save raft.Save
		want raft.Stored
	}{
		{raft.Save{Entries: logOf(1, 5, 1)}, raft.Stored{Entries: logOf(1, 5, 1)}},
		{raft.Save{Snapshot: snapshot, Entries: logOf(4, 5, 1)}, raft.Stored{Snapshot: snapshot, Entries: logOf(4, 5, 1)}},
		{raft.Save{Entries: logOf(5, 7, 2)}, raft.Stored{Snapshot: snapshot, Entries: append(logOf(4, 4, 1), logOf(5, 7, 2)...)}},
		{raft.Save{}, raft.Stored{Snapshot: snapshot, Entries: append(logOf(4, 4, 1), logOf(5, 7, 2)...)}},
		{raft.Save{Entries: logOf(4, 4, 3)}, raft.Stored{Snapshot: snapshot, Entries: logOf(4, 4, 3)}},
		{raft.Save{Snapshot: leaders}, raft.Stored{Snapshot: leaders}},
		{raft.Save{Entries: logOf(10, 10, 3)}, raft.Stored{Snapshot: leaders, Entries: logOf(10, 10, 3)}},
	} {
		step.save.HardState = raft.HardState{Term: uint64(i) + 1}
		step.want.HardState = step.save.HardState
		s.Put(&step.save)
		clear(step.save.Entries) // they are the saver's again
		if st, err := s.Load(); err != nil || !reflect.DeepEqual(st, step.want) {
			t.Errorf("step %d: %+v, %v, want %+v", i, st, err, step.want)
		}
	}
}

func TestMemoryStorageCrashesAndFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewMemoryStorage(time.Second)
		var reported []error
		save := func(save raft.Save) { s.Save(&save, func(err error) { reported = append(reported, err) }) }
		save(raft.Save{Entries: logOf(1, 3, 1)})
		save(raft.Save{Snapshot: &raft.Snapshot{Index: 2, Term: 1}, Entries: logOf(3, 3, 1)})
		pass := func(d time.Duration) {
			time.Sleep(d)
			synctest.Wait()
		}
		pass(1500 * time.Millisecond) // the first is durable, the second is not
		s.Crash()
		pass(2 * time.Second)
		if st, _ := s.Load(); st.Snapshot != nil || len(st.Entries) != 3 || len(reported) != 1 {
			t.Errorf("after the crash: %+v, reported %v", st, reported)
		}
		failure := errors.New("full")
		s.Fail(failure)
		save(raft.Save{Snapshot: &raft.Snapshot{Index: 2, Term: 1}})
		pass(2 * time.Second)
		if st, err := s.Load(); st.Snapshot != nil || err != failure || reported[len(reported)-1] != failure {
			t.Errorf("after the failure: %+v, %v, reported %v", st, err, reported)
		}
	})
}
