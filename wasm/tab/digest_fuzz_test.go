//go:build !js

package tab

import "testing"

func FuzzDigest(f *testing.F) {
	f.Add(someDigest.encode())
	f.Add([]byte{1})
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := parseDigest(b)
		if err != nil {
			if d != (digest{}) {
				t.Errorf("refused, and yet %+v", d)
			}
			return
		}
		if string(d.encode()) != string(b) {
			t.Errorf("%x was read as %+v, which is %x", b, d, d.encode())
		}
	})
}
