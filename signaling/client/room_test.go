package client

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

// golden is the room of the golden values below. They were computed from ARCHITECTURE.md with Python's hashlib and Node's crypto.
var golden = Room{Name: "amber-otter-42", Key: [16]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}}

const (
	goldenFragment = "room=amber-otter-42&key=AAECAwQFBgcICQoLDA0ODxdF"
	goldenToken    = "7614e2508ba00240a64f636441490469"
	// of "hello" from 0123456789abcdef, incarnation fedcba9876543210, to 1111111111111111, under the nonce 000102030405060708090a0b
	goldenSealed = "000102030405060708090a0ba9638cee2978bd3c42a0e84f3df2094280a6219843"
)

const (
	alice    = "0123456789abcdef"
	aliceInc = "fedcba9876543210"
	bob      = "1111111111111111"
	bobInc   = "2222222222222222"
)

func TestGolden(t *testing.T) {
	if got := golden.Fragment(); got != goldenFragment {
		t.Errorf("fragment %s, want %s", got, goldenFragment)
	}
	if got := golden.Token(); got != goldenToken {
		t.Errorf("token %s, want %s", got, goldenToken)
	}
	nonce := make([]byte, nonceBytes, 100)
	for i := range nonce {
		nonce[i] = byte(i)
	}
	if got := hex.EncodeToString(golden.sealWith(nonce, alice, aliceInc, bob, []byte("hello"))); got != goldenSealed {
		t.Errorf("sealed %s, want %s", got, goldenSealed)
	}
	sealed, _ := hex.DecodeString(goldenSealed)
	if payload, err := golden.Open(alice, aliceInc, bob, sealed); err != nil || string(payload) != "hello" {
		t.Errorf("opened %q, %v", payload, err)
	}
}

func TestSealBindsEverything(t *testing.T) {
	sealed, err := golden.Seal(alice, aliceInc, bob, []byte("hello"))
	if err != nil {
		t.Fatal(err)
	}
	other := golden
	other.Key[15]++
	damaged := bytes.Clone(sealed)
	damaged[len(damaged)-1] ^= 1
	for name, open := range map[string]func() ([]byte, error){
		"key":         func() ([]byte, error) { return other.Open(alice, aliceInc, bob, sealed) },
		"sender":      func() ([]byte, error) { return golden.Open(bob, aliceInc, bob, sealed) },
		"incarnation": func() ([]byte, error) { return golden.Open(alice, bobInc, bob, sealed) },
		"receiver":    func() ([]byte, error) { return golden.Open(alice, aliceInc, alice, sealed) },
		"damage":      func() ([]byte, error) { return golden.Open(alice, aliceInc, bob, damaged) },
		"cut":         func() ([]byte, error) { return golden.Open(alice, aliceInc, bob, sealed[:sealBytes-1]) },
		"empty":       func() ([]byte, error) { return golden.Open(alice, aliceInc, bob, nil) },
	} {
		if _, err := open(); !errors.Is(err, ErrNotOurs) {
			t.Errorf("with another %s it opened: %v", name, err)
		}
	}
	again, _ := golden.Seal(alice, aliceInc, bob, []byte("hello"))
	if bytes.Equal(again, sealed) {
		t.Error("two seals are alike: the nonce was used twice")
	}
	if _, err := golden.Seal(alice, aliceInc, bob, make([]byte, MaxPayload+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("sealed too much: %v", err)
	}
}

func TestParseFragment(t *testing.T) {
	key := strings.TrimPrefix(goldenFragment, "room=amber-otter-42&key=")
	for fragment, want := range map[string]error{
		goldenFragment:                               nil,
		"#" + goldenFragment:                         nil,
		" #" + goldenFragment + "\n":                 nil,
		"key=" + key + "&room=amber-otter-42":        nil,
		goldenFragment + "&theme=dark":               nil,
		"room%3Damber-otter-42%26key%3D" + key:       nil,
		"room=amber-otter-42&amp;key=" + key:         nil,
		"":                                           ErrNoRoom,
		"#":                                          ErrNoRoom,
		"key=" + key:                                 ErrNoRoom,
		"room=&key=" + key:                           ErrNoRoom,
		"room=amber-otter-42":                        ErrNoKey,
		"room=amber-otter-42&key=":                   ErrNoKey,
		goldenFragment[:len(goldenFragment)-1]:       ErrDamagedKey,
		goldenFragment + "A":                         ErrDamagedKey,
		"room=amber-otter-43&key=" + key:             ErrDamagedKey,
		"room=amber-otter-42&key=B" + key[1:]:        ErrDamagedKey,
		"room=amber-otter-42&key=+" + key[1:]:        ErrDamagedKey,
		"room=amber-otter-42&key=\n\n\n\n" + key[4:]: ErrDamagedKey,
		"room=Amber-otter-42&key=" + key:             ErrBadName,
		"room=amber%20otter&key=" + key:              ErrBadName,
		"room=<b>&key=" + key:                        ErrBadName,
		"room=" + strings.Repeat("a", 65):            ErrBadName,
	} {
		room, err := ParseFragment(fragment)
		if !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("%q: %v, want %v", fragment, err, want)
		}
		if err == nil && room != golden {
			t.Errorf("%q: another room: %+v", fragment, room)
		}
		if err != nil && room != (Room{}) {
			t.Errorf("%q: a room beside the error", fragment)
		}
	}
}

