package labgob

import (
	"reflect"
	"testing"
)

type message struct {
	Term    int
	Entries []struct {
		Term    int
		Command any
	}
}

func messages() (list []*message) {
	for _, command := range []any{nil, 1, "two", inner{3}, inner{4}, &inner{5}, []byte("six"), 7} {
		m := &message{Term: len(list)}
		for i := range len(list) {
			m.Entries = append(m.Entries, struct {
				Term    int
				Command any
			}{i, command})
		}
		list = append(list, m)
	}
	return list
}

// What comes back must not depend on what was decoded before.
func TestMarshal(t *testing.T) {
	Register(inner{})
	Register([]byte{})
	for range 3 {
		for _, m := range messages() {
			data, err := Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				fresh, kept := &message{}, &message{}
				if err := NewDecoder(newReader(data)).Decode(fresh); err != nil {
					t.Fatal(err)
				}
				if err := Unmarshal(data, kept); err != nil || !reflect.DeepEqual(kept, fresh) {
					t.Errorf("%+v came back as %+v, %v", m, kept, err)
				}
			}
			// Damage must not harm what comes after it.
			for cut := range data {
				if Unmarshal(data[:cut], &message{}) == nil {
					t.Errorf("%d of %d bytes were decoded", cut, len(data))
				}
			}
			other := struct{ Term string }{}
			if Unmarshal(data, &other) == nil && m.Term > 0 {
				t.Error("a number was decoded into a string")
			}
		}
	}
}

func FuzzUnmarshal(f *testing.F) {
	Register(inner{})
	Register([]byte{})
	for _, m := range messages() {
		data, err := Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	good, _ := Marshal(messages()[3])
	f.Fuzz(func(t *testing.T, data []byte) {
		fresh, kept := &message{}, &message{}
		want := NewDecoder(newReader(data)).Decode(fresh)
		// Of damaged bytes gob makes an error or a value; they need not be alike.
		got := Unmarshal(data, kept)
		if want == nil && (got != nil || !reflect.DeepEqual(fresh, kept)) {
			t.Errorf("%+v, %v, want %+v", kept, got, fresh)
		}
		after := &message{}
		if err := Unmarshal(good, after); err != nil || after.Entries[1].Command != (inner{3}) {
			t.Errorf("later: %+v, %v", after, err)
		}
	})
}

func BenchmarkUnmarshal(b *testing.B) {
	data, _ := Marshal(messages()[2])
	b.Run("kept", func(b *testing.B) {
		for b.Loop() {
			Unmarshal(data, &message{})
		}
	})
	b.Run("fresh", func(b *testing.B) {
		for b.Loop() {
			NewDecoder(newReader(data)).Decode(&message{})
		}
	})
}
