package node

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"tabraft/raft"
)

// wires is a Links between two ends that note what arrives.
type wires struct {
	*Links
	sent, received []string
}

func newWires() *wires {
	w := &wires{}
	w.Links = NewLinks(NewSystemClock(), rand.New(rand.NewPCG(1, 2)),
		func(to raft.ID, f []byte) bool { w.sent = append(w.sent, fmt.Sprintf("%d%s", to, f)); return true },
		func(from raft.ID, f []byte) { w.received = append(w.received, fmt.Sprintf("%d%s", from, f)) })
	return w
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
		if (len(w.sent) == 1) != c.out || (len(w.received) == 1) != c.in {
			t.Errorf("%s: sent %q, received %q", name, w.sent, w.received)
		}
		if blocked := c.isolated || c.fault.Block; w.Blocked(1) != blocked || w.Blocked(2) != c.isolated {
			t.Errorf("%s: blocked is %v", name, w.Blocked(1))
		}
		w.Isolate(false)
		w.Set(1, Fault{})
		w.Send(1, []byte("z"))
		w.Receive(1, []byte("z"))
		if !slices.Contains(w.sent, "1z") || !slices.Contains(w.received, "1z") {
			t.Errorf("%s: not mended", name)
		}
	}
}

func TestDelayKeepsOrderOnEachPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWires()
		var beside []string
		p := w.Beside(func(to raft.ID, f []byte) bool { beside = append(beside, fmt.Sprintf("%d%s", to, f)); return true }, nil)
		w.Set(1, Fault{Delay: time.Second, Way: WayOut})
		w.Send(1, []byte("a"))
		p.Send(1, []byte("g"))
		w.Receive(1, []byte("in"))
		w.Set(1, Fault{Delay: time.Millisecond})
		w.Send(1, []byte("b"))
		w.Set(1, Fault{})
		w.Send(1, []byte("c"))
		w.Send(2, []byte("other"))
		if !slices.Equal(w.sent, []string{"2other"}) || !slices.Equal(w.received, []string{"1in"}) || len(beside) != 0 {
			t.Errorf("at once: %q %q %q", w.sent, w.received, beside)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if !slices.Equal(w.sent, []string{"2other", "1a", "1b", "1c"}) || !slices.Equal(beside, []string{"1g"}) {
			t.Errorf("later: %q %q", w.sent, beside)
		}
		w.Isolate(true)
		p.Send(1, []byte("h"))
		if len(beside) != 1 {
			t.Error("isolated, and yet sent beside")
		}
	})
}
