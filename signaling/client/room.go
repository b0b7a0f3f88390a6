package client

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// MaxNameLength bounds a room's name, in characters, all of them ASCII.
const MaxNameLength = 64

const (
	keyBytes   = 16
	checkBytes = 2
	keyChars   = 24 // of base64url, for keyBytes + checkBytes
)

// Room is a name and a secret key; whoever has both can join. The zero value is no room.
type Room struct {
	Name string // 1 to MaxNameLength characters of a-z 0-9 -
	Key  [keyBytes]byte
}

// What can be wrong with a link. The text of the error returned says what to do about it.
var (
	ErrNoRoom     = errors.New("the link names no room")
	ErrNoKey      = errors.New("the link has no key")
	ErrDamagedKey = errors.New("the key in the link is damaged")
	ErrBadName    = errors.New("the room's name is not allowed")
	ErrBadLink    = errors.New("this is not a tabraft link")
)

const copyAgain = "copy the whole invite link again, up to its last character"

// NewRoom makes a room of the given name with a new random key. The error is [ErrBadName].
func NewRoom(name string) (Room, error) {
	if err := checkName(name); err != nil {
		return Room{}, err
	}
	r := Room{Name: name}
	rand.Read(r.Key[:]) // never fails
	return r, nil
}

func checkName(name string) error {
	bad := len(name) == 0 || len(name) > MaxNameLength
	for i := range len(name) {
		c := name[i]
		bad = bad || (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-'
	}
	if bad {
		return fmt.Errorf("%w: use 1 to %d characters of a-z, 0-9 and -, not %.80q", ErrBadName, MaxNameLength, name)
	}
	return nil
}

// ParseFragment reads a room from the fragment of a page's address, with or without its `#`.
// The error is one of [ErrNoRoom], [ErrBadName], [ErrNoKey] and [ErrDamagedKey]. Fields it does not know are ignored.
func ParseFragment(fragment string) (Room, error) {
	fragment = strings.TrimPrefix(strings.TrimSpace(fragment), "#")
	fragment = unescape.Replace(fragment)
	name, hasName := field(fragment, "room")
	key, _ := field(fragment, "key")
	if !hasName || name == "" {
		return Room{}, fmt.Errorf("%w: it should end in #room=NAME&key=KEY; %s", ErrNoRoom, copyAgain)
	}
	if err := checkName(name); err != nil {
		return Room{}, err
	}
	if key == "" {
		return Room{}, fmt.Errorf("%w: it should end in #room=%s&key=KEY; %s", ErrNoKey, name, copyAgain)
	}
	r := Room{Name: name}
	if len(key) != keyChars {
		return Room{}, fmt.Errorf("%w: it has %d characters where %d belong; %s", ErrDamagedKey, len(key), keyChars, copyAgain)
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(key)
	if err != nil || len(raw) != keyBytes+checkBytes { // the decoder skips line breaks, so the length can be wrong
		return Room{}, fmt.Errorf("%w: it has a character that no key has; %s", ErrDamagedKey, copyAgain)
	}
	copy(r.Key[:], raw)
	if check := r.check(); string(check[:]) != string(raw[keyBytes:]) {
		return Room{}, fmt.Errorf("%w: a character of the room's name or of the key was changed; %s", ErrDamagedKey, copyAgain)
	}
	return r, nil
}

// unescape undoes what chat programs do to links.
var unescape = strings.NewReplacer("%3D", "=", "%3d", "=", "%26", "&", "&amp;", "&", "%2D", "-", "%2d", "-", "%5F", "_", "%5f", "_")

// field returns the value of name in a fragment of the form name=value&name=value.
func field(fragment, name string) (value string, ok bool) {
	for part := range strings.SplitSeq(fragment, "&") {
		if n, v, _ := strings.Cut(part, "="); n == name {
			return v, true
		}
	}
	return "", false
}

// Fragment returns the room as a fragment without the `#`; [ParseFragment] reads it back.
func (r Room) Fragment() string {
	check := r.check()
	return "room=" + r.Name + "&key=" + base64.RawURLEncoding.EncodeToString(append(r.Key[:], check[:]...))
}

// check returns the checksum that tells a damaged link from an empty room.
func (r Room) check() (sum [checkBytes]byte) {
	h := sha256.New()
	h.Write([]byte("tabraft key check\n" + r.Name + "\n"))
	h.Write(r.Key[:])
	copy(sum[:], h.Sum(nil))
	return sum
}

// Token returns what the signaling server knows the room by: 32 hex digits, from which neither name nor key can be found.
func (r Room) Token() string {
	mac := hmac.New(sha256.New, r.Key[:])
	mac.Write([]byte("tabraft room token\n" + r.Name))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}
