package tab

import (
	"context"
	"fmt"
	"sync"
	"syscall/js"
	"time"

	"tabraft/raft"
)

// A server's identity belongs to one live tab. What makes it so is a claim,
// which ends by itself when the tab dies:
//
//   - Where the page is served by https or from localhost, the Web Lock
//     tabraft/<room>/<id>. The browser itself keeps it exclusive.
//   - On plain http there are no Web Locks, and the tabs agree among
//     themselves by what they say: voice_js.go.

// claimRetry is the pause between two claims without locks of claimWait.
const claimRetry = 100 * time.Millisecond

// claimWithoutLocks makes claims in the second way even where there are Web
// Locks. Tests set it.
var claimWithoutLocks = false

// hold is a claim that this tab has.
type hold struct {
	release func()
	voice   *voice // nil for a lock, which nothing can put in doubt
}

// took is to be called when the storage has been taken over: another tab that
// believes to have the claim finds out at once.
func (h *hold) took() {
	if h.voice != nil {
		h.voice.took()
	}
}

// watch has doubted called, in a goroutine of its own, whenever another tab says that
// it has the claim.
func (h *hold) watch(doubted func()) {
	if h.voice != nil {
		h.voice.watch(doubted)
	}
}

// claim makes the server id of a room this tab's own until release, or the end
// of the tab. It gives false if another tab has it; room is the room's token.
// After an error nothing is claimed. It waits for the browser, so it must not
// be called from a JavaScript callback.
func claim(ctx context.Context, room string, id raft.ID, incarnation string) (h *hold, ok bool, err error) {
	if locks := webLocks(); !locks.IsUndefined() {
		h, ok, err = requestLock(ctx, locks, lockName(room, id), 0)
	} else {
		h, ok, err = claimByVoice(ctx, room, id, incarnation)
	}
	return h, ok, claimError(id, err)
}

// claimWait is claim for an id that is about to become free, since the tab that
// has it is being closed or is this one before a reload: it waits up to d.
func claimWait(ctx context.Context, room string, id raft.ID, incarnation string, d time.Duration) (h *hold, ok bool, err error) {
	if locks := webLocks(); !locks.IsUndefined() {
		h, ok, err = requestLock(ctx, locks, lockName(room, id), d)
		return h, ok, claimError(id, err)
	}
	for end := time.Now().Add(d); ; {
		h, ok, err = claimByVoice(ctx, room, id, incarnation)
		if ok || err != nil || time.Until(end) < claimRetry {
			return h, ok, claimError(id, err)
		}
		select {
		case <-time.After(claimRetry):
		case <-ctx.Done():
			return nil, false, claimError(id, ctx.Err())
		}
	}
}

func lockName(room string, id raft.ID) string { return "tabraft/" + room + "/" + id.String() }

func claimError(id raft.ID, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("claim server %v: %w", id, err)
}

// webLocks gives navigator.locks, undefined where there is none.
func webLocks() js.Value {
	locks := js.Global().Get("navigator").Get("locks")
	if claimWithoutLocks || locks.Type() != js.TypeObject {
		return js.Undefined()
	}
	return locks
}

// requestLock asks for a Web Lock and holds it until release. A lock that is
// taken is waited for up to d; 0 does not wait.
func requestLock(ctx context.Context, locks js.Value, name string, d time.Duration) (h *hold, ok bool, err error) {
	r := &lockRequest{granted: make(chan bool, 1), ended: make(chan error, 1)}
	options := map[string]any{"ifAvailable": true}
	var timeout <-chan time.Time
	controller := js.Global().Get("AbortController").New()
	if d > 0 {
		options = map[string]any{"signal": controller.Get("signal")}
		timeout = time.After(d)
	}
	if err := r.send(locks, name, options); err != nil {
		return nil, false, err
	}
	select {
	case ok = <-r.granted:
		return r.answer(ok)
	case err := <-r.ended:
		return nil, false, err
	case <-timeout:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if d == 0 {
		// It cannot be called back, but the answer comes at once: when it is
		// yes, nobody wants it any more.
		go func() {
			select {
			case <-r.granted:
				r.free()
			case <-r.ended:
			}
		}()
		return nil, false, err
	}
	controller.Call("abort")
	// The lock may have been granted in the meantime. If not, the request ends.
	select {
	case ok = <-r.granted:
		if err == nil {
			return r.answer(ok)
		}
		r.free()
	case <-r.ended:
	}
	return nil, false, err
}

// lockRequest is one call of navigator.locks.request. The lock is held as long
// as the promise is open that its callback returned.
type lockRequest struct {
	granted chan bool  // the callback was called, with a lock or without
	ended   chan error // the request's promise was settled
	free    func()     // resolves the promise
	funcs   []js.Func
}

func (r *lockRequest) send(locks js.Value, name string, options map[string]any) error {
	var resolve js.Value
	executor := callback(func(f js.Value) any {
		resolve = f
		return nil
	})
	held := js.Global().Get("Promise").New(executor)
	executor.Release()
	r.free = sync.OnceFunc(func() { resolve.Invoke() })
	granted := r.callback(func(lock js.Value) any {
		if lock.IsNull() {
			r.granted <- false
			return nil
		}
		r.granted <- true
		return held
	})
	settled := r.callback(func(js.Value) any {
		r.release()
		r.ended <- nil
		return nil
	})
	rejected := r.callback(func(reason js.Value) any {
		r.release()
		r.ended <- js.Error{Value: reason}
		return nil
	})
	err := throws(func() {
		locks.Call("request", name, options, granted).Call("then", settled, rejected)
	})
	if err != nil {
		r.release()
	}
	return err
}

func (r *lockRequest) callback(f func(arg js.Value) any) js.Func {
	fn := callback(f)
	r.funcs = append(r.funcs, fn)
	return fn
}

func (r *lockRequest) release() {
	for _, f := range r.funcs {
		f.Release()
	}
}

func (r *lockRequest) answer(ok bool) (h *hold, _ bool, _ error) {
	if !ok {
		return nil, false, nil
	}
	return &hold{release: r.free}, true, nil
}

// throws runs f, which calls JavaScript, and gives what it throws.
func throws(f func()) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case js.Error:
			err = p
		default:
			panic(p)
		}
	}()
	f()
	return nil
}

// callback makes a JavaScript function of one argument. A panic in it is
// reported on the console instead of ending the program.
func callback(f func(arg js.Value) any) js.Func {
	return js.FuncOf(func(_ js.Value, args []js.Value) (result any) {
		defer func() {
			if p := recover(); p != nil {
				js.Global().Get("console").Call("error", fmt.Sprintf("tabraft: in a callback: %v", p))
			}
		}()
		arg := js.Undefined()
		if len(args) > 0 {
			arg = args[0]
		}
		return f(arg)
	})
}