// Any one character changed, in the name or in the key, must be noticed: a wrong room looks like an empty one.
func TestDamageIsNoticed(t *testing.T) {
	unnoticed := 0
	for i := len("room="); i < len(goldenFragment); i++ {
		for _, c := range []byte("abcXYZ059-_") {
			damaged := []byte(goldenFragment)
			if damaged[i] == c {
				continue
			}
			damaged[i] = c
			if _, err := ParseFragment(string(damaged)); err == nil {
				unnoticed++
			}
		}
	}
	if unnoticed > 0 {
		t.Errorf("%d changes of one character went unnoticed", unnoticed)
	}
}

func TestLinks(t *testing.T) {
	for _, c := range []struct{ link, base string }{
		{"http://localhost:8080/#" + goldenFragment, "http://localhost:8080/"},
		{"https://raft.example/class/?x=1#" + goldenFragment, "https://raft.example/class/?x=1"},
		{"http://[::1]:8080/#" + goldenFragment, "http://[::1]:8080/"},
		{"http://localhost:8080/%23" + goldenFragment, "http://localhost:8080/"},
		{"#" + goldenFragment, ""},
		{goldenFragment, ""},
	} {
		room, base, err := ParseLink(c.link)
		if err != nil || room != golden || base != c.base {
			t.Errorf("%s: %+v, %q, %v", c.link, room, base, err)
		}
	}
	for link, want := range map[string]error{
		"":                                      ErrNoRoom,
		"http://localhost:8080/":                ErrNoRoom,
		"http://localhost:8080/#":               ErrNoRoom,
		"ftp://localhost/#" + goldenFragment:    ErrBadLink,
		"javascript:alert(1)#" + goldenFragment: ErrBadLink,
		"amber-otter-42":                        ErrBadLink,
		"http://#" + goldenFragment:             ErrBadLink,
		"http://h/" + strings.Repeat("a", maxLinkBytes): ErrBadLink,
	} {
		if _, _, err := ParseLink(link); !errors.Is(err, want) {
			t.Errorf("%.60s: %v, want %v", link, err, want)
		}
	}
	for base, want := range map[string]string{
		"http://localhost:8080":           "http://localhost:8080/#",
		"http://localhost:8080/":          "http://localhost:8080/#",
		"http://localhost:8080/#room=x":   "http://localhost:8080/#",
		"https://raft.example/class/?x=1": "https://raft.example/class/?x=1#",
	} {
		if got := golden.Link(base); got != want+goldenFragment {
			t.Errorf("%s: %s", base, got)
		}
	}
	for base, want := range map[string]string{
		"http://localhost:8080/":          "ws://localhost:8080/signal",
		"http://localhost:8080":           "ws://localhost:8080/signal",
		"https://raft.example/class/?x=1": "wss://raft.example/class/signal",
		"http://[::1]:8080/index.html":    "ws://[::1]:8080/signal",
	} {
		if got, err := SignalURL(base); err != nil || got != want {
			t.Errorf("%s: %s, %v", base, got, err)
		}
	}
	for _, base := range []string{"", "localhost:8080", "ws://h/", "http://", "http:opaque", "http://h:x/"} {
		if got, err := SignalURL(base); !errors.Is(err, ErrBadLink) {
			t.Errorf("%q: %s, %v", base, got, err)
		}
	}
}

func TestNewRooms(t *testing.T) {
	if _, err := NewRoom("Not A Name"); !errors.Is(err, ErrBadName) {
		t.Error(err)
	}
	seen := map[[16]byte]bool{}
	for range 200 {
		named, err := NewRoom("class")
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range []Room{RandomRoom(), named} {
			if seen[r.Key] {
				t.Fatal("a key came twice")
			}
			seen[r.Key] = true
			if back, err := ParseFragment(r.Fragment()); err != nil || back != r {
				t.Fatalf("%+v came back as %+v, %v", r, back, err)
			}
		}
	}
}

func FuzzParseLink(f *testing.F) {
	for _, s := range []string{"", "#", goldenFragment, "http://localhost:8080/#" + goldenFragment, "room=a&key=", "room%3D", "http://h/%23room=x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, link string) {
		room, base, err := ParseLink(link)
		if err != nil {
			if room != (Room{}) || base != "" {
				t.Fatal("a result beside an error")
			}
			return
		}
		if checkName(room.Name) != nil {
			t.Fatalf("accepted the name %q", room.Name)
		}
		again, _, err := ParseLink(room.Link(base))
		if err != nil || again != room {
			t.Fatalf("%q: came back as %+v, %v", link, again, err)
		}
	})
}

func FuzzOpen(f *testing.F) {
	sealed, _ := golden.Seal(alice, aliceInc, bob, []byte("hello"))
	f.Add(sealed)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if payload, err := golden.Open(alice, aliceInc, bob, b); err == nil && string(payload) != "hello" {
			t.Fatalf("opened a forgery: %q", payload)
		}
	})
}
