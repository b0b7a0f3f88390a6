package kv

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// describeRunes is how many characters of a key or value Describe shows.
const describeRunes = 40

// Describe puts an encoded command into words, on one line of printable
// characters: "put colour = red", "cas k: 1 -> 2", "cas k: nothing -> 2",
// "delete k", "get k", "open session". Long keys and values are shortened, odd
// ones quoted. It takes any bytes.
func Describe(command []byte) string {
	c, err := DecodeCommand(command)
	if err != nil {
		return fmt.Sprintf("unreadable command of %d bytes", len(command))
	}
	switch c.Op {
	case OpenSession:
		return c.Op.String()
	case Put:
		return "put " + word(c.Key) + " = " + phrase(c.Value)
	case CAS:
		old := "nothing"
		if !c.OldAbsent {
			old = phrase(c.Old)
		}
		return "cas " + word(c.Key) + ": " + old + " -> " + phrase(c.Value)
	}
	return c.Op.String() + " " + word(c.Key)
}

// word shows a key: quoted unless it is plainly one word.
func word(s string) string {
	if strings.ContainsAny(s, ` =:`) {
		return strconv.Quote(shorten(s))
	}
	return phrase(s)
}

// phrase shows a value: quoted if it is empty, begins or ends with a space, or
// has characters that cannot be seen or would pass for the quotes.
func phrase(s string) string {
	short := shorten(s)
	if s == "" || s == "nothing" || s[0] == ' ' || s[len(s)-1] == ' ' {
		return strconv.Quote(short)
	}
	for _, c := range short {
		if !strconv.IsPrint(c) || c == '"' {
			return strconv.Quote(short)
		}
	}
	return short
}

// shorten cuts s to describeRunes characters, the last one an ellipsis.
func shorten(s string) string {
	if utf8.RuneCountInString(s) <= describeRunes {
		return s
	}
	n := 0
	for i := range s {
		if n++; n == describeRunes {
			return s[:i] + "…"
		}
	}
	return s
}
