package suite

import (
	"reflect"
	"testing"
)

func TestParseGoroutine(t *testing.T) {
	g, lab, bubble := parseGoroutine(`goroutine 30 [chan send (durable), 2 minutes, synctest bubble 4 labels:{"lab": "17", "seed": "5", "server": "2", "test": "Count2B"}]:
myraft.(*Raft).apply(0x244216b880e0, {0x1, 0x2})
	/home/me/myraft/raft.go:149 +0x15d
tabraft/raft/lab/suite.(*lab).call(...)
	/x/server.go:46
created by myraft.Make in goroutine 29
	/home/me/myraft/raft.go:60 +0x56`)
	want := goroutine{state: "chan send", server: "2", frames: []frame{
		{"myraft.(*Raft).apply", "raft.go:149", false},
		{"tabraft/raft/lab/suite.(*lab).call", "server.go:46", false},
		{"myraft.Make", "raft.go:60", true},
	}}
	if !reflect.DeepEqual(g, want) || lab != "17" || bubble != "4" {
		t.Errorf("%+v %q %q", g, lab, bubble)
	}
	if own := g.own(); len(own) != 2 || own[0].line() != 149 || g.where() != "myraft.(*Raft).apply (raft.go:149)" {
		t.Errorf("%v %s", own, g.where())
	}
	for _, odd := range []string{"", "goroutine", "goroutine 1 [", "goroutine 1 [running]:", "goroutine 1 [x, synctest bubble ", "goroutine 1 [select, synctest bubble 7]:\nx"} {
		parseGoroutine(odd)
	}
}

func TestServiceState(t *testing.T) {
	log := []any{nil, 1, -7, "abc", "", 1 << 40}
	got, err := decodeState(encodeState(log))
	if err != nil || !reflect.DeepEqual(got, log) {
		t.Errorf("%v %v", got, err)
	}
	b := encodeState(log)
	for n := range b {
		if _, err := decodeState(b[:n]); err == nil {
			t.Errorf("%d of %d bytes are decoded", n, len(b))
		}
	}
}
