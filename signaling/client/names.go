package client

import (
	"crypto/rand"
	"strconv"
)

// The words of random room names: short, plain, and hard to mishear. A name is for people; only the key keeps a room apart and secret.
var (
	colours = []string{"amber", "azure", "coral", "cream", "ebony", "green", "hazel", "indigo", "ivory", "jade", "lemon", "lilac", "mint", "olive", "pearl", "ruby"}
	animals = []string{"badger", "beaver", "crane", "falcon", "ferret", "gecko", "heron", "lemur", "lynx", "marten", "otter", "panda", "puffin", "robin", "seal", "wren"}
)

// RandomRoom makes a room with a pleasant random name, such as amber-otter-42, and a new random key.
func RandomRoom() Room {
	var r Room
	rand.Read(r.Key[:]) // never fails
	var b [3]byte
	rand.Read(b[:])
	r.Name = colours[int(b[0])%len(colours)] + "-" + animals[int(b[1])%len(animals)] + "-" + strconv.Itoa(10+int(b[2])%90)
	return r
}
