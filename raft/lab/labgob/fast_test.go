package labgob

import (
	"bytes"
	"encoding/gob"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"testing/quick"
)

// entry and state are what a Raft saves.
type entry struct {
	Term    int
	Command any
	hidden  int
}

type state struct {
	CurrentTerm int
	VotedFor    int
	Log         []entry
	Nested      struct {
		A    uint8
		B    int16
		C    []string
		D    [][]int
		E, F bool
	}
	Small    float32
	Big      float64
	Bytes    []byte
	Index    uint64
	Callback func()
	Any      any
	Embedded
}

// streams encodes values one after another, as gob and as labgob does.
func streams(values ...any) (theirs, ours []byte, err1, err2 error) {
	var a, b bytes.Buffer
	g, l := gob.NewEncoder(&a), NewEncoder(&b)
	for _, v := range values {
		if err := g.Encode(v); err != nil {
			err1 = err
		}
		if err := l.Encode(v); err != nil {
			err2 = err
		}
	}
	return a.Bytes(), b.Bytes(), err1, err2
}

func sameAsGob(t *testing.T, values ...any) {
	t.Helper()
	theirs, ours, err1, err2 := streams(values...)
	if (err1 == nil) != (err2 == nil) {
		t.Errorf("gob says %v, labgob %v", err1, err2)
	}
	if err1 == nil && !bytes.Equal(theirs, ours) {
		t.Errorf("%+v\ngob    %x\nlabgob %x", values, theirs, ours)
	}
	for _, v := range values {
		var one bytes.Buffer
		err1 := gob.NewEncoder(&one).Encode(v)
		data, err2 := Marshal(v)
		if (err1 == nil) != (err2 == nil) || err1 == nil && !bytes.Equal(one.Bytes(), data) {
			t.Errorf("%+v alone\ngob    %x, %v\nlabgob %x, %v", v, one.Bytes(), err1, data, err2)
		}
	}
}

func TestSameBytesAsGob(t *testing.T) {
	defer func(old func(Warning)) { SetSink(old) }(SetSink(func(Warning) {}))
	Register(inner{})
	commands := []any{
		nil, 0, 1, -1, 63, 64, -64, -65, 127, 128, math.MaxInt, math.MinInt, int64(-5), int32(7), uint64(math.MaxUint64), uint(3),
		"", "x", string(make([]byte, 127)), string(make([]byte, 300)), true, false, 0.0, 1.5, math.Inf(-1), inner{4},
	}
	for _, c := range commands {
		sameAsGob(t, entry{Term: 1, Command: c}, &entry{Command: c}, []entry{{2, c, 3}, {}, {Command: c}})
		sameAsGob(t, &state{Any: c})
	}
	sameAsGob(t, 3, -1, 7, []entry{{1, 2, 3}}, []entry{}, []entry(nil))
	sameAsGob(t, state{}, &state{CurrentTerm: 1, Log: []entry{{1, "a", 0}}}, []state{{VotedFor: -1}}, map[string]entry{"x": {1, 2, 3}}, entry{5, 6, 7})
	sameAsGob(t, []int{1, 2}, []uint8{3}, []string{"a", ""}, []bool{true, false}, [][]byte{{1}, nil}, []any{1, "two", nil}, [2]int{1, 2})
	sameAsGob(t, good{Term: 1}, struct{ P *int }{}, struct{ C chan int }{}, struct{ x int }{1}, struct{}{})
	type unregistered struct{ X int }
	sameAsGob(t, []entry{{1, unregistered{2}, 3}})
	type recursive struct {
		N    int
		Kids []recursive
	}
	sameAsGob(t, recursive{1, []recursive{{2, nil}, {3, []recursive{{}}}}})
	// A type that contains itself many times must not take long to look at.
	type wide struct{ A, B, C, D, E, F, G []wide }
	sameAsGob(t, wide{A: []wide{{}}})
	type list []list
	sameAsGob(t, list{nil, {nil}})
}

func TestRandomBytesAsGob(t *testing.T) {
	defer func(old func(Warning)) { SetSink(old) }(SetSink(func(Warning) {}))
	rng := rand.New(rand.NewPCG(1, 2))
	command := func() any {
		switch rng.IntN(6) {
		case 0:
			return nil
		case 1:
			return rng.Int()
		case 2:
			return -int64(rng.Uint32())
		case 3:
			return string(make([]byte, rng.IntN(200)))
		case 4:
			return rng.Float64()
		default:
			return rng.IntN(2) == 0
		}
	}
	check := func(term, vote int, a uint8, b int16, c []string, d [][]int, small float32, big float64, raw []byte, index uint64, n uint8) bool {
		s := state{CurrentTerm: term, VotedFor: vote, Small: small, Big: big, Bytes: raw, Index: index, Any: command()}
		s.Nested.A, s.Nested.B, s.Nested.C, s.Nested.D = a, b, c, d
		for range n {
			s.Log = append(s.Log, entry{Term: rng.IntN(9), Command: command()})
		}
		theirs, ours, err1, err2 := streams(s, s.Log, &s)
		return err1 == nil && err2 == nil && bytes.Equal(theirs, ours)
	}
	if err := quick.Check(check, nil); err != nil {
		t.Error(err)
	}
}

// A stream may go from values that this package writes to gob's and back.
func TestMixedStream(t *testing.T) {
	Register(inner{})
	values := []any{&entry{1, 2, 0}, &entry{1, inner{2}, 0}, &entry{3, "x", 0}, &[]entry{{4, inner{5}, 0}}, &[]entry{{6, 7, 0}}, &inner{8}}
	var buf bytes.Buffer
	enc, dec := NewEncoder(&buf), NewDecoder(&buf)
	for _, v := range values {
		if err := enc.Encode(v); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range values {
		got := reflect.New(reflect.TypeOf(want).Elem())
		if err := dec.DecodeValue(got); err != nil || !reflect.DeepEqual(got.Interface(), want) {
			t.Errorf("%+v came back as %+v, %v", want, got.Interface(), err)
		}
	}
}

func BenchmarkEncodeLog(b *testing.B) {
	log := make([]entry, 1000)
	for i := range log {
		log[i] = entry{Term: i / 10, Command: rand.Int()}
	}
	b.Run("labgob", func(b *testing.B) {
		for b.Loop() {
			NewEncoder(&bytes.Buffer{}).Encode(log)
		}
	})
	b.Run("gob", func(b *testing.B) {
		for b.Loop() {
			gob.NewEncoder(&bytes.Buffer{}).Encode(log)
		}
	})
}
