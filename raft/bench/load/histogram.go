package load

import (
	"math/bits"
	"time"
)

// histogram counts durations in buckets a 32nd of their size wide, so that a
// percentile is right to 3 %.
type histogram struct {
	count [64 * (1 << subBits)]uint32
}

const subBits = 5

func (h *histogram) add(d time.Duration) { h.count[bucket(uint64(max(d, 0)))]++ }

// bucket numbers the buckets: a value's highest bit and the subBits below it.
func bucket(v uint64) int {
	if v < 1<<subBits {
		return int(v)
	}
	shift := bits.Len64(v) - subBits - 1
	return shift<<subBits + int(v>>shift)
}

// smallest is the least value in a bucket.
func smallest(bucket int) uint64 {
	if bucket < 2<<subBits {
		return uint64(bucket)
	}
	shift := bucket>>subBits - 1
	return uint64(bucket-shift<<subBits) << shift
}

func (h *histogram) merge(other *histogram) {
	for i, n := range other.count {
		h.count[i] += n
	}
}

func (h *histogram) total() int {
	n := 0
	for _, c := range h.count {
		n += int(c)
	}
	return n
}

// percentile is the duration that a share of all do not exceed, to a bucket.
func (h *histogram) percentile(share float64) time.Duration {
	need := int(share * float64(h.total()))
	for i, c := range h.count {
		if need -= int(c); need <= 0 && c > 0 {
			return time.Duration(smallest(i))
		}
	}
	return 0
}
