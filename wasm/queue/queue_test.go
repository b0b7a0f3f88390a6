package queue

import (
	"slices"
	"sync"
	"testing"
)

func TestQueue(t *testing.T) {
	q := New[int]()
	for i := range 3 {
		q.Push(i)
	}
	<-q.Wake()
	if got := q.Take(); !slices.Equal(got, []int{0, 1, 2}) {
		t.Errorf("took %v", got)
	}
	if got := q.Take(); len(got) != 0 {
		t.Errorf("took %v again", got)
	}
	q.Push(3)
	q.Close()
	q.Close()
	q.Push(4)
	if got := q.Take(); len(got) != 0 {
		t.Errorf("took %v after Close", got)
	}
	for range q.Wake() { // what was pushed before, and then the end
	}
}

// Nothing is lost, and each pusher's order is kept, while somebody takes.
func TestQueueFromManyGoroutines(t *testing.T) {
	const pushers, each = 8, 1000
	q := New[[2]int]()
	var pushing sync.WaitGroup
	for p := range pushers {
		pushing.Go(func() {
			for i := range each {
				q.Push([2]int{p, i})
			}
		})
	}
	next := make([]int, pushers)
	for taken := 0; taken < pushers*each; {
		<-q.Wake()
		for _, v := range q.Take() {
			if v[1] != next[v[0]] {
				t.Fatalf("pusher %d: %d, want %d", v[0], v[1], next[v[0]])
			}
			next[v[0]]++
			taken++
		}
	}
	pushing.Wait()
}
