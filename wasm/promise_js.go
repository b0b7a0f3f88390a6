package main

import (
	"errors"
	"syscall/js"

	"tabraft/wasm/tab"
)

// newPromise makes a Promise. begin is called at once and must not wait; it or
// what it starts calls resolve or reject, once.
func newPromise(begin func(resolve, reject func(any))) js.Value {
	executor := js.FuncOf(func(_ js.Value, args []js.Value) any {
		resolve, reject := args[0], args[1]
		begin(func(v any) { resolve.Invoke(v) }, func(v any) { reject.Invoke(v) })
		return nil
	})
	defer executor.Release()
	return js.Global().Get("Promise").New(executor)
}

// promise runs f, which may wait, in a goroutine.
func promise(f func() (any, error)) js.Value {
	return newPromise(func(resolve, reject func(any)) {
		go func() {
			if v, err := f(); err != nil {
				reject(rejection(err))
			} else {
				resolve(v)
			}
		}()
	})
}

// settled runs f, which must not wait, before it returns.
func settled(f func() error) js.Value {
	return newPromise(func(resolve, reject func(any)) {
		if err := f(); err != nil {
			reject(rejection(err))
		} else {
			resolve(nil)
		}
	})
}

// rejection is what promises reject with: an Error with a code.
func rejection(err error) js.Value {
	code := "failed"
	var known *tab.CommandError
	if errors.As(err, &known) {
		code = known.Code
	}
	e := js.Global().Get("Error").New(err.Error())
	e.Set("code", code)
	return e
}
