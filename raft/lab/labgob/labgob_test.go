package labgob

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"
)

type inner struct{ Term int }

type good struct {
	Term    int
	When    time.Time // has lower-case fields, and encodes itself
	Entries []inner
	Next    *good
	Command any
	Embedded
}

type Embedded struct{ Votes int }

type bad struct {
	Term  int
	vote  int
	Deep  map[string][]*worse
	Other any
	inner // embedded under a lower-case name
}

type worse struct{ index int }

// warnings runs f and returns what was warned of.
func warnings(t *testing.T, f func()) []string {
	t.Helper()
	var got []string
	old := SetSink(func(w Warning) {
		where := w.Type
		if w.Field != "" {
			where += "." + w.Field
		}
		got = append(got, map[Kind]string{LowerCaseField: "lower ", NonDefault: "default "}[w.Kind]+where)
		if !strings.Contains(w.String(), where) {
			t.Errorf("%q does not name %s", w, where)
		}
	})
	defer func() { SetSink(old) }()
	f()
	return got
}

func check(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("warnings %q, want %q", got, want)
	}
}

func newReader(data []byte) *bytes.Reader { return bytes.NewReader(data) }

func encode(t *testing.T, v any) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := NewEncoder(&buf).Encode(v); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestRoundTrip(t *testing.T) {
	Register(inner{})
	check(t, warnings(t, func() {
		in := good{Term: 3, When: time.Unix(9, 0), Entries: []inner{{1}, {2}}, Next: &good{Term: 4}, Command: inner{7}, Embedded: Embedded{8}}
		var out good
		if err := NewDecoder(bytes.NewReader(encode(t, in))).Decode(&out); err != nil {
			t.Fatal(err)
		}
		if out.Term != 3 || !out.When.Equal(in.When) || len(out.Entries) != 2 || out.Next.Term != 4 || out.Command != (inner{7}) || out.Votes != 8 {
			t.Errorf("%+v came back as %+v", in, out)
		}
	}))
}

func TestLowerCaseFields(t *testing.T) {
	check(t, warnings(t, func() {
		for range 3 {
			// gob refuses the second type, for having no field to send.
			NewEncoder(&bytes.Buffer{}).Encode(&bad{Term: 1, vote: 2})
		}
		NewDecoder(bytes.NewReader(nil)).Decode(&bad{})
		Register(worse{index: 1})
	}), "lower labgob.bad.vote", "lower labgob.worse.index", "lower labgob.bad.inner")
}

func TestNonDefault(t *testing.T) {
	type reply struct {
		Term    int
		Success bool
		Inner   inner
		Entries []int
		Seen    map[int]int
	}
	decode := func(v any, into any) func() {
		return func() {
			for range 2 {
				if err := NewDecoder(bytes.NewReader(encode(t, v))).Decode(into); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	check(t, warnings(t, decode(reply{}, &reply{})))
	check(t, warnings(t, decode(reply{}, &reply{Term: 1, Inner: inner{2}})), "default labgob.reply.Term", "default labgob.inner.Term")
	check(t, warnings(t, decode(reply{}, &reply{Success: true, Entries: []int{1}, Seen: map[int]int{1: 1}})),
		"default labgob.reply.Success", "default labgob.reply.Entries", "default labgob.reply.Seen")
	vote := -1
	check(t, warnings(t, decode(-1, &vote)), "default int")
	log := []inner{{0}}
	check(t, warnings(t, decode([]inner{{5}}, &log)))
	self := &good{}
	self.Next = self // must come to an end
	check(t, warnings(t, func() { NewDecoder(bytes.NewReader(nil)).Decode(self) }))
}

func TestErrorsAreGobs(t *testing.T) {
	type unregistered struct{ X int }
	if err := NewEncoder(&bytes.Buffer{}).Encode(good{Command: unregistered{1}}); err == nil {
		t.Error("an unregistered type was encoded")
	}
	for _, v := range []any{nil, (*good)(nil)} {
		if err := NewEncoder(&bytes.Buffer{}).Encode(v); err == nil {
			t.Errorf("%v of type %T was encoded", v, v)
		}
	}
	var n int
	if err := NewDecoder(strings.NewReader("no gob")).Decode(&n); err == nil {
		t.Error("damaged bytes were decoded")
	}
	if err := NewDecoder(strings.NewReader("")).Decode(nil); err == nil {
		t.Error("nothing was decoded")
	}
}
