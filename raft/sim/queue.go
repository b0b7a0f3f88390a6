package sim

// queue.go: what is going to happen, by time. A binary heap of small values;
// what is due at the same time comes in the order in which it was put in.

type due struct {
	at   int64 // nanoseconds of true time
	seq  uint32
	ref  uint32
	what uint8
	a, b uint8
}

func (d due) before(e due) bool { return d.at < e.at || d.at == e.at && d.seq < e.seq }

type queue struct {
	heap []due
	seq  uint32
}

func (q *queue) push(d due) {
	q.seq++
	d.seq = q.seq
	q.heap = append(q.heap, d)
	h := q.heap
	i := len(h) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !d.before(h[parent]) {
			break
		}
		h[i] = h[parent]
		i = parent
	}
	h[i] = d
}

// pop takes what comes next; the queue must not be empty.
func (q *queue) pop() due {
	h := q.heap
	first, last := h[0], h[len(h)-1]
	h = h[:len(h)-1]
	q.heap = h
	if len(h) == 0 {
		return first
	}
	i := 0
	for {
		child := 2*i + 1
		if child >= len(h) {
			break
		}
		if child+1 < len(h) && h[child+1].before(h[child]) {
			child++
		}
		if !h[child].before(last) {
			break
		}
		h[i] = h[child]
		i = child
	}
	h[i] = last
	return first
}
