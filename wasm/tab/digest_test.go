package tab

import (
	"encoding/hex"
	"strings"
	"testing"
)

// someDigest has another value in each field.
var someDigest = digest{
	Role: "leader", Hidden: true, Incarnation: 0x0102030405060708, Sequence: 0x11121314, Term: 21, Leader: 0xa1a2a3a4a5a6a7a8, Vote: 0xb1b2b3b4b5b6b7b8,
	Commit: 300, Applied: 299, Last: 302, Durable: 301, Snapshot: 256, Rate: 7,
}

// golden is what a server of version 1 sends, whatever builds it.
const golden = "01" + "05" + "01" + "0102030405060708" + "11121314" + "0000000000000015" + "a1a2a3a4a5a6a7a8" + "b1b2b3b4b5b6b7b8" +
	"000000000000012c" + "000000000000012b" + "000000000000012e" + "000000000000012d" + "0000000000000100" + "00000007"

func TestDigestBytes(t *testing.T) {
	if got := hex.EncodeToString(someDigest.encode()); got != golden {
		t.Errorf("it is now\n%s, was\n%s", got, golden)
	}
	b, _ := hex.DecodeString(golden)
	if d, err := parseDigest(b); err != nil || d != someDigest {
		t.Errorf("%+v, %v", d, err)
	}
	for _, role := range []string{"joining", "learner", "follower", "precandidate", "candidate", "leader"} {
		if d, err := parseDigest(digest{Role: role}.encode()); err != nil || d != (digest{Role: role}) {
			t.Errorf("%s: %+v, %v", role, d, err)
		}
	}
}

func TestDigestsAreChecked(t *testing.T) {
	with := func(change func(*digest)) []byte {
		d := someDigest
		change(&d)
		return d.encode()
	}
	at := func(i int, v byte) []byte {
		b := someDigest.encode()
		b[i] = v
		return b
	}
	for name, c := range map[string]struct {
		b    []byte
		says string
	}{
		"nothing":          {nil, "another length"},
		"short":            {someDigest.encode()[:digestSize-1], "another length"},
		"long":             {append(someDigest.encode(), 0), "another length"},
		"version":          {at(0, 2), "version 2, this server reads 1"},
		"short of version": {[]byte{0}, "version 0"},
		"role":             {at(1, 6), "role 6"},
		"stopped":          {with(func(d *digest) { d.Role = roleStopped }), "role 255"},
		"flags":            {at(2, 3), "flags 0x3"},
		"applied":          {with(func(d *digest) { d.Applied = 301 }), "301 applied, 300 committed"},
		"durable":          {with(func(d *digest) { d.Durable = 303 }), "303 of 302"},
		"term":             {with(func(d *digest) { d.Term = 1 << 53 }), "term 9007199254740992"},
		"last":             {with(func(d *digest) { d.Last = 1 << 63 }), "of 9223372036854775808 entries"},
		"commit":           {with(func(d *digest) { d.Commit = 1 << 53 }), "9007199254740992 committed"},
		"snapshot":         {with(func(d *digest) { d.Snapshot = 1<<64 - 1 }), "snapshot of 18446744073709551615"},
	} {
		if _, err := parseDigest(c.b); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
