package labrpc

import (
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// timed makes a call and returns how long it took.
func (w *world) timed(end int) (time.Duration, bool) {
	from := time.Now()
	_, ok := w.call(end, 1)
	return time.Since(from), ok
}

func TestDeadServer(t *testing.T) {
	for _, c := range []struct {
		name  string
		cut   func(w *world)
		long  bool
		limit time.Duration
	}{
		{"disabled", func(w *world) { w.Enable(Link{To: 9}, false) }, false, deadDelay},
		{"deleted", func(w *world) { w.DeleteServer("server") }, false, deadDelay},
		{"unconnected", func(w *world) { w.Connect(Link{To: 9}, nil) }, false, deadDelay},
		{"long", func(w *world) { w.Enable(Link{To: 9}, false) }, true, deadLongDelay},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 1, Config{Seed: 1})
				defer w.Cleanup()
				c.cut(w)
				w.LongDelays(c.long)
				var longest time.Duration
				for range 200 {
					d, ok := w.timed(0)
					if ok {
						t.Fatal("a call to a dead server succeeded")
					}
					longest = max(longest, d)
				}
				if longest >= c.limit || longest < c.limit*9/10 {
					t.Errorf("the longest of 200 calls took %v, want just below %v", longest, c.limit)
				}
				if w.junk.calls() != 0 {
					t.Error("the server was reached")
				}
			})
		})
	}
}

func TestUnreliable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, Config{Seed: 2})
		defer w.Cleanup()
		w.Reliable(false)
		const calls = 4000
		ok := 0
		var longest time.Duration
		for range calls {
			d, good := w.timed(0)
			if good {
				ok++
			}
			longest = max(longest, d)
		}
		// 90 % of requests arrive, and 90 % of their replies.
		near(t, "carried out", w.junk.calls(), calls*0.9)
		near(t, "replied", ok, calls*0.81)
		if longest > 26999999 || longest < 26*time.Millisecond {
			t.Errorf("the longest call took %v, want 26 ms or a little more", longest)
		}
	})
}

func near(t *testing.T, what string, got int, want float64) {
	t.Helper()
	if g := float64(got); g < want*0.97 || g > want*1.03 {
		t.Errorf("%s: %d, want about %.0f", what, got, want)
	}
}

func TestLongReordering(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, Config{Seed: 3})
		defer w.Cleanup()
		w.LongReordering(true)
		const calls = 3000
		var took [calls]time.Duration
		var wg sync.WaitGroup
		for i := range calls {
			wg.Go(func() { took[i], _ = w.timed(0) })
		}
		wg.Wait()
		late := 0
		var longest time.Duration
		for _, d := range took {
			if d > 0 {
				late++
				if d < reorderMin {
					t.Errorf("a late reply came after %v", d)
				}
			}
			longest = max(longest, d)
		}
		near(t, "late", late, calls*2/3)
		if longest < time.Second || longest > reorderMin+reorderSpread {
			t.Errorf("the latest reply took %v", longest)
		}
	})
}

// A method that does not return must not keep its caller when the server dies,
// and its reply must not arrive afterwards.
func TestServerDiesWhileHandling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2, Config{})
		defer w.Cleanup()
		go func() {
			<-w.junk.enter
			w.serve() // the server is restarted
			w.junk.leave <- struct{}{}
		}()
		var reply int
		if w.ends[0].Call("Junk.Block", 1, &reply) {
			t.Error("the old server replied")
		}
		if w.GetCount("server") != 0 {
			t.Error("the new server inherited a count")
		}
		if _, ok := w.call(1, 1); !ok {
			t.Error("the new server does not reply")
		}
	})
}

func TestCutOffWhileHandling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, Config{})
		defer w.Cleanup()
		go func() {
			time.Sleep(time.Second)
			w.Enable(Link{To: 9}, false)
		}()
		var reply int
		if w.ends[0].Call("Junk.Slow", 1, &reply) {
			t.Error("the reply crossed a cut")
		}
		if e := w.seen[len(w.seen)-1]; e.Step != Lost || e.Why != Disconnected {
			t.Errorf("seen: %v, %v", e.Step, e.Why)
		}
	})
}

func TestConcurrentSlowCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, Config{})
		defer w.Cleanup()
		from := time.Now()
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				var reply int
				if !w.ends[0].Call("Junk.Slow", i+1, &reply) || reply != -i-1 {
					t.Errorf("call %d: %d", i, reply)
				}
			})
		}
		wg.Wait()
		if d := time.Since(from); d != 20*time.Second {
			t.Errorf("50 calls of 20 s at once took %v", d)
		}
	})
}

func TestCostBoundsWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 4, Config{Cost: time.Millisecond})
		defer w.Cleanup()
		from := time.Now()
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() { w.call(i%4, i) })
		}
		wg.Wait()
		if d := time.Since(from); d != 100*time.Millisecond {
			t.Errorf("100 calls of 1 ms to one server took %v", d)
		}
	})
}

func TestTooManyCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, Config{Observe: func(Event) {}})
		w.LongDelays(true)
		w.Enable(Link{To: 9}, false)
		var wg sync.WaitGroup
		for range MaxInFlight {
			wg.Go(func() { w.call(0, 1) })
		}
		synctest.Wait()
		from := time.Now()
		if _, ok := w.call(0, 1); ok || time.Since(from) != 0 {
			t.Error("a call too many was not refused at once")
		}
		w.Cleanup()
		wg.Wait()
		if n := w.InFlight(); n != 0 {
			t.Errorf("%d calls under way after Cleanup", n)
		}
	})
}

func TestCleanupEndsCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2, Config{Cost: time.Second})
		w.LongDelays(true)
		w.Enable(Link{From: 1, To: 9}, false)
		var wg sync.WaitGroup
		for end := range 2 {
			for range 10 {
				wg.Go(func() {
					if _, ok := w.call(end, 1); ok {
						t.Error("a call outlived its network")
					}
				})
			}
		}
		synctest.Wait()
		from := time.Now()
		w.Cleanup()
		w.Cleanup()
		wg.Wait()
		w.call(0, 1)
		if d := time.Since(from); d != 0 {
			t.Errorf("Cleanup took %v", d)
		}
	})
}

func TestCallsThatCannotBeMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, Config{Panicked: func(end any, method string, v any) {
			if end != (Link{To: 9}) || method != "Junk.Panic" || v != "ouch" {
				t.Errorf("Panicked(%v, %v, %v)", end, method, v)
			}
		}})
		defer w.Cleanup()
		var reply int
		for range 2 {
			for _, c := range []struct {
				method string
				args   any
			}{
				{"Junk.Nothing", 1}, {"Jnuk.Pointer", 1}, {"Pointer", 1}, {"", 1}, {"Junk.NotAnRPC", 1},
				{"Junk.Pointer", "text"}, {"Junk.Pointer", func() {}}, {"Junk.Pointer", nil}, {"Junk.Panic", 1},
			} {
				if w.ends[0].Call(c.method, c.args, &reply) {
					t.Errorf("%s(%T) succeeded", c.method, c.args)
				}
			}
			if w.ends[0].Call("Junk.Pointer", JunkArgs{1}, &reply) {
				t.Error("a JunkReply was decoded into an int")
			}
		}
		// Each once, however often.
		want := []string{`no such method`, `no such service "Jnuk"`, `no such service`, `no such service`, `no such method`,
			`another type`, `cannot be encoded`, `cannot be encoded`, `cannot be decoded`}
		if len(w.said) != len(want) {
			t.Errorf("%d complaints, want %d:\n%s", len(w.said), len(want), strings.Join(w.said, "\n"))
		}
		for i, text := range w.said {
			if i < len(want) && !strings.Contains(text, want[i]) {
				t.Errorf("complaint %q, want %q", text, want[i])
			}
		}
	})
}

// The same seed does the same to each call, whatever the other ends do meanwhile.
func TestSeedDecides(t *testing.T) {
	run := func(seed uint64, others int) (fates []time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 3, Config{Seed: seed, Jitter: 100 * time.Microsecond, Observe: func(Event) {}})
			defer w.Cleanup()
			w.Reliable(false)
			w.LongReordering(true)
			var wg sync.WaitGroup
			for range others {
				wg.Go(func() { w.call(2, 1) })
			}
			for range 100 {
				d, ok := w.timed(1)
				if !ok {
					d = -d
				}
				fates = append(fates, d)
			}
			wg.Wait()
		})
		return fates
	}
	a, b, c := run(5, 0), run(5, 20), run(6, 0)
	if !reflect.DeepEqual(a, b) {
		t.Error("calls of another end changed what happens to this one's")
	}
	if reflect.DeepEqual(a, c) {
		t.Error("two seeds did the same")
	}
}

// wire is a Transport without a network, as one over a connection would be.
type wire struct{ server *Server }

func (w wire) RoundTrip(req Request) ([]byte, bool) {
	reply, err := w.server.Handle(req.Method, req.Args)
	return reply, err == nil
}

func TestOtherTransport(t *testing.T) {
	s := MakeServer()
	s.AddService(MakeService(&Junk{}))
	end := NewClientEnd(wire{s})
	var reply JunkReply
	if !end.Call("Junk.Pointer", &JunkArgs{3}, &reply) || reply.X != "pointer-3" {
		t.Errorf("reply %q", reply.X)
	}
	if end.Call("Junk.Nothing", &JunkArgs{3}, &reply) {
		t.Error("a missing method was called")
	}
}

type wrapper struct{ inner any }

func (w wrapper) Unwrap() any { return w.inner }

func TestServiceOfWrapped(t *testing.T) {
	svc := MakeService(wrapper{wrapper{&Junk{}}})
	if svc.name != "Junk" || len(svc.Methods()) != 5 {
		t.Errorf("%s %v", svc.name, svc.Methods())
	}
	if svc := MakeService(nil); len(svc.Methods()) != 0 {
		t.Error("methods of nothing")
	}
}

func BenchmarkCall(b *testing.B) {
	n := NewNetwork(Config{})
	s := MakeServer()
	s.AddService(MakeService(&Junk{}))
	n.AddServer("server", s)
	end := n.MakeEnd("end")
	n.Connect("end", "server")
	n.Enable("end", true)
	b.ReportAllocs()
	for b.Loop() {
		var reply JunkReply
		end.Call("Junk.Value", JunkArgs{1}, &reply)
	}
}
