package bus

import (
	"errors"
	"fmt"
	"syscall/js"
)

var uint8Array = js.Global().Get("Uint8Array")

// Browser is the Radio of the page that this program runs in. It is deaf while the
// browser has frozen the page: messages of a BroadcastChannel come in all the same, but
// timers do not run and storage does not answer. A leader that goes on so is heard, keeps
// its office and hardly commits anything. A suspended one is replaced.
type Browser struct{}

// Open implements Radio.
func (Browser) Open(name string, hear func(message []byte)) (c Channel, err error) {
	defer caught("open", &err)
	constructor := js.Global().Get("BroadcastChannel")
	if constructor.Type() != js.TypeFunction {
		return nil, errors.New("this browser has no BroadcastChannel")
	}
	b := &broadcast{channel: constructor.New(name)}
	b.onMessage = js.FuncOf(func(_ js.Value, args []js.Value) any {
		defer func() {
			if p := recover(); p != nil {
				js.Global().Get("console").Call("error", fmt.Sprintf("tabraft: hearing a message: %v", p))
			}
		}()
		hear(read(args[0].Get("data")))
		return nil
	})
	b.onFreeze = js.FuncOf(func(js.Value, []js.Value) any {
		b.channel.Set("onmessage", js.Null())
		return nil
	})
	b.onResume = js.FuncOf(func(js.Value, []js.Value) any {
		b.channel.Set("onmessage", b.onMessage)
		return nil
	})
	b.channel.Set("onmessage", b.onMessage)
	b.lifecycle("addEventListener")
	return b, nil
}

// lifecycle adds or removes what the page's life cycle calls. A Worker has none.
func (b *broadcast) lifecycle(method string) {
	if document := js.Global().Get("document"); document.Truthy() {
		document.Call(method, "freeze", b.onFreeze)
		document.Call(method, "resume", b.onResume)
	}
}

// read gives the bytes of a message, nil if it is none.
func read(data js.Value) []byte {
	if data.Type() != js.TypeObject || !data.InstanceOf(uint8Array) {
		return nil
	}
	size := data.Length()
	if size == 0 || size > MaxMessage {
		return nil
	}
	b := make([]byte, size)
	js.CopyBytesToGo(b, data)
	return b
}

// broadcast is one BroadcastChannel.
type broadcast struct {
	channel                       js.Value
	onMessage, onFreeze, onResume js.Func
	closed                        bool
}

// Post implements Channel. The array is one of its own: a view of a larger
// buffer would be sent with all of the buffer.
func (b *broadcast) Post(message []byte) (err error) {
	defer caught("post", &err)
	array := uint8Array.New(len(message))
	js.CopyBytesToJS(array, message)
	b.channel.Call("postMessage", array)
	return nil
}

// Close implements Channel.
func (b *broadcast) Close() {
	if b.closed {
		return
	}
	b.closed = true
	b.lifecycle("removeEventListener")
	b.channel.Set("onmessage", js.Null())
	b.channel.Call("close")
	b.onMessage.Release()
	b.onFreeze.Release()
	b.onResume.Release()
}

// caught makes an error of what JavaScript throws.
func caught(doing string, err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("broadcast channel: %s: %v", doing, p)
	}
}
