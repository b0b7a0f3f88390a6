package node

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tabraft/raft"
)

// wires is a Links between two ends that note what arrives.
type wires struct {
	*Links
	mu                     sync.Mutex
	sent, received, beside []string
}

func newWires() *wires {
	w := &wires{}
	w.Links = NewLinks(NewSystemClock(), rand.New(rand.NewPCG(1, 2)),
		func(to raft.ID, f []byte) bool { w.note(&w.sent, to, f); return true },
		func(from raft.ID, f []byte) { w.note(&w.received, from, f) })
	return w
}

func (w *wires) note(list *[]string, id raft.ID, f []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	*list = append(*list, fmt.Sprintf("%d%s", id, f))
}

func (w *wires) noted(list *[]string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(*list)
}

func TestLinkFaultsByDirection(t *testing.T) {
	for name, c := range map[string]struct {
		fault    Fault
		out, in  bool
		isolated bool
	}{
		"none":           {out: true, in: true},
		"block":          {fault: Fault{Block: true}},
		"block out":      {fault: Fault{Block: true, Way: WayOut}, in: true},
		"block in":       {fault: Fault{Block: true, Way: WayIn}, out: true},
		"drop all in":    {fault: Fault{Drop: 1, Way: WayIn}, out: true},
		"drop more":      {fault: Fault{Drop: 7}},
		"a way alone":    {fault: Fault{Way: WayOut}, out: true, in: true},
		"isolated":       {isolated: true},
		"isolated again": {fault: Fault{Block: true, Way: WayIn}, isolated: true},
	} {
		w := newWires()
		w.Set(1, c.fault)
		w.Isolate(c.isolated)
		if !w.Send(1, []byte("x")) {
			t.Errorf("%s: a lost frame looks refused", name)
		}
		w.Receive(1, []byte("y"))
		if (len(w.noted(&w.sent)) == 1) != c.out || (len(w.noted(&w.received)) == 1) != c.in {
			t.Errorf("%s: sent %q, received %q", name, w.noted(&w.sent), w.noted(&w.received))
		}
		if blocked := c.isolated || c.fault.Block; w.Blocked(1) != blocked || w.Blocked(2) != c.isolated {
			t.Errorf("%s: blocked is %v", name, w.Blocked(1))
		}
		w.Isolate(false)
		w.Set(1, Fault{})
		w.Send(1, []byte("z"))
		w.Receive(1, []byte("z"))
		if !slices.Contains(w.noted(&w.sent), "1z") || !slices.Contains(w.noted(&w.received), "1z") {
			t.Errorf("%s: not mended", name)
		}
	}
}

func TestDelayKeepsOrderOnEachPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWires()
		p := w.Beside(func(to raft.ID, f []byte) bool { w.note(&w.beside, to, f); return true }, nil)
		w.Set(1, Fault{Delay: time.Second, Way: WayOut})
		w.Send(1, []byte("a"))
		p.Send(1, []byte("g"))
		w.Receive(1, []byte("in"))
		w.Set(1, Fault{Delay: time.Millisecond})
		w.Send(1, []byte("b"))
		w.Set(1, Fault{})
		w.Send(1, []byte("c"))
		w.Send(2, []byte("other"))
		if !slices.Equal(w.noted(&w.sent), []string{"2other"}) || !slices.Equal(w.noted(&w.received), []string{"1in"}) || len(w.noted(&w.beside)) != 0 {
			t.Errorf("at once: %q %q %q", w.noted(&w.sent), w.noted(&w.received), w.noted(&w.beside))
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if !slices.Equal(w.noted(&w.sent), []string{"2other", "1a", "1b", "1c"}) || !slices.Equal(w.noted(&w.beside), []string{"1g"}) {
			t.Errorf("later: %q %q", w.noted(&w.sent), w.noted(&w.beside))
		}
		w.Isolate(true)
		p.Send(1, []byte("h"))
		if len(w.noted(&w.beside)) != 1 {
			t.Error("isolated, and yet sent beside")
		}
	})
}
