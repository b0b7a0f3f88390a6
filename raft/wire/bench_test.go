package wire

import (
	"fmt"
	"testing"

	"tabraft/raft"
)

func TestDecodeMakesTwoSlices(t *testing.T) {
	frame := AppendRaft(nil, cluster, []raft.Message{appendMessageOf(1, 64, 100), appendMessageOf(65, 64, 100)})
	if n := testing.AllocsPerRun(100, func() { Decode(frame) }); n > 2 {
		t.Errorf("%v allocations", n)
	}
	messages := []raft.Message{appendMessageOf(1, 64, 100)}
	if n := testing.AllocsPerRun(100, func() { AppendRaft(frame[:0], cluster, messages) }); n > 0 {
		t.Errorf("encoding into a large enough slice: %v allocations", n)
	}
}

func TestDecodeAliasesTheFrame(t *testing.T) {
	frame := AppendRaft(nil, cluster, []raft.Message{appendMessageOf(1, 1, 100)})
	f, err := Decode(frame)
	if err != nil {
		t.Fatal(err)
	}
	data := f.Messages[0].Entries[0].Data
	if &data[99] != &frame[len(frame)-1] || cap(data) != 100 {
		t.Error("the data was copied, or can be appended to")
	}
}

func BenchmarkAppendRaft(b *testing.B) {
	for _, n := range []int{1, 64} {
		b.Run(fmt.Sprintf("entries=%d", n), func(b *testing.B) {
			messages := []raft.Message{appendMessageOf(1000, n, 100)}
			buf := AppendRaft(nil, cluster, messages)
			b.SetBytes(int64(len(buf)))
			b.ReportAllocs()
			for b.Loop() {
				buf = AppendRaft(buf[:0], cluster, messages)
			}
		})
	}
}

func BenchmarkDecodeRaft(b *testing.B) {
	for _, n := range []int{1, 64} {
		b.Run(fmt.Sprintf("entries=%d", n), func(b *testing.B) {
			frame := AppendRaft(nil, cluster, []raft.Message{appendMessageOf(1000, n, 100)})
			b.SetBytes(int64(len(frame)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Decode(frame); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkSave(b *testing.B) {
	for _, n := range []int{1, 64} {
		save := raft.Save{HardState: raft.HardState{Term: 5, Vote: 7}, Entries: appendMessageOf(0, n, 100).Entries}
		b.Run(fmt.Sprintf("append/entries=%d", n), func(b *testing.B) {
			var buf []byte
			b.ReportAllocs()
			for b.Loop() {
				buf = AppendSave(buf[:0], &save)
			}
		})
		b.Run(fmt.Sprintf("replay/entries=%d", n), func(b *testing.B) {
			record := AppendSave(nil, &save)
			b.ReportAllocs()
			for b.Loop() {
				st := raft.Stored{}
				if err := ReplaySave(&st, record); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
