package kv

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"strconv"
	"testing"
)

// client is a client of the property test: a session, the commands sent and not
// answered, and what the naive model answered to each number.
type client struct {
	session *Session
	sent    []Command
	answers map[uint64]Result
	dead    map[uint64]bool // numbers the client has given up or had answered
}

// model applies a command to a plain map, with no idea of sessions.
func model(values map[string]string, c Command) Result {
	v, found := values[c.Key]
	switch c.Op {
	case Get:
		return Result{Found: found, Value: v}
	case Delete:
		delete(values, c.Key)
		return Result{Found: found, Value: v}
	case CAS:
		if found == c.OldAbsent || v != c.Old {
			return Result{Code: Mismatch, Found: found, Value: v}
		}
	}
	values[c.Key] = c.Value
	return Result{Found: true, Value: c.Value}
}

func randomCommand(rng *rand.Rand) Command {
	text := func() string { return strconv.Itoa(rng.IntN(3)) }
	c := Command{Op: Op(2 + rng.IntN(4)), Key: text()}
	switch c.Op {
	case Put:
		c.Value = text()
	case CAS:
		c.Value = text()
		if c.OldAbsent = rng.IntN(3) == 0; !c.OldAbsent {
			c.Old = text()
		}
	}
	return c
}

// TestExactlyOnce lets a few clients send commands that the log takes in any
// order, some of them several times, some never. A model without sessions runs
// each number at its first coming only. The map must give the model's answers
// and end with the model's values; a second map fed the same log, and now and
// then made anew from a snapshot, must be equal and answer equally at every step.
func TestExactlyOnce(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 7))
		w, twin := newWorld(t), NewMap()
		values := map[string]string{}
		apply := func(c Command) Result {
			if rng.IntN(8) == 0 {
				snapshot := w.m.Snapshot()
				twin = NewMap()
				if err := twin.Restore(snapshot); err != nil || !bytes.Equal(twin.Snapshot(), snapshot) {
					t.Fatalf("seed %d: %v, or a snapshot of what was restored differs", seed, err)
				}
			}
			r := w.apply(c)
			again := decodeResult(t, twin.Apply(w.index, encode(t, c)))
			if w.m.Sum() != twin.Sum() || again != r {
				t.Fatalf("seed %d: equal commands, different maps", seed)
			}
			return r
		}
		var clients []*client
		for range 3 {
			apply(Command{Op: OpenSession})
			clients = append(clients, &client{session: NewSession(w.index), answers: map[uint64]Result{}, dead: map[uint64]bool{}})
		}
		for range 150 {
			c := clients[rng.IntN(len(clients))]
			if rng.IntN(3) == 0 || len(c.sent) == 0 {
				command := randomCommand(rng)
				if err := c.session.Stamp(&command); err != nil {
					t.Fatal(err)
				}
				c.sent = append(c.sent, command)
				continue
			}
			command := c.sent[rng.IntN(len(c.sent))] // again and again, even after its answer
			got := apply(command)
			want, ran := c.answers[command.Seq]
			switch {
			case !ran && got.Code == Refused && c.dead[command.Seq]:
				continue // given up before it came
			case !ran:
				want = model(values, command)
				c.answers[command.Seq] = want
			case got.Code == Refused && c.dead[command.Seq]:
				continue // answered before; nobody waits
			}
			if got != want {
				t.Fatalf("seed %d, %+v: %+v, want %+v", seed, command, got, want)
			}
			if rng.IntN(2) == 0 {
				c.session.Answered(command.Seq)
				c.dead[command.Seq] = true
			}
			if rng.IntN(10) == 0 {
				given := c.sent[rng.IntN(len(c.sent))].Seq
				c.session.Answered(given)
				c.dead[given] = true
			}
		}
		got := map[string]string{}
		for _, e := range w.m.Entries() {
			got[e.Key] = e.Value
		}
		if !maps.Equal(got, values) {
			t.Fatalf("seed %d: the map has %v, the model %v", seed, got, values)
		}
		for _, s := range clients {
			if n := len(w.m.sessions.byID[s.session.ID()].Value.(*session).results); n > len(s.sent) {
				t.Fatalf("seed %d: %d results remembered", seed, n)
			}
		}
	}
}
