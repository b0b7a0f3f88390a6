package kit

import (
	"bytes"
	"testing"
)

func TestLimitMemory(t *testing.T) {
	header := "\x00asm\x01\x00\x00\x00"
	program := []byte(header + "\x01\x02ab" + "\x05\x04\x01\x00\x80\x01" + "\x0a\x03xyz")
	want := []byte(header + "\x01\x02ab" + "\x05\x07\x01\x01\x80\x01\x80\x80\x01" + "\x0a\x03xyz")
	got, err := limitMemory(program, 1<<14)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %q, %v\nwant %q", got, err, want)
	}
	again, err := limitMemory(got, 1<<14)
	if err != nil || !bytes.Equal(again, want) {
		t.Errorf("a limit is not replaced: %q, %v", again, err)
	}
	for _, bad := range []string{"", "MZ", header, header + "\x05\xff", header + "\x05\x02\x01\x00", header + "\x05\x04\x01\x00\x80\x80\x04"} {
		if _, err := limitMemory([]byte(bad), 100); err == nil {
			t.Errorf("%q is taken for a program", bad)
		}
	}
}
