package rtc

import (
	"errors"
	"syscall/js"
	"testing"
)

// never is a promise and what settles it.
func never() (promise, resolve, reject js.Value) {
	keep := js.FuncOf(func(_ js.Value, args []js.Value) any {
		resolve, reject = args[0], args[1]
		return nil
	})
	defer keep.Release()
	promise = js.Global().Get("Promise").New(keep)
	return promise, resolve, reject
}

func TestPromisesSettle(t *testing.T) {
	closed := make(chan struct{})
	promise, resolve, _ := never()
	resolve.Invoke("done")
	if v, err := await(promise, closed); err != nil || v.String() != "done" {
		t.Errorf("%v, %v", v, err)
	}
	promise, _, reject := never()
	reject.Invoke(js.Global().Get("Error").New("refused"))
	if _, err := await(promise, closed); err == nil || err.Error() != "JavaScript error: refused" {
		t.Errorf("%v", err)
	}
	if len(pending) != 0 {
		t.Errorf("%d promises are still waited for", len(pending))
	}
}

// A connection that was closed while one of its promises was pending kept a goroutine,
// two functions and its buffers for good: browsers settle none of them any more.
func TestPromiseOfAClosedConnectionKeepsNothing(t *testing.T) {
	promise, resolve, _ := never()
	closed, ended := make(chan struct{}), make(chan error)
	go func() {
		_, err := await(promise, closed)
		ended <- err
	}()
	eventually(t, "the wait", func() bool { return len(pending) == 1 })
	close(closed)
	if err := <-ended; !errors.Is(err, errClosed) {
		t.Errorf("%v", err)
	}
	if len(pending) != 0 {
		t.Errorf("%d promises are still waited for", len(pending))
	}
	// One that settles late finds nobody, and no released function.
	resolve.Invoke("late")
	other, resolveOther, _ := never()
	resolveOther.Invoke("next")
	if v, err := await(other, make(chan struct{})); err != nil || v.String() != "next" {
		t.Errorf("%v, %v", v, err)
	}
}
