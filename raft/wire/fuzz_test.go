package wire

import (
	"bytes"
	"reflect"
	"runtime"
	"testing"

	"tabraft/raft"
)

// What decoding n bytes may allocate: the fattest values (a raft.Message of
// about 100 bytes from 8 on the wire, a raft.Entry of 48 from 3, a
// ProposalReply of 64 from 6), some more for an error's text.
func allocationBound(n int) uint64 { return uint64(n)*32 + 4096 }

// allocates reports whether f allocates more than bound bytes. The counter is
// the whole process's, and the fuzzer runs beside: the lowest of a few
// measurements counts.
func allocates(f func(), bound uint64) bool {
	for range 20 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		if after.TotalAlloc-before.TotalAlloc <= bound {
			return false
		}
	}
	return true
}

// FuzzDecode: whatever comes in, no panic, little memory, and either an error
// or a value with these very bytes as its encoding.
func FuzzDecode(f *testing.F) {
	for _, s := range samples() {
		f.Add(s.bytes)
	}
	f.Add(AppendRaft(nil, cluster, []raft.Message{appendMessageOf(1, 64, 100)}))
	f.Fuzz(func(t *testing.T, data []byte) {
		frame, err := Decode(data)
		if allocates(func() { Decode(data) }, allocationBound(len(data))) {
			t.Fatalf("more than %d bytes allocated for %d", allocationBound(len(data)), len(data))
		}
		if _, headerErr := DecodeHeader(data); err == nil && headerErr != nil {
			t.Fatalf("the frame is sound, its header is not: %v", headerErr)
		}
		if err != nil {
			return
		}
		var again []byte
		switch frame.Kind {
		case KindRaft:
			again = AppendRaft(nil, frame.Cluster, frame.Messages)
		case KindPropose:
			again = AppendPropose(nil, frame.Header, frame.Proposals)
		case KindProposeReply:
			again = AppendProposeReply(nil, frame.Header, frame.Replies)
		case KindJoin:
			again = AppendJoin(nil, frame.Header, frame.Join)
		case KindJoinReply:
			again = AppendJoinReply(nil, frame.Header, frame.JoinReply)
		case KindRemove:
			again = AppendRemove(nil, frame.Header, frame.Remove)
		case KindTransfer:
			again = AppendTransfer(nil, frame.Header, frame.Transfer)
		case KindGreet:
			again = AppendGreet(nil, frame.Header)
		}
		if !bytes.Equal(again, data) {
			t.Fatalf("%x\nencodes to\n%x", data, again)
		}
	})
}

// FuzzReplaySave: whatever is stored, no panic, little memory, and either an
// error that leaves the state alone or a sound state.
func FuzzReplaySave(f *testing.F) {
	hs := raft.HardState{Term: 3, Vote: 9, Commit: 2}
	f.Add(AppendSave(nil, &raft.Save{HardState: hs}))
	f.Add(AppendSave(nil, &raft.Save{HardState: hs, Entries: entries(3, 3, "x", "", "z")}))
	f.Add(AppendSave(nil, &raft.Save{HardState: hs, Entries: entries(5, 2, "tail")}))
	f.Add(AppendSave(nil, &raft.Save{HardState: hs, Snapshot: snapshotOf(2, 1), Entries: entries(3, 3, "x", "")}))
	f.Add(AppendSave(nil, &raft.Save{HardState: hs, Snapshot: snapshotOf(9, 3)}))
	f.Add(readHex(f, "save-v1-log"))
	f.Fuzz(func(t *testing.T, record []byte) {
		fuzzReplay(t, record, func() raft.Stored {
			return raft.Stored{HardState: raft.HardState{Term: 2, Vote: 7, Commit: 2}, Entries: entries(1, 1, "a", "b", "c", "d")}
		})
		fuzzReplay(t, record, func() raft.Stored {
			return raft.Stored{HardState: raft.HardState{Term: 2, Vote: 7, Commit: 3}, Snapshot: snapshotOf(2, 1), Entries: entries(3, 1, "c", "d")}
		})
	})
}

func fuzzReplay(t *testing.T, record []byte, start func() raft.Stored) {
	st := start()
	first := base(&st)
	err := ReplaySave(&st, record)
	again := start()
	if allocates(func() { ReplaySave(&again, record) }, allocationBound(len(record))) {
		t.Fatalf("more than %d bytes allocated for %d", allocationBound(len(record)), len(record))
	}
	if err != nil && !reflect.DeepEqual(st, start()) {
		t.Fatalf("%v, but the state changed", err)
	}
	from, term := base(&st), uint64(1)
	if st.Snapshot != nil {
		term = st.Snapshot.Term
	}
	for i, e := range st.Entries {
		if e.Index != from+uint64(i)+1 || e.Term < term || e.Term > st.HardState.Term {
			t.Fatalf("entry %d is %d of term %d", i+1, e.Index, e.Term)
		}
		term = e.Term
	}
	if st.HardState.Commit > from+uint64(len(st.Entries)) || st.HardState.Term < 2 || term > st.HardState.Term || from < first {
		t.Fatalf("unsound %+v", st)
	}
}
