package labrpc

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Junk is a service with one method of each kind.
type Junk struct {
	mu    sync.Mutex
	log   []string
	enter chan struct{} // Block sends on it, and then waits for
	leave chan struct{}
}

type JunkArgs struct{ X int }
type JunkReply struct{ X string }

func (j *Junk) record(s string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.log = append(j.log, s)
}

func (j *Junk) calls() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.log)
}

func (j *Junk) Pointer(args *JunkArgs, reply *JunkReply) {
	j.record(fmt.Sprint("pointer ", args.X))
	reply.X = fmt.Sprint("pointer-", args.X)
}

func (j *Junk) Value(args JunkArgs, reply *JunkReply) {
	reply.X = fmt.Sprint("value-", args.X)
}

func (j *Junk) Slow(args int, reply *int) {
	j.record("slow")
	time.Sleep(20 * time.Second)
	*reply = -args
}

func (j *Junk) Block(args int, reply *int) {
	j.enter <- struct{}{}
	<-j.leave
}

func (j *Junk) Panic(args int, reply *int) { panic("ouch") }

func (j *Junk) NotAnRPC(args int) int { return args }

// world is a network with one server, "server", and ends connected to it.
type world struct {
	*Network
	t    *testing.T
	junk *Junk
	ends []*ClientEnd
	mu   sync.Mutex
	seen []Event
	said []string
}

func newWorld(t *testing.T, ends int, cfg Config) *world {
	w := &world{t: t, junk: &Junk{enter: make(chan struct{}, 1), leave: make(chan struct{})}}
	if cfg.Observe == nil {
		cfg.Observe = func(e Event) { w.seen = append(w.seen, e) }
	}
	cfg.Complain = func(err error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.said = append(w.said, err.Error())
	}
	w.Network = NewNetwork(cfg)
	w.serve()
	for i := range ends {
		name := Link{From: i, To: 9}
		w.ends = append(w.ends, w.MakeEnd(name))
		w.Connect(name, "server")
		w.Enable(name, true)
	}
	return w
}

func (w *world) serve() {
	s := MakeServer()
	s.AddService(MakeService(w.junk))
	w.AddServer("server", s)
}

func (w *world) call(end, x int) (string, bool) {
	var reply JunkReply
	ok := w.ends[end].Call("Junk.Pointer", &JunkArgs{x}, &reply)
	return reply.X, ok
}

func TestCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, Config{})
		defer w.Cleanup()
		if got, ok := w.call(0, 7); !ok || got != "pointer-7" {
			t.Errorf("Pointer: %q, %v", got, ok)
		}
		var reply JunkReply
		if ok := w.ends[0].Call("Junk.Value", JunkArgs{8}, &reply); !ok || reply.X != "value-8" {
			t.Errorf("Value: %q, %v", reply.X, ok)
		}
		if w.GetCount("server") != 2 || w.GetTotalCount() != 2 || w.GetTotalBytes() == 0 {
			t.Errorf("counts: %d at the server, %d in all, %d bytes", w.GetCount("server"), w.GetTotalCount(), w.GetTotalBytes())
		}
		var steps []string
		for _, e := range w.seen[:4] {
			steps = append(steps, fmt.Sprintf("%d->%d %s %v %v %v", e.From, e.To, e.Method, e.Step, show(e.Args), show(e.Reply)))
		}
		want := "0->9 Junk.Pointer sent {7} -\n0->9 Junk.Pointer delivered {7} -\n0->9 Junk.Pointer handled - {pointer-7}\n0->9 Junk.Pointer replied - -"
		if got := strings.Join(steps, "\n"); got != want {
			t.Errorf("observed:\n%s\nwant:\n%s", got, want)
		}
	})
}

func show(v any) string {
	switch v := v.(type) {
	case nil:
		return "-"
	case *JunkArgs:
		return fmt.Sprint(*v)
	case *JunkReply:
		return fmt.Sprint(*v)
	}
	return fmt.Sprint(v)
}

func TestServiceMethods(t *testing.T) {
	got := strings.Join(MakeService(&Junk{}).Methods(), " ")
	if want := "Block Panic Pointer Slow Value"; got != want {
		t.Errorf("callable: %s, want %s", got, want)
	}
}
