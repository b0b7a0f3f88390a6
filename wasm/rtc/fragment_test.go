package rtc

import (
	"bytes"
	"strings"
	"testing"
)

func TestHello(t *testing.T) {
	p := peerNamed(2, KindTab)
	good := appendHello(nil, p)
	if err := checkHello(good, p); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		reason string
		hello  []byte
	}{
		{"hello of 1 bytes", good[:1]},
		{"hello of 5 bytes", good[:5]},
		{"hello of 26 bytes", good[:len(good)-1]},
		{"hello of 28 bytes", append(bytes.Clone(good), 0)},
		{"was answered by 0000000000000003", appendHello(nil, peerNamed(3, KindTab))},
		{"version 9", append([]byte{fragmentHello, 9}, good[2:]...)},
		{"version 9", []byte{fragmentHello, 9}},
	} {
		if err := checkHello(c.hello, p); err == nil || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("wanted %q, got %v", c.reason, err)
		}
	}
}

// FuzzAssembler feeds a peer's fragments, cut off their lengths, to an
// assembler: it must neither panic nor hold more than a frame.
func FuzzAssembler(f *testing.F) {
	buf := make([]byte, MaxFragment)
	frame := make([]byte, 40_000)
	var all []byte
	for done := 0; done < len(frame); {
		fragment, n := cut(buf, frame, done)
		all = append(all, byte(len(fragment)>>8), byte(len(fragment)))
		all = append(all, fragment...)
		done += n
	}
	f.Add(all)
	f.Add([]byte{0, 2, fragmentWhole, 1, 0, 6, fragmentFirst, 0, 0, 0, 2, 1, 0, 6, fragmentMore, 0, 0, 0, 1, 1})
	f.Add([]byte{0, 5, fragmentPing, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		var a assembler
		for len(b) >= 2 {
			n := min(int(b[0])<<8|int(b[1]), len(b)-2)
			fragment := b[2 : 2+n]
			b = b[2+n:]
			if len(fragment) == 0 {
				continue
			}
			if _, err := pingNumber(fragment); err == nil && len(fragment) != pingSize {
				t.Fatal("ping of a wrong size")
			}
			_ = checkHello(fragment, peerNamed(1, KindTab))
			if k := fragment[0]; k != fragmentWhole && k != fragmentFirst && k != fragmentMore {
				continue
			}
			got, err := a.add(fragment)
			if err != nil {
				return
			}
			if len(got) > MaxFrame || cap(a.frame) > MaxFrame+MaxFragment {
				t.Fatalf("frame of %d bytes, %d held", len(got), cap(a.frame))
			}
		}
	})
}
