package rtc

import (
	"bytes"
	"errors"
	"testing"
)

// fakeSender is a channel that sends nothing until told to.
type fakeSender struct {
	sent     [][]byte
	waits    int
	most     int
	failing  bool
	received []byte
}

func (f *fakeSender) send(b []byte) error {
	if f.failing {
		return errors.New("failing")
	}
	f.sent = append(f.sent, bytes.Clone(b))
	f.waits += len(b)
	f.most = max(f.most, f.waits)
	return nil
}

func (f *fakeSender) buffered() int { return f.waits }

// drain lets everything out but left bytes.
func (f *fakeSender) drain(left int) { f.waits = min(f.waits, left) }

func TestPipeRefusesWhenFull(t *testing.T) {
	f := &fakeSender{}
	p := newPipe(f)
	for n := 0; n+10_000 <= MaxBuffered; n += 10_000 {
		if !p.send(make([]byte, 10_000)) {
			t.Fatalf("refused after %d bytes", n)
		}
	}
	if p.send(make([]byte, 10_000)) {
		t.Error("took more than MaxBuffered")
	}
	if !p.send(make([]byte, 1000)) {
		t.Error("refused what still fits")
	}
	for p.waiting.Load() {
		f.drain(lowWater)
		p.pump()
	}
	f.drain(nearlyEmpty)
	if !p.send(make([]byte, MaxFrame)) || p.send([]byte{1}) {
		t.Error("a large frame can be sent on a nearly empty buffer, and nothing after it")
	}
}

func TestPipeKeepsTheChannelsBufferSmall(t *testing.T) {
	f := &fakeSender{}
	p := newPipe(f)
	frame := make([]byte, MaxFrame)
	for i := range frame {
		frame[i] = byte(i * 7)
	}
	if !p.send(bytes.Clone(frame)) {
		t.Fatal("refused")
	}
	if got := p.unsent(); got < MaxFrame {
		t.Errorf("%d bytes unsent", got)
	}
	for p.waiting.Load() {
		f.drain(lowWater)
		p.pump()
	}
	if f.most > MaxBuffered {
		t.Errorf("%d bytes in the channel's buffer", f.most)
	}
	var a assembler
	for i, fragment := range f.sent {
		if len(fragment) > MaxFragment {
			t.Fatalf("fragment of %d bytes", len(fragment))
		}
		got, err := a.add(fragment)
		if err != nil || (got != nil) != (i == len(f.sent)-1) {
			t.Fatalf("fragment %d: %v", i, err)
		}
		f.received = got
	}
	if !bytes.Equal(f.received, frame) {
		t.Error("another frame arrived")
	}
}

func TestPipeAfterAnErrorTakesNothing(t *testing.T) {
	f := &fakeSender{failing: true}
	p := newPipe(f)
	for range 2 {
		if p.send([]byte{1}) {
			t.Error("taken")
		}
	}
	if err := p.control([]byte{fragmentPing}); !errors.Is(err, errClosed) {
		t.Error(err)
	}
	if p.unsent() != 0 {
		t.Error("something is held")
	}
}

func TestPipeDoesNotAnswerAPeerThatReadsNothing(t *testing.T) {
	f := &fakeSender{waits: MaxBuffered + 1}
	if err := newPipe(f).control([]byte{fragmentPong}); err != nil || len(f.sent) != 0 {
		t.Errorf("%v, %d sent", err, len(f.sent))
	}
}

func TestPipeSendDoesNotAllocate(t *testing.T) {
	f := &quietSender{}
	p := newPipe(f)
	frame := make([]byte, 100)
	if n := testing.AllocsPerRun(100, func() { p.send(frame) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

type quietSender struct{}

func (quietSender) send([]byte) error { return nil }
func (quietSender) buffered() int     { return 0 }
