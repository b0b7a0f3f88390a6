package bus

import (
	"bytes"
	"slices"
	"sync"
)

// Air is what memory radios share, the twin of a browser in tests: each Tab is
// one tab of it.
type Air struct {
	mu   sync.Mutex
	ends map[string][]*airEnd
}

// NewAir makes an empty one.
func NewAir() *Air { return &Air{ends: map[string][]*airEnd{}} }

// Tab makes the radio of one tab.
func (a *Air) Tab() *AirTab { return &AirTab{air: a} }

// AirTab is a Radio in memory. A goroutine of each channel hands messages over.
type AirTab struct {
	air    *Air
	frozen chan struct{} // not nil while frozen, closed at its end
	killed bool
}

// Kill ends the tab as the end of its process does: it says and hears nothing
// any more.
func (t *AirTab) Kill() {
	t.air.mu.Lock()
	defer t.air.mu.Unlock()
	t.killed = true
}

// Freeze stops the tab's hearing; what is posted to it meanwhile waits until
// Thaw.
func (t *AirTab) Freeze() {
	t.air.mu.Lock()
	defer t.air.mu.Unlock()
	if t.frozen == nil {
		t.frozen = make(chan struct{})
	}
}

// Thaw ends Freeze.
func (t *AirTab) Thaw() {
	t.air.mu.Lock()
	defer t.air.mu.Unlock()
	if t.frozen != nil {
		close(t.frozen)
		t.frozen = nil
	}
}

// Open implements Radio.
func (t *AirTab) Open(name string, hear func(message []byte)) (Channel, error) {
	e := &airEnd{tab: t, name: name, hear: hear, wake: make(chan struct{}, 1), done: make(chan struct{})}
	t.air.mu.Lock()
	defer t.air.mu.Unlock()
	t.air.ends[name] = append(t.air.ends[name], e)
	go e.deliver()
	return e, nil
}

// airEnd is one end of a channel.
type airEnd struct {
	tab  *AirTab
	name string
	hear func([]byte)
	wake chan struct{} // has room for one
	done chan struct{} // closed by Close

	messages [][]byte // tab.air.mu guards it
	closed   bool     // and this
}

// Post implements Channel.
func (e *airEnd) Post(message []byte) error {
	air := e.tab.air
	air.mu.Lock()
	defer air.mu.Unlock()
	if e.tab.killed || e.closed {
		return nil
	}
	var heard []byte
	if len(message) <= MaxMessage {
		heard = message
	}
	for _, other := range air.ends[e.name] {
		if other != e && !other.tab.killed {
			other.messages = append(other.messages, bytes.Clone(heard))
			select {
			case other.wake <- struct{}{}:
			default:
			}
		}
	}
	return nil
}

// Close implements Channel.
func (e *airEnd) Close() {
	air := e.tab.air
	air.mu.Lock()
	defer air.mu.Unlock()
	if e.closed {
		return
	}
	e.closed = true
	close(e.done)
	air.ends[e.name] = slices.DeleteFunc(air.ends[e.name], func(o *airEnd) bool { return o == e })
	if len(air.ends[e.name]) == 0 {
		delete(air.ends, e.name)
	}
}

// deliver hands over what comes, until Close.
func (e *airEnd) deliver() {
	air := e.tab.air
	for {
		select {
		case <-e.done:
			return
		case <-e.wake:
		}
		for {
			air.mu.Lock()
			frozen := e.tab.frozen
			if frozen != nil {
				air.mu.Unlock()
				select {
				case <-frozen:
				case <-e.done:
					return
				}
				continue
			}
			if len(e.messages) == 0 || e.closed || e.tab.killed {
				air.mu.Unlock()
				break
			}
			next := e.messages[0]
			e.messages = e.messages[1:]
			air.mu.Unlock()
			e.hear(next)
		}
	}
}
