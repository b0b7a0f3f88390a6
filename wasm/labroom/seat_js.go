package labroom

import (
	"context"
	"errors"
	"fmt"
	"syscall/js"
	"time"

	"tabraft/raft"
	"tabraft/wasm/tab"
)

// seat is the seat of this tab: its number, claimed for as long as the tab lives,
// and what is stored under it. The page's side of the storage is
// www/src/lab/seat-store.ts.
type seat struct {
	store       js.Value
	token       string
	incarnation string
	number      int
	state, snap []byte
	failed      func(error)
}

var errFull = errors.New("all seats of this room are taken: close one of its tabs, or make another room")

// idOf is the id that a seat has in the mesh, seatOf undoes it.
func idOf(seat int) raft.ID { return raft.ID(seat + 1) }

func seatOf(id raft.ID) int { return int(min(id, MaxSeats+1)) - 1 }

// take claims a free seat, and fences off the tab that had it before.
func (s *seat) take(ctx context.Context, seats int, present func() map[int]bool) error {
	stored, err := await(s.store.Call("list", s.token))
	if err != nil {
		return fmt.Errorf("the browser's storage: %w", err)
	}
	used := map[int]float64{}
	for i := range stored.Length() {
		one := stored.Index(i)
		used[one.Get("seat").Int()] = one.Get("used").Float()
	}
	own := -1
	if v := recall("sessionStorage", sessionKey(s.token)); len(v) == 1 {
		own = int(v[0] - '0')
	}
	// A stored seat is waited for as long as it takes a browser to hand over the lock of
	// a tab that was reloaded or closed. Who is present matters only for seats that
	// this browser has nothing of.
	everybody := map[int]bool{}
	for n := range seats {
		everybody[n] = true
	}
	stale := order(seats, own, used, everybody)
	for _, try := range []struct {
		seats func() []int
		wait  func(number int) time.Duration
	}{
		{func() []int { return stale }, func(number int) time.Duration {
			if number == own {
				return handOver
			}
			return 0
		}},
		{func() []int { return order(seats, -1, nil, present()) }, func(int) time.Duration { return 0 }},
		{func() []int { return stale }, func(int) time.Duration { return handOver }},
	} {
		for _, number := range try.seats() {
			_, ok, err := tab.Claim(ctx, "lab/"+s.token, idOf(number), s.incarnation, try.wait(number))
			if err != nil {
				return err
			}
			if ok {
				return s.open(number)
			}
		}
	}
	return errFull
}

// handOver is how long a stored seat is waited for whose tab may be about to go.
const handOver = 500 * time.Millisecond

// giveUp forgets a seat that somebody in another browser took in the same moment. It is
// false if something was stored for the seat before: then it was this browser's.
func (s *seat) giveUp() bool {
	if s.state != nil || s.snap != nil {
		return false
	}
	remember("sessionStorage", sessionKey(s.token), "")
	_, err := await(s.store.Call("forget", s.token, s.number, s.incarnation))
	return err == nil
}

func sessionKey(token string) string { return "tabraft.lab/" + token }

func (s *seat) open(number int) error {
	s.number = number
	remember("sessionStorage", sessionKey(s.token), string(rune('0'+number)))
	found, err := await(s.store.Call("take", s.token, number, s.incarnation))
	if err != nil {
		return fmt.Errorf("the browser's storage: %w", err)
	}
	s.state, s.snap = copied(found.Get("state")), copied(found.Get("snapshot"))
	return nil
}

// Save implements tester.Store: it returns when the transaction is durable. A seat whose
// state cannot be saved ends, and then this does not return.
func (s *seat) Save(state, snapshot []byte) {
	_, err := await(s.store.Call("save", s.token, s.number, s.incarnation, bytesOf(state), bytesOf(snapshot)))
	if err != nil {
		s.failed(fmt.Errorf("the state could not be saved: %w", err))
		select {}
	}
}

func bytesOf(b []byte) js.Value {
	array := js.Global().Get("Uint8Array").New(len(b))
	js.CopyBytesToJS(array, b)
	return array
}

func copied(array js.Value) []byte {
	if array.Type() != js.TypeObject || array.Length() == 0 {
		return nil
	}
	b := make([]byte, array.Length())
	js.CopyBytesToGo(b, array)
	return b
}

// await waits for a promise. It must not be called from a JavaScript callback.
func await(promise js.Value) (js.Value, error) {
	type answer struct {
		value js.Value
		err   error
	}
	answers := make(chan answer, 1)
	resolved := callback(func(args []js.Value) any {
		a := answer{value: js.Undefined()}
		if len(args) > 0 {
			a.value = args[0]
		}
		answers <- a
		return nil
	})
	defer resolved.Release()
	rejected := callback(func(args []js.Value) any {
		text := "rejected"
		if len(args) > 0 {
			text = js.Global().Get("String").Invoke(args[0]).String()
		}
		answers <- answer{err: errors.New(text)}
		return nil
	})
	defer rejected.Release()
	promise.Call("then", resolved, rejected)
	a := <-answers
	return a.value, a.err
}
