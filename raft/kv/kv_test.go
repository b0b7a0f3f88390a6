package kv

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// encode is AppendTo for commands that keep to the limits.
func encode(t testing.TB, c Command) []byte {
	t.Helper()
	b, err := c.AppendTo(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func decodeResult(t testing.TB, b []byte) Result {
	t.Helper()
	r, err := DecodeResult(b)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var sampleCommands = []Command{
	{Op: OpenSession},
	{Op: Put, Session: 300, Seq: 1, Done: 1, Key: "colour", Value: "red"},
	{Op: Put, Session: 300, Seq: 2, Done: 1, Key: "empty"},
	{Op: Get, Session: 300, Seq: 3, Done: 2, Key: "colour"},
	{Op: CAS, Session: 300, Seq: 4, Done: 2, Key: "colour", Old: "red", Value: "grün"},
	{Op: CAS, Session: 300, Seq: 5, Done: 2, Key: "colour", OldAbsent: true, Value: "blue"},
	{Op: CAS, Session: 300, Seq: 6, Done: 2, Key: "colour", Value: "blue"},
	{Op: Delete, Session: 300, Seq: 7, Done: 2, Key: "colour"},
}

func TestCommandRoundTrip(t *testing.T) {
	for _, c := range sampleCommands {
		b := encode(t, c)
		got, err := DecodeCommand(b)
		if err != nil || got != c {
			t.Errorf("%+v came back as %+v, %v", c, got, err)
		}
		for n := range b {
			if _, err := DecodeCommand(b[:n]); err == nil {
				t.Errorf("%+v cut to %d bytes is accepted", c, n)
			}
		}
		if _, err := DecodeCommand(append(b, 0)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%+v with a byte more: %v", c, err)
		}
	}
}

// Commands stay in logs: their bytes must not change.
func TestCommandBytes(t *testing.T) {
	for want, c := range map[string]Command{
		"\x01":                                {Op: OpenSession},
		"\x02\xac\x02\x07\x05\x01k\x01v":      {Op: Put, Session: 300, Seq: 7, Done: 5, Key: "k", Value: "v"},
		"\x03\x01\x02\x01\x01k":               {Op: Get, Session: 1, Seq: 2, Done: 1, Key: "k"},
		"\x04\x01\x02\x01\x01k\x01\x01o\x01v": {Op: CAS, Session: 1, Seq: 2, Done: 1, Key: "k", Old: "o", Value: "v"},
		"\x04\x01\x02\x01\x01k\x00\x01v":      {Op: CAS, Session: 1, Seq: 2, Done: 1, Key: "k", OldAbsent: true, Value: "v"},
		"\x05\x01\x02\x01\x01k":               {Op: Delete, Session: 1, Seq: 2, Done: 1, Key: "k"},
	} {
		if got := encode(t, c); string(got) != want {
			t.Errorf("%+v: %q, want %q", c, got, want)
		}
	}
	r := Result{Code: Mismatch, Found: true, Value: "v"}
	if got := string(r.AppendTo(nil)); got != "\x01\x01\x01v" {
		t.Errorf("%+v: %q", r, got)
	}
}

func TestLimits(t *testing.T) {
	key, value := strings.Repeat("k", MaxKey), strings.Repeat("v", MaxValue)
	largest := Command{Op: CAS, Session: 1 << 63, Seq: 1 << 63, Done: 1 << 63, Key: key, Old: value, Value: value}
	b := encode(t, largest)
	if len(b) > MaxCommand {
		t.Errorf("a command of %d bytes, MaxCommand is %d", len(b), MaxCommand)
	}
	if _, err := DecodeCommand(b); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		command Command
		want    error
		text    string
	}{
		{Command{Op: Put}, ErrEmptyKey, "empty"},
		{Command{Op: Get, Key: key + "k"}, ErrKeyTooLarge, "key of 1025 bytes: the key is too long, at most 1024 bytes"},
		{Command{Op: Put, Key: "k", Value: value + "v"}, ErrValueTooLarge, "value of 65537 bytes: the value is too long, at most 65536 bytes"},
		{Command{Op: CAS, Key: "k", Old: value + "v"}, ErrValueTooLarge, "expected value of 65537"},
		{Command{Op: CAS, Key: "k", Value: value + "v"}, ErrValueTooLarge, "value of 65537"},
		{Command{Op: Delete, Key: "a\xff"}, ErrNotUTF8, "key"},
		{Command{Op: Put, Key: "k", Value: "a\xff"}, ErrNotUTF8, "value"},
		{Command{Op: 0, Key: "k"}, ErrMalformed, "Op(0)"},
		{Command{Op: 6, Key: "k"}, ErrMalformed, "Op(6)"},
	} {
		b, err := c.command.AppendTo([]byte("x"))
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) || string(b) != "x" {
			t.Errorf("%v: %v, want %v", c.command.Op, err, c.want)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	long := append([]byte("\x03\x01\x01\x01\x81\x08"), bytes.Repeat([]byte("k"), MaxKey+1)...)
	for name, c := range map[string]struct {
		bytes string
		want  error
	}{
		"nothing":       {"", ErrMalformed},
		"op 0":          {"\x00", ErrMalformed},
		"op 6":          {"\x06\x01\x01\x01\x01k", ErrMalformed},
		"empty key":     {"\x03\x01\x01\x01\x00", ErrEmptyKey},
		"long key":      {string(long), ErrKeyTooLarge},
		"key not UTF-8": {"\x03\x01\x01\x01\x01\xff", ErrNotUTF8},
		"long varint":   {"\x03\x81\x00\x01\x01\x01k", ErrMalformed},
		"huge varint":   {"\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02\x01\x01\x01k", ErrMalformed},
		"expected 2":    {"\x04\x01\x02\x01\x01k\x02\x01o\x01v", ErrMalformed},
	} {
		if _, err := DecodeCommand([]byte(c.bytes)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	for name, b := range map[string]string{"nothing": "", "code 4": "\x04\x00\x00", "found 2": "\x00\x02\x00", "cut": "\x00\x00\x01", "trailing": "\x00\x00\x00\x00"} {
		if _, err := DecodeResult([]byte(b)); !errors.Is(err, ErrMalformed) {
			t.Errorf("result %s: %v", name, err)
		}
	}
}

func TestDescribe(t *testing.T) {
	for want, c := range map[string]Command{
		"open session":                             {Op: OpenSession},
		"put colour = red":                         {Op: Put, Key: "colour", Value: "red"},
		"put a = hello world":                      {Op: Put, Key: "a", Value: "hello world"},
		`put "a b" = ""`:                           {Op: Put, Key: "a b"},
		`put a = "\n\u202e"`:                       {Op: Put, Key: "a", Value: "\n\u202e"},
		`put a = "\"quoted\""`:                     {Op: Put, Key: "a", Value: `"quoted"`},
		"get größe":                                {Op: Get, Key: "größe"},
		"cas k: 1 -> 2":                            {Op: CAS, Key: "k", Old: "1", Value: "2"},
		"cas k: nothing -> 2":                      {Op: CAS, Key: "k", OldAbsent: true, Value: "2"},
		`cas k: "nothing" -> 2`:                    {Op: CAS, Key: "k", Old: "nothing", Value: "2"},
		`delete "a=b"`:                             {Op: Delete, Key: "a=b"},
		"put k = " + strings.Repeat("é", 40):       {Op: Put, Key: "k", Value: strings.Repeat("é", 40)},
		"put k = " + strings.Repeat("é", 39) + "…": {Op: Put, Key: "k", Value: strings.Repeat("é", 41)},
	} {
		if got := Describe(encode(t, c)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := Describe([]byte("\x00<script>")); got != "unreadable command of 9 bytes" {
		t.Errorf("%q", got)
	}
	for got, want := range map[string]string{Op(9).String(): "Op(9)", Code(9).String(): "Code(9)", SessionExpired.String(): "session expired"} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func FuzzDecodeCommand(f *testing.F) {
	for _, c := range sampleCommands {
		f.Add(encode(f, c))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if text := Describe(b); len(text) > 1500 || strings.ContainsAny(text, "\n\r\x00\x1b") {
			t.Fatalf("described as %q", text)
		}
		c, err := DecodeCommand(b)
		if err != nil {
			NewMap().Apply(1, b)
			return
		}
		again, err := c.AppendTo(nil)
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%+v encodes to %q, %v, not %q", c, again, err, b)
		}
		m := NewMap()
		m.Apply(c.Session, encode(t, Command{Op: OpenSession}))
		first := m.Apply(c.Session+1, b)
		decodeResult(t, first)
		if second := m.Apply(c.Session+2, b); c.Op != OpenSession && !bytes.Equal(first, second) {
			t.Fatalf("%+v: %q, then %q", c, first, second)
		}
	})
}

func FuzzDecodeResult(f *testing.F) {
	f.Add(Result{Code: OK, Found: true, Value: "red"}.AppendTo(nil))
	f.Add(Result{Code: SessionExpired}.AppendTo(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := DecodeResult(b); err == nil && !bytes.Equal(r.AppendTo(nil), b) {
			t.Fatalf("%+v does not encode to %q", r, b)
		}
	})
}
