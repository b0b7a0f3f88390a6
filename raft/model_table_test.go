package raft

// model_table_test.go: hash tables for many millions of small things. Linear
// probing, at most half full; keys are never deleted.

// sumTable is a set of sums, numbered in the order in which they came.
type sumTable struct {
	sums  []sum128
	slots []uint32 // 1 + number; 0 for a free slot
}

// add tells whether the sum is new.
func (t *sumTable) add(s sum128) bool {
	if 2*len(t.sums) >= len(t.slots) {
		t.grow()
	}
	mask := uint64(len(t.slots) - 1)
	at := s.lo & mask
	for ; t.slots[at] != 0; at = (at + 1) & mask {
		if t.sums[t.slots[at]-1] == s {
			return false
		}
	}
	t.sums = append(t.sums, s)
	t.slots[at] = uint32(len(t.sums))
	return true
}

func (t *sumTable) grow() {
	t.slots = make([]uint32, max(1<<12, 2*len(t.slots)))
	mask := uint64(len(t.slots) - 1)
	for i, s := range t.sums {
		at := s.lo & mask
		for t.slots[at] != 0 {
			at = (at + 1) & mask
		}
		t.slots[at] = uint32(i + 1)
	}
}

// numberTable maps numbers to numbers. A key has its upper half above 0 or its
// lower half, so 0 is none.
type numberTable struct {
	slots []numberSlot
	used  int
}

type numberSlot struct {
	key   uint64 // 1 + the key; 0 for a free slot
	value uint32
}

func (t *numberTable) place(key uint64) uint64 {
	mask := uint64(len(t.slots) - 1)
	at := key * 0x9e3779b97f4a7c15 >> 20 & mask
	for t.slots[at].key != 0 && t.slots[at].key != key+1 {
		at = (at + 1) & mask
	}
	return at
}

func (t *numberTable) get(key uint64) (value uint32, ok bool) {
	if t.used == 0 {
		return 0, false
	}
	s := &t.slots[t.place(key)]
	return s.value, s.key != 0
}

func (t *numberTable) put(key uint64, value uint32) {
	if 2*t.used >= len(t.slots) {
		old := t.slots
		t.slots = make([]numberSlot, max(1<<12, 2*len(old)))
		for _, s := range old {
			if s.key != 0 {
				t.slots[t.place(s.key-1)] = s
			}
		}
	}
	t.slots[t.place(key)] = numberSlot{key + 1, value}
	t.used++
}
