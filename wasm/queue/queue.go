// Package queue hands what has occurred to the one goroutine that deals with it,
// as the meshes of packages rtc and bus do. Pushing never blocks, as a browser's
// event loop demands; so whoever lets others push bounds what they may.
package queue

import "sync"

// Queue holds values until they are taken. Push may be called from any goroutine,
// the rest is for one.
type Queue[T any] struct {
	wake chan struct{} // has room for one

	mu     sync.Mutex
	list   []T
	spare  []T // the list before this one, to be used again
	closed bool
}

// New makes an empty queue.
func New[T any]() *Queue[T] { return &Queue[T]{wake: make(chan struct{}, 1)} }

// Wake gives a value when there is something to take. It is closed by Close.
func (q *Queue[T]) Wake() <-chan struct{} { return q.wake }

// Push adds a value, unless the queue is closed.
func (q *Queue[T]) Push(v T) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	q.list = append(q.list, v)
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// Take returns all there is, in order; it is valid until the next call.
func (q *Queue[T]) Take() []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	list := q.list
	clear(q.spare)
	q.list, q.spare = q.spare[:0], list
	return list
}

// Close drops what waits.
func (q *Queue[T]) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.closed, q.list = true, nil
		close(q.wake)
	}
}
